"""Waiting for things that happen in another thread or process."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(probe: Callable[[], T], what: str, seconds: float = 15.0) -> T:
    """Calls ``probe`` until it returns something truthy, which is then returned.

    Args:
        probe: cheap; called every 20 ms. What it raises goes through to the caller.
        what: what is waited for, for the message.
        seconds: when to give up; a limit for broken runs, not a measurement.

    Raises:
        TimeoutError: it did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.02)

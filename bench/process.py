"""What the system knows of the function's own process, the one below the emulator."""

from __future__ import annotations

import re
import time
from pathlib import Path

from harness.lambda_runtime import LambdaRuntime


def function_of(runtime: LambdaRuntime) -> int:
    """The id of the function's process. Raises RuntimeError when there is not exactly one."""
    assert runtime._process is not None
    tasks = Path(f"/proc/{runtime._process.pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    if len(children) != 1:
        raise RuntimeError(f"the emulator has {len(children)} children, not one function")
    return children[0]


def peak_of(process: int) -> int:
    """The most memory that a process has had in use so far, in kB (VmHWM)."""
    match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1])


def processor_milliseconds(process: int) -> float:
    """The time that a process has spent on a processor so far: what else runs there does not count.

    The clock's number is the one that https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html gives.
    """
    return time.clock_gettime((~process << 3) | 2) * 1000

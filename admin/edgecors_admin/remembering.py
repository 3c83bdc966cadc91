"""Results that one command needs several times. Nothing is remembered unless the caller asks for it.

A command reads a list for linting, comparing and showing; the guard, which reads hostile values in little memory,
reads each value once and remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_memory: ContextVar[dict[Hashable, Any] | None] = ContextVar("memory", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Remember results until the end of the block."""
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(key: Hashable, make: Callable[[], T]) -> T:
    """The result for a key: the remembered one, or a new one."""
    memory = _memory.get()
    if memory is None:
        return make()
    if key not in memory:
        memory[key] = make()
    result: T = memory[key]
    return result

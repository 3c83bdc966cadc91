"""Calling a Lambda handler as Lambda does: one event at a time, JSON in, JSON out."""

from __future__ import annotations

import asyncio
import contextvars
import json
import time
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]
Say = Callable[[str], None]
"""Prints a line."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one event: the handler's answer, or why there is none.

    ``status`` and ``result_type`` are what CloudFront answers after an error, and its word for it in ``X-Cache``.
    """

    result: Any = None
    error: str | None = None
    decisions: list[str] = field(default_factory=list)
    status: int = 502
    result_type: str = "LambdaExecutionError"


class Invoker(Protocol):
    """Anything that can hand an event to a handler."""

    async def __call__(self, event: Event) -> Invocation:
        """Never raises; a handler that does is an `Invocation.error`."""


class Container(Invoker, Protocol):
    """One execution environment: it takes one event at a time."""

    def close(self) -> None:
        """Ends it."""


class Containers:
    """Several of them, as Lambda has it: an event goes to one that is free, else to a new one; at most ``most``, and
    what comes then waits.
    """

    def __init__(self, make: Callable[[], Container], *, most: int = 16) -> None:
        self._make = make
        self._all: list[Container] = []
        self._free: list[Container] = []
        self._places = asyncio.Semaphore(most)

    async def __call__(self, event: Event) -> Invocation:
        """Hands the event to one of them."""
        async with self._places:
            if not self._free:
                new = self._make()
                self._all.append(new)
                self._free.append(new)
            container = self._free.pop()
            try:
                return await container(event)
            finally:
                self._free.append(container)

    def close(self) -> None:
        """Ends all of them."""
        for container in self._all:
            container.close()


_decisions: contextvars.ContextVar[list[str]] = contextvars.ContextVar("decisions of this invocation")


def on_decision(text: str) -> None:
    """Notes a decision for the printed line. For the handler's thread; outside an invocation it does nothing."""
    decisions = _decisions.get(None)
    if decisions is not None:
        decisions.append(text)


class LambdaContext:
    """The part of Lambda's context object that handlers look at."""

    function_version = "1"
    memory_limit_in_mb = "128"

    def __init__(self, function_name: str, timeout: float) -> None:
        self.function_name = function_name
        self.aws_request_id = str(uuid.uuid4())
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}:1"
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "local"
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the handler. The local edge does not."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class InProcess:
    """A Python callable as the handler, in one thread of its own: one container, which takes one event at a time."""

    def __init__(self, handler: Handler, *, function_name: str = "us-east-1.edgecors", timeout: float = 5) -> None:
        self._handler = handler
        self._function_name = function_name
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="handler")

    async def __call__(self, event: Event) -> Invocation:
        """Hands over a copy of the event, so that what the handler does to it can be compared afterwards."""
        decisions: list[str] = []
        _decisions.set(decisions)
        call = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        context = LambdaContext(self._function_name, self._timeout)
        try:
            result = await loop.run_in_executor(self._thread, call, self._call, json.dumps(event), context)
        except Exception as error:
            return Invocation(error=_sentence(error), decisions=decisions)
        return Invocation(result=result, decisions=decisions)

    def _call(self, event: str, context: LambdaContext) -> Any:
        # Through JSON both ways, as in Lambda: what can't be written as JSON fails here too.
        return json.loads(json.dumps(self._handler(json.loads(event), context)))

    def close(self) -> None:
        """Ends the thread once the handler has returned."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _sentence(error: Exception) -> str:
    """The exception with the place where it was raised, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"

"""Parameter Store at a distance, simulated: round trips, dropped connections, freezing and a slow CPU.

A read is a chain of flights (connect, TLS handshake, answer), each of which begins only when the process looks at what
came before. So a container that is frozen between requests proceeds by one flight a request, as a real one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edgecors.aws import ReadError
from edgecors.aws.http1 import MAX_IDLE
from edgecors.aws.parameters import Parameter

SERVER_SECONDS = 0.02
"""What Parameter Store takes for an answer."""
HANDSHAKE_TIMEOUT = 10.0
"""Seconds after which AWS gives up a connection that a client leaves in the middle of its work."""
NEVER = float("inf")
NEW = ["connect", "handshake", "answer"]
"""The flights of a read on a new connection."""


class SimulatedClock:
    """A wall clock, and a monotonic one that stands still while the container is frozen."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 500.0

    def sleep(self, seconds: float) -> None:
        """Let time pass for both."""
        self.wall += seconds
        self.monotonic += seconds

    def freeze(self, seconds: float) -> None:
        """Let time pass for the wall clock alone."""
        self.wall += seconds


class SimulatedRegion:
    """A Region's Parameter Store behind a network; a `RegionReader`.

    Attributes:
        values: the parameters by name.
        reads: answers so far.
        waited: seconds that callers waited in `poll` so far.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        values: Mapping[str, str],
        round_trip: float,
        *,
        region: str = "us-east-1",
        keep: float = NEVER,
        lost: bool = False,
        handshake_cpu: float = 0.0,
        throttled: Callable[[], bool] = lambda: False,
    ) -> None:
        """``keep``: idle seconds after which the other side closes; ``lost``: and nobody hears of it."""
        self.region = region
        self.values = values
        self.round_trip: float | None = None
        self.sent = False
        self.reads = 0
        self.waited = 0.0
        self._clock = clock
        self._distance = round_trip
        self._keep, self._lost = keep, lost
        self._handshake_cpu = handshake_cpu
        self._throttled = throttled
        self._names: list[str] = []
        self._patience = 0.0
        self._steps: list[str] = []
        self._reset = False
        self._served_at = 0.0
        self._arrives_at: float | None = None
        self._answer: dict[str, Parameter] = {}
        self._polls = 0
        self._may_restart = False
        self._used_at = -NEVER
        self._progress_at = self._polled_at = 0.0

    def begin(self, names: Iterable[str], patience: float) -> None:
        """As `ParameterReader.begin`."""
        self._names, self._patience = list(names), patience
        self._polls = 0
        idle = self._clock.wall - self._used_at
        self._may_restart = reuse = idle < MAX_IDLE and (idle < self._keep or self._lost)
        self._start(["answer"] if reuse else NEW)
        if reuse and idle >= self._keep:
            self.sent, self._arrives_at = True, NEVER

    def _start(self, steps: list[str]) -> None:
        self.sent = self._reset = False
        self._steps, self._arrives_at = list(steps), None
        self._progress_at = self._polled_at = self._served_at = self._clock.wall

    def poll(self, deadline: float) -> dict[str, Parameter] | None:
        """As `ParameterReader.poll`."""
        unattended = self._clock.wall - self._polled_at >= self._patience
        self._may_restart = self._may_restart or unattended or self._polls == 1
        self._polls += 1
        answer = self._attempt(self._clock.monotonic if unattended else deadline)
        if answer is None and unattended:
            answer = self._attempt(deadline)
        self._polled_at = self._clock.wall
        if answer is None:
            return None
        self._used_at = self._clock.wall
        self.reads += 1
        if self._throttled():
            raise ReadError("ThrottlingException", "Rate exceeded")
        return answer

    def _attempt(self, deadline: float) -> dict[str, Parameter] | None:
        try:
            return self._proceed(deadline)
        except ReadError:
            self.close()
            if not self._may_restart:
                raise
            self._may_restart = False
            self._start(NEW)
            return self._proceed(deadline)

    def _proceed(self, deadline: float) -> dict[str, Parameter] | None:
        """Fly until the answer is there, or the deadline; raise where nothing arrives, or a reset."""
        clock = self._clock
        while self._steps:
            if self._arrives_at is None:
                self._arrives_at = self._depart()
            patience = self._patience - (clock.wall - self._progress_at)
            wait = min(self._arrives_at - clock.wall, deadline - clock.monotonic, patience)
            if wait > 0:
                self.waited += wait
                clock.sleep(wait)
                self.round_trip = max(self.round_trip or 0.0, wait)
            if clock.wall < self._arrives_at:
                if clock.wall - self._progress_at >= self._patience - 0.002:
                    raise ReadError("timeout", "no progress in time")
                return None
            self._progress_at = self._served_at = clock.wall
            self._arrives_at = None
            if self._reset:
                raise ReadError("connection", "reset")
            self._steps.pop(0)
        return self._answer

    def _depart(self) -> float:
        """Send the next flight; when the other side's arrives."""
        arrives_at = self._clock.wall + self._distance
        if self._steps != NEW and self._clock.wall - self._served_at > HANDSHAKE_TIMEOUT:
            self._reset = True
        elif self._steps[0] == "handshake":
            # In a process with a small share of a CPU nothing else happens meanwhile.
            self._clock.sleep(self._handshake_cpu)
        elif self._steps[0] == "answer":
            self.sent = True
            self._answer = {name: Parameter(self.values[name], 1) for name in self._names if name in self.values}
            arrives_at += SERVER_SECONDS
        return arrives_at

    def close(self) -> None:
        """As `ParameterReader.close`."""
        self._used_at = -NEVER

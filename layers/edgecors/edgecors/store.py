"""Which policy is in force: age, jitter, the last good one, back-off.

The first request after the refresh time starts to read the policy again and waits for it briefly; later requests
continue the read without waiting. If the read fails, the last good policy stays in use. A missing parameter is not a
failure: nobody is allowed.
"""

from __future__ import annotations

import os
import threading
import time

from .allowlist import is_name
from .aws import ReadError
from .aws.parameters import readers_from_environment
from .memory import MAX_SITES
from .site_reader import DEADLINE_COLD, SiteContent, SiteRead, SiteReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .policy import Policy
    from .site_reader import Failure, RegionReader, Steps
    from .telemetry import Telemetry

DEFAULT_ROOT = "/edgecors"
WAIT = 0.28
"""Seconds that a request waits for a newer policy, once in a refresh time. With what the waiting itself costs at the
processor share of 128 MB, that stays below 300 ms (docs/performance.md).
"""
OVERDUE = 2
"""Refresh times within which a change must arrive everywhere."""
ALARM = 3
"""Refresh times after which a change that may not have arrived is an alarm (`PolicyOverdue`)."""
JITTER = 0.25
"""The share of the refresh time by which a container reads early, so that a fleet does not read in step.

After its first read it is the whole of it: containers start together, when a function is deployed or a crowd arrives.
"""
BACK_OFF_FIRST = 1.0
BACK_OFF_COLD = 10.0
"""Seconds to the next try after the first failure, doubled with each further one up to the most, without a policy."""
BACK_OFF_MOST = 60.0
"""The most seconds to the next try with a last good policy, and never more than the refresh time. The first wait is a
quarter of it: a retry is not urgent then, and an immediate one would add to a possible overload.
"""
MAX_ERROR = 2000
"""Characters of an error in the log."""


class _Site:
    """One site: its content, and when it is read. From ``read_at`` to ``due_at`` there is nothing to do."""

    def __init__(self) -> None:
        self.content = SiteContent()
        self.read_at = self.due_at = self.good_at = self.alarmed_at = 0.0
        # A request may wait, unless one has waited at `waited_at` and it is not yet `wait_at`.
        self.waited_at = self.wait_at = 0.0
        self.failures = 0
        self.new = True
        """No read has succeeded since the start or the restore of a snapshot, when many containers read at once."""

    @property
    def policy(self) -> Policy | None:
        """The policy in force."""
        return self.content.policy


class _Reading:
    """A site's read that requests continue until it ends."""

    def __init__(self, state: _Site, reader: SiteReader, site: str) -> None:
        self.state = state
        self.read = SiteRead(site, state.content)
        self.steps: Steps[Failure | None] = reader.read(self.read)


def _draw() -> float:
    """A random number from 0 to 1. The system's: a restored snapshot would repeat those of a generator in memory."""
    return int.from_bytes(os.urandom(4)) / 2**32


def wait_after_read(refresh_seconds: float, draw: float, *, first: bool) -> float:
    """Seconds until a policy is read again. ``draw`` is a random number from 0 to 1."""
    return refresh_seconds * (1 - (draw if first else JITTER * draw))


def wait_after_failure(refresh_seconds: float | None, failures: int, draw: float) -> float:
    """Seconds until the next try after one more failure than ``failures``; ``refresh_seconds`` is None before the first
    successful read.

    ``draw`` is a random number from 0 to 1.
    """
    if refresh_seconds is None:
        first, most = BACK_OFF_FIRST, BACK_OFF_COLD
    else:
        most = min(BACK_OFF_MOST, refresh_seconds)
        first = most / 4
    return min(most, first * 2.0 ** min(failures, 10)) * (0.5 + draw / 2)


class PolicyStore:
    """The policies of some sites, read from Parameter Store and remembered. Safe for threads.

    ``regions`` are asked in order; the later ones only for parameters that the earlier ones do not have.
    """

    def __init__(
        self,
        regions: Iterable[RegionReader],
        telemetry: Telemetry,
        *,
        root: str = DEFAULT_ROOT,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._reader = SiteReader(regions, telemetry, root, clock)
        self._telemetry = telemetry
        # The age of a policy is measured by the wall clock: a frozen container's monotonic clock may stand still.
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter or _draw
        self._sites: dict[str, _Site] = {}
        self._lock = threading.Lock()
        self._reading: _Reading | None = None

    def get(self, site: str) -> Policy | None:
        """The policy in force; None when none could be loaded yet, and for an invalid name. Never raises."""
        state = self._sites.get(site)
        # The lower bound is for a clock that was set back: then the age is unknown and the policy is read again.
        if state is not None and state.read_at <= self._clock() < state.due_at:
            return state.policy
        return self._refresh(site)

    def reset_after_restore(self) -> None:
        """After a snapshot was restored: connections are dead and ages unknown."""
        with self._lock:
            self._reading = None
            self._reader.reset_after_restore()
            for state in self._sites.values():
                state.due_at = state.waited_at = state.wait_at = 0.0
                state.new = True

    def _refresh(self, site: str) -> Policy | None:
        state = self._sites.get(site)
        policy = state.policy if state is not None else None
        if state is None and not is_name(site):
            return None
        # One thread reads; the others use the current policy, and wait only if there is none.
        locked = self._lock.acquire(timeout=DEADLINE_COLD) if policy is None else self._lock.acquire(blocking=False)
        if not locked:
            return policy
        try:
            state = self._sites.get(site) or self._new_site(site)
            self._continue(site, state)
            return state.policy
        finally:
            self._lock.release()

    def _new_site(self, site: str) -> _Site:
        if len(self._sites) >= MAX_SITES:
            # A site in use is read again and again, so the one read longest ago is the least used.
            del self._sites[min(self._sites, key=lambda name: self._sites[name].read_at)]
        state = self._sites[site] = _Site()
        return state

    def _continue(self, site: str, state: _Site) -> None:
        """Begin or continue a read of the site, and wait for it where this request may."""
        now = self._clock()
        seconds = self._allowance(state, now)
        if seconds:
            state.waited_at = now
            state.wait_at = now + (DEADLINE_COLD if state.policy is None else state.policy.refresh_seconds)
        until = self._monotonic() + seconds
        # At most three: another site's read comes first, and an answer may be older than the refresh time.
        for _ in range(3):
            if self._reading is None:
                if state.read_at <= self._clock() < state.due_at:
                    break
                self._reading = _Reading(state, self._reader, site)
            if not self._advance(until):
                break
        if state.policy is not None:
            self._alarm_if_overdue(site, state)
        elif seconds and self._reading is not None:
            # It goes on, but this request gets no policy.
            self._report(site, state, ("timeout", f"the first read is not complete after {seconds:g} s"))
            state.wait_at = self._clock() + wait_after_failure(None, state.failures, self._jitter())
            state.failures += 1

    def _allowance(self, state: _Site, now: float) -> float:
        """Seconds that this request may wait: none before the refresh time has passed, then once in a refresh time.

        A read that is due earlier, by its jitter, is begun and continued by requests that do not wait.
        """
        recently = state.waited_at <= now < state.wait_at
        if state.policy is None:
            return 0.0 if recently else DEADLINE_COLD
        refresh = state.policy.refresh_seconds
        overdue_at = state.good_at + OVERDUE * refresh
        # A wait before that time does not count: it was too short, and now a change is late.
        if recently and not state.waited_at < overdue_at <= now:
            return 0.0
        if state.new or now >= overdue_at:
            return max(WAIT, self._reader.patience)
        return 0.0 if state.good_at <= now < state.good_at + refresh else WAIT

    def _advance(self, until: float) -> bool:
        """Continue the read in progress; whether it has ended."""
        reading, self._reading = self._reading, None
        assert reading is not None
        reading.read.until = until
        failure: Failure | None
        try:
            next(reading.steps)
        except StopIteration as end:
            failure = end.value
        except ReadError as error:
            failure = (error.code, str(error))
        except Exception as error:  # whatever it is, it must not reach the request
            failure = ("internal", repr(error))
        else:
            self._reading = reading
            return False
        self._end(reading, failure)
        return True

    def _end(self, reading: _Reading, failure: Failure | None) -> None:
        state = reading.state
        refresh = None if state.policy is None else state.policy.refresh_seconds
        if failure is None and refresh is not None:
            asked_at = reading.read.asked_at
            state.failures = 0
            state.read_at = state.good_at = asked_at
            state.due_at = asked_at + wait_after_read(refresh, self._jitter(), first=state.new)
            state.wait_at = state.waited_at + refresh
            state.new = False
            return
        state.read_at = self._clock()
        self._report(reading.read.site, state, failure or ("internal", "no policy"))
        wait = wait_after_failure(None if state.new else refresh, state.failures, self._jitter())
        state.due_at = state.read_at + wait
        state.failures += 1
        state.wait_at = state.due_at if refresh is None else state.waited_at + refresh

    def _report(self, site: str, state: _Site, failure: Failure) -> None:
        code, message = failure
        fields: dict[str, object] = {"site": site, "code": code, "error": message[:MAX_ERROR], "served": "none"}
        metrics: dict[str, tuple[float, str]] = {"RefreshFailures": (1, "Count")}
        if state.policy is not None:
            now = self._clock()
            # The age of a policy whose lists failed with its very first read counts from that read.
            state.good_at = state.good_at or now
            age = round(now - state.good_at, 3)
            fields |= {"served": "last-good", "policy_age": age}
            metrics |= {"LastGoodUsed": (1, "Count"), "PolicyAge": (age, "Seconds")}
        self._telemetry.log("WARNING", "policy refresh failed", **fields)
        self._telemetry.metrics(metrics, site=site)

    def _alarm_if_overdue(self, site: str, state: _Site) -> None:
        """Log and count a policy that requests use although it was not read for three refresh times."""
        assert state.policy is not None
        refresh = state.policy.refresh_seconds
        now = self._clock()
        age = now - state.good_at
        if not state.good_at or age < ALARM * refresh or state.alarmed_at <= now < state.alarmed_at + refresh:
            return
        state.alarmed_at = now
        age = round(age, 3)
        fields = {"site": site, "policy_age": age, "refresh_seconds": refresh}
        self._telemetry.log("ERROR", "policy overdue: a change may not have arrived", **fields)
        self._telemetry.metrics({"PolicyOverdue": (1, "Count"), "PolicyAge": (age, "Seconds")}, site=site)


def store_from_environment(
    telemetry: Telemetry,
    environ: Mapping[str, str] = os.environ,
    *,
    readers: Sequence[RegionReader] = (),
) -> PolicyStore:
    """The store of a Lambda function.

    Args:
        telemetry: where failures and loaded policies are logged.
        environ: variables with the Region, the credentials, the endpoint and EDGECORS_ROOT.
        readers: of the Regions to ask, in order (default: of the executing Region only).

    Raises:
        ValueError: AWS_ENDPOINT_URL_SSM or AWS_ENDPOINT_URL is not a URL.
    """
    root = environ.get("EDGECORS_ROOT") or DEFAULT_ROOT
    return PolicyStore(readers or readers_from_environment(environ), telemetry, root=root)

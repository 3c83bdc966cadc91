"""Which policy is in force: age, jitter, the last good one, back-off.

The first request after the refresh time starts to read the policy again and waits for it briefly; later requests
continue the read without waiting. If the read fails, the last good policy stays in use. A missing parameter is not a
failure: nobody is allowed.
"""

from __future__ import annotations

import os
import threading
import time

from .allowlist import is_name, read_list
from .aws import (
    ReadError,
    sigv4,  # noqa: F401 -- the first read needs it, and should not wait for it
)
from .aws.parameters import MAX_NAMES, Parameter, readers_from_environment
from .document import PolicyError, load_policy, read_document
from .memory import MAX_SITES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from typing import Protocol, TypeVar

    from .allowlist import Allowlist
    from .document import Document
    from .findings import Finding
    from .policy import Policy
    from .telemetry import Telemetry

    T = TypeVar("T")
    Steps = Generator[None, None, T]
    """A read that stops where the request can wait no longer, and that the next request continues."""
    Failure = tuple[str, str]
    """Code and message of what went wrong."""
    Answer = Parameter | ReadError | None
    """A parameter, why it could not be read, or None where there is no such parameter."""

    class RegionReader(Protocol):
        """One Region's Parameter Store, as far as the store needs it; see `ParameterReader`."""

        region: str

        @property
        def round_trip(self) -> float | None:
            """Seconds of a round trip; None before the first."""

        @property
        def sent(self) -> bool:
            """Whether the request of the call in progress has been sent."""

        def begin(self, names: Iterable[str], patience: float) -> None:
            """Begin to read parameters."""

        def poll(self, deadline: float) -> Mapping[str, Parameter] | None:
            """Continue; None while the answer is on its way."""

        def close(self) -> None:
            """Drop the connection and what is in progress."""


DEFAULT_ROOT = "/edgecors"
WAIT = 0.28
"""Seconds that a request waits for a newer policy, once in a refresh time. With what the waiting itself costs at the
processor share of 128 MB, that stays below 300 ms (docs/performance.md).
"""
DEADLINE_WARM = 1.5
"""The most seconds without progress before a read fails, and the most that a request waits for a policy that is more
than two refresh times old. With a measured round trip both are shorter.
"""
DEADLINE_COLD = 3.0
"""Seconds that a request waits for the first policy. Viewer triggers end after five."""
ROUND_TRIPS, SERVER_SECONDS = 4, 0.5
"""A read on a new connection takes three round trips, four with TLS 1.2; the seconds are for AWS and for a slow CPU."""
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
ABSENT_SECONDS = 3600.0
"""How long a missing parameter is remembered, so that its Region is not asked again if there is another."""
MAX_ERROR = 2000
"""Characters of an error in the log."""
MAX_FINDING = 300
"""Characters of a finding in the log. Findings quote what somebody wrote into a parameter."""
_REFUSED_TOGETHER = ("AccessDeniedException", "InvalidKeyId", "ValidationException", "KMSInvalidStateException")
"""Errors of a whole call of which one parameter may be the cause: then each parameter is read on its own."""


class _Site:
    """What is known of one site. From ``read_at`` to ``due_at`` there is nothing to do."""

    def __init__(self) -> None:
        self.policy: Policy | None = None
        # What the policy was compiled from; no document where the parameter does not exist.
        self.document: Document | None = None
        self.text = ""
        self.lists: dict[str, _List | None] = {}
        self.target = ""
        """The site that the alias named at the last read."""
        self.read_at = self.due_at = self.good_at = self.alarmed_at = 0.0
        # A request may wait, unless one has waited at `waited_at` and it is not yet `wait_at`.
        self.waited_at = self.wait_at = 0.0
        self.failures = 0
        self.new = True
        """No read has succeeded since the start or the restore of a snapshot, when many containers read at once."""


class _List:
    """The last good value of a list."""

    def __init__(self, parameter: Parameter, allowlist: Allowlist) -> None:
        self.parameter = parameter
        self.allowlist = allowlist


class _Reading:
    """One read of a site that is in progress."""

    steps: Steps[Failure | None]

    def __init__(self, site: str, state: _Site) -> None:
        self.site = site
        self.state = state
        self.asked_at = float("inf")
        """The time for which the answers hold: when the first of them was asked for."""


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
        self._regions = tuple(regions)
        self._telemetry = telemetry
        self._root = root.rstrip("/")
        # The age of a policy is measured by the wall clock: a frozen container's monotonic clock may stand still.
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter or _draw
        self._sites: dict[str, _Site] = {}
        self._absent: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._reading: _Reading | None = None
        self._until = 0.0

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
            self._absent.clear()
            self._reading = None
            for reader in self._regions:
                reader.close()
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
                self._reading = _Reading(site, state)
                self._reading.steps = self._read_site(self._reading)
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
            return max(WAIT, *map(_deadline, self._regions))
        return 0.0 if state.good_at <= now < state.good_at + refresh else WAIT

    def _advance(self, until: float) -> bool:
        """Continue the read in progress; whether it has ended."""
        reading, self._reading = self._reading, None
        assert reading is not None
        self._until = until
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
            asked_at = reading.asked_at
            state.failures = 0
            state.read_at = state.good_at = asked_at
            state.due_at = asked_at + wait_after_read(refresh, self._jitter(), first=state.new)
            state.wait_at = state.waited_at + refresh
            state.new = False
            return
        state.read_at = self._clock()
        self._report(reading.site, state, failure or ("internal", "no policy"))
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

    # What is read.

    def _read_site(self, reading: _Reading) -> Steps[Failure | None]:
        """Read a site and swap in its policy. A failure that leaves a usable policy is returned; others are raised."""
        state = reading.state
        own, alias = f"{self._root}/sites/{reading.site}", f"{self._root}/aliases/{reading.site}"
        names = [
            own,
            alias,
            *([self._site_path(state.target)] if state.target else []),
            *map(self._list_path, state.lists),
        ]
        if self._is_absent("", alias):
            names.remove(alias)
        values = yield from self._ask(reading, names[:MAX_NAMES], (own, alias))
        refusal = values.get(alias)
        if isinstance(refusal, ReadError) and refusal.code in _REFUSED_TOGETHER and not state.target:
            # A role that may not read aliases has none. It is not asked again soon: that would cost more calls.
            # A role that could read the alias before has lost a permission: then the last good policy stays in use.
            values[alias], self._absent["", alias] = None, self._clock() + ABSENT_SECONDS
        name, target, parameter = own, "", _required(values[own])
        if parameter is None and (target := self._target(values.get(alias), alias)):
            name = self._site_path(target)
            if name not in values:
                values |= yield from self._ask(reading, [name])
            parameter = _required(values[name])
        state.target = target
        if parameter is None:
            if state.document is not None or state.policy is None:
                self._telemetry.log("WARNING", "policy missing: nobody is allowed", site=reading.site, parameter=name)
            state.policy, state.document, state.text, state.lists = load_policy(""), None, "", {}
            return None
        return (yield from self._read_policy(reading, parameter, values))

    def _read_policy(self, reading: _Reading, parameter: Parameter, values: dict[str, Answer]) -> Steps[Failure | None]:
        """Read the document and its lists. A document that is not valid leaves the last good one, with newer lists."""
        state = reading.state
        document, failure = state.document, None
        if document is None or parameter.value != state.text:
            try:
                document = read_document(parameter.value)
            except PolicyError as error:
                failure = ("invalid-policy", "; ".join(_texts(error.errors, parameter.secret)))
                if document is None:
                    return failure
        names = [self._list_path(name) for name in document.lists]
        names = [name for name in names if name not in values]
        for start in range(0, len(names), MAX_NAMES):
            values |= yield from self._ask(reading, names[start : start + MAX_NAMES])
        lists, list_failure = self._usable_lists(document.lists, state, values)
        if state.policy is None or document is not state.document or lists != state.lists:
            existing = {name: entry for name, entry in lists.items() if entry is not None}
            policy = document.compile({name: entry.allowlist for name, entry in existing.items()})
            secret = parameter.secret or any(entry.parameter.secret for entry in existing.values())
            state.policy, state.document, state.lists = policy, document, lists
            if failure is None:
                state.text = parameter.value
            self._telemetry.log(
                "INFO",
                "policy loaded",
                site=reading.site,
                **({"alias_of": state.target} if state.target else {}),
                version=parameter.version,
                origins=_count_origins(policy),
                findings=_texts(policy.findings[:10], secret),
            )
        return failure or list_failure

    def _usable_lists(
        self, names: Iterable[str], state: _Site, values: Mapping[str, Answer]
    ) -> tuple[dict[str, _List | None], Failure | None]:
        """The lists (None: no such list). One that can't be used keeps its last good value, the other ones move on."""
        lists: dict[str, _List | None] = {}
        failures: list[Failure] = []
        for name in names:
            lists[name] = last = state.lists.get(name)
            value = values[self._list_path(name)]
            if isinstance(value, ReadError):
                failures.append((value.code, f"@{name}: {value}"))
            elif value is None:
                lists[name] = None
            elif last is None or value.value != last.parameter.value:
                try:
                    lists[name] = _List(value, read_list(name, value.value))
                except ValueError as error:
                    failures.append(("invalid-list", f"@{name}: {error}"))
        if not failures:
            return lists, None
        return lists, (failures[0][0], "; ".join(message for _, message in failures))

    @staticmethod
    def _target(value: Answer, alias: str) -> str:
        """The site that an alias names; empty where there is no alias."""
        parameter = _required(value)
        if parameter is None:
            return ""
        target = parameter.value.strip()
        if not is_name(target):
            raise ReadError("invalid-alias", f"{alias} does not hold the name of a site")
        return target

    def _site_path(self, name: str) -> str:
        return f"{self._root}/sites/{name}"

    def _list_path(self, name: str) -> str:
        return f"{self._root}/lists/{name}"

    # Which Regions are read.

    def _ask(
        self, reading: _Reading, names: list[str], own_and_alias: tuple[str, str] | None = None
    ) -> Steps[dict[str, Answer]]:
        """Ask the Regions for parameters, each only for those that the Regions before it do not have.

        If a Region has the site or its alias, no other Region is asked for either of them.
        """
        parameters: dict[str, Answer] = {}
        failures: dict[str, ReadError] = {}
        missing = list(names)
        for reader in self._regions:
            last = reader is self._regions[-1]
            # The last Region is always asked: a new parameter must show in time.
            wanted = [name for name in missing if last or not self._is_absent(reader.region, name)]
            if not wanted:
                continue
            answers = yield from self._ask_region(reading, reader, wanted)
            parameters |= {name: value for name, value in answers.items() if isinstance(value, Parameter)}
            failures |= {name: value for name, value in answers.items() if isinstance(value, ReadError)}
            missing = [name for name in missing if name not in parameters]
            if own_and_alias and own_and_alias[0] not in failures and not parameters.keys().isdisjoint(own_and_alias):
                missing = [name for name in missing if name not in own_and_alias]
            for name in missing:
                if name in answers and answers[name] is None:
                    self._absent[reader.region, name] = self._clock() + ABSENT_SECONDS
        # A name that one Region failed to answer for and no other has is not known to be absent.
        return {name: parameters.get(name) or failures.get(name) for name in names}

    def _ask_region(self, reading: _Reading, reader: RegionReader, names: list[str]) -> Steps[dict[str, Answer]]:
        try:
            parameters = yield from self._call(reading, reader, names)
        except ReadError as error:
            if len(names) == 1 or error.code not in _REFUSED_TOGETHER:
                return dict.fromkeys(names, error)
        else:
            return {name: parameters.get(name) for name in names}
        answers: dict[str, Answer] = {}
        for name in names:
            answers |= yield from self._ask_region(reading, reader, [name])
        return answers

    def _call(self, reading: _Reading, reader: RegionReader, names: list[str]) -> Steps[Mapping[str, Parameter]]:
        cold = reading.state.policy is None
        reader.begin(names, DEADLINE_COLD if cold and reader is self._regions[-1] else _deadline(reader))
        asked_at = self._clock()
        while True:
            if not reader.sent:
                asked_at = self._clock()
            parameters = reader.poll(self._until)
            if parameters is not None:
                reading.asked_at = min(reading.asked_at, asked_at)
                return parameters
            yield

    def _is_absent(self, region: str, name: str) -> bool:
        until = self._absent.get((region, name), 0.0)
        return until - ABSENT_SECONDS <= self._clock() < until


def _deadline(reader: RegionReader) -> float:
    """Seconds in which a Region at this distance answers, on a new connection too."""
    if reader.round_trip is None:
        return DEADLINE_WARM
    return min(DEADLINE_WARM, ROUND_TRIPS * reader.round_trip + SERVER_SECONDS)


def _required(value: Answer) -> Parameter | None:
    if isinstance(value, ReadError):
        raise value
    return value


def _count_origins(policy: Policy) -> int:
    grants = [grant for rule in policy.rules for grant in rule.grants]
    return sum(len(grant.allow_origins) for grant in grants if grant.allow_origins is not None)


def _texts(findings: Iterable[Finding], secret: bool) -> list[str]:
    """Findings for the log. They quote parameters; of a SecureString only the codes are logged."""
    return [finding.code if secret else str(finding)[:MAX_FINDING] for finding in findings]


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

"""Which policy holds now: what is read when, and what keeps serving when a read fails."""

import base64
import gzip
import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from edgecors.aws import ReadError
from edgecors.aws.parameters import Parameter, connect, readers_from_environment
from edgecors.memory import MAX_SITES
from edgecors.policy import Policy
from edgecors.site_reader import ABSENT_SECONDS, DEADLINE_COLD
from edgecors.store import (
    BACK_OFF_COLD,
    BACK_OFF_FIRST,
    BACK_OFF_MOST,
    JITTER,
    WAIT,
    PolicyStore,
    store_from_environment,
)
from edgecors.telemetry import Telemetry

from harness.wait import wait_until
from tests.support.instant_region import InstantRegion
from tests.support.parameter_store import ParameterStoreServer

SITE = "E2EXAMPLE123ABC"
A, B = "https://a.example", "https://b.example"
BAD = '{"rules": [{"allow_origins": "*", "allow_credentials": true}]}'

Call = tuple[str, ...]


class Clock:
    """The time, set by hand."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeRegion(InstantRegion):
    """A Region's Parameter Store in memory.

    Attributes:
        values: what it holds, by the end of the parameter's name.
        failing: errors to raise, by the end of any name asked for; "" fails everything.
        calls: the ends of the names that it was asked for.
        patience: seconds without progress that each call allowed.
        deadlines: the deadline of each call.
        slow: whether no answer comes by any deadline.
    """

    def __init__(self, region: str = "us-east-1", root: str = "/edgecors", **values: str) -> None:
        super().__init__()
        self.region = region
        self._root = root
        self.values = {f"sites/{name}": value for name, value in values.items()}
        self.failing: dict[str, Exception] = {}
        self.calls: list[Call] = []
        self.patience: list[float] = []
        self.deadlines: list[float] = []
        self.closed = 0
        self.slow = False
        self.on_call: Callable[[], object] = lambda: None

    def begin(self, names: Iterable[str], patience: float) -> None:
        super().begin(names, patience)
        assert 0 < len(self._names) <= 10
        self.patience.append(patience)
        self.calls.append(tuple(name.removeprefix(f"{self._root}/") for name in self._names))

    def poll(self, deadline: float) -> dict[str, Parameter] | None:
        self.deadlines.append(deadline)
        return None if self.slow else super().poll(deadline)

    def read(self, names: list[str]) -> dict[str, Parameter]:
        ends = [name.removeprefix(f"{self._root}/") for name in names]
        self.on_call()
        for end in ("", *ends):
            if end in self.failing:
                raise self.failing[end]
        return {
            name: Parameter(self.values[end], 1) for name, end in zip(names, ends, strict=True) if end in self.values
        }

    def close(self) -> None:
        self.closed += 1

    def take_calls(self) -> list[Call]:
        """The calls since the last time this was asked."""
        calls, self.calls = self.calls, []
        return calls


class StoreBench:
    """A store over fake Regions, with clocks set by hand, and the lines it wrote."""

    def __init__(self, *regions: FakeRegion, jitter: float = 0.0, root: str = "/edgecors") -> None:
        self.clock = Clock()
        self.monotonic = Clock(500.0)
        self.lines: list[dict[str, Any]] = []
        self.jitter = jitter
        self.store = PolicyStore(
            regions,
            Telemetry(lambda line: self.lines.append(json.loads(line)), clock=self.clock),
            root=root,
            clock=self.clock,
            monotonic=self.monotonic,
            jitter=lambda: self.jitter,
        )

    def get(self, site: str = SITE, after: float = 0.0) -> Policy | None:
        """The policy that holds, some seconds later."""
        self.clock.now += after
        return self.store.get(site)

    def origins(self, site: str = SITE, after: float = 0.0) -> list[str] | None:
        """What the policy's first rule allows; None where there is no policy."""
        policy = self.get(site, after)
        return None if policy is None else allowed(policy)

    def take_lines(self, message: str) -> list[dict[str, Any]]:
        """The log lines with this message since the last time it was asked for."""
        lines = [line for line in self.lines if line.get("message") == message]
        self.lines = [line for line in self.lines if line.get("message") != message]
        return lines

    def counted(self, metric: str) -> list[float]:
        """The values of this metric so far."""
        return [line[metric] for line in self.lines if metric in line]


def allowed(policy: Policy) -> list[str]:
    return sorted(policy.rules[0].grants[0].allow_origins or ()) if policy.rules else []


def using(*lists: str, refresh: int = 60) -> str:
    """A policy that allows what these lists hold."""
    rules = [{"allow_origins": [f"@{name}" for name in lists]}]
    return json.dumps({"version": 1, "refresh_seconds": refresh, "rules": rules})


def packed(text: str) -> str:
    return "gz:" + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def call(*lists: str, site: str = SITE) -> Call:
    """The first call of a read: the site, its alias and the lists that it named last."""
    return (f"sites/{site}", f"aliases/{site}", *(f"lists/{name}" for name in lists))


def call_for_lists(*names: str) -> Call:
    """A further call, for lists that are new or did not fit."""
    return tuple(f"lists/{name}" for name in names)


SITE_READ = call()


@pytest.fixture
def region() -> FakeRegion:
    return FakeRegion(**{SITE: A})


@pytest.fixture
def bench(region: FakeRegion) -> StoreBench:
    return StoreBench(region)


# Age.


def test_get_within_refresh_time_reads_once(region: FakeRegion, bench: StoreBench) -> None:
    first = bench.get()
    assert first is not None
    assert allowed(first) == [A]
    assert bench.get(after=59.9) is first
    assert region.take_calls() == [SITE_READ]


def test_get_after_refresh_time_shows_change(region: FakeRegion, bench: StoreBench) -> None:
    assert bench.origins() == [A]
    region.values[f"sites/{SITE}"] = f"{A},{B}"
    assert bench.origins(after=59.9) == [A]
    assert bench.origins(after=0.1) == [A, B]
    assert region.take_calls() == [SITE_READ] * 2


def test_get_unchanged_parameters_keeps_compiled_policy(region: FakeRegion, bench: StoreBench) -> None:
    assert bench.get() is bench.get(after=60)
    assert region.take_calls() == [SITE_READ] * 2
    assert len(bench.take_lines("policy loaded")) == 1


def test_get_uses_refresh_time_of_policy(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", refresh=5), "lists/x": A}
    bench.get()
    bench.get(after=4.9)
    assert region.take_calls() == [SITE_READ, call_for_lists("x")]
    region.values[f"sites/{SITE}"] = using("x", refresh=3600)
    bench.get(after=0.1)
    region.take_calls()
    bench.get(after=3599)
    assert region.take_calls() == []
    bench.get(after=1)
    assert region.take_calls() == [call("x")]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999999])
def test_refresh_jitter_only_reads_earlier(region: FakeRegion, bench: StoreBench, jitter: float) -> None:
    bench.get()
    bench.jitter = jitter
    bench.get(after=60)
    assert region.take_calls() == [SITE_READ] * 2
    bench.get(after=60 * (1 - JITTER * jitter) - 0.01)
    assert region.take_calls() == []
    bench.get(after=0.02)
    assert region.take_calls() == [SITE_READ]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.9])
def test_first_refresh_jitter_spreads_over_refresh_time(region: FakeRegion, bench: StoreBench, jitter: float) -> None:
    """Containers that started together must not read together from then on."""
    bench.jitter = jitter
    bench.get()
    bench.get(after=60 * (1 - jitter) - 0.01)
    assert region.take_calls() == [SITE_READ]
    bench.get(after=0.02)
    assert region.take_calls() == [SITE_READ]


def test_stores_without_jitter_argument_differ() -> None:
    due = set()
    for _ in range(20):
        clock = Clock()
        store = PolicyStore([FakeRegion(**{SITE: A})], Telemetry(lambda line: None), clock=clock)
        store.get(SITE)
        due.add(store._sites[SITE].due_at)
    assert len(due) > 10
    assert all(clock.now < at <= clock.now + 60 for at in due)


def test_get_clock_set_back_reads_again(region: FakeRegion, bench: StoreBench) -> None:
    bench.get()
    bench.get(after=-1)
    assert region.take_calls() == [SITE_READ] * 2
    bench.get(after=59)
    assert region.take_calls() == []
    bench.get(after=1)
    assert region.take_calls() == [SITE_READ]


def test_get_clock_set_back_after_failure_reads_again(region: FakeRegion, bench: StoreBench) -> None:
    region.failing[""] = ReadError("timeout", "")
    assert bench.get() is None
    region.failing.clear()
    assert bench.origins(after=-3600) == [A]


# The log.


def test_log_loaded_policy_is_logged_once(bench: StoreBench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = f"{A}, HTTPS://B.example, @x, nonsense://"
    region.values["lists/x"] = "https://*.c.example"
    bench.get()
    (line,) = bench.take_lines("policy loaded")
    assert (line["level"], line["site"], line["version"], line["origins"]) == ("INFO", SITE, 1, 3)
    assert len(line["findings"]) == 2
    assert all(isinstance(finding, str) for finding in line["findings"])
    assert bench.lines == []


def test_log_rule_for_everyone_counts_no_origins(bench: StoreBench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = "*"
    bench.get()
    assert bench.take_lines("policy loaded")[0]["origins"] == 0


def test_log_findings_are_bounded(bench: StoreBench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = " ".join(f"nonsense{number}://" for number in range(200))
    bench.get()
    assert len(bench.take_lines("policy loaded")[0]["findings"]) == 10


@pytest.mark.parametrize("root", ["/edgecors", "/other/place", "/other/place/"])
def test_root_other_than_default_is_read(root: str) -> None:
    region = FakeRegion(root=root.rstrip("/"), **{SITE: using("x")})
    region.values["lists/x"] = A
    assert StoreBench(region, root=root).origins() == [A]


# A missing site.


def test_missing_site_allows_nobody(region: FakeRegion, bench: StoreBench) -> None:
    region.values.clear()
    assert bench.origins() == []
    (line,) = bench.take_lines("policy missing: nobody is allowed")
    assert (line["level"], line["site"], line["parameter"]) == ("WARNING", SITE, f"/edgecors/sites/{SITE}")
    # It is not a failure: no back-off, no metric, and one line.
    assert bench.origins(after=59.9) == []
    assert region.take_calls() == [SITE_READ]
    assert bench.origins(after=0.1) == []
    assert region.take_calls() == [SITE_READ]
    assert bench.lines == []


def test_deleted_site_allows_nobody_until_written_again(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A}
    assert bench.origins() == [A]
    before = region.values.pop(f"sites/{SITE}")
    assert bench.origins(after=60) == []
    assert len(bench.take_lines("policy missing: nobody is allowed")) == 1
    region.values[f"sites/{SITE}"] = before
    assert bench.origins(after=60) == [A]


def test_empty_site_allows_nobody(region: FakeRegion, bench: StoreBench) -> None:
    region.values[f"sites/{SITE}"] = " "
    assert bench.origins() == []


# Failures.

FAILURES: dict[str, tuple[Exception, str]] = {
    "slow": (ReadError("timeout", "no answer in time"), "timeout"),
    "throttled": (ReadError("ThrottlingException", "Rate exceeded"), "ThrottlingException"),
    "denied": (ReadError("AccessDeniedException", "no"), "AccessDeniedException"),
    "unreachable": (ReadError("connection", "refused"), "connection"),
    "broken": (ReadError("bad-response", "no JSON"), "bad-response"),
    "no credentials": (ReadError("no-credentials", ""), "no-credentials"),
    "unforeseen": (RuntimeError("what is this"), "internal"),
}


@pytest.mark.parametrize(("error", "code"), FAILURES.values(), ids=FAILURES)
def test_failure_keeps_serving_last_good_policy(
    region: FakeRegion, bench: StoreBench, error: Exception, code: str
) -> None:
    first = bench.get()
    region.failing[""] = error
    assert bench.get(after=60) is first
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["level"], line["site"], line["code"]) == ("WARNING", SITE, code)
    assert (line["served"], line["policy_age"]) == ("last-good", 60.0)
    assert [bench.counted(name) for name in ("RefreshFailures", "LastGoodUsed", "PolicyAge")] == [[1], [1], [60.0]]
    region.failing.clear()
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


@pytest.mark.parametrize(("error", "code"), FAILURES.values(), ids=FAILURES)
def test_failure_at_first_gives_no_policy(region: FakeRegion, bench: StoreBench, error: Exception, code: str) -> None:
    region.failing[""] = error
    assert bench.get() is None
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == (code, "none")
    assert "policy_age" not in line
    assert [bench.counted(name) for name in ("RefreshFailures", "LastGoodUsed", "PolicyAge")] == [[1], [], []]
    region.failing.clear()
    assert bench.origins(after=BACK_OFF_FIRST) == [A]


INVALID = [BAD, "{", '{"rules": 1}', "gz:x", "gz:" + "A" * 8, '{"version": 99, "rules": []}']


@pytest.mark.parametrize("text", INVALID)
def test_invalid_policy_keeps_last_good_one(region: FakeRegion, bench: StoreBench, text: str) -> None:
    assert bench.origins() == [A]
    region.values[f"sites/{SITE}"] = text
    assert bench.origins(after=60) == [A]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == ("invalid-policy", "last-good")
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


@pytest.mark.parametrize("text", INVALID)
def test_invalid_policy_at_first_gives_none(region: FakeRegion, bench: StoreBench, text: str) -> None:
    region.values[f"sites/{SITE}"] = text
    assert bench.get() is None
    assert bench.take_lines("policy refresh failed")[0]["code"] == "invalid-policy"


def test_log_error_is_bounded(region: FakeRegion, bench: StoreBench) -> None:
    region.failing[""] = ReadError("x", "y\n" * 100_000)
    bench.get()
    assert len(bench.take_lines("policy refresh failed")[0]["error"]) == 2000


def test_log_policy_age_is_age_of_last_good_policy(region: FakeRegion, bench: StoreBench) -> None:
    bench.get()
    region.failing[""] = ReadError("timeout", "")
    bench.get(after=60)
    bench.get(after=100.1234567)
    assert [line["policy_age"] for line in bench.take_lines("policy refresh failed")] == [60.0, 160.123]


# Back-off.


def waits(region: FakeRegion, bench: StoreBench, times: int) -> list[float]:
    """Seconds between tries, by asking every tenth of a second."""
    region.take_calls()
    intervals: list[float] = []
    waited = 0
    while len(intervals) < times:
        bench.get(after=0.1)
        waited += 1
        if region.take_calls():
            intervals.append(waited / 10)
            waited = 0
    return intervals


@pytest.mark.parametrize(
    ("jitter", "expected"),
    [(1.0, [15.0, 30.0, 60.0, 60.0]), (0.0, [7.5, 15.0, 30.0, 30.0])],
)
def test_back_off_doubles_up_to_a_minute(
    region: FakeRegion, bench: StoreBench, jitter: float, expected: list[float]
) -> None:
    bench.get()
    region.failing[""] = ReadError("timeout", "")
    bench.jitter = jitter
    bench.get(after=60)
    assert waits(region, bench, 4) == pytest.approx(expected, abs=0.11)
    # A success forgets all that.
    region.failing.clear()
    bench.get(after=60)
    region.failing[""] = ReadError("timeout", "")
    bench.get(after=60)
    assert waits(region, bench, 1) == pytest.approx(expected[:1], abs=0.11)


def test_back_off_is_at_most_refresh_time(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", refresh=5), "lists/x": A}
    bench.get()
    region.failing[""] = ReadError("timeout", "")
    bench.jitter = 1.0
    bench.get(after=5)
    assert waits(region, bench, 5) == pytest.approx([1.25, 2.5, 5.0, 5.0, 5.0], abs=0.11)


def test_back_off_without_policy_stays_short(region: FakeRegion, bench: StoreBench) -> None:
    region.failing[""] = ReadError("timeout", "")
    bench.jitter = 1.0
    bench.get()
    most = BACK_OFF_COLD
    assert waits(region, bench, 6) == pytest.approx([1.0, 2.0, 4.0, 8.0, most, most], abs=0.11)


def test_back_off_many_failures_does_not_overflow(region: FakeRegion, bench: StoreBench) -> None:
    region.failing[""] = ReadError("timeout", "")
    for _ in range(2000):
        assert bench.get(after=100) is None
    assert len(region.take_calls()) == 2000


# Waiting.


def test_wait_without_policy_is_three_seconds(region: FakeRegion, bench: StoreBench) -> None:
    region.slow = True
    assert bench.get() is None
    assert region.deadlines == [500 + DEADLINE_COLD]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == ("timeout", "none")


def test_wait_without_policy_next_request_continues_the_read(region: FakeRegion, bench: StoreBench) -> None:
    region.slow = True
    bench.get()
    assert bench.get(after=0.1) is None
    # The next request gives it another look, without waiting during the back-off.
    assert region.deadlines[1:] == [500.0]
    region.slow = False
    assert bench.origins(after=0.1) == [A]
    assert region.take_calls() == [SITE_READ]


def test_wait_without_policy_is_repeated_after_back_off(region: FakeRegion, bench: StoreBench) -> None:
    region.slow = True
    bench.jitter = 1.0
    for after in (0.0, 0.9, 0.2, 1.0, 1.1):
        bench.get(after=after)
    assert [deadline - 500 for deadline in region.deadlines] == [3.0, 0.0, 3.0, 0.0, 3.0]


def test_wait_with_policy_is_300_ms_once_in_a_refresh_time(region: FakeRegion, bench: StoreBench) -> None:
    first = bench.get()
    region.slow = True
    region.deadlines.clear()
    for after in (60, 0.1, 30, 29.8):
        assert bench.get(after=after) is first
    assert [round(deadline - 500, 3) for deadline in region.deadlines] == [WAIT, 0.0, 0.0, 0.0]
    assert region.take_calls() == [SITE_READ] * 2
    # That was no failure.
    assert bench.take_lines("policy refresh failed") == []
    region.slow = False
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=0.01) == [B]


def test_wait_before_refresh_time_has_passed_is_none(region: FakeRegion, bench: StoreBench) -> None:
    """Jitter makes the read begin early; a request that comes before the refresh time has passed need not wait."""
    bench.get()
    bench.jitter = 1.0
    bench.get(after=60)
    region.slow = True
    region.deadlines.clear()
    for after in (46, 13, 1):
        bench.get(after=after)
    assert [round(deadline - 500, 3) for deadline in region.deadlines] == [0.0, 0.0, WAIT]


@pytest.mark.parametrize(("round_trip", "seconds"), [(None, 1.5), (0.0, 0.5), (0.1, 0.9), (0.3, 1.5), (9.0, 1.5)])
def test_wait_for_policy_of_two_refresh_times_follows_round_trip(
    region: FakeRegion, bench: StoreBench, round_trip: float | None, seconds: float
) -> None:
    """As after a long freeze: a change must arrive within two refresh times, at any distance."""
    bench.get()
    region.slow, region.round_trip = True, round_trip
    region.deadlines.clear()
    for after in (120, 1, 58, 1):
        bench.get(after=after)
    assert [deadline - 500 for deadline in region.deadlines] == pytest.approx([seconds, 0.0, 0.0, seconds])


def test_wait_for_lists_that_failed_at_first_is_not_repeated(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    region.failing["lists/x"] = ReadError("timeout", "")
    bench.get()
    region.deadlines.clear()
    region.slow = True
    for after in (1, 10, 60):
        bench.get(after=after)
    assert [round(deadline - 500, 3) for deadline in region.deadlines] == [0.0, 0.0, 1.5]


def test_wait_of_another_site_continues_the_read_in_progress() -> None:
    region = FakeRegion(one=A, two=B)
    bench = StoreBench(region)
    bench.get("one")
    bench.get("two", after=1)
    region.slow = True
    bench.get("one", after=59)
    region.slow = False
    region.values["sites/one"] = "https://new.example"
    region.take_calls()
    assert bench.origins("two", after=1) == [B]
    assert bench.origins("one") == ["https://new.example"]
    assert region.take_calls() == [call(site="two")]


def test_answer_older_than_refresh_time_is_used_and_read_again(region: FakeRegion, bench: StoreBench) -> None:
    """The answer lay in the kernel of a frozen container: it shows the parameters as they were when asked for."""
    bench.get()
    region.slow = True
    bench.get(after=60)
    region.sent = True
    bench.clock.now += 600
    region.slow = False
    region.take_calls()
    bench.get()
    assert region.take_calls() == [SITE_READ]
    bench.get(after=59)
    assert region.take_calls() == []


# A change that does not arrive.


def test_policy_of_three_refresh_times_is_an_alarm_once_in_a_refresh_time(
    region: FakeRegion, bench: StoreBench
) -> None:
    bench.get()
    region.failing[""] = ReadError("ThrottlingException", "")
    for after in (60, 119.9):
        bench.get(after=after)
        assert bench.take_lines("policy overdue: a change may not have arrived") == []
    assert bench.counted("PolicyOverdue") == []
    for after in (30, 29, 60):
        bench.get(after=after)
    lines = bench.take_lines("policy overdue: a change may not have arrived")
    assert [(line["level"], line["policy_age"], line["refresh_seconds"]) for line in lines] == [
        ("ERROR", 209.9, 60),
        ("ERROR", 298.9, 60),
    ]
    assert bench.counted("PolicyOverdue") == [1, 1]


def test_policy_read_again_after_a_long_freeze_raises_no_alarm(region: FakeRegion, bench: StoreBench) -> None:
    bench.get()
    bench.get(after=86_400)
    assert bench.counted("PolicyOverdue") == []


# Aliases.

ALIAS = f"aliases/{SITE}"


def test_alias_without_own_policy_uses_that_of_its_site(region: FakeRegion, bench: StoreBench) -> None:
    region.values = {ALIAS: " shop\n", "sites/shop": "@x", "lists/x": A}
    assert bench.origins() == [A]
    (line,) = bench.take_lines("policy loaded")
    assert (line["site"], line["alias_of"]) == (SITE, "shop")
    assert region.take_calls() == [SITE_READ, ("sites/shop",), ("lists/x",)]
    region.values["lists/x"] = B
    assert bench.origins(after=60) == [B]
    assert region.take_calls() == [(*SITE_READ, "sites/shop", "lists/x")]


def test_alias_beside_own_policy_is_not_used(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {ALIAS: "shop", "sites/shop": B}
    assert bench.origins() == [A]
    del region.values[f"sites/{SITE}"]
    assert bench.origins(after=60) == [B]
    region.values[f"sites/{SITE}"] = A
    assert bench.origins(after=60) == [A]


def test_alias_that_changes_uses_new_site(region: FakeRegion, bench: StoreBench) -> None:
    region.values = {ALIAS: "one", "sites/one": A, "sites/two": B}
    assert bench.origins() == [A]
    region.values[ALIAS] = "two"
    assert bench.origins(after=60) == [B]


def test_alias_of_missing_site_allows_nobody(region: FakeRegion, bench: StoreBench) -> None:
    region.values = {ALIAS: "shop"}
    assert bench.origins() == []
    (line,) = bench.take_lines("policy missing: nobody is allowed")
    assert line["parameter"] == "/edgecors/sites/shop"


def test_alias_is_not_followed_twice(region: FakeRegion, bench: StoreBench) -> None:
    region.values = {ALIAS: "one", "aliases/one": "two", "sites/two": A}
    assert bench.origins() == []


@pytest.mark.parametrize("value", ["", "a/b", "../lists/x", "one two"])
def test_alias_invalid_keeps_last_good_policy(region: FakeRegion, bench: StoreBench, value: str) -> None:
    region.values = {ALIAS: "shop", "sites/shop": A}
    assert bench.origins() == [A]
    region.values[ALIAS] = value
    assert bench.origins(after=60) == [A]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == ("invalid-alias", "last-good")


def test_alias_near_is_not_looked_up_at_home() -> None:
    here, home = two_regions()
    here.values = {ALIAS: "shop", "sites/shop": B}
    bench = StoreBench(here, home)
    assert bench.origins() == [B]
    assert home.take_calls() == []
    # A policy of its own that is replicated later is not hidden by what the near Region did not have before.
    here.values[f"sites/{SITE}"] = A
    assert bench.origins(after=60) == [A]


def test_alias_that_must_not_be_read_is_ignored(region: FakeRegion, bench: StoreBench) -> None:
    """A role of an earlier version may read sites and lists only."""
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A}
    region.failing[ALIAS] = ReadError("AccessDeniedException", "no")
    assert bench.origins() == [A]
    assert region.take_calls() == [SITE_READ, (f"sites/{SITE}",), (ALIAS,), ("lists/x",)]
    assert bench.take_lines("policy refresh failed") == []
    bench.get(after=60)
    assert region.take_calls() == [(f"sites/{SITE}", "lists/x")]
    region.values.clear()
    assert bench.origins(after=60) == []


def test_alias_that_may_no_longer_be_read_keeps_last_good_policy(region: FakeRegion, bench: StoreBench) -> None:
    region.values = {ALIAS: "shop", "sites/shop": A}
    assert bench.origins() == [A]
    region.failing[ALIAS] = ReadError("AccessDeniedException", "no")
    assert bench.origins(after=60) == [A]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == ("AccessDeniedException", "last-good")
    # A policy of its own needs no alias.
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


# Lists.


def test_new_lists_are_read_ten_a_call(region: FakeRegion, bench: StoreBench) -> None:
    names = [f"list{number}" for number in range(23)]
    region.values |= {f"sites/{SITE}": using(*names)}
    region.values |= {f"lists/{name}": f"https://{name}.example" for name in names}
    assert bench.origins() == sorted(f"https://{name}.example" for name in names)
    assert region.take_calls() == [SITE_READ, *(call_for_lists(*names[start : start + 10]) for start in (0, 10, 20))]


def test_ten_new_lists_are_one_call(region: FakeRegion, bench: StoreBench) -> None:
    names = [f"list{number}" for number in range(10)]
    region.values[f"sites/{SITE}"] = using(*names)
    bench.get()
    assert region.take_calls() == [SITE_READ, call_for_lists(*names)]


def test_list_named_twice_is_read_once(region: FakeRegion, bench: StoreBench) -> None:
    rules = [{"paths": ["/a/*"], "allow_origins": ["@x"]}, {"allow_origins": ["@y", "@x"]}]
    region.values |= {f"sites/{SITE}": json.dumps({"version": 1, "rules": rules}), "lists/x": A}
    bench.get()
    assert region.take_calls() == [SITE_READ, call_for_lists("x", "y")]


def test_list_that_changes_alone_is_applied(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    assert bench.origins() == [A, B]
    region.values["lists/x"] = packed("https://c.example")
    assert bench.origins(after=60) == [A, "https://c.example"]


def test_missing_list_allows_nobody_and_leaves_other_lists(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    assert bench.origins() == [A, B]
    del region.values["lists/y"]
    assert bench.origins(after=60) == [A]
    assert bench.take_lines("policy refresh failed") == []
    # That is no failure: the next read comes after the whole refresh time.
    region.take_calls()
    bench.get(after=59.9)
    assert region.take_calls() == []


def test_unreadable_list_keeps_last_good_value(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": "https://y1.example"}
    assert bench.origins() == [A, "https://y1.example"]
    region.values |= {"lists/x": "gz:nonsense", "lists/y": "https://y2.example"}
    assert bench.origins(after=60) == [A, "https://y2.example"]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"]) == ("invalid-list", "last-good")
    assert line["error"].startswith("@x: ")
    # Tried again after the back-off, not after the whole refresh time.
    region.values["lists/x"] = B
    assert bench.origins(after=BACK_OFF_MOST / 4) == [B, "https://y2.example"]


def test_unreadable_list_at_first_allows_nobody(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": "gz:nonsense", "lists/y": B}
    assert bench.origins() == [B]
    assert bench.take_lines("policy refresh failed")[0]["code"] == "invalid-list"


def test_failing_call_for_lists_leaves_other_calls(region: FakeRegion, bench: StoreBench) -> None:
    names = [f"list{number:02}" for number in range(20)]
    region.values |= {f"sites/{SITE}": using(*names)}
    region.values |= {f"lists/{name}": f"https://{name}.example" for name in names}
    before = bench.origins()
    assert before is not None
    region.failing["lists/list10"] = ReadError("ThrottlingException", "Rate exceeded")
    region.values |= {"lists/list10": B, "lists/list07": A}
    region.take_calls()
    after = bench.origins(after=60)
    assert after == sorted([*(origin for origin in before if origin != "https://list07.example"), A])
    # The first call has eight lists beside the site and its alias.
    assert region.take_calls() == [call(*names[:8]), call_for_lists(*names[8:18]), call_for_lists(*names[18:])]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["served"], line["policy_age"]) == ("ThrottlingException", "last-good", 60.0)
    assert line["error"].startswith("@list08: ThrottlingException: Rate exceeded; @list09: ")
    region.failing.clear()
    assert B in (bench.origins(after=BACK_OFF_MOST / 4) or [])


def test_failing_list_at_first_allows_nobody(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    region.failing["lists/x"] = ReadError("AccessDeniedException", "no")
    assert bench.origins() == [A]
    assert bench.take_lines("policy refresh failed")[0]["code"] == "AccessDeniedException"
    region.failing.clear()
    assert bench.origins(after=BACK_OFF_FIRST) == [A, B]


def test_log_policy_age_of_policy_without_its_lists_starts_at_first_read(region: FakeRegion, bench: StoreBench) -> None:
    """It was counted from 1970, and an alarm on the age went off with the first read."""
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    region.failing["lists/x"] = ReadError("AccessDeniedException", "no")
    bench.get()
    bench.get(after=30)
    assert [line["policy_age"] for line in bench.take_lines("policy refresh failed")] == [0.0, 30.0]
    assert bench.counted("PolicyAge") == [0.0, 30.0]


def test_list_that_must_not_be_read_leaves_other_lists(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    assert bench.origins() == [A, B]
    region.failing["lists/y"] = ReadError("AccessDeniedException", "no")
    region.values |= {"lists/x": "https://new.example", "lists/y": "https://unseen.example"}
    region.take_calls()
    assert bench.origins(after=60) == [B, "https://new.example"]
    assert region.take_calls() == [call("x", "y"), *((name,) for name in call("x", "y"))]
    (line,) = bench.take_lines("policy refresh failed")
    assert (line["code"], line["error"]) == ("AccessDeniedException", "@y: AccessDeniedException: no")


def test_list_revoked_while_the_document_is_invalid_is_applied(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": f"{A} {B}"}
    assert bench.origins() == [A, B]
    region.values |= {f"sites/{SITE}": BAD, "lists/x": A}
    assert bench.origins(after=60) == [A]
    assert bench.take_lines("policy refresh failed")[0]["code"] == "invalid-policy"


def test_list_no_longer_named_loses_its_last_good_value(region: FakeRegion, bench: StoreBench) -> None:
    """Named again later, an unreadable list must not come back with origins that were revoked meanwhile."""
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A}
    assert bench.origins() == [A]
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": "gz:nonsense"}
    assert bench.origins(after=60) == []


def test_list_of_the_previous_document_is_not_mixed_into_the_next(region: FakeRegion, bench: StoreBench) -> None:
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A, "lists/y": B}
    bench.get()
    region.values[f"sites/{SITE}"] = using("y")
    # The first call of this read still has the list that was named last.
    assert bench.origins(after=60) == [B]
    assert region.take_calls()[-2:] == [call("x"), ("lists/y",)]
    assert bench.origins(after=60) == [B]
    assert region.take_calls() == [call("y")]


def test_list_content_never_invalidates_policy(region: FakeRegion, bench: StoreBench) -> None:
    rule = {"allow_origins": [A, "@x"], "allow_credentials": True}
    region.values[f"sites/{SITE}"] = json.dumps({"version": 1, "rules": [rule]})
    region.values["lists/x"] = f"* null http://c.example @y {B} \x00 {{}}"
    assert bench.origins() == [A, B]
    assert bench.take_lines("policy refresh failed") == []


def test_secure_strings_are_decrypted(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(f"/edgecors/sites/{SITE}", f"{A} @x", "SecureString")
    parameter_store.put("/edgecors/lists/x", packed(B), "SecureString")
    store = store_from_environment(Telemetry(lambda line: None), parameter_store.environment())
    policy = store.get(SITE)
    store.reset_after_restore()
    assert policy is not None
    assert allowed(policy) == [A, B]


# Regions.


def two_regions() -> tuple[FakeRegion, FakeRegion]:
    return FakeRegion("eu-west-1"), FakeRegion("us-east-1", **{SITE: A})


def test_regions_near_with_site_is_the_only_one_asked() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = B
    bench = StoreBench(here, home)
    assert bench.origins() == [B]
    assert (here.take_calls(), home.take_calls()) == ([SITE_READ], [])


def test_regions_near_without_site_is_skipped_for_an_hour() -> None:
    here, home = two_regions()
    bench = StoreBench(here, home)
    assert bench.origins() == [A]
    assert (here.take_calls(), home.take_calls()) == ([SITE_READ], [SITE_READ])
    for _ in range(59):
        assert bench.origins(after=60) == [A]
    assert (here.take_calls(), home.take_calls()) == ([], [SITE_READ] * 59)
    # A replica that was made meanwhile is found then.
    here.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]
    assert (here.take_calls(), home.take_calls()) == ([SITE_READ], [])


def test_regions_last_is_always_asked() -> None:
    region = FakeRegion()
    bench = StoreBench(region)
    assert bench.origins() == []
    region.values[f"sites/{SITE}"] = A
    assert bench.origins(after=60) == [A]


def test_regions_deleted_replica_gives_way_to_home() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = B
    bench = StoreBench(here, home)
    assert bench.origins() == [B]
    here.values.clear()
    assert bench.origins(after=60) == [A]


def test_regions_failing_near_is_replaced_by_home() -> None:
    here, home = two_regions()
    here.failing[""] = ReadError("timeout", "")
    bench = StoreBench(here, home)
    assert bench.origins() == [A]
    # A failure says nothing about what is there: it is asked again next time.
    here.failing.clear()
    here.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


def test_regions_absence_needs_every_answer() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = A
    home.values.clear()
    bench = StoreBench(here, home)
    first = bench.get()
    here.failing[""] = ReadError("timeout", "here")
    assert bench.get(after=60) is first
    assert bench.take_lines("policy refresh failed")[0]["error"] == "timeout: here"
    here.failing.clear()
    here.values.clear()
    home.failing[""] = ReadError("timeout", "home")
    assert bench.get(after=60) is first
    assert bench.take_lines("policy refresh failed")[0]["error"] == "timeout: home"
    home.failing.clear()
    assert bench.origins(after=60) == []


def test_regions_each_is_asked_for_lists_it_may_have() -> None:
    here, home = two_regions()
    home.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    here.values["lists/x"] = "https://here.example"
    bench = StoreBench(here, home)
    assert bench.origins() == [B, "https://here.example"]
    assert here.take_calls() == [SITE_READ, call_for_lists("x", "y")]
    assert home.take_calls() == [SITE_READ, call_for_lists("y")]
    bench.get(after=60)
    assert here.take_calls() == [call_for_lists("x")]
    assert home.take_calls() == [call("y")]


def test_regions_failing_home_keeps_only_lists_it_should_have_answered() -> None:
    here, home = two_regions()
    here.values |= {f"sites/{SITE}": using("x", "y")}
    home.values |= {"lists/x": A, "lists/y": B}
    bench = StoreBench(here, home)
    assert bench.origins() == [A, B]
    home.failing["lists/y"] = ReadError("timeout", "")
    here.values["lists/x"] = "https://here.example"
    home.values["lists/y"] = "https://new.example"
    assert bench.origins(after=ABSENT_SECONDS) == [B, "https://here.example"]
    home.failing.clear()
    assert bench.origins(after=60) == ["https://here.example", "https://new.example"]


@pytest.mark.parametrize(
    ("round_trip", "cold", "warm"),
    [(None, [1.5, 3.0], [1.5, 1.5]), (0.002, [0.508, 3.0], [0.508, 0.508]), (0.3, [1.5, 3.0], [1.5, 1.5])],
)
def test_regions_patience_follows_round_trip(round_trip: float | None, cold: list[float], warm: list[float]) -> None:
    """So that a Region that hangs leaves time for the next one."""
    here, home = two_regions()
    here.round_trip = home.round_trip = round_trip
    here.failing[""] = ReadError("timeout", "")
    bench = StoreBench(here, home)
    bench.get()
    assert [*here.patience, *home.patience] == pytest.approx(cold)
    here.patience.clear()
    home.patience.clear()
    bench.get(after=60)
    assert [*here.patience, *home.patience] == pytest.approx(warm)


def test_regions_clock_set_back_forgets_absence() -> None:
    here, home = two_regions()
    bench = StoreBench(here, home)
    bench.get()
    here.take_calls()
    bench.get(after=-10)
    assert here.take_calls() == [SITE_READ]


# Several sites.


def test_sites_are_independent() -> None:
    region = FakeRegion(one=A, two=B)
    bench = StoreBench(region)
    assert (bench.origins("one"), bench.origins("two")) == ([A], [B])
    region.failing["sites/one"] = ReadError("timeout", "")
    region.values["sites/two"] = A
    assert (bench.origins("one", after=60), bench.origins("two")) == ([A], [A])


def test_sites_number_is_bounded() -> None:
    names = [f"site{number}" for number in range(MAX_SITES + 1)]
    region = FakeRegion(**dict.fromkeys(names, A))
    bench = StoreBench(region)
    for name in names[:-1]:
        assert bench.origins(name, after=0.01) == [A]
    region.take_calls()
    # What was read longest ago goes, and nothing else.
    assert bench.origins(names[-1], after=0.01) == [A]
    assert region.take_calls() == [call(site=names[-1])]
    for name in names[1:]:
        assert bench.origins(name) == [A]
    assert region.take_calls() == []
    assert bench.origins(names[0]) == [A]
    assert region.take_calls() == [call(site=names[0])]
    assert len(bench.store._sites) == MAX_SITES


# After a restored snapshot.


def test_reset_after_restore_reads_everything_again() -> None:
    here, home = two_regions()
    bench = StoreBench(here, home)
    first = bench.get()
    here.take_calls()
    home.take_calls()
    bench.store.reset_after_restore()
    assert (here.closed, home.closed) == (1, 1)
    home.failing[""] = ReadError("timeout", "")
    # The time of the snapshot was never: the last good policy serves where nothing newer is to be had.
    assert bench.get() is first
    assert (here.take_calls(), home.take_calls()) == ([SITE_READ], [SITE_READ])


def test_jitter_comes_from_the_system_so_that_restored_snapshots_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter((b"\0\0\0\0", b"\x40\0\0\0"))
    monkeypatch.setattr(os, "urandom", lambda size: next(draws))
    store = PolicyStore([FakeRegion(**{SITE: A})], Telemetry(lambda line: None), clock=Clock(0.0))
    store.get(SITE)
    assert store._sites[SITE].due_at == 60.0
    store.reset_after_restore()
    store.get(SITE)
    assert store._sites[SITE].due_at == 60 * (1 - 0.25)


# Threads.


class Gate:
    """Holds callers back, and knows how many are there."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.waiting = 0
        self._open = False

    def __call__(self) -> None:
        with self._condition:
            self.waiting += 1
            assert self._condition.wait_for(lambda: self._open, 30)

    def open(self) -> None:
        with self._condition:
            self._open = True
            self._condition.notify_all()


@pytest.fixture
def threads() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Starts threads, and waits for all of them at the end."""
    started: list[threading.Thread] = []

    def start(function: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=function)
        started.append(thread)
        thread.start()
        return thread

    yield start
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()


Start = Callable[[Callable[[], object]], threading.Thread]


def test_threads_one_reads_and_others_use_last_good_policy(
    region: FakeRegion, bench: StoreBench, threads: Start
) -> None:
    first = bench.get()
    region.values[f"sites/{SITE}"] = B
    bench.clock.now += 60
    gate = Gate()
    region.on_call = gate
    policies: list[Policy | None] = []
    threads(lambda: policies.append(bench.store.get(SITE)))
    wait_until(lambda: gate.waiting == 1, "the first thread reads")
    # Were any of these to read or to wait, this test would hang here.
    assert [bench.store.get(SITE) for _ in range(5)] == [first] * 5
    gate.open()
    wait_until(lambda: policies, "the reading thread has its answer")
    assert policies[0] is not None
    assert allowed(policies[0]) == [B]
    assert bench.store.get(SITE) is policies[0]
    assert region.take_calls() == [SITE_READ] * 2


@pytest.mark.parametrize("fails", [False, True])
def test_threads_without_policy_wait_for_one_read(
    region: FakeRegion, bench: StoreBench, threads: Start, fails: bool
) -> None:
    gate = Gate()
    region.on_call = gate
    if fails:
        region.failing[""] = ReadError("timeout", "")
    policies: list[Policy | None] = []
    started = [threads(lambda: policies.append(bench.store.get(SITE))) for _ in range(5)]
    wait_until(lambda: gate.waiting == 1, "one thread reads")
    gate.open()
    for thread in started:
        thread.join(30)
    assert Counter(policies) == {policies[0]: 5}
    assert (policies[0] is None) is fails
    assert region.take_calls() == [SITE_READ]


# From the environment.


@pytest.mark.parametrize(
    ("environ", "home", "regions"),
    [
        ({"AWS_REGION": "eu-west-1"}, "us-east-1", ["eu-west-1", "us-east-1"]),
        ({"AWS_REGION": "us-east-1"}, "us-east-1", ["us-east-1"]),
        ({"AWS_REGION": "eu-west-1"}, None, ["eu-west-1"]),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, None, ["eu-west-1"]),
        ({}, None, ["us-east-1"]),
    ],
)
def test_readers_from_environment_regions(environ: Mapping[str, str], home: str | None, regions: list[str]) -> None:
    assert [reader.region for reader in readers_from_environment(environ, home=home)] == regions


def test_store_from_environment_invalid_endpoint_raises() -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        store_from_environment(Telemetry(lambda line: None), {"AWS_ENDPOINT_URL_SSM": "localhost:4566"})


def test_store_from_environment_reads_home_region(parameter_store: ParameterStoreServer) -> None:
    root = "/team/cors"
    environ = {**parameter_store.environment("eu-west-1"), "EDGECORS_ROOT": root}
    lines: list[dict[str, Any]] = []
    clock = Clock()
    readers = readers_from_environment(environ, home="us-east-1")
    store = store_from_environment(Telemetry(lambda line: lines.append(json.loads(line))), environ, readers=readers)
    store._clock = store._reader._clock = clock
    parameter_store.put(f"{root}/sites/{SITE}", "@x", region="us-east-1")
    parameter_store.put(f"{root}/lists/x", A, "StringList", region="us-east-1")
    first = store.get(SITE)
    assert first is not None
    assert allowed(first) == [A]
    parameter_store.put(f"{root}/lists/x", B, "StringList", region="us-east-1")
    clock.now += 60
    second = store.get(SITE)
    assert second is not None
    assert allowed(second) == [B]
    store.reset_after_restore()
    assert [line["message"] for line in lines] == ["policy loaded"] * 2


def test_get_invalid_site_name_gives_none_without_call(bench: StoreBench, region: FakeRegion) -> None:
    for site in ("", "../lists/x", "a/b", "a b", "é"):
        assert bench.get(site) is None
    assert region.take_calls() == []


def test_connect_waits_for_the_first_region_and_begins_the_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        environ = {"AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{server.getsockname()[1]}", "AWS_REGION": "eu-west-1"}
        readers = readers_from_environment(environ, home="us-east-1")
        connect(readers, 5)
        first, other = (reader._connection for reader in readers)
        assert first._socket is not None
        assert (other._socket or other._connecting) is not None
        server.accept()[0].close()
        for reader in readers:
            reader.close()


def test_store_from_environment_unreachable_store_does_not_raise() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    environ = {"AWS_ENDPOINT_URL_SSM": endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    readers = readers_from_environment(environ)
    connect(readers, 5)
    assert store_from_environment(Telemetry(lambda line: None), environ, readers=readers).get(SITE) is None


def test_get_with_a_clock_that_runs_backwards_ends_after_three_reads() -> None:
    region = FakeRegion(shop=A)
    now = iter(range(10**6, 0, -1))
    store = PolicyStore([region], Telemetry(lambda line: None), clock=lambda: float(next(now)), jitter=lambda: 0.0)
    assert store.get(SITE) is not None
    assert 1 <= len(region.calls) <= 3

"""Which policy holds now: what is read when, and what goes on serving when a read fails."""

import base64
import gzip
import itertools
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from edgecors.aws import AwsError
from edgecors.aws.parameters import Parameter
from edgecors.policy import Policy
from edgecors.store import (
    ABSENT_SECONDS,
    BACK_OFF_COLD,
    BACK_OFF_FIRST,
    BACK_OFF_MOST,
    DEADLINE_COLD,
    DEADLINE_WARM,
    JITTER,
    MAX_SITES,
    PolicyStore,
    store_from_environment,
)
from edgecors.telemetry import Telemetry

from tests.support.parameter_store import ParameterStoreServer
from tests.support.wait import wait_until

SITE = "E2EXAMPLE123ABC"
A, B = "https://a.example", "https://b.example"
BAD = '{"rules": [{"allow_origins": "*", "allow_credentials": true}]}'

Call = tuple[str, tuple[str, ...]]


class Clock:
    """The time, set by hand."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeRegion:
    """A Region's Parameter Store in memory.

    Attributes:
        values: what it holds, by the end of the parameter's name.
        failing: errors to raise, by the end of any name asked for; "" fails everything.
        calls: what it was asked for: the operation, and the ends of the names.
        deadlines: the deadline of each call.
    """

    def __init__(self, region: str = "us-east-1", root: str = "/edgecors", **values: str) -> None:
        self.region = region
        self._root = root
        self.values = {f"sites/{name}": value for name, value in values.items()}
        self.failing: dict[str, Exception] = {}
        self.calls: list[Call] = []
        self.deadlines: list[float] = []
        self.closed = 0
        self.on_call: Callable[[], object] = lambda: None

    def _asked(self, operation: str, names: list[str], deadline: float) -> dict[str, Parameter]:
        ends = [name.removeprefix(f"{self._root}/") for name in names]
        self.calls.append((operation, tuple(ends)))
        self.deadlines.append(deadline)
        self.on_call()
        for end in ("", *ends):
            if end in self.failing:
                raise self.failing[end]
        return {
            name: Parameter(self.values[end], 1) for name, end in zip(names, ends, strict=True) if end in self.values
        }

    def get_parameter(self, name: str, deadline: float) -> Parameter | None:
        return self._asked("GetParameter", [name], deadline).get(name)

    def get_parameters(self, names: Iterable[str], deadline: float) -> dict[str, Parameter]:
        asked = list(names)
        assert 0 < len(asked) <= 10
        return self._asked("GetParameters", asked, deadline)

    def close(self) -> None:
        self.closed += 1

    def taken(self) -> list[Call]:
        """The calls since the last time this was asked."""
        calls, self.calls = self.calls, []
        return calls


class Bench:
    """A store over fake Regions, with clocks set by hand and what it wrote."""

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

    def written(self, message: str) -> list[dict[str, Any]]:
        """The log lines with this message since the last time it was asked for."""
        found = [line for line in self.lines if line.get("message") == message]
        self.lines = [line for line in self.lines if line.get("message") != message]
        return found

    def counted(self, metric: str) -> list[float]:
        """The values of this metric so far."""
        return [line[metric] for line in self.lines if metric in line]


def allowed(policy: Policy) -> list[str]:
    return sorted(policy.rules[0].origins or ()) if policy.rules else []


def using(*lists: str, refresh: int = 60) -> str:
    """A policy that allows what these lists hold."""
    rules = [{"allow_origins": [f"@{name}" for name in lists]}]
    return json.dumps({"version": 1, "refresh_seconds": refresh, "rules": rules})


def packed(text: str) -> str:
    return "gz:" + base64.b64encode(gzip.compress(text.encode())).decode()


SITE_READ: Call = ("GetParameter", (f"sites/{SITE}",))


def lists_read(*names: str) -> Call:
    return ("GetParameters", tuple(f"lists/{name}" for name in names))


@pytest.fixture
def region() -> FakeRegion:
    return FakeRegion(**{SITE: A})


@pytest.fixture
def bench(region: FakeRegion) -> Bench:
    return Bench(region)


# Age.


def test_a_policy_is_read_once_and_kept(region: FakeRegion, bench: Bench) -> None:
    first = bench.get()
    assert first is not None
    assert allowed(first) == [A]
    assert bench.get(after=59.9) is first
    assert region.taken() == [SITE_READ]


def test_a_change_shows_after_its_refresh_time(region: FakeRegion, bench: Bench) -> None:
    assert bench.origins() == [A]
    region.values[f"sites/{SITE}"] = f"{A},{B}"
    assert bench.origins(after=59.9) == [A]
    assert bench.origins(after=0.1) == [A, B]
    assert region.taken() == [SITE_READ] * 2


def test_what_has_not_changed_is_not_compiled_again(region: FakeRegion, bench: Bench) -> None:
    assert bench.get() is bench.get(after=60)
    assert region.taken() == [SITE_READ] * 2
    assert len(bench.written("policy loaded")) == 1


def test_the_refresh_time_is_the_policys_own(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x", refresh=5), "lists/x": A}
    bench.get()
    bench.get(after=4.9)
    assert region.taken() == [SITE_READ, lists_read("x")]
    region.values[f"sites/{SITE}"] = using("x", refresh=3600)
    bench.get(after=0.1)
    region.taken()
    bench.get(after=3599)
    assert region.taken() == []
    bench.get(after=1)
    assert region.taken() == [SITE_READ, lists_read("x")]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999999])
def test_jitter_only_comes_early(region: FakeRegion, bench: Bench, jitter: float) -> None:
    bench.get()
    bench.jitter = jitter
    bench.get(after=60)
    assert region.taken() == [SITE_READ] * 2
    bench.get(after=60 * (1 - JITTER * jitter) - 0.01)
    assert region.taken() == []
    bench.get(after=0.02)
    assert region.taken() == [SITE_READ]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.9])
def test_the_first_refresh_may_come_at_any_time(region: FakeRegion, bench: Bench, jitter: float) -> None:
    """Containers that started together are to ask apart from then on."""
    bench.jitter = jitter
    bench.get()
    bench.get(after=60 * (1 - jitter) - 0.01)
    assert region.taken() == [SITE_READ]
    bench.get(after=0.02)
    assert region.taken() == [SITE_READ]


def test_without_a_given_jitter_every_store_has_its_own() -> None:
    due = set()
    for _ in range(20):
        clock = Clock()
        store = PolicyStore([FakeRegion(**{SITE: A})], Telemetry(lambda line: None), clock=clock)
        store.get(SITE)
        due.add(store._sites[SITE].due_at)
    assert len(due) > 10
    assert all(clock.now < at <= clock.now + 60 for at in due)


def test_a_clock_that_was_set_back_makes_it_read_again(region: FakeRegion, bench: Bench) -> None:
    bench.get()
    bench.get(after=-1)
    assert region.taken() == [SITE_READ] * 2
    bench.get(after=59)
    assert region.taken() == []
    bench.get(after=1)
    assert region.taken() == [SITE_READ]


def test_a_clock_that_was_set_back_after_a_failure_too(region: FakeRegion, bench: Bench) -> None:
    region.failing[""] = AwsError("timeout", "")
    assert bench.get() is None
    region.failing.clear()
    assert bench.origins(after=-3600) == [A]


# What a read says.


def test_what_was_loaded_is_said_once(bench: Bench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = f"{A}, HTTPS://B.example, @x, nonsense://"
    region.values["lists/x"] = "https://*.c.example"
    bench.get()
    (line,) = bench.written("policy loaded")
    assert (line["level"], line["site"], line["version"], line["origins"]) == ("INFO", SITE, 1, 3)
    assert len(line["findings"]) == 2
    assert all(isinstance(finding, str) for finding in line["findings"])
    assert bench.lines == []


def test_a_rule_for_everyone_has_no_origins_to_count(bench: Bench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = "*"
    bench.get()
    assert bench.written("policy loaded")[0]["origins"] == 0


def test_findings_do_not_fill_the_log(bench: Bench, region: FakeRegion) -> None:
    region.values[f"sites/{SITE}"] = "nonsense:// " * 200
    bench.get()
    assert len(bench.written("policy loaded")[0]["findings"]) == 10


@pytest.mark.parametrize("root", ["/edgecors", "/other/place", "/other/place/"])
def test_the_root_can_be_another(root: str) -> None:
    region = FakeRegion(root=root.rstrip("/"), **{SITE: using("x")})
    region.values["lists/x"] = A
    assert Bench(region, root=root).origins() == [A]


# Nobody, and no policy.


def test_a_missing_parameter_means_nobody(region: FakeRegion, bench: Bench) -> None:
    region.values.clear()
    assert bench.origins() == []
    (line,) = bench.written("policy missing: nobody is allowed")
    assert (line["level"], line["site"], line["parameter"]) == ("WARNING", SITE, f"/edgecors/sites/{SITE}")
    # It is no failure: no back-off, no count, and it is said once.
    assert bench.origins(after=59.9) == []
    assert region.taken() == [SITE_READ]
    assert bench.origins(after=0.1) == []
    assert region.taken() == [SITE_READ]
    assert bench.lines == []


def test_a_deleted_parameter_means_nobody(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A}
    assert bench.origins() == [A]
    before = region.values.pop(f"sites/{SITE}")
    assert bench.origins(after=60) == []
    assert len(bench.written("policy missing: nobody is allowed")) == 1
    region.values[f"sites/{SITE}"] = before
    assert bench.origins(after=60) == [A]


def test_an_empty_policy_means_nobody_too(region: FakeRegion, bench: Bench) -> None:
    region.values[f"sites/{SITE}"] = " "
    assert bench.origins() == []


# Failures.

FAILURES: dict[str, tuple[Exception, str]] = {
    "slow": (AwsError("timeout", "no answer in time"), "timeout"),
    "throttled": (AwsError("ThrottlingException", "Rate exceeded"), "ThrottlingException"),
    "denied": (AwsError("AccessDeniedException", "no"), "AccessDeniedException"),
    "unreachable": (AwsError("connection", "refused"), "connection"),
    "broken": (AwsError("bad-response", "no JSON"), "bad-response"),
    "no credentials": (AwsError("no-credentials", ""), "no-credentials"),
    "unforeseen": (RuntimeError("what is this"), "internal"),
}


@pytest.mark.parametrize(("error", "code"), FAILURES.values(), ids=FAILURES)
def test_the_last_good_policy_goes_on_serving(region: FakeRegion, bench: Bench, error: Exception, code: str) -> None:
    first = bench.get()
    region.failing[""] = error
    assert bench.get(after=60) is first
    (line,) = bench.written("policy refresh failed")
    assert (line["level"], line["site"], line["code"]) == ("WARNING", SITE, code)
    assert (line["served"], line["policy_age"]) == ("last-good", 60.0)
    assert [bench.counted(name) for name in ("RefreshFailures", "LastGoodUsed", "PolicyAge")] == [[1], [1], [60.0]]
    region.failing.clear()
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


@pytest.mark.parametrize(("error", "code"), FAILURES.values(), ids=FAILURES)
def test_without_a_last_good_one_there_is_no_policy(
    region: FakeRegion, bench: Bench, error: Exception, code: str
) -> None:
    region.failing[""] = error
    assert bench.get() is None
    (line,) = bench.written("policy refresh failed")
    assert (line["code"], line["served"]) == (code, "none")
    assert "policy_age" not in line
    assert [bench.counted(name) for name in ("RefreshFailures", "LastGoodUsed", "PolicyAge")] == [[1], [], []]
    region.failing.clear()
    assert bench.origins(after=BACK_OFF_FIRST) == [A]


INVALID = [BAD, "{", '{"rules": 1}', "gz:x", "gz:" + "A" * 8, '{"version": 99, "rules": []}']


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_policy_leaves_the_last_good_one(region: FakeRegion, bench: Bench, text: str) -> None:
    assert bench.origins() == [A]
    region.values[f"sites/{SITE}"] = text
    assert bench.origins(after=60) == [A]
    (line,) = bench.written("policy refresh failed")
    assert (line["code"], line["served"]) == ("invalid-policy", "last-good")
    region.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_policy_at_first_is_none(region: FakeRegion, bench: Bench, text: str) -> None:
    region.values[f"sites/{SITE}"] = text
    assert bench.get() is None
    assert bench.written("policy refresh failed")[0]["code"] == "invalid-policy"


def test_an_error_of_any_length_is_one_line(region: FakeRegion, bench: Bench) -> None:
    region.failing[""] = AwsError("x", "y\n" * 100_000)
    bench.get()
    assert len(bench.written("policy refresh failed")[0]["error"]) == 2000


def test_the_age_is_that_of_what_serves(region: FakeRegion, bench: Bench) -> None:
    bench.get()
    region.failing[""] = AwsError("timeout", "")
    bench.get(after=60)
    bench.get(after=100.1234567)
    assert [line["policy_age"] for line in bench.written("policy refresh failed")] == [60.0, 160.123]


# Back-off.


def waits(region: FakeRegion, bench: Bench, times: int) -> list[float]:
    """Seconds between tries, by asking every tenth of a second."""
    region.taken()
    found: list[float] = []
    waited = 0
    while len(found) < times:
        bench.get(after=0.1)
        waited += 1
        if region.taken():
            found.append(waited / 10)
            waited = 0
    return found


@pytest.mark.parametrize(
    ("jitter", "expected"),
    [(1.0, [15.0, 30.0, 60.0, 60.0]), (0.0, [7.5, 15.0, 30.0, 30.0])],
)
def test_the_back_off_doubles_up_to_a_minute(
    region: FakeRegion, bench: Bench, jitter: float, expected: list[float]
) -> None:
    bench.get()
    region.failing[""] = AwsError("timeout", "")
    bench.jitter = jitter
    bench.get(after=60)
    assert waits(region, bench, 4) == pytest.approx(expected, abs=0.11)
    # A success forgets all that.
    region.failing.clear()
    bench.get(after=60)
    region.failing[""] = AwsError("timeout", "")
    bench.get(after=60)
    assert waits(region, bench, 1) == pytest.approx(expected[:1], abs=0.11)


def test_the_back_off_is_no_longer_than_the_refresh_time(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x", refresh=5), "lists/x": A}
    bench.get()
    region.failing[""] = AwsError("timeout", "")
    bench.jitter = 1.0
    bench.get(after=5)
    assert waits(region, bench, 5) == pytest.approx([1.25, 2.5, 5.0, 5.0, 5.0], abs=0.11)


def test_without_a_policy_the_back_off_stays_short(region: FakeRegion, bench: Bench) -> None:
    region.failing[""] = AwsError("timeout", "")
    bench.jitter = 1.0
    bench.get()
    most = BACK_OFF_COLD
    assert waits(region, bench, 6) == pytest.approx([1.0, 2.0, 4.0, 8.0, most, most], abs=0.11)


def test_a_back_off_does_not_overflow(region: FakeRegion, bench: Bench) -> None:
    region.failing[""] = AwsError("timeout", "")
    for _ in range(2000):
        assert bench.get(after=100) is None
    assert len(region.taken()) == 2000


# Deadlines.


def test_deadlines_are_those_of_the_state(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x"), "lists/x": A}
    bench.get()
    bench.monotonic.now += 60
    bench.get(after=60)
    cold, warm = 500 + DEADLINE_COLD, 560 + DEADLINE_WARM
    # One deadline for all that one refresh reads.
    assert region.deadlines == [cold, cold, warm, warm]


# Lists.


def test_one_call_for_each_ten_lists(region: FakeRegion, bench: Bench) -> None:
    names = [f"list{number}" for number in range(23)]
    region.values |= {f"sites/{SITE}": using(*names)}
    region.values |= {f"lists/{name}": f"https://{name}.example" for name in names}
    assert bench.origins() == sorted(f"https://{name}.example" for name in names)
    assert region.taken() == [SITE_READ, lists_read(*names[:10]), lists_read(*names[10:20]), lists_read(*names[20:])]


def test_ten_lists_are_one_call(region: FakeRegion, bench: Bench) -> None:
    names = [f"list{number}" for number in range(10)]
    region.values[f"sites/{SITE}"] = using(*names)
    bench.get()
    assert region.taken() == [SITE_READ, lists_read(*names)]


def test_a_list_named_twice_is_read_once(region: FakeRegion, bench: Bench) -> None:
    rules = [{"paths": ["/a/*"], "allow_origins": ["@x"]}, {"allow_origins": ["@y", "@x"]}]
    region.values |= {f"sites/{SITE}": json.dumps({"version": 1, "rules": rules}), "lists/x": A}
    bench.get()
    assert region.taken() == [SITE_READ, lists_read("x", "y")]


def test_a_list_counts_when_it_changes_alone(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    assert bench.origins() == [A, B]
    region.values["lists/x"] = packed("https://c.example")
    assert bench.origins(after=60) == [A, "https://c.example"]


def test_a_missing_list_allows_nobody_and_takes_no_other_along(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    assert bench.origins() == [A, B]
    del region.values["lists/y"]
    assert bench.origins(after=60) == [A]
    assert bench.written("policy refresh failed") == []
    # That is no failure: the next read comes after the whole refresh time.
    region.taken()
    bench.get(after=59.9)
    assert region.taken() == []


def test_a_list_that_cannot_be_unpacked_keeps_its_last_good_value(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": "https://y1.example"}
    assert bench.origins() == [A, "https://y1.example"]
    region.values |= {"lists/x": "gz:nonsense", "lists/y": "https://y2.example"}
    assert bench.origins(after=60) == [A, "https://y2.example"]
    (line,) = bench.written("policy refresh failed")
    assert (line["code"], line["served"]) == ("invalid-list", "last-good")
    assert line["error"].startswith("@x: ")
    # Tried again after the back-off, not after the whole refresh time.
    region.values["lists/x"] = B
    assert bench.origins(after=BACK_OFF_MOST / 4) == [B, "https://y2.example"]


def test_a_list_that_never_could_be_unpacked_allows_nobody(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": "gz:nonsense", "lists/y": B}
    assert bench.origins() == [B]
    assert bench.written("policy refresh failed")[0]["code"] == "invalid-list"


def test_a_failing_batch_takes_no_other_along(region: FakeRegion, bench: Bench) -> None:
    names = [f"list{number:02}" for number in range(20)]
    region.values |= {f"sites/{SITE}": using(*names)}
    region.values |= {f"lists/{name}": f"https://{name}.example" for name in names}
    before = bench.origins()
    assert before is not None
    region.failing["lists/list03"] = AwsError("ThrottlingException", "Rate exceeded")
    region.values |= {"lists/list03": B, "lists/list15": A}
    region.taken()
    after = bench.origins(after=60)
    assert after == sorted([*(origin for origin in before if origin != "https://list15.example"), A])
    assert region.taken() == [SITE_READ, lists_read(*names[:10]), lists_read(*names[10:])]
    (line,) = bench.written("policy refresh failed")
    assert (line["code"], line["served"], line["policy_age"]) == ("ThrottlingException", "last-good", 60.0)
    assert line["error"].startswith("lists list00, list01, ")
    region.failing.clear()
    assert B in (bench.origins(after=BACK_OFF_MOST / 4) or [])


def test_lists_that_fail_at_first_allow_nobody(region: FakeRegion, bench: Bench) -> None:
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    region.failing["lists/x"] = AwsError("AccessDeniedException", "no")
    assert bench.origins() == [A]
    assert bench.written("policy refresh failed")[0]["code"] == "AccessDeniedException"
    region.failing.clear()
    assert bench.origins(after=BACK_OFF_FIRST) == [A, B]


def test_the_age_of_a_policy_whose_lists_never_came_starts_with_it(region: FakeRegion, bench: Bench) -> None:
    """It was counted from 1970, and an alarm on the age went off with the first read."""
    region.values |= {f"sites/{SITE}": f"{A} @x", "lists/x": B}
    region.failing["lists/x"] = AwsError("AccessDeniedException", "no")
    bench.get()
    bench.get(after=30)
    assert [line["policy_age"] for line in bench.written("policy refresh failed")] == [0.0, 30.0]
    assert bench.counted("PolicyAge") == [0.0, 30.0]


def test_what_a_list_holds_never_invalidates_a_policy(region: FakeRegion, bench: Bench) -> None:
    rule = {"allow_origins": [A, "@x"], "allow_credentials": True}
    region.values[f"sites/{SITE}"] = json.dumps({"version": 1, "rules": [rule]})
    region.values["lists/x"] = f"* null http://c.example @y {B} \x00 {{}}"
    assert bench.origins() == [A, B]
    assert bench.written("policy refresh failed") == []


def test_secure_strings_come_back_decrypted(parameter_store: ParameterStoreServer) -> None:
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


def test_a_region_that_has_it_is_the_only_one_asked() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = B
    bench = Bench(here, home)
    assert bench.origins() == [B]
    assert (here.taken(), home.taken()) == ([SITE_READ], [])


def test_a_region_that_has_it_not_is_remembered_for_an_hour() -> None:
    here, home = two_regions()
    bench = Bench(here, home)
    assert bench.origins() == [A]
    assert (here.taken(), home.taken()) == ([SITE_READ], [SITE_READ])
    for _ in range(59):
        assert bench.origins(after=60) == [A]
    assert (here.taken(), home.taken()) == ([], [SITE_READ] * 59)
    # A replica that was made meanwhile is found then.
    here.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]
    assert (here.taken(), home.taken()) == ([SITE_READ], [])


def test_the_last_region_is_never_remembered() -> None:
    region = FakeRegion()
    bench = Bench(region)
    assert bench.origins() == []
    region.values[f"sites/{SITE}"] = A
    assert bench.origins(after=60) == [A]


def test_a_replica_that_was_deleted_gives_way_to_the_home_region() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = B
    bench = Bench(here, home)
    assert bench.origins() == [B]
    here.values.clear()
    assert bench.origins(after=60) == [A]


def test_a_failing_region_is_helped_out_by_the_next() -> None:
    here, home = two_regions()
    here.failing[""] = AwsError("timeout", "")
    bench = Bench(here, home)
    assert bench.origins() == [A]
    # A failure says nothing about what is there: it is asked again next time.
    here.failing.clear()
    here.values[f"sites/{SITE}"] = B
    assert bench.origins(after=60) == [B]


def test_absence_counts_only_where_every_region_answered() -> None:
    here, home = two_regions()
    here.values[f"sites/{SITE}"] = A
    home.values.clear()
    bench = Bench(here, home)
    first = bench.get()
    here.failing[""] = AwsError("timeout", "here")
    assert bench.get(after=60) is first
    assert bench.written("policy refresh failed")[0]["error"] == "timeout: here"
    here.failing.clear()
    here.values.clear()
    home.failing[""] = AwsError("timeout", "home")
    assert bench.get(after=60) is first
    assert bench.written("policy refresh failed")[0]["error"] == "timeout: home"
    home.failing.clear()
    assert bench.origins(after=60) == []


def test_each_region_is_asked_for_the_lists_it_may_have() -> None:
    here, home = two_regions()
    home.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    here.values["lists/x"] = "https://here.example"
    bench = Bench(here, home)
    assert bench.origins() == [B, "https://here.example"]
    assert here.taken() == [SITE_READ, lists_read("x", "y")]
    assert home.taken() == [SITE_READ, lists_read("y")]
    bench.get(after=60)
    assert here.taken() == [lists_read("x")]
    assert home.taken() == [SITE_READ, lists_read("y")]


def test_where_a_region_fails_for_lists_all_of_them_keep_their_last_good_value() -> None:
    here, home = two_regions()
    home.values |= {f"sites/{SITE}": using("x", "y"), "lists/x": A, "lists/y": B}
    bench = Bench(here, home)
    bench.get()
    home.failing["lists/y"] = AwsError("timeout", "")
    here.values["lists/x"] = "https://here.example"
    assert bench.origins(after=ABSENT_SECONDS) == [A, B]
    home.failing.clear()
    assert bench.origins(after=60) == [B, "https://here.example"]


def test_the_first_region_leaves_time_for_the_second() -> None:
    here, home = two_regions()
    bench = Bench(here, home)
    here.failing[""] = AwsError("timeout", "")
    bench.get()
    assert here.deadlines == [500 + DEADLINE_COLD / 2]
    assert home.deadlines == [500 + DEADLINE_COLD]


def test_a_clock_that_was_set_back_forgets_what_is_absent() -> None:
    here, home = two_regions()
    bench = Bench(here, home)
    bench.get()
    here.taken()
    bench.get(after=-10)
    assert here.taken() == [SITE_READ]


# Several sites.


def test_sites_are_kept_apart() -> None:
    region = FakeRegion(one=A, two=B)
    bench = Bench(region)
    assert (bench.origins("one"), bench.origins("two")) == ([A], [B])
    region.failing["sites/one"] = AwsError("timeout", "")
    region.values["sites/two"] = A
    assert (bench.origins("one", after=60), bench.origins("two")) == ([A], [A])


def test_the_number_of_sites_is_bounded() -> None:
    names = [f"site{number}" for number in range(MAX_SITES + 1)]
    region = FakeRegion(**dict.fromkeys(names, A))
    bench = Bench(region)
    for name in names[:-1]:
        assert bench.origins(name, after=0.01) == [A]
    region.taken()
    # What was read longest ago goes, and nothing else.
    assert bench.origins(names[-1], after=0.01) == [A]
    assert region.taken() == [("GetParameter", (f"sites/{names[-1]}",))]
    for name in names[1:]:
        assert bench.origins(name) == [A]
    assert region.taken() == []
    assert bench.origins(names[0]) == [A]
    assert region.taken() == [("GetParameter", (f"sites/{names[0]}",))]
    assert len(bench.store._sites) == MAX_SITES


# After a restored snapshot.


def test_after_a_restored_snapshot_everything_is_asked_anew() -> None:
    here, home = two_regions()
    bench = Bench(here, home)
    first = bench.get()
    here.taken()
    home.taken()
    bench.store.reset_after_restore()
    assert (here.closed, home.closed) == (1, 1)
    home.failing[""] = AwsError("timeout", "")
    # The time of the snapshot was never: the last good policy serves where nothing newer is to be had.
    assert bench.get() is first
    assert (here.taken(), home.taken()) == ([SITE_READ], [SITE_READ])


def test_after_a_restored_snapshot_jitter_is_no_longer_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(random, "Random", lambda: FixedRandom(next(numbers) / 10))
    store = PolicyStore([FakeRegion(**{SITE: A})], Telemetry(lambda line: None), clock=Clock(0.0))
    store.get(SITE)
    assert store._sites[SITE].due_at == 60.0
    store.reset_after_restore()
    store.get(SITE)
    assert store._sites[SITE].due_at == pytest.approx(60 * (1 - 1 / 10))


class FixedRandom:
    """A source of one number."""

    def __init__(self, number: float) -> None:
        self._number = number

    def random(self) -> float:
        return self._number


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


def test_one_thread_reads_and_the_others_go_on_with_what_there_is(
    region: FakeRegion, bench: Bench, threads: Start
) -> None:
    first = bench.get()
    region.values[f"sites/{SITE}"] = B
    bench.clock.now += 60
    gate = Gate()
    region.on_call = gate
    found: list[Policy | None] = []
    threads(lambda: found.append(bench.store.get(SITE)))
    wait_until(lambda: gate.waiting == 1, "the first thread reads")
    # Were any of these to read or to wait, this test would hang here.
    assert [bench.store.get(SITE) for _ in range(5)] == [first] * 5
    gate.open()
    wait_until(lambda: found, "the reading thread has its answer")
    assert found[0] is not None
    assert allowed(found[0]) == [B]
    assert bench.store.get(SITE) is found[0]
    assert region.taken() == [SITE_READ] * 2


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_policy_all_wait_for_one_read(region: FakeRegion, bench: Bench, threads: Start, fails: bool) -> None:
    gate = Gate()
    region.on_call = gate
    if fails:
        region.failing[""] = AwsError("timeout", "")
    found: list[Policy | None] = []
    started = [threads(lambda: found.append(bench.store.get(SITE))) for _ in range(5)]
    wait_until(lambda: gate.waiting == 1, "one thread reads")
    gate.open()
    for thread in started:
        thread.join(30)
    assert Counter(found) == {found[0]: 5}
    assert (found[0] is None) is fails
    assert region.taken() == [SITE_READ]


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
def test_which_regions_are_asked(environ: Mapping[str, str], home: str | None, regions: list[str]) -> None:
    store = store_from_environment(Telemetry(lambda line: None), environ, home=home)
    assert [region.region for region in store._regions] == regions


def test_an_endpoint_that_is_none_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="not an http or https URL"):
        store_from_environment(Telemetry(lambda line: None), {"AWS_ENDPOINT_URL_SSM": "localhost:4566"})


def test_replicas_in_a_store_that_checks_signatures(parameter_store: ParameterStoreServer) -> None:
    root = "/team/cors"
    environ = {**parameter_store.environment("eu-west-1"), "EDGECORS_ROOT": root}
    lines: list[dict[str, Any]] = []
    clock = Clock()
    store = store_from_environment(Telemetry(lambda line: lines.append(json.loads(line))), environ, home="us-east-1")
    store._clock = clock
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


def test_what_is_no_name_is_no_site_and_is_not_asked_for(bench: Bench, region: FakeRegion) -> None:
    for site in ("", "../lists/x", "a/b", "a b", "é"):
        assert bench.get(site) is None
    assert region.taken() == []


def test_the_connection_is_there_before_the_first_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        environ = {"AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{server.getsockname()[1]}", "AWS_REGION": "eu-west-1"}
        store = store_from_environment(Telemetry(lambda line: None), environ, home="us-east-1", connect=True)
        server.accept()[0].close()
        store.reset_after_restore()


def test_a_store_that_can_not_be_reached_stops_no_function_from_starting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    environ = {"AWS_ENDPOINT_URL_SSM": endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert store_from_environment(Telemetry(lambda line: None), environ, connect=True).get(SITE) is None

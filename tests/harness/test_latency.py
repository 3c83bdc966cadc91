"""The short form of `python -m harness latency`: simulated distances, on clocks of our own."""

import pytest
from edgecors import site_reader, store

from harness import latency
from harness.latency import simulate, violations
from harness.latency_cases import LatencyCase
from harness.simulated_network import SimulatedRegion

DISTANCES = (0.0, 0.11, 0.3)


@pytest.mark.parametrize("round_trip", DISTANCES)
def test_latency_at_every_distance_a_change_arrives_and_nobody_waits_long(round_trip: float) -> None:
    cases = [case for case in latency.cases() if case.round_trip == round_trip]
    assert len(cases) > 80
    sentences_by_case = {case: list(violations(case, simulate(case))) for case in cases}
    assert {case: sentences for case, sentences in sentences_by_case.items() if sentences} == {}


@pytest.mark.parametrize("seed", range(2, 6))
def test_latency_whatever_the_jitter(seed: int) -> None:
    for interval in latency.INTERVALS:
        case = LatencyCase(0.3, "lost", "128 MB", interval)
        assert list(violations(case, simulate(case, seed))) == []


def test_latency_first_policy_takes_the_round_trips_of_a_new_connection() -> None:
    assert simulate(LatencyCase(0.3)).first == pytest.approx(3 * 0.3 + 0.02, abs=0.01)
    assert simulate(LatencyCase(0.3, lists=3)).first == pytest.approx(4 * 0.3 + 0.04, abs=0.01)
    # The far Region behind an empty near one: no more than the near one's round trips on top.
    assert simulate(LatencyCase(0.3, near=True)).first == pytest.approx(3 * 0.3 + 0.02 + 3 * 0.002 + 0.02, abs=0.01)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_latency_throttled_reads_are_repeated_in_time(share: float) -> None:
    outcome = simulate(LatencyCase(0.11, throttled=share))
    assert outcome.failures > 0
    assert outcome.seen <= store.OVERDUE * 60


# What the harness would find.


def test_latency_progress_that_is_thrown_away_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was: what was not complete at the deadline was begun anew by the next read."""
    poll = SimulatedRegion.poll

    def forgetful(self: SimulatedRegion, deadline: float) -> object:
        answer = poll(self, deadline)
        if answer is None:
            self._start(["connect", "handshake", "answer"])
        return answer

    monkeypatch.setattr(SimulatedRegion, "poll", forgetful)
    monkeypatch.setattr(latency, "MOST_REQUESTS", 1000)
    with pytest.raises(RuntimeError, match="the change never arrived"):
        simulate(LatencyCase(0.22, "closed"))


def test_latency_longer_waits_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WAIT", 0.6)
    case = LatencyCase(0.3, "closed", interval=15)
    assert [sentence for sentence in violations(case, simulate(case)) if "a request waited 0.6" in sentence]


def test_latency_frequent_waits_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.PolicyStore, "_allowance", lambda self, state, now: site_reader.DEADLINE_COLD / 10)
    case = LatencyCase(0.3, "closed")
    assert [sentence for sentence in violations(case, simulate(case)) if "two requests waited" in sentence]


def test_latency_late_changes_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.PolicyStore, "_allowance", lambda self, state, now: 3.0 if state.policy is None else 0.0)
    case = LatencyCase(0.3, "lost", interval=59)
    assert [sentence for sentence in violations(case, simulate(case)) if "the old policy was used" in sentence]

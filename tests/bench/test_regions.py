"""A revocation on its way to 13 Regions, simulated with the store's own code."""

import pytest
from edgecors.aws.parameters import HOME_REGION
from edgecors_admin.regions import EDGE_REGIONS

from bench import fleet, regions
from bench.regions import EVERY, REFRESH, ROUND_TRIPS, Outcome, SimulatedFleet, simulate


@pytest.fixture(scope="module")
def copied() -> dict[str, Outcome]:
    return simulate(SimulatedFleet("replicas", 8, replicas=True))


@pytest.fixture(scope="module")
def distant() -> dict[str, Outcome]:
    return simulate(SimulatedFleet("no replicas", 8, replicas=False))


def test_the_regions_are_those_that_run_edge_functions() -> None:
    assert tuple(ROUND_TRIPS) == EDGE_REGIONS


def test_every_container_learns_of_each_revocation_within_two_refresh_times(
    copied: dict[str, Outcome], distant: dict[str, Outcome]
) -> None:
    for outcomes in (copied, distant):
        for outcome in outcomes.values():
            assert 0 < outcome.revocation(0.5) < outcome.revocation(1) <= 2 * REFRESH
            assert outcome.stale(2 * REFRESH) == 0
        # Two of four changes take access away.
        assert len(outcomes[""].revoked) == 13 * 8 * 2


def test_with_replicas_the_other_regions_read_nothing_in_the_home_region(copied: dict[str, Outcome]) -> None:
    for region, outcome in copied.items():
        if region not in (HOME_REGION, ""):
            assert outcome.home == 0
            assert outcome.local > 0


def test_without_replicas_requests_wait_for_the_distance(
    copied: dict[str, Outcome], distant: dict[str, Outcome]
) -> None:
    far = "ap-southeast-1"
    assert copied[far].wait(0.999) < 0.1
    assert 0.2 < distant[far].wait(0.999) <= 0.3
    # A container waits once in a refresh time, whatever the distance.
    assert distant[far].wait(0.97) == 0


def test_reads_beyond_what_the_store_serves_delay_a_revocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "READS", 1)
    crowded = simulate(SimulatedFleet("crowded", 8, replicas=False))[""]
    assert crowded.revocation(1) > 2 * REFRESH
    assert max(crowded.revoked) <= EVERY


def test_both_simulations_read_as_often() -> None:
    """The one of the load has the store's waits, the other one the store itself."""
    (_, _, world) = regions.worlds(1, 10)
    outcome = simulate(world)[""]
    containers = world.containers * len(ROUND_TRIPS)
    course = fleet.simulate(fleet.Fleet("as many", containers, seconds=1090, life=1e9))
    assert outcome.home == pytest.approx(sum(course.answered) / 1090, rel=0.05)

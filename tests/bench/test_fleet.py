"""The simulated fleet, and that the store's waits keep what is claimed of them."""

from xml.etree import ElementTree

import pytest
from edgecors.store import BACK_OFF_COLD, BACK_OFF_MOST, wait_after_failure, wait_after_read

from bench.fleet import CHARTS, Course, Fleet, chart, first_shape, fleets, simulate

OUTAGE = (300, 500)


@pytest.fixture(scope="module")
def deployed() -> Course:
    return simulate(Fleet("deployed", 5_000, seconds=600))


@pytest.fixture(scope="module")
def out() -> Course:
    return simulate(Fleet("out", 2_000, seconds=700, outage=OUTAGE))


def test_no_synchronised_peaks_after_a_deployment(deployed: Course) -> None:
    assert deployed.peak <= 1.5


def test_without_the_first_spread_there_would_be() -> None:
    """The simulation can show what it is there to rule out."""

    def step(refresh: float, draw: float, first: bool) -> float:
        return refresh

    assert simulate(Fleet("in step", 5_000, seconds=600, after_read=step)).peak > 4


def test_every_container_is_fresh_again_within_two_refresh_times(out: Course) -> None:
    assert out.recovery is not None
    assert 0 < out.recovery <= 120


def test_an_outage_brings_fewer_retries_than_eager_ones_would(out: Course) -> None:
    eager = simulate(Fleet("eager", 2_000, seconds=700, outage=OUTAGE, after_failure=first_shape))
    assert out.outage_peak < 0.7 * eager.outage_peak


def test_in_an_outage_nothing_is_answered_and_the_last_good_serve(out: Course) -> None:
    assert sum(out.answered[OUTAGE[0] : OUTAGE[1]]) == 0
    assert out.stale[OUTAGE[1] - 1] > 0.9 * 2_000
    # Only those that started meanwhile have none.
    assert out.none[OUTAGE[1] - 1] < 0.05 * 2_000
    assert out.none[OUTAGE[0] - 1] == 0


def test_no_more_is_answered_than_the_store_serves() -> None:
    course = simulate(Fleet("throttled", 2_000, reads=40, seconds=400))
    assert max(course.answered) == 40
    assert max(course.asked) > 40
    assert course.stale_share > 0


def test_the_mean_is_what_the_waits_say(deployed: Course) -> None:
    """5,000 containers, each 52.5 s and a second's wait for a request in the mean, and 5,000 replaced in two hours."""
    assert deployed.mean == pytest.approx(5_000 / 53.5 + 5_000 / 7_200, rel=0.03)


def test_a_seed_makes_the_same_course_again() -> None:
    first, again = (simulate(Fleet("again", 300, seconds=200, seed=7)) for _ in range(2))
    assert first.asked == again.asked
    assert first.requests == again.requests
    assert first.asked != simulate(Fleet("again", 300, seconds=200, seed=8)).asked


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_waits_stay_within_their_bounds(draw: float) -> None:
    for refresh in (5, 60, 3600):
        assert 0 < wait_after_read(refresh, draw, first=True) <= refresh
        assert 0.75 * refresh <= wait_after_read(refresh, draw, first=False) <= refresh
        for failures in (0, 1, 5, 10_000):
            most = min(BACK_OFF_MOST, refresh)
            assert most / 8 <= wait_after_failure(refresh, failures, draw) <= most
    for failures in (0, 1, 5, 10_000):
        assert 0.5 <= wait_after_failure(None, failures, draw) <= BACK_OFF_COLD


def test_charts_are_drawn_of_fleets_that_there_are() -> None:
    known = {(fleet.name, fleet.containers) for fleet in fleets()}
    for name, containers, _ in CHARTS.values():
        assert (name, containers) in known


def test_a_chart_says_in_words_what_it_shows(out: Course) -> None:
    drawing = ElementTree.fromstring(chart("2,000 containers", out))
    (title,) = drawing.findall("{http://www.w3.org/2000/svg}title")
    assert title.text is not None
    assert f"fresh again in {out.recovery} seconds" in title.text

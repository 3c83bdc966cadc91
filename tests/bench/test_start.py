"""What the report makes of cold starts and refreshes."""

import json

from bench import cold
from bench.distance import FULL, SMALL, Figures, Measured
from bench.sections import start


def figures(contender: str, round_trip: int, cpu: str, *milliseconds: float) -> Figures:
    return Figures(contender, round_trip, cpu, milliseconds)


def measured() -> Measured:
    starts = [figures(cold.EMPTY, 0, FULL, 90, 100, 110), figures(cold.EMPTY, 0, SMALL, 1000)]
    requests = []
    for name, milliseconds in ((cold.EDGE, 130), (cold.GATEWAY, 200), (cold.BOTO3, 910), (cold.POWERTOOLS, 1000)):
        for round_trip in (0, 5, 90, 220):
            starts.append(figures(name, round_trip, FULL, milliseconds + round_trip))
            requests.append(figures(name, round_trip, FULL, 2, 2, 2, 2 + round_trip))
    return Measured(starts, requests)


def test_goals_are_judged_with_the_replica_near_by() -> None:
    edge, boto3, median, wait = start._goals(measured())
    assert (edge.measured, edge.reached) == (1.35, True)
    assert round(boto3.measured, 2) == 6.78
    assert (median.measured, wait.measured, wait.reached) == (0, 220, True)
    assert wait.at == "edgecors gateway, 220 ms, CPU full"


def test_where_no_distance_can_be_measured_the_store_on_this_machine_counts() -> None:
    here = [row for row in measured().starts if row.round_trip == 0]
    edge, boto3 = start._goals(Measured(here, []))
    assert edge.measured == 1.3
    assert "0 ms away" in edge.sentence
    assert boto3.measured == 7
    assert "from a replica 0 ms away: 130 ms" in start._summary(Measured(here, []))


def test_the_text_has_a_row_for_each_contender_and_says_what_a_refresh_costs() -> None:
    assert "| edgecors edge | 130 (1.30x) | 135 (1.35x) | 220 (2.20x) | 350 (3.50x) |" in start._starts_text(measured())
    assert "| boto3, GetParameter | 220 | 2.0 | 220 |  |  |" in start._refresh_text(measured())
    assert "boto3 takes 915 ms" in start._summary(measured())


def test_every_contender_reads_a_list_that_it_can_read() -> None:
    parameters = cold.parameters()
    assert json.loads(parameters[cold.PARAMETER])["rules"][0]["allow_origins"] == cold.ORIGINS
    assert parameters[cold.LIST].split(",") == cold.ORIGINS

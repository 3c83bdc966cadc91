"""What a request costs beside a yardstick, the length of the list, and a peer: ratios of processor time in one run.

Limits are the goals with slack for what else runs on the machine; `make bench` holds the goals themselves.
"""

from typing import Any

import pytest

from bench import request
from bench.measure import Task

Rows = dict[tuple[str, str, str, str], dict[str, Any]]
ONE, MANY = request.label(1), request.label(10_000)


@pytest.fixture(scope="module")
def rows(figures: dict[str, Any]) -> Rows:
    return {(row["front"], row["contender"], row["origins"], row["outcome"]): row for row in figures["requests"]}


def own(rows: Rows) -> Rows:
    return {key: row for key, row in rows.items() if key[1] == request.EDGECORS}


def yardsticks(row: dict[str, Any]) -> float:
    # Of the two, the one that was disturbed less: noise adds to both.
    times: float = min(row["yardsticks"], row["yardsticks_least"])
    return times


def times(row: dict[str, Any], base: dict[str, Any]) -> float:
    least: float = row["least_us"] / base["least_us"]
    return least


def test_a_request_stays_near_the_yardstick(rows: Rows) -> None:
    limits = dict.fromkeys(request.EDGE_FRONTS, 6) | dict.fromkeys(request.API_FRONTS, 9)
    judged = {key: row for key, row in own(rows).items() if key[3] != request.ANEW}
    slow = {key: yardsticks(row) for key, row in judged.items() if yardsticks(row) > limits[key[0]]}
    assert len(judged) == 6 * 4 * 2 + 2
    assert slow == {}


def test_an_origin_that_was_not_seen_lately_costs_little_more(rows: Rows) -> None:
    anew = {key: row for key, row in own(rows).items() if key[3] == request.ANEW}
    again = {key: rows[(*key[:3], request.ALLOWED)] for key in anew}
    assert len(anew) == 6 * 2
    assert {key: times(row, again[key]) for key, row in anew.items() if times(row, again[key]) > 4} == {}


def test_a_request_without_origin_is_passed_on_at_once(rows: Rows) -> None:
    row = rows[request.VIEWER_REQUEST, request.EDGECORS, "100", request.NO_ORIGIN]
    assert yardsticks(row) < 1.6


def test_time_does_not_depend_on_the_length_of_the_list(rows: Rows) -> None:
    slower = {}
    for key, row in own(rows).items():
        short = rows.get((key[0], request.EDGECORS, ONE, key[3]))
        if short is not None:
            longer = times(row, short)
            # Looking at every origin would take thousands of times as long.
            if longer > 2.0:
                slower[key] = longer
    assert slower == {}


def test_powertools_takes_longer(rows: Rows) -> None:
    for front in request.API_FRONTS:
        for outcome in (request.ALLOWED, request.REFUSED):
            peer = rows[front, request.POWERTOOLS, MANY, outcome]
            assert times(peer, rows[front, request.EDGECORS, MANY, outcome]) > 2, peer


def test_a_row_that_answers_otherwise_is_noticed() -> None:
    """A benchmark of the wrong answer would be worth nothing."""
    row = request.rows((1,), (), [])[0]
    liar = Task("liar", lambda event, context: {"status": "204", "headers": {}}, [{}])
    with pytest.raises(AssertionError):
        request.check([request.Row(row.front, "liar", row.size, request.ALLOWED, liar, liar)])


def test_events_are_fresh_for_every_call() -> None:
    seen: list[object] = []
    task = Task("keep", lambda event, context: seen.append(event), [{"a": {"b": "c"}}])
    task.sample(3)
    assert len({id(event) for event in seen}) == 3
    assert seen[0] == {"a": {"b": "c"}}

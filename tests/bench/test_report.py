"""The report's own judgement: what counts as reached, and by how much a goal was missed."""

import pytest

from bench.goals import Goal, table, worst


@pytest.mark.parametrize(
    ("measured", "limit", "least", "verdict"),
    [
        (4.0, 4.0, False, "reached"),
        (5.0, 4.0, False, "**missed** by 25%"),
        (6.0, 6.0, True, "reached"),
        (3.0, 6.0, True, "**missed**: 50% of it"),
        (0.0, 0.0, False, "reached"),
        (1.0, 0.0, False, "**missed**"),
    ],
)
def test_a_goal_says_how_far_off_it_is(measured: float, limit: float, least: bool, verdict: str) -> None:
    goal = Goal("part", "sentence", measured, limit, least=least)
    assert goal.verdict == verdict
    assert goal.record()["reached"] is (verdict == "reached")


def test_the_worst_row_decides() -> None:
    pairs = [(1.0, "a"), (3.0, "b"), (2.0, "c")]
    assert worst(pairs) == (3.0, "b")
    assert worst(pairs, least=True) == (1.0, "a")


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["x", 1]]) == "| a | b |\n|---|--:|\n| x | 1 |"

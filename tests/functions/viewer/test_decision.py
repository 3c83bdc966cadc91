"""The functions answer as the edge function does: limits, random policies, requests and layouts.

`python -m harness functions` is the long form.
"""

from pathlib import Path

import pytest
from edgecors_local.javascript import Engine

from harness import functions as harness
from harness.summary import Summary


@pytest.mark.parametrize("seed", [1, 2])
def test_functions_random_cases_get_the_answers_of_the_edge_function(functions: Path, njs: Engine, seed: int) -> None:
    summary = Summary("functions", 240)
    harness.run_random(seed, 1500, njs, functions, summary)
    assert summary.failures == []
    assert summary.counts["cases"] == 1500
    assert summary.counts["answers"] > 700


def test_functions_at_every_limit_get_the_answers_of_the_edge_function(functions: Path, njs: Engine) -> None:
    summary = Summary("functions", 480)
    harness.run_boundaries(njs, functions, summary)
    assert summary.failures == []
    assert summary.counts["cases"] == len(harness.boundary_cases())


def test_random_cases_have_every_layout_of_the_store() -> None:
    assert {case.layout.name for case in harness.random_cases(1, 8000)} == {
        "whole",
        "second pointer behind",
        "second pointer missing",
        "first pointer of another format",
        "pointer missing",
        "part missing",
        "bucket missing",
        "no pointer",
    }

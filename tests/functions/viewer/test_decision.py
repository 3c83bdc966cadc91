"""The functions answer as the edge function does: random policies, requests and layouts, whole answers compared.

`python -m harness functions` is the long form.
"""

from pathlib import Path

import pytest
from edgecors_local.javascript import Engine

from harness import functions as harness


@pytest.mark.parametrize("seed", [1, 2])
def test_functions_random_cases_get_the_answers_of_the_edge_function(functions: Path, njs: Engine, seed: int) -> None:
    summary = harness.run(seed, 1500, 240, njs, functions)
    assert summary.failures == []
    assert summary.counts["cases"] == 1500
    assert summary.counts["answers"] > 700

"""The functions answer as the edge function does: limits, random policies, requests and layouts.

`python -m harness functions` is the long form.
"""

from pathlib import Path

import pytest
from edgecors.document import load_policy
from edgecors_admin.key_value_store import compile_policy
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


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" + " " * 19_000 + "y", id="blanks within"),
        pytest.param("x" + " " * 4090 + "y", id="blanks within the limit"),
    ],
)
def test_preflight_with_long_malformed_header_names_is_read_in_linear_time(
    functions: Path, njs: Engine, value: str
) -> None:
    request = {"method": "OPTIONS", "path": "/"}
    headers = {
        "origin": ["https://app.example.com"],
        "access-control-request-method": ["PUT"],
        "access-control-request-headers": [value],
    }
    event = harness.function_event("viewer-request", request, headers, None)
    keys = compile_policy(load_policy("https://app.example.com"), harness.SITE).content()
    # With a search that starts again at every blank, this would take longer than the engine is waited for.
    outputs = njs.run(functions / "viewer-request.js", [{"keys": keys}, *[{"event": event}] * 1000])
    assert {output.result["statusCode"] for output in outputs} == {403}


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

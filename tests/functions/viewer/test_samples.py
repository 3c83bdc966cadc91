"""Each sample of events/cloudfront-functions gets the answer beside it, from the built functions in njs."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.key_value_store import compile_policy
from edgecors_local.javascript import Engine

from harness.functions import function_answer, python_answer

EVENTS = Path(__file__).resolve().parents[3] / "events"
SAMPLES = sorted(path for path in (EVENTS / "cloudfront-functions").glob("*.json") if ".expected" not in path.name)
POLICY = load_policy((EVENTS / "policy.json").read_text("utf-8"))


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def function_of(event: Any) -> str:
    return str(event["context"]["eventType"])


def ask(njs: Engine, functions: Path, event: Any) -> Any:
    content = compile_policy(POLICY, event["context"]["distributionId"]).content()
    (output,) = njs.run(functions / f"{function_of(event)}.js", [{"keys": content}, {"event": event}])
    assert output.error == ""
    return output.result


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_gets_the_answer_beside_it(functions: Path, njs: Engine, sample: Path) -> None:
    assert ask(njs, functions, load(sample)) == load(sample.with_suffix(".expected.json"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_is_answered_as_the_edge_function_answers_the_same_request(sample: Path) -> None:
    same = EVENTS / "cloudfront" / sample.name
    event = load(sample)
    if not same.exists():
        return  # a sample for the functions alone
    expected = load(sample.with_suffix(".expected.json"))
    answer = function_answer(function_of(event), event, expected)
    assert answer == python_answer(POLICY, load(same))


def test_every_function_has_samples() -> None:
    assert {function_of(load(sample)) for sample in SAMPLES} == {"viewer-request", "viewer-response"}

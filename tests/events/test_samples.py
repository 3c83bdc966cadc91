"""The samples of ``events/``: each event, the handler's response to it, and the exact result."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors import cors
from edgecors.telemetry import Telemetry

from tests.events.make import SOURCES

EVENTS = Path(__file__).resolve().parents[2] / "events"
SAMPLES = sorted(
    path
    for source in SOURCES
    for path in (EVENTS / source).glob("*.json")
    if not path.name.endswith((".expected.json", ".response.json"))
)


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_sample_gives_the_recorded_response(path: Path) -> None:
    response = path.with_suffix(".response.json")
    seen: list[Any] = []

    def handler(event: Any, context: Any) -> Any:
        seen.append(event)
        return load(response)

    event = load(path)
    answer = cors(policy=load(EVENTS / "policy.json"), telemetry=Telemetry(lambda line: None))(handler)(event, None)
    assert answer == load(path.with_suffix(".expected.json"))
    # Preflights have no response file: the handler is not called.
    assert seen == ([event] if response.exists() else [])


def test_every_front_has_its_samples() -> None:
    cases = {source: {path.stem for path in SAMPLES if path.parent.name == source} for source in SOURCES}
    common = {"preflight-allowed", "preflight-refused", "get-allowed", "get-refused", "get-without-origin"}
    assert cases == {source: common | ({"console-test"} if source == "rest" else set()) for source in SOURCES}

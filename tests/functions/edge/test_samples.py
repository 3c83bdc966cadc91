"""The sample events of ``events/cloudfront`` give exactly the recorded results."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functions.edge.support import SETUPS, SITE, TRIGGERS, Handlers, trigger_of

EVENTS = Path(__file__).resolve().parents[3] / "events"
SAMPLES = sorted(path for path in EVENTS.glob("cloudfront/*.json") if not path.name.endswith(".expected.json"))
POLICY = (EVENTS / "policy.json").read_text("utf-8")


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def expected(sample: Path, setup: str) -> Any:
    """The recorded result: of the set-up, of both set-ups, or the unchanged object without a trigger."""
    own, common = (sample.with_suffix(f"{part}.expected.json") for part in (f".{setup}", ""))
    cf = read(sample)["Records"][0]["cf"]
    if own.exists():
        return read(own)
    if common.exists() and trigger_of(read(sample)) in SETUPS[setup]:
        return read(common)
    return cf.get("response", cf["request"])


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_gives_the_recorded_result(sample: Path, setup: str) -> None:
    handlers = Handlers(POLICY)
    assert handlers(setup, read(sample)) == expected(sample, setup)
    assert handlers.failures == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_has_every_field_of_its_trigger(sample: Path) -> None:
    """It is named after its trigger and has every field of such an event."""
    cf = read(sample)["Records"][0]["cf"]
    trigger = cf["config"]["eventType"]
    assert trigger in TRIGGERS
    assert sample.name.startswith(f"{trigger}-")
    assert cf["config"].keys() == {"distributionDomainName", "distributionId", "eventType", "requestId"}
    assert cf["config"]["distributionId"] == SITE
    origin = {"origin"} if trigger.startswith("origin") else set()
    assert cf["request"].keys() == {"clientIp", "headers", "method", "querystring", "uri"} | origin
    if trigger.endswith("response"):
        assert cf["response"].keys() == {"headers", "status", "statusDescription"}
    assert ("response" in cf) is trigger.endswith("response")
    assert "via" in cf["request"]["headers"] or trigger.startswith("viewer")


def test_every_recorded_result_belongs_to_a_sample() -> None:
    wanted = set()
    for sample in SAMPLES:
        both = trigger_of(read(sample)) == "origin-response"
        wanted |= {sample.with_suffix(f"{part}.expected.json") for part in ([".viewer", ".origin"] if both else [""])}
    assert set(EVENTS.glob("cloudfront/*.expected.json")) == wanted
    assert {trigger_of(read(sample)) for sample in SAMPLES} == set(TRIGGERS)

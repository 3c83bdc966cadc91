"""The guard's settings, and which events it handles."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from functions.guard.edgecors_guard.change import Change, read_change
from functions.guard.edgecors_guard.settings import Settings

EVENTS = Path(__file__).resolve().parents[3] / "events" / "guard"


def sample_event(name: str = "update", **changes: Any) -> EventBridgeEvent:
    """A sample event, with the fields of these paths (``detail__name``) changed."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = event
        for key in parents:
            node = node[key]
        node[last.replace("_", "-")] = value
    return EventBridgeEvent(event)


@pytest.mark.parametrize("name", ["create", "update", "delete"])
def test_read_change_sample_event_returns_its_parameter(name: str) -> None:
    change = read_change(sample_event(name), "/edgecors", "us-east-1")
    time = datetime(2024, 5, 22, 16, 44, 48, tzinfo=UTC)
    assert change == Change("/edgecors/sites/shop", "sites", "shop", time)


@pytest.mark.parametrize("kind", ["sites", "lists", "aliases"])
def test_read_change_knows_each_kind(kind: str) -> None:
    change = read_change(sample_event(detail__name=f"/edgecors/{kind}/a.b-c_1"), "/edgecors", "us-east-1")
    assert isinstance(change, Change)
    assert (change.kind, change.short_name) == (kind, "a.b-c_1")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"region": "eu-west-1"}, "not in the home Region"),
        ({"source": "custom"}, "not a parameter change"),
        ({"detail_type": "Parameter Store Policy Action"}, "not a parameter change"),
        ({"detail__name": "/edgecors-other/sites/shop"}, "not below the root"),
        ({"detail__name": "/edgecors"}, "not below the root"),
        ({"detail__name": "/edgecors/sites"}, "not a site, list or alias"),
        ({"detail__name": "/edgecors/sites/"}, "not a site, list or alias"),
        ({"detail__name": "/edgecors/sites/a/b"}, "not a site, list or alias"),
        ({"detail__name": "/edgecors/drafts/shop"}, "not a site, list or alias"),
        ({"detail": {}}, "not below the root"),
    ],
)
def test_read_change_other_event_returns_the_reason(changes: dict[str, Any], reason: str) -> None:
    assert read_change(sample_event(**changes), "/edgecors", "us-east-1") == reason


@pytest.mark.parametrize("time", ["", "yesterday", None])
def test_read_change_invalid_time_is_ignored(time: object) -> None:
    change = read_change(sample_event(time=time), "/edgecors", "us-east-1")
    assert isinstance(change, Change)
    assert change.time is None
    assert change.may_be_about(datetime.now(UTC))
    assert not change.is_before(datetime.now(UTC))


def test_settings_from_environment_reads_each_variable() -> None:
    environment = {
        "AWS_REGION": "us-east-1",
        "EDGECORS_ROOT": "/team/cors",
        "EDGECORS_REPLICA_REGIONS": "eu-west-1, us-east-1,,ap-southeast-2,eu-west-1",
        "EDGECORS_AUTO_REVERT": "true",
        "EDGECORS_TOPIC_ARN": "arn:topic",
        "EDGECORS_EDGE_SETUP": "origin",
        "EDGECORS_DISTRIBUTION_IDS": "E1,E2, E1",
        "EDGECORS_INVALIDATION_QUEUE_URL": "https://queue",
        "EDGECORS_EDGE_LOG_GROUPS": "/edgecors/stack/edge,/aws/lambda/us-east-1.stack-edge",
        "EDGECORS_LOG_RETENTION_DAYS": "30",
        "EDGECORS_KEY_VALUE_STORES": "E1=arn:aws:cloudfront::123456789012:key-value-store/a, E2=,=arn",
    }
    assert Settings.from_environment(environment) == Settings(
        region="us-east-1",
        root="/team/cors",
        replicas=("eu-west-1", "ap-southeast-2"),
        auto_revert=True,
        topic="arn:topic",
        distributions=("E1", "E2"),
        invalidates=True,
        later="https://queue",
        edge_log_groups=("/edgecors/stack/edge", "/aws/lambda/us-east-1.stack-edge"),
        log_retention_days=30,
        key_value_stores={"E1": "arn:aws:cloudfront::123456789012:key-value-store/a"},
    )


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"EDGECORS_REPLICA_REGIONS": "none", "EDGECORS_LOG_RETENTION_DAYS": "", "EDGECORS_AUTO_REVERT": "false"},
        {"EDGECORS_EDGE_SETUP": "viewer", "EDGECORS_ROOT": "", "EDGECORS_DISTRIBUTION_IDS": " , "},
    ],
)
def test_settings_from_environment_empty_values_are_the_defaults(variables: dict[str, str]) -> None:
    assert Settings.from_environment({"AWS_REGION": "us-east-1", **variables}) == Settings("us-east-1")

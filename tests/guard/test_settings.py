"""What the guard reads from its environment and from events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from functions.guard.edgecors_guard.change import Change, read_change
from functions.guard.edgecors_guard.settings import Settings

EVENTS = Path(__file__).resolve().parents[2] / "events" / "guard"


def documented(name: str = "update", **changes: Any) -> EventBridgeEvent:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    for path, value in changes.items():
        *way, last = path.split("__")
        node = event
        for key in way:
            node = node[key]
        node[last.replace("_", "-")] = value
    return EventBridgeEvent(event)


@pytest.mark.parametrize("name", ["create", "update", "delete"])
def test_the_documented_event(name: str) -> None:
    change = read_change(documented(name), "/edgecors", "us-east-1")
    time = datetime(2024, 5, 22, 16, 44, 48, tzinfo=UTC)
    assert change == Change("/edgecors/sites/shop", "sites", "shop", time)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"region": "eu-west-1"}, "not of the home Region"),
        ({"source": "custom"}, "not a change of a parameter"),
        ({"detail_type": "Parameter Store Policy Action"}, "not a change of a parameter"),
        ({"detail__name": "/edgecors-other/sites/shop"}, "not below the root"),
        ({"detail__name": "/edgecors"}, "not below the root"),
        ({"detail__name": "/edgecors/sites"}, "neither a site nor a list"),
        ({"detail__name": "/edgecors/sites/"}, "neither a site nor a list"),
        ({"detail__name": "/edgecors/sites/a/b"}, "neither a site nor a list"),
        ({"detail__name": "/edgecors/drafts/shop"}, "neither a site nor a list"),
        ({"detail": {}}, "not below the root"),
    ],
)
def test_events_that_are_none_of_its_business(changes: dict[str, Any], reason: str) -> None:
    assert read_change(documented(**changes), "/edgecors", "us-east-1") == reason


@pytest.mark.parametrize("time", ["", "yesterday", None])
def test_a_time_that_is_none_is_no_time(time: object) -> None:
    change = read_change(documented(time=time), "/edgecors", "us-east-1")
    assert isinstance(change, Change)
    assert change.time is None
    assert change.reports(datetime.now(UTC))
    assert not change.precedes(datetime.now(UTC))


def test_settings() -> None:
    environment = {
        "AWS_REGION": "us-east-1",
        "EDGECORS_ROOT": "/team/cors",
        "EDGECORS_REPLICA_REGIONS": "eu-west-1, us-east-1,,ap-southeast-2,eu-west-1",
        "EDGECORS_AUTO_REVERT": "true",
        "EDGECORS_TOPIC_ARN": "arn:topic",
        "EDGECORS_EDGE_SETUP": "origin",
        "EDGECORS_DISTRIBUTION_ID": "E1",
        "EDGECORS_INVALIDATION_QUEUE_URL": "https://queue",
    }
    replicas = ("eu-west-1", "ap-southeast-2")
    expected = Settings("us-east-1", "/team/cors", replicas, True, "arn:topic", "E1", "https://queue")
    assert Settings.from_environment(environment) == expected
    viewer = environment | {"EDGECORS_EDGE_SETUP": "viewer", "EDGECORS_AUTO_REVERT": "false"}
    settings = Settings.from_environment(viewer)
    assert (settings.distribution, settings.auto_revert) == ("", False)
    assert Settings.from_environment({"AWS_REGION": "us-east-1"}) == Settings("us-east-1")

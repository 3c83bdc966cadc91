"""The built guard in Lambda's runtime, called with the sample events of events/guard/."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edgecors_admin.regions import EDGE_REGIONS

from harness.lambda_runtime import FunctionError, LambdaRuntime
from tests.functions.guard.world import BAD, GOOD, REPLICAS, SHOP, World
from tests.support.parameter_store import ParameterStoreServer

pytestmark = pytest.mark.artifact

EVENTS = Path(__file__).resolve().parents[2] / "events" / "guard"

# The permissions of GuardRole in template.yaml.
ALLOWED = {
    "Effect": "Allow",
    "Action": [
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParameterHistory",
        "ssm:GetParametersByPath",
        "ssm:PutParameter",
        "ssm:DeleteParameter",
        "sns:Publish",
        "cloudwatch:GetMetricData",
        "logs:PutRetentionPolicy",
    ],
    "Resource": "*",
}


@pytest.fixture
def world(parameter_store: ParameterStoreServer) -> Iterator[World]:
    account = World(parameter_store)
    yield account
    account.close()


@pytest.fixture
def environment(world: World, parameter_store: ParameterStoreServer) -> dict[str, str]:
    role = parameter_store.temporary_credentials(ALLOWED)
    return {
        **parameter_store.environment(credentials=role),
        "EDGECORS_ROOT": "/edgecors",
        "EDGECORS_REPLICA_REGIONS": ",".join(REPLICAS),
        "EDGECORS_AUTO_REVERT": "true",
        "EDGECORS_TOPIC_ARN": world.topic,
        "EDGECORS_EDGE_SETUP": "viewer",
        "EDGECORS_DISTRIBUTION_IDS": "E2EXAMPLE1234",
        "EDGECORS_INVALIDATION_QUEUE_URL": "",
        "EDGECORS_EDGE_LOG_GROUPS": "/edgecors/edgecors/edge",
        "EDGECORS_LOG_RETENTION_DAYS": "30",
        "POWERTOOLS_SERVICE_NAME": "edgecors-guard",
        "POWERTOOLS_METRICS_NAMESPACE": "edgecors",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


@pytest.fixture
def function(environment: dict[str, str], runtime_emulator: Path, built: Path) -> Iterator[LambdaRuntime]:
    with LambdaRuntime(built / "GuardFunction", environment=environment) as running:
        yield running


def sample(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def metrics_in(log: str) -> dict[str, float]:
    """The sums of the metric records in a log."""
    sums: dict[str, float] = {}
    for line in log.splitlines():
        if not line.startswith("{") or '"_aws"' not in line:
            continue
        record = json.loads(line)
        [directive] = record["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("edgecors", [["service"]])
        assert record["service"] == "edgecors-guard"
        for metric in directive["Metrics"]:
            sums[metric["Name"]] = sums.get(metric["Name"], 0) + sum(record[metric["Name"]])
    return sums


def test_guard_invalid_edit_is_reverted_with_the_permissions_of_its_role(world: World, function: LambdaRuntime) -> None:
    world.put(SHOP, GOOD)
    assert function.invoke(sample("create")) is None
    assert world.everywhere(SHOP) == [GOOD] * 3
    world.put(SHOP, BAD)
    assert function.invoke(sample("update")) is None
    assert world.everywhere(SHOP) == [GOOD] * 3
    assert world.subjects() == ["edgecors reverted: shop"]
    world.delete(SHOP)
    function.invoke(sample("delete"))
    assert world.everywhere(SHOP) == [None] * 3
    assert metrics_in(function.log) == {"Events": 3, "Replicated": 4, "InvalidPolicy": 1, "Reverted": 1}


def test_guard_event_of_another_region_does_nothing(world: World, function: LambdaRuntime) -> None:
    world.put(SHOP, GOOD)
    function.invoke(sample("create") | {"region": "eu-west-1"})
    assert world.everywhere(SHOP) == [GOOD, None, None]
    assert "not in the home Region" in function.log


def test_guard_failing_part_fails_the_invocation(world: World, function: LambdaRuntime) -> None:
    world.put(SHOP, "*")
    world.sns.delete_topic(TopicArn=world.topic)
    with pytest.raises(FunctionError) as raised:
        function.invoke(sample("create"))
    assert raised.value.payload["errorType"] == "Unfinished"
    assert world.everywhere(SHOP) == ["*"] * 3
    assert metrics_in(function.log)["WidenedPolicy"] == 1


def test_guard_queued_invalidation_does_nothing_in_the_viewer_setup(function: LambdaRuntime) -> None:
    assert function.invoke(sample("invalidate-later")) is None


def test_guard_scheduled_check_repairs_replicas_and_publishes_metrics(world: World, function: LambdaRuntime) -> None:
    world.put(SHOP, GOOD)
    world.ssm(REPLICAS[0]).put_parameter(Name=SHOP, Value="https://old.example.com", Type="String")
    assert function.invoke(sample("check-regions")) is None
    assert world.everywhere(SHOP) == [GOOD] * 3
    published = metrics_in(function.log)
    assert published["ReplicaDrift"] == 2
    # moto has no SEARCH expressions, so no Region's metrics could be read.
    assert published["RegionsUnchecked"] == len(EDGE_REGIONS)


def test_guard_signs_requests_to_key_value_stores(
    world: World, environment: dict[str, str], runtime_emulator: Path, built: Path
) -> None:
    """Their signatures need machine code. With the account before it, the host of the endpoint has no address."""
    arn = "arn:aws:cloudfront::123456789012:key-value-store/11112222-aaaa-bbbb-cccc-333344445555"
    stores = {"EDGECORS_KEY_VALUE_STORES": f"shop={arn}"}
    world.put(SHOP, GOOD)
    with LambdaRuntime(built / "GuardFunction", environment=environment | stores) as function:
        with pytest.raises(FunctionError) as raised:
            function.invoke(sample("create"))
        assert "update the store of shop: " in raised.value.payload["errorMessage"]
        assert "EndpointConnectionError" in raised.value.payload["errorMessage"]
    assert world.everywhere(SHOP) == [GOOD] * 3
    for machine in ("aarch64", "x86_64"):
        assert (built / "GuardFunction" / "native" / machine / "_awscrt.abi3.so").exists()

"""The scheduled check of all Regions that run edge functions."""

import boto3
import pytest
from edgecors_admin.errors import AwsError
from edgecors_admin.parameter_store import Parameters, Stored
from edgecors_admin.regions import EDGE_REGIONS

from functions.guard.edgecors_guard import replicas
from functions.guard.edgecors_guard.guard import Guard
from functions.guard.edgecors_guard.regions import SECONDS, check_regions
from tests.functions.guard.world import GOOD, HOME, PARTNERS, REPLICAS, ROOT, SHOP, World, metrics_of

GROUP = "/edgecors/edgecors/edge"
ALIAS = f"{ROOT}/aliases/E2EXAMPLE1234"


def retention(region: str) -> int | None:
    """The retention of the edge function's log group in a Region."""
    groups = boto3.client("logs", region_name=region).describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    return groups[0].get("retentionInDays") if groups else None


def test_edge_regions_are_the_thirteen_with_regional_edge_caches() -> None:
    assert len(set(EDGE_REGIONS)) == 13
    assert EDGE_REGIONS[0] == "us-east-1"


def test_check_regions_publishes_the_worst_values(world: World) -> None:
    world.cloudwatch["eu-west-1"].values = {("PolicyAge", "Maximum"): [90, 400], ("RefreshFailures", "Sum"): [1, 2]}
    world.cloudwatch["sa-east-1"].values = {
        ("PolicyAge", "Maximum"): [7500],
        ("RefreshFailures", "Sum"): [4],
        ("PolicyOverdue", "Sum"): [2],
    }
    guard = world.guard(replicas=())
    check_regions(guard)
    assert metrics_of(guard) == {
        "WorstPolicyAge": 7500,
        "EdgeRefreshFailures": 7,
        "EdgePolicyOverdue": 2,
        "RegionsUnchecked": 0,
    }
    units = {name: metric["Unit"] for name, metric in guard._metrics.provider.metric_set.items()}
    assert units.pop("WorstPolicyAge") == "Seconds"
    assert set(units.values()) == {"Count"}


def test_check_regions_no_data_publishes_zeros(world: World) -> None:
    """An alarm that once went off has to see that it is over."""
    guard = world.guard(replicas=())
    check_regions(guard)
    assert set(metrics_of(guard).values()) == {0}
    assert len(metrics_of(guard)) == 4


def test_check_regions_failing_region_does_not_hide_the_others(world: World) -> None:
    world.cloudwatch["us-east-1"].failing = True
    world.cloudwatch["ap-south-1"].failing = True
    world.cloudwatch["ap-northeast-2"].values = {("PolicyAge", "Maximum"): [300]}
    guard = world.guard(replicas=())
    check_regions(guard)
    assert metrics_of(guard)["WorstPolicyAge"] == 300
    assert metrics_of(guard)["RegionsUnchecked"] == 2
    assert world.log.count("region not checked") == 2
    assert "GetMetricData: AccessDenied" in world.log


def test_check_regions_sets_retention_where_the_log_group_exists(world: World) -> None:
    for region in ("us-east-1", "eu-west-2", "ap-southeast-1"):
        boto3.client("logs", region_name=region).create_log_group(logGroupName=GROUP)
    boto3.client("logs", region_name="eu-west-2").put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    guard = world.guard(replicas=(), edge_log_groups=(GROUP, "/aws/lambda/us-east-1.edge"), log_retention_days=30)
    check_regions(guard)
    expected = dict.fromkeys(("us-east-1", "eu-west-2", "ap-southeast-1"), 30)
    assert {region: retention(region) for region in EDGE_REGIONS} == {r: expected.get(r) for r in EDGE_REGIONS}
    assert metrics_of(guard)["RegionsUnchecked"] == 0


@pytest.fixture
def guard(world: World) -> Guard:
    """A guard whose replicas agree with the home Region: two valid values, an invalid one, and an alias."""
    guard = world.guard()
    for name, value in ((SHOP, GOOD), (PARTNERS, GOOD), (ALIAS, "shop")):
        guard.handle_change(world.put(name, value))
    guard.handle_change(world.put(PARTNERS, "a sentence"))
    world.notices()
    return guard


def test_check_regions_replicas_that_agree_are_left_alone(world: World, guard: Guard) -> None:
    check_regions(guard)
    assert "ReplicaDrift" not in metrics_of(guard)
    assert [world.history(PARTNERS, region) for region in REPLICAS] == [[(1, GOOD)]] * 2


@pytest.mark.parametrize(
    ("name", "drifted", "expected"),
    [
        pytest.param(SHOP, "https://old.example.com", GOOD, id="another value"),
        pytest.param(SHOP, None, GOOD, id="a missing copy"),
        pytest.param(PARTNERS, "a sentence", GOOD, id="a copy of an invalid value"),
        pytest.param(ALIAS, "other", "shop", id="another alias"),
        pytest.param(f"{ROOT}/sites/gone", GOOD, None, id="a copy of a deleted parameter"),
        pytest.param(f"{ROOT}/lists/gone", GOOD, None, id="a copy of a deleted list"),
    ],
)
def test_check_regions_drifted_replica_is_repaired(
    world: World, guard: Guard, name: str, drifted: str | None, expected: str | None
) -> None:
    client = world.ssm(REPLICAS[1])
    if drifted is None:
        client.delete_parameter(Name=name)
    else:
        client.put_parameter(Name=name, Value=drifted, Type="String", Overwrite=True)
    home = world.value(name)
    check_regions(guard)
    assert world.everywhere(name) == [home, expected, expected]
    assert metrics_of(guard)["ReplicaDrift"] == 1
    assert "replica repaired" in world.log
    # Neither the home Region nor people are bothered.
    assert world.notices() == []


def test_check_regions_write_during_the_check_is_not_overtaken(
    world: World, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check has read the home Region when somebody writes; the new value is copied, not the one that was read."""
    world.ssm(REPLICAS[0]).delete_parameter(Name=SHOP)
    parameters = guard.clients.parameters(REPLICAS[0])
    written: list[str] = []

    def write_meanwhile(**_: object) -> None:
        if not written:
            written.append("https://newer.example.com")
            world.put(SHOP, written[0])

    parameters.client.meta.events.register("provide-client-params.ssm.GetParametersByPath", write_meanwhile)
    check_regions(guard)
    assert world.value(SHOP, REPLICAS[0]) == "https://newer.example.com"


def test_check_regions_write_during_a_repair_is_copied_too(
    world: World, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another execution environment handles the event first; the repair must not leave the older value behind."""
    world.ssm(REPLICAS[0]).delete_parameter(Name=SHOP)
    newer = "https://newer.example.com"
    copy_to = replicas.copy_to

    def overtaken(replica: Parameters, home: Stored) -> bool:
        monkeypatch.setattr(replicas, "copy_to", copy_to)
        world.guard().handle_change(world.put(SHOP, newer))
        return copy_to(replica, home)

    monkeypatch.setattr(replicas, "copy_to", overtaken)
    check_regions(guard)
    assert world.everywhere(SHOP) == [newer] * 3


def test_check_regions_unreadable_parameter_is_neither_copied_nor_deleted(world: World, guard: Guard) -> None:
    name = f"{ROOT}/sites/locked"
    world.put(name, GOOD, Type="SecureString")
    world.ssm(REPLICAS[0]).put_parameter(Name=name, Value=GOOD, Type="SecureString")
    world.locked.add(name)
    check_regions(guard)
    assert world.everywhere(name) == [GOOD, GOOD, None]


def test_check_regions_replica_that_fails_is_counted(world: World, guard: Guard) -> None:
    broken = guard.clients._session.client("ssm", region_name="eu-west-3", endpoint_url="http://127.0.0.1:9")
    failing = world.guard(replicas=("eu-west-3", *REPLICAS))
    failing.clients._regional["ssm", "eu-west-3"] = broken
    world.ssm(REPLICAS[1]).delete_parameter(Name=SHOP)
    check_regions(failing)
    assert world.everywhere(SHOP) == [GOOD] * 3
    assert metrics_of(failing)["RegionsUnchecked"] == 1


@pytest.mark.parametrize("error", [AwsError("refused", "PutParameter: refused"), IndexError("https://a.example.com")])
def test_check_regions_parameter_that_fails_does_not_keep_the_others_from_being_repaired(
    world: World, guard: Guard, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """One owner's value that the guard can't handle is that owner's problem alone."""
    copy = replicas.copy_to

    def fail_for_partners(replica: Parameters, good: Stored) -> bool:
        if good.name == PARTNERS:
            raise error
        return copy(replica, good)

    monkeypatch.setattr(replicas, "copy_to", fail_for_partners)
    # The list comes before the site.
    for name in (PARTNERS, SHOP):
        world.ssm(REPLICAS[0]).delete_parameter(Name=name)
    check_regions(guard)
    assert world.value(PARTNERS, REPLICAS[0]) is None
    assert world.value(SHOP, REPLICAS[0]) == GOOD
    assert metrics_of(guard)["RegionsUnchecked"] == 1
    line = next(line for line in world.log.splitlines() if "region not checked" in line)
    assert PARTNERS in line
    assert "a.example.com" not in line


def test_check_regions_out_of_time_leaves_the_rest_to_the_next_run(world: World) -> None:
    guard = world.guard(replicas=REPLICAS)
    world.put(SHOP, GOOD)
    double = world.cloudwatch["ap-northeast-2"]
    read = double.get_metric_data

    def read_slowly(**request: object) -> dict[str, object]:
        world.now += SECONDS + 1
        return read(**request)

    double.get_metric_data = read_slowly  # type: ignore[method-assign]
    check_regions(guard)
    assert world.everywhere(SHOP) == [GOOD, None, None]
    assert metrics_of(guard)["RegionsUnchecked"] == len(REPLICAS)
    assert guard.settings.region == HOME

"""Good values are copied to other Regions; a Region that fails does not affect the others."""

import threading
from dataclasses import replace

import pytest
from edgecors_admin.errors import AwsError
from edgecors_admin.parameter_store import Parameters, Stored

from functions.guard.edgecors_guard import replicas
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.home import HomeParameters
from tests.functions.guard.world import BAD, GOOD, HOME, PARTNERS, REPLICAS, ROOT, SHOP, World, metrics_of

LONG = " ".join(f"https://n{number}.example.com" for number in range(180))
ALIAS = f"{ROOT}/aliases/E2EXAMPLE1234"


@pytest.mark.parametrize(("name", "value"), [(SHOP, GOOD), (PARTNERS, GOOD), (ALIAS, "shop")])
def test_replicas_value_is_copied_once_and_deleted_again(world: World, name: str, value: str) -> None:
    guard = world.guard()
    event = world.put(name, value)
    guard.handle_change(event)
    guard.handle_change(event)
    assert [world.history(name, region) for region in REPLICAS] == [[(1, value)]] * 2
    event = world.delete(name)
    guard.handle_change(event)
    guard.handle_change(event)
    assert world.everywhere(name) == [None, None, None]
    assert metrics_of(guard)["Replicated"] == 4


@pytest.mark.parametrize("type", ["String", "StringList", "SecureString"])
def test_replicas_copy_has_type_and_tier(world: World, type: str) -> None:
    world.guard().handle_change(world.put(SHOP, LONG, Type=type, Tier="Advanced", Description="The shop's pages"))
    for region in REPLICAS:
        copy = world.parameter(SHOP, region)
        assert copy is not None
        assert (copy["Value"], copy["Type"]) == (LONG, type)
        [described] = world.ssm(region).describe_parameters()["Parameters"]
        assert (described["Tier"], described["Description"]) == ("Advanced", "The shop's pages")


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("alias/aws/ssm", "alias/aws/ssm"),
        ("alias/ours", "alias/ours"),
        ("arn:aws:kms:us-east-1:123456789012:alias/ours", "alias/ours"),
        ("arn:aws:kms:us-east-1:123456789012:key/mrk-1234", "mrk-1234"),
        ("mrk-1234", "mrk-1234"),
    ],
)
def test_replicas_key_is_named_as_the_other_region_knows_it(world: World, key: str, there: str) -> None:
    world.guard().handle_change(world.put(SHOP, GOOD, Type="SecureString", KeyId=key))
    [described] = world.ssm(REPLICAS[0]).describe_parameters()["Parameters"]
    assert described["KeyId"] == there


def test_replicas_parameter_created_again_with_another_type_is_copied(world: World) -> None:
    """Parameter Store can't change a parameter's type, so the copy has to be created again too."""
    guard = world.guard()
    guard.handle_change(world.put(SHOP, GOOD, Type="StringList"))
    world.delete(SHOP)
    guard.handle_change(world.put(SHOP, GOOD, Type="SecureString"))
    for region in REPLICAS:
        copy = world.parameter(SHOP, region)
        assert copy is not None
        assert (copy["Type"], copy["Version"]) == ("SecureString", 1)


def test_replicas_advanced_copy_stays_advanced(world: World) -> None:
    """Parameter Store refuses the way back to the standard tier."""
    guard = world.guard()
    guard.handle_change(world.put(SHOP, LONG, Tier="Advanced"))
    world.delete(SHOP)
    guard.handle_change(world.put(SHOP, GOOD, Tier="Standard"))
    for region in REPLICAS:
        assert world.value(SHOP, region) == GOOD
        assert world.ssm(region).describe_parameters()["Parameters"][0]["Tier"] == "Advanced"


@pytest.mark.parametrize(("name", "good", "bad"), [(SHOP, GOOD, BAD), (ALIAS, "shop", "https://shop.example.com")])
def test_replicas_invalid_value_leaves_the_last_good_one(world: World, name: str, good: str, bad: str) -> None:
    world.put(name, good)
    world.guard().handle_change(world.put(name, bad))
    assert world.everywhere(name) == [bad, good, good]
    assert bad not in [value for region in REPLICAS for _, value in world.history(name, region)]


def test_replicas_regions_that_do_not_answer_are_waited_for_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, seven of them would use up the function's time."""
    guard = world.guard()
    event = world.put(SHOP, GOOD)
    waiting = threading.Barrier(len(REPLICAS))

    def time_out(*_: object) -> bool:
        waiting.wait(20)
        raise AwsError("no answer", "ReadTimeoutError")

    monkeypatch.setattr(replicas, "copy_to", time_out)
    with pytest.raises(Unfinished) as raised:
        guard.handle_change(event)
    expected = [f"copy to {region}: no answer (ReadTimeoutError)" for region in REPLICAS]
    assert list(raised.value.failures) == expected
    assert metrics_of(guard)["ReplicationFailures"] == len(REPLICAS)


def test_replicas_no_good_version_deletes_the_copy(world: World) -> None:
    """A replica's value from before the parameter was deleted and created again must not live on."""
    guard = world.guard()
    guard.handle_change(world.put(SHOP, GOOD))
    world.delete(SHOP)
    guard.handle_change(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, None, None]


def test_replicas_failing_region_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at that Region's endpoint.
    guard = world.guard(replicas=(REPLICAS[0], "eu-central-1", REPLICAS[1]))
    session = guard.clients._session
    broken = session.client("ssm", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9")
    guard.clients._regional["ssm", "eu-central-1"] = broken
    value = "https://app.example.com http//typo"
    with pytest.raises(Unfinished, match=r"copy to eu-central-1: .*Could not connect"):
        guard.handle_change(world.put(SHOP, value))
    assert [world.value(SHOP, region) for region in REPLICAS] == [value] * 2
    assert world.subjects() == ["edgecors entries skipped: shop"]
    assert metrics_of(guard)["ReplicationFailures"] == 1


def test_replicas_internal_error_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = world.guard()
    copy = replicas.copy_to

    def fail_in_the_first(replica: Parameters, good: Stored) -> bool:
        if replica.client.meta.region_name == REPLICAS[0]:
            raise StopIteration("https://secret.example.com")
        return copy(replica, good)

    monkeypatch.setattr(replicas, "copy_to", fail_in_the_first)
    reason = rf"copy to {REPLICAS[0]}: internal error: StopIteration at test_replicas.py:\d+$"
    with pytest.raises(Unfinished, match=reason):
        guard.handle_change(world.put(SHOP, GOOD))
    assert world.everywhere(SHOP) == [GOOD, None, GOOD]
    assert metrics_of(guard)["ReplicationFailures"] == 1


def test_replicas_invalid_region_does_not_stop_the_others(world: World) -> None:
    guard = world.guard(replicas=("eu west 1", *REPLICAS))
    with pytest.raises(Unfinished, match=r"copy to eu west 1: .*InvalidRegionError"):
        guard.handle_change(world.put(SHOP, GOOD))
    assert world.everywhere(SHOP) == [GOOD] * 3


def test_replicas_failing_topic_does_not_stop_the_others(world: World) -> None:
    guard = world.guard(topic="arn:aws:sns:us-east-1:123456789012:nobody", auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    with pytest.raises(Unfinished, match=r"publish: .*NotFound"):
        guard.handle_change(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [GOOD] * 3


@pytest.mark.parametrize("newer", ["https://newer.example.com", None])
def test_replicas_overtaken_copy_is_repaired(world: World, monkeypatch: pytest.MonkeyPatch, newer: str | None) -> None:
    """Another execution environment has copied a newer value, or a deletion, when this one copies an older value."""
    guard, other = world.guard(), world.guard()
    event = world.put(SHOP, GOOD)
    copy_to = replicas.copy_to

    def copy_late(replica: Parameters, home: Stored) -> bool:
        monkeypatch.setattr(replicas, "copy_to", copy_to)
        other.handle_change(world.delete(SHOP) if newer is None else world.put(SHOP, newer))
        return copy_to(replica, home)

    monkeypatch.setattr(replicas, "copy_to", copy_late)
    guard.handle_change(event)
    assert world.everywhere(SHOP) == [newer] * 3


def test_guard_parameter_that_keeps_changing_is_left_to_a_later_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = world.guard(replicas=())
    event = world.put(SHOP, GOOD)
    current = HomeParameters.current

    def change_and_read(home: HomeParameters, name: str) -> Stored | None:
        world.put(SHOP, GOOD)
        return current(home, name)

    monkeypatch.setattr(HomeParameters, "current", change_and_read)
    with pytest.raises(Unfinished, match="keeps changing"):
        guard.handle_change(event)


def test_below_many_pages_returns_all_sites(world: World) -> None:
    """GetParametersByPath returns ten at most."""
    for number in range(23):
        world.put(f"{ROOT}/sites/site-{number}", "@partners")
    world.ssm().put_parameter(Name=f"{ROOT}/sites/deeper/one", Value="@partners", Type="String")
    sites, unreadable = world.guard().clients.parameters(HOME).below("sites")
    assert (set(sites), unreadable) == ({f"site-{number}" for number in range(23)}, {})


def test_below_empty_page_is_not_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto never returns an empty page with a token, as Parameter Store may."""
    world.put(SHOP, GOOD)
    parameters = world.guard().clients.parameters(HOME)
    tokens: list[object] = []

    def empty_first(params: dict[str, object], **_: object) -> None:
        tokens.append(params.get("NextToken"))
        params.pop("NextToken", None)

    def remove_items(parsed: dict[str, object], **_: object) -> None:
        if len(tokens) == 1:
            parsed.update(Parameters=[], NextToken="more")

    parameters.client.meta.events.register("provide-client-params.ssm.GetParametersByPath", empty_first)
    parameters.client.meta.events.register("after-call.ssm.GetParametersByPath", remove_items)
    assert list(parameters.below("sites")[0]) == ["shop"]
    assert tokens == [None, "more"]


def test_below_locked_parameter_does_not_hide_the_others(world: World) -> None:
    world.put(SHOP, GOOD, Type="SecureString")
    world.put(f"{ROOT}/sites/locked", GOOD, Type="SecureString")
    world.lock(f"{ROOT}/sites/locked")
    sites, unreadable = world.guard().clients.parameters(HOME).below("sites")
    assert ({name: site.value for name, site in sites.items()}, list(unreadable)) == ({"shop": GOOD}, ["locked"])


def test_is_same_write_parameter_created_again_is_another(world: World) -> None:
    parameters = world.guard().clients.parameters(HOME)
    world.put(SHOP, GOOD)
    stored = parameters.get(SHOP)
    assert stored is not None
    assert stored.modified is not None
    assert stored.is_same_write(parameters.get(SHOP))
    assert not stored.is_same_write(replace(stored, modified=stored.modified.replace(year=2020)))
    assert not stored.is_same_write(None)

"""Good values are copied to other Regions; a Region that fails takes nothing else along."""

import pytest
from botocore.client import BaseClient

from functions.guard.edgecors_guard import replicas
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.parameters import Home
from tests.guard.world import BAD, GOOD, HOME, PARTNERS, REPLICAS, ROOT, SHOP, World, counted

LONG = " ".join(f"https://n{number}.example.com" for number in range(180))


@pytest.mark.parametrize("name", [SHOP, PARTNERS])
def test_a_value_is_copied_once_and_deleted_again(world: World, name: str) -> None:
    guard = world.guard()
    event = world.put(name, GOOD)
    guard.changed(event)
    guard.changed(event)
    assert [world.history(name, region) for region in REPLICAS] == [[(1, GOOD)]] * 2
    event = world.delete(name)
    guard.changed(event)
    guard.changed(event)
    assert world.everywhere(name) == [None, None, None]
    assert counted(guard) == {"Replicated": 4}


@pytest.mark.parametrize("type", ["String", "StringList", "SecureString"])
def test_type_and_tier_are_kept(world: World, type: str) -> None:
    world.guard().changed(world.put(SHOP, LONG, Type=type, Tier="Advanced", Description="The shop's pages"))
    for region in REPLICAS:
        found = world.parameter(SHOP, region)
        assert found is not None
        assert (found["Value"], found["Type"]) == (LONG, type)
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
def test_a_key_is_named_as_the_other_region_knows_it(world: World, key: str, there: str) -> None:
    world.guard().changed(world.put(SHOP, GOOD, Type="SecureString", KeyId=key))
    [described] = world.ssm(REPLICAS[0]).describe_parameters()["Parameters"]
    assert described["KeyId"] == there


def test_a_parameter_made_again_with_another_type_is_copied(world: World) -> None:
    """The type of a parameter can't be changed, so the copy has to be made again too."""
    guard = world.guard()
    guard.changed(world.put(SHOP, GOOD, Type="StringList"))
    world.delete(SHOP)
    guard.changed(world.put(SHOP, GOOD, Type="SecureString"))
    for region in REPLICAS:
        found = world.parameter(SHOP, region)
        assert found is not None
        assert (found["Type"], found["Version"]) == ("SecureString", 1)


def test_an_advanced_copy_stays_advanced(world: World) -> None:
    """Parameter Store refuses the way back to the standard tier."""
    guard = world.guard()
    guard.changed(world.put(SHOP, LONG, Tier="Advanced"))
    world.delete(SHOP)
    guard.changed(world.put(SHOP, GOOD, Tier="Standard"))
    for region in REPLICAS:
        assert world.value(SHOP, region) == GOOD
        assert world.ssm(region).describe_parameters()["Parameters"][0]["Tier"] == "Advanced"


def test_an_invalid_value_is_never_copied_the_last_good_one_is(world: World) -> None:
    world.put(SHOP, GOOD)
    world.guard().changed(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, GOOD, GOOD]
    assert BAD not in [value for region in REPLICAS for _, value in world.history(SHOP, region)]


def test_with_no_good_version_a_region_asks_the_home_region(world: World) -> None:
    """What a replica held before the parameter was deleted and made again must not live on."""
    guard = world.guard()
    guard.changed(world.put(SHOP, GOOD))
    world.delete(SHOP)
    guard.changed(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, None, None]


def test_a_region_that_fails_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Region that can't even be reached: nothing listens there.
    guard = world.guard(replicas=(REPLICAS[0], "eu-central-1", REPLICAS[1]))
    session = guard._clients._session
    broken = session.client("ssm", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9")
    ssm = guard._clients.ssm
    monkeypatch.setattr(guard._clients, "ssm", lambda region: broken if region == "eu-central-1" else ssm(region))
    event = world.put(SHOP, "https://app.example.com http//typo")
    with pytest.raises(Unfinished, match="copy to eu-central-1: Could not connect"):
        guard.changed(event)
    assert [world.value(SHOP, region) for region in REPLICAS] == ["https://app.example.com http//typo"] * 2
    assert world.subjects() == ["edgecors entries skipped: shop"]
    assert counted(guard)["ReplicationFailures"] == 1


def test_a_topic_that_fails_does_not_stop_the_others(world: World) -> None:
    guard = world.guard(topic="arn:aws:sns:us-east-1:123456789012:nobody", auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    with pytest.raises(Unfinished, match=r"tell: .*NotFound"):
        guard.changed(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [GOOD] * 3


def test_a_copy_that_was_overtaken_is_repaired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another environment has copied a newer value already when this one writes an older one."""
    guard, other = world.guard(), world.guard()
    event = world.put(SHOP, GOOD)
    copy = replicas.copy

    def late(client: BaseClient, version: object) -> bool:
        monkeypatch.setattr(replicas, "copy", copy)
        other.changed(world.put(SHOP, "https://newer.example.com"))
        return copy(client, version)  # type: ignore[arg-type]

    monkeypatch.setattr(replicas, "copy", late)
    guard.changed(event)
    assert world.everywhere(SHOP) == ["https://newer.example.com"] * 3


def test_a_copy_does_not_bring_a_deleted_parameter_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, other = world.guard(), world.guard()
    event = world.put(SHOP, GOOD)
    copy = replicas.copy

    def late(client: BaseClient, version: object) -> bool:
        monkeypatch.setattr(replicas, "copy", copy)
        other.changed(world.delete(SHOP))
        return copy(client, version)  # type: ignore[arg-type]

    monkeypatch.setattr(replicas, "copy", late)
    guard.changed(event)
    assert world.everywhere(SHOP) == [None] * 3


def test_a_parameter_that_keeps_changing_is_left_to_a_later_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = world.guard(replicas=())
    event = world.put(SHOP, GOOD)
    current = Home.current

    def restless(home: Home, name: str) -> object:
        world.put(SHOP, GOOD)
        return current(home, name)

    monkeypatch.setattr(Home, "current", restless)
    with pytest.raises(Unfinished, match="keeps changing"):
        guard.changed(event)


def test_all_sites_are_looked_at_however_many_pages_they_take(world: World) -> None:
    """GetParametersByPath gives ten at most."""
    for number in range(23):
        world.put(f"{ROOT}/sites/site-{number}", "@partners")
    world.ssm().put_parameter(Name=f"{ROOT}/sites/deeper/one", Value="@partners", Type="String")
    home = Home(world.ssm(HOME), ROOT)
    assert {site.short for site in home.sites()} == {f"site-{number}" for number in range(23)}


class Pages:
    """Stands in for what moto never does: a page without parameters that is not the last."""

    def __init__(self, *pages: dict[str, object]) -> None:
        self.pages = list(pages)
        self.asked: list[object] = []

    def get_parameters_by_path(self, **request: object) -> dict[str, object]:
        self.asked.append(request.get("NextToken"))
        return self.pages.pop(0)


def test_an_empty_page_is_not_the_end(world: World) -> None:
    world.put(SHOP, GOOD)
    last = world.ssm().get_parameters_by_path(Path=f"{ROOT}/sites")["Parameters"]
    client = Pages({"Parameters": [], "NextToken": "more"}, {"Parameters": last})
    assert [site.short for site in Home(client, ROOT).sites()] == ["shop"]  # type: ignore[arg-type]
    assert client.asked == [None, "more"]

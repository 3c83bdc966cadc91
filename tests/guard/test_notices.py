"""What people are told, and what nobody is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from functions.guard.edgecors_guard import replicas
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.parameters import History, Version
from functions.guard.edgecors_guard.review import opened
from tests.guard.world import BAD, GOOD, PARTNERS, ROOT, SHOP, WILD, World, counted


def test_opening_a_site_to_everyone_is_told(world: World) -> None:
    guard = world.guard()
    guard.changed(world.put(SHOP, GOOD))
    guard.changed(world.put(SHOP, WILD))
    [(subject, text)] = world.notices()
    assert subject == "edgecors open to everyone: shop"
    assert "Version 2 of /edgecors/sites/shop opens it to everyone" in text
    assert counted(guard)["WidenedPolicy"] == 1
    # It is valid: copied, and not taken away.
    assert world.everywhere(SHOP) == [WILD] * 3


def test_a_site_that_is_open_from_the_start_is_told_too(world: World) -> None:
    world.guard().changed(world.put(SHOP, "*"))
    assert world.subjects() == ["edgecors open to everyone: shop"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 1, 0)])
def test_opening_is_told_though_it_was_written_over_before_the_guard_saw_it(
    world: World, order: tuple[int, ...]
) -> None:
    """Only the event of the version that opened it, or one before, tells; whichever comes first."""
    world.put(SHOP, GOOD)
    events = [
        world.event(SHOP, age=timedelta(minutes=3)),
        world.put(SHOP, WILD),
        world.put(SHOP, WILD.replace("}]", ', "max_age": 60}]')),
    ]
    guard = world.guard()
    for number in order:
        guard.changed(events[number])
    assert world.subjects() == ["edgecors open to everyone: shop"]


def test_a_later_change_of_an_open_site_tells_nothing(world: World) -> None:
    world.put(SHOP, WILD)
    change = world.put(SHOP, WILD.replace("}]", ', "max_age": 60}]'))
    much_later = type(change)(change.name, change.kind, change.short, change.time + timedelta(hours=1))  # type: ignore[operator,arg-type]
    guard = world.guard()
    guard.changed(much_later)
    assert world.notices() == []
    assert "WidenedPolicy" not in counted(guard)


def test_putting_an_open_policy_back_opens_nothing(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, WILD))
    world.notices()
    guard.changed(world.put(SHOP, BAD))
    assert world.value(SHOP) == WILD
    assert world.subjects() == ["edgecors put back: shop"]


def test_a_deleted_list_that_policies_name_is_told(world: World) -> None:
    guard = world.guard()
    world.put(PARTNERS, GOOD)
    world.put(SHOP, "@partners")
    world.put(f"{ROOT}/sites/other", GOOD)
    guard.changed(world.delete(PARTNERS))
    [(subject, text)] = world.notices()
    assert subject == "edgecors list deleted: partners"
    assert "@partners: shop. It allows nobody there." in text
    world.put(PARTNERS, GOOD)
    world.delete(SHOP)
    guard.changed(world.delete(PARTNERS))
    assert world.notices() == []


def test_long_names_and_many_findings_fit(world: World) -> None:
    name = f"{ROOT}/sites/{'n' * 200}"
    world.guard().changed(world.put(name, GOOD + " http//x" * 60))
    [(subject, text)] = world.notices()
    assert len(subject) == 100
    assert "and 40 more" in text


@pytest.mark.parametrize("value", [f"{GOOD} http//secret.example", "secret.example", '{"secret.example": 1}'])
@pytest.mark.parametrize("auto_revert", [False, True])
def test_nothing_of_a_secure_string_is_shown(world: World, value: str, auto_revert: bool) -> None:
    guard = world.guard(auto_revert=auto_revert)
    guard.changed(world.put(SHOP, GOOD, Type="SecureString"))
    guard.changed(world.put(SHOP, value, Type="SecureString"))
    [(_, text)] = world.notices()
    assert "(the value is not shown)" in text
    assert "findings" in world.log
    assert "example" not in text + world.log


def test_nothing_of_a_secure_list_is_shown_where_a_plain_policy_uses_it(
    world: World,
) -> None:
    world.put(PARTNERS, f"{GOOD} http//secret.example", Type="SecureString")
    world.guard().changed(world.put(SHOP, "@partners"))
    [(_, text)] = world.notices()
    assert "@partners[1]" in text
    assert "secret" not in text + world.log


def test_a_service_that_quotes_a_secure_string_is_not_quoted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Value 'https://secret.example' failed to satisfy constraint"

    def refuse(*_: object, **__: object) -> bool:
        raise ClientError({"Error": {"Code": "ValidationException", "Message": words}}, "PutParameter")

    monkeypatch.setattr(replicas, "write", refuse)
    guard = world.guard()
    with pytest.raises(Unfinished, match="copy to eu-west-1: PutParameter: ValidationException") as raised:
        guard.changed(world.put(SHOP, "https://secret.example", Type="SecureString"))
    assert "secret" not in str(raised.value) + world.log
    world.delete(SHOP)
    with pytest.raises(Unfinished, match="failed to satisfy constraint"):
        guard.changed(world.put(SHOP, GOOD))


def test_a_version_that_never_served_closes_nothing() -> None:
    """The site was open before a value that is rejected, so opening it again is no news."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    values = (GOOD, WILD, BAD, WILD)
    versions = [Version(SHOP, value, "String", n, start + timedelta(hours=n)) for n, value in enumerate(values, 1)]
    opening = opened(History(versions[-1], tuple(versions[:-1])))
    assert opening is not None
    assert opening[0].number == 2

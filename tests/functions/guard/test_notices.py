"""The notices that people get, and what no notice and no log line shows."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from edgecors_admin.account import aws_errors
from edgecors_admin.parameter_store import Stored

from functions.guard.edgecors_guard import replicas
from functions.guard.edgecors_guard.change import Change
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.home import History
from functions.guard.edgecors_guard.review import opened_to_everyone
from tests.functions.guard.world import BAD, GOOD, PARTNERS, ROOT, SHOP, WILD, World, metrics_of

ALIAS = f"{ROOT}/aliases/E2EXAMPLE1234"
WITH_CREDENTIALS = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'


def test_notice_site_opened_to_everyone_is_reported(world: World) -> None:
    guard = world.guard()
    guard.handle_change(world.put(SHOP, GOOD))
    guard.handle_change(world.put(SHOP, WILD))
    [(subject, text)] = world.notices()
    assert subject == "edgecors open to everyone: shop"
    assert "Version 2 of /edgecors/sites/shop opens the site to everyone" in text
    assert metrics_of(guard)["WidenedPolicy"] == 1
    # It is valid: copied, and not reverted.
    assert world.everywhere(SHOP) == [WILD] * 3


def test_notice_new_open_site_is_reported(world: World) -> None:
    world.guard().handle_change(world.put(SHOP, "*"))
    assert world.subjects() == ["edgecors open to everyone: shop"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 1, 0)])
def test_notice_opening_replaced_before_its_event_is_reported_once(world: World, order: tuple[int, ...]) -> None:
    """Only the event of the version that opened the site, or of one before, reports it; whichever comes first."""
    world.put(SHOP, GOOD)
    events = [
        world.event(SHOP, age=timedelta(minutes=3)),
        world.put(SHOP, WILD),
        world.put(SHOP, WILD.replace("}]", ', "max_age": 60}]')),
    ]
    guard = world.guard()
    for number in order:
        guard.handle_change(events[number])
    assert world.subjects() == ["edgecors open to everyone: shop"]


def test_notice_later_change_of_an_open_site_reports_nothing(world: World) -> None:
    world.put(SHOP, WILD)
    change = world.put(SHOP, WILD.replace("}]", ', "max_age": 60}]'))
    assert change.time is not None
    much_later = Change(change.name, change.kind, change.short_name, change.time + timedelta(hours=1))
    guard = world.guard()
    guard.handle_change(much_later)
    assert world.notices() == []
    assert "WidenedPolicy" not in metrics_of(guard)


def test_notice_reverting_to_an_open_policy_reports_no_opening(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, WILD))
    world.notices()
    guard.handle_change(world.put(SHOP, BAD))
    assert world.value(SHOP) == WILD
    assert world.subjects() == ["edgecors reverted: shop"]


def test_notice_deleted_list_in_use_is_reported(world: World) -> None:
    guard = world.guard()
    world.put(PARTNERS, GOOD)
    world.put(SHOP, "@partners")
    world.put(f"{ROOT}/sites/other", GOOD)
    guard.handle_change(world.delete(PARTNERS))
    [(subject, text)] = world.notices()
    assert subject == "edgecors list deleted: partners"
    assert "@partners: shop. The list allows nobody there." in text
    world.put(PARTNERS, GOOD)
    world.delete(SHOP)
    guard.handle_change(world.delete(PARTNERS))
    assert world.notices() == []


def test_notice_deleted_site_with_aliases_is_reported(world: World) -> None:
    guard = world.guard()
    world.put(SHOP, GOOD)
    world.put(ALIAS, "shop")
    world.put(f"{ROOT}/aliases/E3", "other")
    guard.handle_change(world.delete(SHOP))
    [(subject, text)] = world.notices()
    assert subject == "edgecors site deleted: shop"
    assert "aliases still name it: E2EXAMPLE1234." in text


def test_notice_alias_of_a_missing_site_is_reported(world: World) -> None:
    guard = world.guard()
    guard.handle_change(world.put(ALIAS, "shop"))
    assert world.everywhere(ALIAS) == ["shop"] * 3
    [(subject, text)] = world.notices()
    assert subject == "edgecors inconsistent: E2EXAMPLE1234"
    assert "site-missing" in text
    world.put(SHOP, GOOD)
    guard.handle_change(world.put(ALIAS, "shop"))
    assert world.notices() == []


def test_notice_missing_list_is_reported_with_the_site(world: World) -> None:
    world.guard().handle_change(world.put(SHOP, "@partners"))
    [(subject, text)] = world.notices()
    assert subject == "edgecors inconsistent: shop"
    assert "list-missing" in text


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("https://*.github.io", "public-suffix"),
        ("http://app.example.com", "insecure-origin"),
        ("null", "null-with-credentials"),
    ],
)
@pytest.mark.parametrize("changed", [SHOP, PARTNERS])
def test_notice_entry_unsafe_with_credentials_is_reported(world: World, changed: str, entry: str, code: str) -> None:
    """Whichever was written last: nothing is reverted, both are copied, and people learn of it."""
    guard = world.guard(auto_revert=True)
    values = {SHOP: WITH_CREDENTIALS, PARTNERS: f"{GOOD}, {entry}"}
    first = PARTNERS if changed == SHOP else SHOP
    world.put(first, values[first])
    guard.handle_change(world.put(changed, values[changed]))
    guard.handle_change(world.event(first))
    assert [world.everywhere(name) for name in values] == [[value] * 3 for value in values.values()]
    notices = dict(world.notices())
    assert set(notices) == {"edgecors inconsistent: shop", "edgecors inconsistent: partners"}
    for text in notices.values():
        assert "/edgecors/sites/shop: " in text
        assert code in text
    assert "Reverted" not in metrics_of(guard)


def test_notice_entry_unsafe_with_credentials_elsewhere_is_not_reported(world: World) -> None:
    """A rule of the same site without credentials, or with the error tolerated, is no reason for a notice."""
    rules = (
        '{"paths": ["/a/*"], "allow_origins": ["@partners"]},'
        '{"paths": ["/b/*"], "allow_origins": ["@partners"], "allow_credentials": true, "tolerate": "public-suffix"}'
    )
    world.put(SHOP, f'{{"version": 1, "rules": [{rules}]}}')
    world.guard().handle_change(world.put(PARTNERS, "https://*.github.io"))
    assert world.notices() == []


def test_notice_long_name_and_many_findings_fit(world: World) -> None:
    name = f"{ROOT}/sites/{'n' * 200}"
    world.guard().handle_change(world.put(name, GOOD + " http//x" + "".join(f" http//x{n}" for n in range(59))))
    [(subject, text)] = world.notices()
    assert len(subject) == 100
    assert "and 40 more" in text


@pytest.mark.parametrize("value", [f"{GOOD} http//secret.example", "secret.example", '{"secret.example": 1}'])
@pytest.mark.parametrize("auto_revert", [False, True])
def test_notice_secure_string_shows_no_value(world: World, value: str, auto_revert: bool) -> None:
    guard = world.guard(auto_revert=auto_revert)
    guard.handle_change(world.put(SHOP, GOOD, Type="SecureString"))
    guard.handle_change(world.put(SHOP, value, Type="SecureString"))
    [(_, text)] = world.notices()
    assert "(the value is not shown)" in text
    assert "findings" in world.log
    assert "example" not in text + world.log


def test_notice_secure_list_shows_no_value_where_a_plain_policy_uses_it(world: World) -> None:
    world.put(PARTNERS, f"{GOOD} http://secret.example", Type="SecureString")
    world.guard().handle_change(world.put(SHOP, WITH_CREDENTIALS))
    [(_, text)] = world.notices()
    assert "insecure-origin at @partners" in text
    assert "secret" not in text + world.log


def test_notice_secure_alias_shows_no_value(world: World) -> None:
    world.guard().handle_change(world.put(ALIAS, "secret-site", Type="SecureString"))
    [(_, text)] = world.notices()
    assert "site-missing" in text
    assert "secret-site" not in text + world.log


def test_failure_of_a_service_that_quotes_a_secure_string_is_not_quoted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Value 'https://secret.example' failed to satisfy constraint"

    def refuse(*_: object, **__: object) -> bool:
        with aws_errors():
            raise ClientError({"Error": {"Code": "ValidationException", "Message": words}}, "PutParameter")

    monkeypatch.setattr(replicas, "copy_to", refuse)
    guard = world.guard()
    with pytest.raises(Unfinished, match="copy to eu-west-1: PutParameter: ValidationException") as raised:
        guard.handle_change(world.put(SHOP, "https://secret.example", Type="SecureString"))
    assert "secret" not in str(raised.value) + world.log
    world.delete(SHOP)
    with pytest.raises(Unfinished, match="failed to satisfy constraint"):
        guard.handle_change(world.put(SHOP, GOOD))


def test_opened_to_everyone_rejected_version_closes_nothing() -> None:
    """The site was open before a value that is rejected and never served, so opening it again is not news."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    values = (GOOD, WILD, BAD, WILD)
    versions = [Stored(SHOP, value, "String", n, start + timedelta(hours=n)) for n, value in enumerate(values, 1)]
    opening = opened_to_everyone(History(versions[-1], tuple(versions[:-1])))
    assert opening is not None
    assert opening[0].version == 2

"""A bad value is taken away; a person who insists, or who was quicker, is left alone."""

import pytest
from botocore.client import BaseClient

from functions.guard.edgecors_guard import revert
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.parameters import read, write
from tests.guard.world import BAD, GOOD, PARTNERS, SHOP, World, counted

OTHER_BAD = '{"version": 1, "rules": [{"allow_origin": ["https://app.example.com"]}]}'


def test_the_last_good_version_is_put_back(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    guard.changed(world.put(SHOP, BAD))
    assert world.history(SHOP) == [(1, GOOD), (2, BAD), (3, GOOD)]
    assert world.everywhere(SHOP) == [GOOD, GOOD, GOOD]
    [(subject, text)] = world.notices()
    assert subject == "edgecors put back: shop"
    assert "Version 2 of /edgecors/sites/shop was invalid, and version 1 was put back as version 3." in text
    assert "wildcard-with-credentials" in text
    assert counted(guard) == {"Replicated": 2, "InvalidPolicy": 1, "Reverted": 1}


def test_without_auto_revert_it_stays_and_people_are_told(world: World) -> None:
    guard = world.guard()
    guard.changed(world.put(SHOP, GOOD))
    guard.changed(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, GOOD, GOOD]
    [(subject, text)] = world.notices()
    assert subject == "edgecors invalid: shop"
    assert "edgecors rollback shop VERSION" in text
    assert counted(guard) == {"Replicated": 2, "InvalidPolicy": 1}


def test_every_bad_version_is_passed_over(world: World) -> None:
    world.put(SHOP, GOOD)
    world.put(SHOP, OTHER_BAD)
    world.guard(auto_revert=True).changed(world.put(SHOP, BAD))
    assert world.value(SHOP) == GOOD


def test_with_no_good_version_it_stays(world: World) -> None:
    world.put(SHOP, OTHER_BAD)
    world.guard(auto_revert=True).changed(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, None, None]
    [(_, text)] = world.notices()
    assert "no good version" in text


def test_a_person_who_writes_the_same_bad_value_again_is_left_alone(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    guard.changed(world.put(SHOP, BAD))
    assert world.value(SHOP) == GOOD
    again = world.put(SHOP, BAD)
    world.notices()
    for _ in range(3):
        guard.changed(again)
        world.guard(auto_revert=True).changed(again)
    assert world.history(SHOP) == [(1, GOOD), (2, BAD), (3, GOOD), (4, BAD)]
    assert world.everywhere(SHOP) == [BAD, GOOD, GOOD]
    texts = {text for _, text in world.notices()}
    assert len(texts) == 1
    assert "taken away once, and was then written again" in texts.pop()
    # Another mistake is a new one.
    guard.changed(world.put(SHOP, OTHER_BAD))
    assert world.value(SHOP) == GOOD


def test_a_description_that_is_carried_along_is_no_mark(world: World) -> None:
    """moto keeps a description that a later write leaves out, as some tools do."""
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD, Description="The shop's pages"))
    guard.changed(world.put(SHOP, BAD))
    guard.changed(world.put(SHOP, OTHER_BAD))
    written = world.ssm().get_parameter_history(Name=SHOP)["Parameters"]
    assert [version["Description"] for version in written][2:] == [
        "edgecors guard: version 2 is invalid, version 1 put back as version 3 | The shop's pages",
        "edgecors guard: version 2 is invalid, version 1 put back as version 3 | The shop's pages",
        # What is put back had a mark itself: only one is kept.
        "edgecors guard: version 4 is invalid, version 3 put back as version 5 | The shop's pages",
    ]
    assert world.value(SHOP) == GOOD


def test_the_guards_own_write_is_never_taken_away(world: World) -> None:
    guard = world.guard(auto_revert=True)
    open_site = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'
    world.put(PARTNERS, GOOD)
    guard.changed(world.put(SHOP, open_site))
    guard.changed(world.put(SHOP, BAD))
    assert world.history(SHOP)[-1] == (3, open_site)
    guard.changed(world.event(SHOP))
    assert world.history(SHOP)[-1] == (3, open_site)


def test_a_bad_list_is_put_back(world: World) -> None:
    guard = world.guard(auto_revert=True)
    site = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'
    guard.changed(world.put(PARTNERS, GOOD))
    guard.changed(world.put(SHOP, site))
    # Fine by itself, and not in a rule with credentials.
    guard.changed(world.put(PARTNERS, f"{GOOD}, https://*.github.io"))
    assert world.everywhere(PARTNERS) == [GOOD] * 3
    [(subject, text)] = world.notices()
    assert subject == "edgecors put back: partners"
    assert "/edgecors/sites/shop: @partners[1]" in text
    assert "public-suffix" in text


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
def test_what_was_written_last_is_at_fault_whatever_event_comes_first(world: World, order: tuple[int, ...]) -> None:
    guard = world.guard(auto_revert=True)
    safe = '{"version": 1, "rules": [{"allow_origins": ["@partners"]}]}'
    risky = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'
    events = [world.put(PARTNERS, "https://*.github.io"), world.put(SHOP, safe), world.put(SHOP, risky)]
    for number in order:
        guard.changed(events[number])
    assert world.everywhere(PARTNERS) == ["https://*.github.io"] * 3
    assert world.everywhere(SHOP) == [safe] * 3


def test_a_site_is_not_to_blame_for_a_list_that_was_written_after_it(world: World) -> None:
    guard = world.guard()
    risky = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'
    world.put(PARTNERS, GOOD)
    site = world.put(SHOP, risky)
    world.put(PARTNERS, "https://*.github.io")
    guard.changed(site)
    assert world.everywhere(SHOP) == [risky] * 3
    assert world.notices() == []
    guard.changed(world.event(PARTNERS))
    assert world.everywhere(PARTNERS) == ["https://*.github.io", GOOD, GOOD]
    assert world.subjects() == ["edgecors invalid: partners"]


def test_a_write_between_the_look_and_the_revert_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's second thought comes after the guard has read the bad value."""
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD)
    event = world.put(SHOP, BAD)

    def late_look(client: BaseClient, name: str) -> object:
        monkeypatch.setattr(revert, "read", read)
        world.put(SHOP, "https://second.thought.example")
        return read(client, name)  # type: ignore[arg-type]

    monkeypatch.setattr(revert, "read", late_look)
    guard.changed(event)
    assert world.history(SHOP)[-1] == (3, "https://second.thought.example")
    assert world.everywhere(SHOP) == ["https://second.thought.example"] * 3
    assert "Reverted" not in counted(guard)


def test_a_write_that_falls_into_the_last_gap_is_given_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameter Store has no conditional write: the guard may cover up what came a moment before its own write."""
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD, Description="ours")
    event = world.put(SHOP, BAD)

    def overtaking(*args: object, **options: object) -> int:
        monkeypatch.setattr(revert, "write", write)
        world.put(SHOP, "https://second.thought.example", Description="mine")
        return write(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(revert, "write", overtaking)
    guard.changed(event)
    theirs = "https://second.thought.example"
    assert [value for _, value in world.history(SHOP)] == [GOOD, BAD, theirs, GOOD, theirs]
    assert world.everywhere(SHOP) == [theirs] * 3
    assert world.ssm().describe_parameters()["Parameters"][0]["Description"] == "mine"
    # And it is done once.
    guard.changed(event)
    assert len(world.history(SHOP)) == 5


def test_a_revert_that_fails_is_told_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    event = world.put(SHOP, BAD)
    reader = world.store.temporary_credentials(
        {"Effect": "Allow", "Action": ["ssm:Get*", "sns:Publish"], "Resource": "*"}
    )
    with monkeypatch.context() as patch:
        for name, value in reader.environment().items():
            patch.setenv(name, value)
        with pytest.raises(Unfinished, match=r"(?s)put version 1 back: .*AccessDenied"):
            world.guard(auto_revert=True, replicas=()).changed(event)
    assert "could not be put back" in world.notices()[0][1]
    guard.changed(event)
    assert world.value(SHOP) == GOOD


def test_a_retry_after_the_revert_still_tells(world: World) -> None:
    world.guard(topic="").changed(world.put(SHOP, GOOD))
    event = world.put(SHOP, BAD)
    world.guard(auto_revert=True, topic="").changed(event)  # as if it had ended before the notice
    late = type(event)(event.name, event.kind, event.short, world.event(SHOP).time.replace(year=2020))  # type: ignore[union-attr]
    world.guard(auto_revert=True).changed(late)
    assert world.subjects() == ["edgecors put back: shop"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("Please allow app.example.com, thanks", "nothing-readable", id="a sentence"),
        pytest.param('"version": 1, "rules": []', "nothing-readable", id="half a document"),
        pytest.param("{", "no JSON", id="JSON cut short"),
        pytest.param("gz:AAAA", "unreadable", id="not gzip"),
        pytest.param("@bad/name", "nothing-readable", id="no list's name"),
    ],
)
def test_what_is_no_policy_at_all_is_invalid(world: World, value: str, words: str) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    guard.changed(world.put(SHOP, value))
    assert world.value(SHOP) == GOOD
    assert words in world.notices()[0][1]


@pytest.mark.parametrize("value", ["Not a list", "gz:AAAA", "*", '["https://app.example.com"]'])
def test_what_is_no_list_at_all_is_invalid(world: World, value: str) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(PARTNERS, GOOD))
    guard.changed(world.put(PARTNERS, value))
    assert world.value(PARTNERS) == GOOD


def test_an_entry_that_is_skipped_is_told_and_nothing_taken_away(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.changed(world.put(SHOP, GOOD))
    value = f"{GOOD} https//typo.example.com"
    guard.changed(world.put(SHOP, value))
    # It narrows: what was revoked in the same breath must be revoked everywhere.
    assert world.everywhere(SHOP) == [value] * 3
    [(subject, text)] = world.notices()
    assert subject == "edgecors entries skipped: shop"
    assert "entries[1]" in text
    assert counted(guard)["SkippedEntries"] == 1

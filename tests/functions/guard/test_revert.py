"""AutoRevert writes the last good version over an invalid value, and gives way to people."""

import pytest
from edgecors_admin.parameter_store import Kind, Parameters, Stored

from functions.guard.edgecors_guard import revert
from functions.guard.edgecors_guard.guard import Unfinished
from functions.guard.edgecors_guard.review import Review, review
from tests.functions.guard.world import BAD, GOOD, PARTNERS, ROOT, SHOP, World, metrics_of
from tests.support.parameter_store import ParameterStoreServer

OTHER_BAD = '{"version": 1, "rules": [{"allow_origin": ["https://app.example.com"]}]}'
ALIAS = f"{ROOT}/aliases/E2EXAMPLE1234"
SECOND_THOUGHT = "https://second.thought.example"


def test_revert_invalid_value_is_replaced_by_the_last_good_version(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    guard.handle_change(world.put(SHOP, BAD))
    assert world.history(SHOP) == [(1, GOOD), (2, BAD), (3, GOOD)]
    assert world.everywhere(SHOP) == [GOOD, GOOD, GOOD]
    [(subject, text)] = world.notices()
    assert subject == "edgecors reverted: shop"
    assert "Version 2 of /edgecors/sites/shop was invalid. The guard wrote version 1 again, as version 3." in text
    assert "wildcard-with-credentials" in text
    assert metrics_of(guard) == {"Replicated": 2, "InvalidPolicy": 1, "Reverted": 1}


def test_revert_switched_off_reports_and_leaves_the_value(world: World) -> None:
    guard = world.guard()
    guard.handle_change(world.put(SHOP, GOOD))
    guard.handle_change(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, GOOD, GOOD]
    [(subject, text)] = world.notices()
    assert subject == "edgecors invalid: shop"
    assert "edgecors rollback shop VERSION" in text
    assert metrics_of(guard) == {"Replicated": 2, "InvalidPolicy": 1}


def test_revert_several_invalid_versions_are_skipped(world: World) -> None:
    world.put(SHOP, GOOD)
    world.put(SHOP, OTHER_BAD)
    world.guard(auto_revert=True).handle_change(world.put(SHOP, BAD))
    assert world.value(SHOP) == GOOD


def test_revert_no_good_version_leaves_the_value(world: World) -> None:
    world.put(SHOP, OTHER_BAD)
    world.guard(auto_revert=True).handle_change(world.put(SHOP, BAD))
    assert world.everywhere(SHOP) == [BAD, None, None]
    [(_, text)] = world.notices()
    assert "the history has no valid version" in text


def test_last_good_reviews_a_bounded_number_of_values(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile history must not use up the guard's time; a value that was reviewed counts once."""
    reviewed: list[Stored] = []

    def record(kind: Kind, version: Stored) -> Review:
        reviewed.append(version)
        return review(kind, version)

    monkeypatch.setattr(revert, "review", record)
    world.put(SHOP, GOOD)
    for number in range(40):
        world.put(SHOP, f'{{"bad": {number % 30}}}')
    history = world.guard().home().history(SHOP)
    assert history is not None
    assert revert.last_good("sites", history) is None
    assert len(reviewed) == revert.MAX_REVIEWED


def test_revert_same_value_written_again_is_left_alone(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    guard.handle_change(world.put(SHOP, BAD))
    assert world.value(SHOP) == GOOD
    again = world.put(SHOP, BAD)
    world.notices()
    for _ in range(3):
        guard.handle_change(again)
        world.guard(auto_revert=True).handle_change(again)
    assert world.history(SHOP) == [(1, GOOD), (2, BAD), (3, GOOD), (4, BAD)]
    assert world.everywhere(SHOP) == [BAD, GOOD, GOOD]
    texts = {text for _, text in world.notices()}
    assert len(texts) == 1
    assert "the guard reverted it before, and somebody wrote it again" in texts.pop()
    # Another mistake is a new one.
    guard.handle_change(world.put(SHOP, OTHER_BAD))
    assert world.value(SHOP) == GOOD


def test_revert_description_carried_along_is_not_the_guards_mark(world: World) -> None:
    """moto keeps a description that a later write leaves out, as some tools do."""
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD, Description="The shop's pages"))
    guard.handle_change(world.put(SHOP, BAD))
    guard.handle_change(world.put(SHOP, OTHER_BAD))
    versions = world.ssm().get_parameter_history(Name=SHOP)["Parameters"]
    assert [version["Description"] for version in versions][2:] == [
        "edgecors guard: version 2 is invalid, version 1 put back as version 3 | The shop's pages",
        "edgecors guard: version 2 is invalid, version 1 put back as version 3 | The shop's pages",
        # The version that is written again has a mark itself: only the new mark stays.
        "edgecors guard: version 4 is invalid, version 3 put back as version 5 | The shop's pages",
    ]
    assert world.value(SHOP) == GOOD


def test_revert_forged_mark_hides_no_opening(world: World) -> None:
    """Whoever writes the parameter also writes its description; a mark counts only with the value that it names."""
    world.put(SHOP, GOOD)
    world.put(SHOP, BAD)
    forged = "edgecors guard: version 2 is invalid, version 1 put back as version 3"
    world.guard().handle_change(world.put(SHOP, "*", Description=forged))
    assert world.subjects() == ["edgecors open to everyone: shop"]


def test_revert_own_write_is_never_reverted(world: World) -> None:
    guard = world.guard(auto_revert=True)
    with_credentials = '{"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": true}]}'
    world.put(PARTNERS, GOOD)
    guard.handle_change(world.put(SHOP, with_credentials))
    guard.handle_change(world.put(SHOP, BAD))
    assert world.history(SHOP)[-1] == (3, with_credentials)
    guard.handle_change(world.event(SHOP))
    assert world.history(SHOP)[-1] == (3, with_credentials)


def test_revert_write_after_the_look_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's second thought comes after the guard has read the invalid value."""
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD)
    event = world.put(SHOP, BAD)
    put_back = revert.put_back

    def write_first(home: Parameters, bad: Stored, good: Stored) -> bool:
        monkeypatch.setattr(revert, "put_back", put_back)
        world.put(SHOP, SECOND_THOUGHT)
        return put_back(home, bad, good)

    monkeypatch.setattr(revert, "put_back", write_first)
    guard.handle_change(event)
    assert world.history(SHOP)[-1] == (3, SECOND_THOUGHT)
    assert world.everywhere(SHOP) == [SECOND_THOUGHT] * 3
    assert "Reverted" not in metrics_of(guard)


def test_revert_concurrent_write_is_restored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameter Store has no conditional write: the guard may overwrite a write of a moment before."""
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD, Description="ours")
    event = world.put(SHOP, BAD)
    write_version = Parameters.write_version

    def overtaking(home: Parameters, version: Stored, *, tier: str, description: str) -> int:
        monkeypatch.setattr(Parameters, "write_version", write_version)
        world.put(SHOP, SECOND_THOUGHT, Description="mine")
        return write_version(home, version, tier=tier, description=description)

    monkeypatch.setattr(Parameters, "write_version", overtaking)
    guard.handle_change(event)
    assert [value for _, value in world.history(SHOP)] == [GOOD, BAD, SECOND_THOUGHT, GOOD, SECOND_THOUGHT]
    assert world.everywhere(SHOP) == [SECOND_THOUGHT] * 3
    assert world.ssm().describe_parameters()["Parameters"][0]["Description"] == "mine"
    # It happens only once.
    guard.handle_change(event)
    assert len(world.history(SHOP)) == 5


def test_revert_concurrent_write_with_an_older_mark_is_restored_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command keeps descriptions, so a person's version may carry the mark of an earlier revert along."""
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD, Description="ours"))
    guard.handle_change(world.put(SHOP, BAD))
    carried = "edgecors guard: version 2 is invalid, version 1 put back as version 3 | ours"
    event = world.put(SHOP, OTHER_BAD, Description=carried)
    write_version = Parameters.write_version

    def overtaking(home: Parameters, version: Stored, *, tier: str, description: str) -> int:
        monkeypatch.setattr(Parameters, "write_version", write_version)
        world.put(SHOP, SECOND_THOUGHT, Description=carried)
        return write_version(home, version, tier=tier, description=description)

    monkeypatch.setattr(Parameters, "write_version", overtaking)
    guard.handle_change(event)
    guard.handle_change(world.event(SHOP))
    values = [GOOD, BAD, GOOD, OTHER_BAD, SECOND_THOUGHT, GOOD, SECOND_THOUGHT]
    assert [value for _, value in world.history(SHOP)] == values
    assert world.ssm().describe_parameters()["Parameters"][0]["Description"] == "ours"


def test_revert_failure_is_reported_and_tried_again(
    served_world: World, parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = served_world
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    event = world.put(SHOP, BAD)
    reader = parameter_store.temporary_credentials(
        {"Effect": "Allow", "Action": ["ssm:Get*", "sns:Publish"], "Resource": "*"}
    )
    with monkeypatch.context() as patch:
        for name, value in reader.environment().items():
            patch.setenv(name, value)
        with pytest.raises(Unfinished, match=r"(?s)write version 1 again: .*AccessDenied"):
            world.guard(auto_revert=True, replicas=()).handle_change(event)
    assert "could not be written again" in world.notices()[0][1]
    guard.handle_change(event)
    assert world.value(SHOP) == GOOD


def test_revert_retry_after_the_write_still_reports(world: World) -> None:
    world.guard(topic="").handle_change(world.put(SHOP, GOOD))
    event = world.put(SHOP, BAD)
    world.guard(auto_revert=True, topic="").handle_change(event)  # as if it had ended before the notice
    late = type(event)(event.name, event.kind, event.short_name, world.event(SHOP).time.replace(year=2020))  # type: ignore[union-attr]
    world.guard(auto_revert=True).handle_change(late)
    assert world.subjects() == ["edgecors reverted: shop"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("Please allow app.example.com, thanks", "nothing-readable", id="a sentence"),
        pytest.param('"version": 1, "rules": []', "yaml-not-json", id="JSON without its braces"),
        pytest.param("{", "invalid-json", id="truncated JSON"),
        pytest.param("gz:AAAA", "unreadable", id="not gzip"),
        pytest.param("@bad/name", "nothing-readable", id="an invalid list name"),
    ],
)
def test_revert_value_that_is_not_a_policy_is_invalid(world: World, value: str, words: str) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    guard.handle_change(world.put(SHOP, value))
    assert world.value(SHOP) == GOOD
    assert words in world.notices()[0][1]


@pytest.mark.parametrize("value", ["Not a list", "gz:AAAA", "*", '["https://app.example.com"]'])
def test_revert_value_that_is_not_a_list_is_invalid(world: World, value: str) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(PARTNERS, GOOD))
    guard.handle_change(world.put(PARTNERS, value))
    assert world.value(PARTNERS) == GOOD


@pytest.mark.parametrize("value", ["https://shop.example.com", "shop other", "a/b", " "])
def test_revert_value_that_is_not_an_alias_is_invalid(world: World, value: str) -> None:
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD)
    guard.handle_change(world.put(ALIAS, "shop"))
    guard.handle_change(world.put(ALIAS, value))
    assert world.everywhere(ALIAS) == ["shop"] * 3
    assert "bad-site-name" in world.notices()[0][1]


def test_revert_skipped_entry_is_reported_and_stays(world: World) -> None:
    guard = world.guard(auto_revert=True)
    guard.handle_change(world.put(SHOP, GOOD))
    value = f"{GOOD} https//typo.example.com"
    guard.handle_change(world.put(SHOP, value))
    # Skipping narrows: an origin removed in the same edit must be revoked everywhere.
    assert world.everywhere(SHOP) == [value] * 3
    [(subject, text)] = world.notices()
    assert subject == "edgecors entries skipped: shop"
    assert "entries[1]" in text
    assert metrics_of(guard)["SkippedEntries"] == 1

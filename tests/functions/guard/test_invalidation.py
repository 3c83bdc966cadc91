"""In the origin set-up a change invalidates each affected distribution's cache: at once, and again later."""

import json

import pytest

from functions.guard.edgecors_guard.guard import Guard, Unfinished
from functions.guard.edgecors_guard.invalidation import Later
from tests.functions.guard.world import BAD, DISTRIBUTION, GOOD, LATER, PARTNERS, ROOT, SHOP, STAGING, World, metrics_of

SITE = f"{ROOT}/sites/{DISTRIBUTION}"
ALIAS = f"{ROOT}/aliases/{STAGING}"
OTHERS = f"{ROOT}/lists/others"


@pytest.fixture
def guard(world: World) -> Guard:
    return world.guard(distributions=(DISTRIBUTION, STAGING), invalidates=True, replicas=())


def test_invalidation_repeated_event_invalidates_once(world: World, guard: Guard) -> None:
    first = world.put(SITE, GOOD)
    for _ in range(3):
        guard.handle_change(first)
    assert world.cloudfront.counts == {DISTRIBUTION: 1}
    second = world.put(SITE, "https://other.example.com")
    # Both events see the second version: one invalidation.
    guard.handle_change(first)
    guard.handle_change(second)
    assert world.cloudfront.counts == {DISTRIBUTION: 2}


def test_invalidation_parameter_created_again_invalidates_again(world: World, guard: Guard) -> None:
    """Version numbers start at 1 again, but it is another write."""
    for _ in range(2):
        guard.handle_change(world.put(SITE, GOOD))
        guard.handle_change(world.delete(SITE))
    # Two writes; deletions within one second count as one.
    assert world.cloudfront.counts[DISTRIBUTION] in (3, 4)


@pytest.mark.parametrize(
    ("changed", "invalidated"),
    [
        pytest.param(SITE, {DISTRIBUTION: 1}, id="a distribution's own site"),
        pytest.param(SHOP, {STAGING: 1}, id="a site that an alias names"),
        pytest.param(ALIAS, {STAGING: 1}, id="an alias"),
        pytest.param(PARTNERS, {DISTRIBUTION: 1, STAGING: 1}, id="a list that two policies use"),
        pytest.param(OTHERS, {STAGING: 1}, id="a list used through an alias"),
        pytest.param(f"{ROOT}/lists/unused", {}, id="a list that no distribution uses"),
        pytest.param(f"{ROOT}/sites/unused", {}, id="a site without a distribution"),
        pytest.param(f"{ROOT}/aliases/unused", {}, id="an alias without a distribution"),
    ],
)
@pytest.mark.parametrize("operation", ["write", "delete"])
def test_invalidation_change_invalidates_affected_distributions(
    world: World, guard: Guard, operation: str, changed: str, invalidated: dict[str, int]
) -> None:
    world.put(SITE, "@partners")
    world.put(SHOP, "@others @partners")
    world.put(ALIAS, "shop")
    world.put(f"{ROOT}/sites/unused", "@unused")
    event = world.put(changed, world.value(changed) or GOOD.removeprefix("https://"))
    if "lists" in changed:
        event = world.put(changed, GOOD)
    if operation == "delete":
        event = world.delete(changed)
    guard.handle_change(event)
    assert world.cloudfront.counts == invalidated


def test_invalidation_unreadable_site_counts_as_user_of_the_list(world: World, guard: Guard) -> None:
    """An invalidation too many costs little; one too few leaves revoked origins in the cache."""
    world.put(SITE, GOOD, Type="SecureString")
    world.lock(SITE)
    guard.handle_change(world.put(PARTNERS, GOOD))
    assert world.cloudfront.counts == {DISTRIBUTION: 1}
    assert "sites not examined" in world.log


def test_invalidation_site_of_an_invalid_alias_may_be_any(world: World, guard: Guard) -> None:
    """Functions keep the alias's last valid version."""
    world.put(ALIAS, "shop")
    world.put(ALIAS, "not a name")
    guard.handle_change(world.put(SHOP, GOOD))
    assert world.cloudfront.counts == {STAGING: 1}


def test_invalidation_site_of_an_unreadable_alias_may_be_any(world: World, guard: Guard) -> None:
    world.put(ALIAS, "shop", Type="SecureString")
    world.lock(ALIAS)
    guard.handle_change(world.put(SHOP, GOOD))
    assert world.cloudfront.counts == {STAGING: 1}


def test_invalidation_invalid_value_invalidates_nothing(world: World, guard: Guard) -> None:
    guard.handle_change(world.put(SITE, BAD))
    assert world.cloudfront.counts == {}


def test_invalidation_viewer_setup_invalidates_nothing(world: World) -> None:
    guard = world.guard(distributions=(DISTRIBUTION,), later=LATER)
    guard.handle_change(world.put(SITE, GOOD))
    guard.invalidate_later([Later(DISTRIBUTION, "reference", world.now)])
    assert (world.cloudfront.counts, world.later.messages) == ({}, [])


def test_invalidation_too_many_in_progress_is_tried_again(world: World, guard: Guard) -> None:
    world.cloudfront.busy = True
    event = world.put(SITE, GOOD)
    with pytest.raises(Unfinished, match=f"invalidate {DISTRIBUTION}: .*TooManyInvalidationsInProgress"):
        guard.handle_change(event)
    world.cloudfront.busy = False
    guard.handle_change(event)
    assert world.cloudfront.counts == {DISTRIBUTION: 1}


def test_invalidation_second_comes_when_no_function_has_the_old_policy(world: World) -> None:
    guard = world.guard(distributions=(DISTRIBUTION,), invalidates=True, replicas=(), later=LATER)
    slow = '{"version": 1, "refresh_seconds": 900, "rules": [{"allow_origins": ["https://app.example.com"]}]}'
    world.put(SITE, slow)
    guard.handle_change(world.put(SITE, GOOD))
    [first] = world.cloudfront.references[DISTRIBUTION]
    [(message, delay)] = world.later.messages
    assert delay == 900
    expected = {"distribution": DISTRIBUTION, "reference": f"{first}-later", "due": world.now + 2 * 900 + 5}
    assert json.loads(message) == expected
    # SQS delays a message by at most 15 minutes, so it goes back until it is due.
    world.now += 900
    guard.invalidate_later([Later.from_json(message)])
    assert world.later.messages[1:] == [(message, 900)]
    assert world.cloudfront.counts == {DISTRIBUTION: 1}
    world.now += 905
    guard.invalidate_later([Later.from_json(message)])
    assert len(world.later.messages) == 2
    assert world.cloudfront.references == {DISTRIBUTION: [first, f"{first}-later"]}
    assert metrics_of(guard)["Invalidations"] == 2


def test_invalidation_second_after_alias_change_waits_for_both_sites(world: World) -> None:
    guard = world.guard(distributions=(STAGING,), invalidates=True, replicas=(), later=LATER)
    slow = '{"version": 1, "refresh_seconds": 300, "rules": [{"allow_origins": ["https://app.example.com"]}]}'
    world.put(SHOP, slow)
    world.put(f"{ROOT}/sites/new", GOOD)
    world.put(ALIAS, "shop")
    guard.handle_change(world.put(ALIAS, "new"))
    [(message, _)] = world.later.messages
    assert json.loads(message)["due"] == world.now + 2 * 300 + 5


@pytest.mark.parametrize("between", [BAD, "https://quick.example.com"], ids=["invalid", "replaced at once"])
def test_invalidation_second_waits_for_the_version_before_the_last(world: World, between: str) -> None:
    """Functions that have not read the version in between still use the one before it."""
    guard = world.guard(distributions=(DISTRIBUTION,), invalidates=True, replicas=(), later=LATER)
    slow = '{"version": 1, "refresh_seconds": 900, "rules": [{"allow_origins": ["https://app.example.com"]}]}'
    world.put(SITE, slow)
    world.put(SITE, between)
    guard.handle_change(world.put(SITE, GOOD))
    [(message, _)] = world.later.messages
    assert json.loads(message)["due"] == world.now + 2 * 900 + 5


def test_invalidation_last_after_a_deletion_waits_for_the_longest_refresh_time(world: World) -> None:
    """The history is gone with the parameter, and functions may use its policy for two refresh times."""
    guard = world.guard(distributions=(DISTRIBUTION,), invalidates=True, replicas=(), later=LATER)
    world.put(SITE, '{"version": 1, "refresh_seconds": 3600, "rules": [{"allow_origins": ["https://a.example.com"]}]}')
    guard.handle_change(world.delete(SITE))
    [first] = world.cloudfront.references[DISTRIBUTION]
    messages = [json.loads(message) for message, _ in world.later.messages]
    assert [(one["reference"], one["due"] - world.now) for one in messages] == [
        (f"{first}-later", 2 * 60 + 5),
        (f"{first}-last", 2 * 3600 + 5),
    ]


def test_invalidation_due_messages_are_merged_per_distribution(world: World) -> None:
    guard = world.guard(distributions=(DISTRIBUTION, STAGING), invalidates=True, later=LATER)
    messages = [Later(DISTRIBUTION, f"r{number}", world.now - number) for number in range(5)]
    guard.invalidate_later([*messages, Later(STAGING, "s", world.now)])
    assert world.cloudfront.references == {DISTRIBUTION: ["r0"], STAGING: ["s"]}

"""In the origin set-up the distribution's cache is emptied: once for each write, and once more when it is settled."""

import json

import pytest

from functions.guard.edgecors_guard.guard import Guard, Unfinished
from functions.guard.edgecors_guard.invalidation import Later
from tests.guard.world import BAD, DISTRIBUTION, GOOD, LATER, PARTNERS, ROOT, SHOP, World, counted

SITE = f"{ROOT}/sites/{DISTRIBUTION}"


@pytest.fixture
def guard(world: World) -> Guard:
    return world.guard(distribution=DISTRIBUTION, replicas=())


def test_each_write_empties_the_cache_once_however_often_its_event_comes(world: World, guard: Guard) -> None:
    first = world.put(SITE, GOOD)
    for _ in range(3):
        guard.changed(first)
    assert len(world.cloudfront.accepted) == 1
    second = world.put(SITE, "https://other.example.com")
    # Both events find the second version: one invalidation.
    guard.changed(first)
    guard.changed(second)
    assert len(world.cloudfront.accepted) == 2


def test_made_again_after_a_deletion_it_counts_from_one_again_and_is_still_another_write(
    world: World, guard: Guard
) -> None:
    for _ in range(2):
        guard.changed(world.put(SITE, GOOD))
        guard.changed(world.delete(SITE))
    assert world.ssm().get_parameters(Names=[SITE])["InvalidParameters"] == [SITE]
    # Two writes; the deletions count as one where both happen within a second.
    assert len(world.cloudfront.accepted) in (3, 4)


def test_lists_count_where_the_distributions_policy_uses_them(world: World, guard: Guard) -> None:
    world.put(SITE, "@partners")
    world.put(SHOP, "@others")
    guard.changed(world.put(PARTNERS, GOOD))
    assert len(world.cloudfront.accepted) == 1
    guard.changed(world.put(f"{ROOT}/lists/others", GOOD))
    guard.changed(world.put(SHOP, GOOD))
    assert len(world.cloudfront.accepted) == 1
    guard.changed(world.delete(PARTNERS))
    assert len(world.cloudfront.accepted) == 2


def test_nothing_for_an_invalid_value(world: World, guard: Guard) -> None:
    guard.changed(world.put(SITE, BAD))
    assert world.cloudfront.accepted == []


def test_nothing_in_the_viewer_set_up(world: World) -> None:
    world.guard(distribution="", later=LATER).changed(world.put(SITE, GOOD))
    assert (world.cloudfront.accepted, world.later.waiting) == ([], [])


def test_too_many_at_once_are_tried_again(world: World, guard: Guard) -> None:
    world.cloudfront.busy = True
    event = world.put(SITE, GOOD)
    with pytest.raises(Unfinished, match=r"invalidate: .*TooManyInvalidationsInProgress"):
        guard.changed(event)
    world.cloudfront.busy = False
    guard.changed(event)
    assert len(world.cloudfront.accepted) == 1


def test_once_more_when_no_function_can_hold_the_policy_before(world: World) -> None:
    guard = world.guard(distribution=DISTRIBUTION, replicas=(), later=LATER)
    slow = '{"version": 1, "refresh_seconds": 1800, "rules": [{"allow_origins": ["https://app.example.com"]}]}'
    world.put(SITE, slow)
    guard.changed(world.put(SITE, GOOD))
    [first] = world.cloudfront.accepted
    [(message, delay)] = world.later.waiting
    assert delay == 900
    assert json.loads(message) == {"reference": f"{first}-later", "due": world.now + 1805}
    # A message can wait for 15 minutes at most, so it goes back until its time has come.
    world.now += 900
    guard.invalidate_later([Later.from_json(message)])
    assert world.later.waiting[1:] == [(message, 900)]
    assert len(world.cloudfront.accepted) == 1
    world.now += 905
    guard.invalidate_later([Later.from_json(message)])
    assert len(world.later.waiting) == 2
    assert world.cloudfront.accepted == [first, f"{first}-later"]
    assert counted(guard)["Invalidations"] == 2


def test_several_that_are_due_are_one(world: World) -> None:
    guard = world.guard(distribution=DISTRIBUTION, later=LATER)
    guard.invalidate_later([Later(f"r{number}", world.now - number) for number in range(5)])
    assert world.cloudfront.accepted == ["r0"]

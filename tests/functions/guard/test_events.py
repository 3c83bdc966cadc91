"""Late, repeated and reordered events lead to the same result."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.guard.edgecors_guard.change import Change
from functions.guard.edgecors_guard.guard import Guard
from tests.functions.guard.world import BAD, GOOD, REPLICAS, SHOP, World

STEPS = st.lists(st.sampled_from(("good", "bad", "delete")), min_size=1, max_size=5)


def expected(steps: list[str], auto_revert: bool) -> tuple[str | None, str | None]:
    """The value that the home Region, and the value that the replicas must have after these steps."""
    home: str | None = None
    good: str | None = None
    for number, step in enumerate(steps):
        if step == "delete":
            home = good = None
        elif step == "good":
            home = good = good_value(number)
        else:
            home = bad_value(number)
    return (good if auto_revert and good is not None else home), good


def good_value(number: int) -> str:
    return f"https://n{number}.example.com"


def bad_value(number: int) -> str:
    return BAD.replace("true", f"true, {'x' * (number + 1)!r}: 1".replace("'", '"'))


@pytest.fixture(params=[False, True], ids=["report only", "auto-revert"])
def guard(world: World, request: pytest.FixtureRequest) -> Guard:
    return world.guard(auto_revert=request.param)


@given(data=st.data(), steps=STEPS)
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_events_in_any_order_lead_to_the_same_result(
    world: World, guard: Guard, data: st.DataObject, steps: list[str]
) -> None:
    world.clear()
    pending: list[Change] = []
    for number, step in enumerate(steps):
        if step == "delete":
            missing = world.value(SHOP) is None
            pending.append(world.event(SHOP) if missing else world.delete(SHOP))
        else:
            pending.append(world.put(SHOP, good_value(number) if step == "good" else bad_value(number)))
        # Some events arrive now, in any order; some of these arrive once more. None is lost.
        for event in data.draw(st.permutations(pending))[: data.draw(st.integers(0, 2))]:
            guard.handle_change(event)
            if data.draw(st.booleans()):
                pending.remove(event)
    for event in data.draw(st.permutations(pending)):
        guard.handle_change(event)
    home, replica = expected(steps, guard.settings.auto_revert)
    assert world.everywhere(SHOP) == [home] + [replica] * len(REPLICAS)


def test_events_repeated_event_changes_and_reports_nothing_more(world: World) -> None:
    guard = world.guard(auto_revert=True)
    world.put(SHOP, GOOD)
    event = world.put(SHOP, BAD)
    for _ in range(4):
        guard.handle_change(event)
    assert world.history(SHOP) == [(1, GOOD), (2, BAD), (3, GOOD)]
    assert [world.history(SHOP, region) for region in REPLICAS] == [[(1, GOOD)]] * 2
    assert world.subjects() == ["edgecors reverted: shop"]

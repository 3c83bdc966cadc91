"""The write plan, explored: whatever an edge location sees of the writes, one whole policy decides.

An edge location may see written keys in any order, and a key that changes may be missing for a while. A run may stop
after any batch, come late, or come twice.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from edgecors.decision import Request, decide_actual
from edgecors.document import load_policy
from edgecors_admin.key_value_store import CompiledPolicy, Limits, compile_policy
from edgecors_admin.store_plan import (
    PROPAGATION_SECONDS,
    SETTLE_SECONDS,
    Batch,
    Pointer,
    StorePlan,
    next_sequence,
    plan_writes,
    read_pointer,
)
from edgecors_local.javascript import Engine

from harness import functions as harness
from tests.support.visible_policy import visible_policy

SITE = harness.SITE
ALLOW_ORIGIN = "access-control-allow-origin"
NOW = 1_700_000_000
# Small values, so that a few origins make several keys.
LIMITS = Limits(value_bytes=120, reserved=120, inline_patterns=0)
POLICIES = tuple(
    load_policy(" ".join(["https://all.example.com", *(f"https://{letter}{n}.example.com" for n in range(count))]))
    for letter, count in (("a", 8), ("b", 9), ("c", 1), ("d", 12))
)

Content = dict[str, str]


def compiled(number: int, sequence: int = 1) -> CompiledPolicy:
    return compile_policy(POLICIES[number], SITE, sequence, LIMITS)


def pointer(number: int) -> Pointer:
    decoded = read_pointer(compiled(number).pointer)
    assert decoded is not None
    return decoded


def apply(content: Mapping[str, str], batch: Batch) -> Content:
    return {key: value for key, value in content.items() if key not in batch.deletes} | dict(batch.puts)


def plan(content: Mapping[str, str], number: int, now: int) -> StorePlan:
    return plan_writes(content, compiled(number, next_sequence(content, SITE, now)), now)


def run(content: Content, number: int, now: int, most: int = 1000) -> Content:
    """One run of the guard, which stops after so many batches."""
    for batch in plan(content, number, now).batches[:most]:
        content = apply(content, batch)
    return content


def settled(number: int, now: int = NOW) -> Content:
    """A store that holds one policy and nothing else."""
    content: Content = {}
    for step in range(6):
        content = run(content, number, now + step * (SETTLE_SECONDS + 1))
    assert plan(content, number, now + 6 * (SETTLE_SECONDS + 1)).step == "none"
    return content


def views(before: Mapping[str, str], states: list[Content]) -> Iterator[Content]:
    """What an edge location may see on the way from one state through others."""
    keys = sorted({key for state in states for key in {**before, **state} if before.get(key) != state.get(key)})
    choices = []
    for key in keys:
        values = {before.get(key), *(state.get(key) for state in states), None}
        choices.append(sorted(values, key=str))
    for combination in itertools.product(*choices):
        view: dict[str, str | None] = {**before, **dict(zip(keys, combination, strict=True))}
        yield {key: value for key, value in view.items() if value is not None}


def states_of(content: Content, number: int, now: int) -> list[Content]:
    states = []
    for batch in plan(content, number, now).batches:
        content = apply(content, batch)
        states.append(content)
    return states


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(range(4), 2)))
def test_publish_whatever_is_visible_is_the_old_or_the_new_policy(old: int, new: int) -> None:
    before = settled(old)
    now = NOW + 100 * SETTLE_SECONDS
    for view in views(before, states_of(before, new, now)):
        visible = visible_policy(view, SITE)
        assert visible is not None
        assert visible.names_the_same(pointer(old)) or visible.names_the_same(pointer(new))


@pytest.mark.parametrize("stop", range(8))
def test_publish_after_a_crash_goes_on_and_never_shows_a_mixture(stop: int) -> None:
    now = NOW + 100 * SETTLE_SECONDS
    content = run(settled(0), 3, now, stop)
    visible = visible_policy(content, SITE)
    assert visible is not None
    content = run(content, 3, now + 1)
    visible = visible_policy(content, SITE)
    assert visible is not None
    assert visible.names_the_same(pointer(3))


def test_publish_whatever_is_visible_the_functions_answer_as_the_old_or_the_new_policy(
    njs: Engine, functions: Path
) -> None:
    """The same in njs. Every policy allows the first of the origins, so no view may refuse it."""
    origins = [f"https://{name}.example.com" for name in ("all", "a0", "a7", "b8", "c0", "d11", "x0")]
    now = NOW + 100 * SETTLE_SECONDS
    lines: list[dict[str, object]] = []
    expected: list[set[bool]] = []
    for old, new in itertools.permutations(range(4), 2):
        before = settled(old)
        for view in views(before, states_of(before, new, now)):
            lines.append({"keys": view})
            lines += [{"event": response_event(origin)} for origin in origins]
            expected += [{decides(old, origin), decides(new, origin)} for origin in origins]
    for output, answers in zip(njs.run(functions / "viewer-response.js", lines), expected, strict=True):
        assert (ALLOW_ORIGIN in output.result["headers"]) in answers


def decides(number: int, origin: str) -> bool:
    """Whether a policy allows an origin."""
    return decide_actual(POLICIES[number], Request("GET", "/", None, None, origin)).grant is not None


def response_event(origin: str) -> dict[str, object]:
    """A viewer-response event of a request from an origin."""
    request = {"method": "GET", "path": "/"}
    return harness.function_event("viewer-response", request, {"origin": [origin]}, {})


def test_publish_twice_in_a_row_never_shows_nobody() -> None:
    """The second change comes while the first one is on its way."""
    before = settled(0)
    now = NOW + 100 * SETTLE_SECONDS
    first = run(before, 1, now)
    second = run(first, 2, now + 1)
    for view in views(before, [first, second]):
        visible = visible_policy(view, SITE)
        assert visible is not None
        assert any(visible.names_the_same(pointer(number)) for number in (0, 1, 2))


@pytest.mark.parametrize(("old", "new"), [(0, 1), (3, 2), (2, 3)])
def test_every_step_after_a_change_keeps_one_policy_whole(old: int, new: int) -> None:
    content = settled(old)
    now = NOW + 100 * SETTLE_SECONDS
    content = run(content, new, now)
    steps = []
    for _ in range(5):
        now += SETTLE_SECONDS + 1
        steps.append(plan(content, new, now).step)
        states = states_of(content, new, now)
        for view in views(content, states):
            visible = visible_policy(view, SITE)
            assert visible is not None
            assert visible.names_the_same(pointer(new))
        content = states[-1] if states else content
    assert next(step for step in steps if step != "none") == "settle"
    assert plan(content, new, now + SETTLE_SECONDS).step == "none"
    assert set(content) == set(compiled(new).content())


def test_settle_and_clean_wait_until_the_pointers_have_settled() -> None:
    now = NOW + 100 * SETTLE_SECONDS
    content = run(settled(0), 1, now)
    waiting = plan(content, 1, now + SETTLE_SECONDS - 1)
    assert (waiting.step, waiting.wait_seconds) == ("none", 1)
    content = run(content, 1, now + SETTLE_SECONDS)
    waiting = plan(content, 1, now + 2 * SETTLE_SECONDS - 1)
    assert (waiting.step, waiting.wait_seconds) == ("none", 1)
    assert plan(content, 1, now + 2 * SETTLE_SECONDS).step == "clean"


def test_publish_waits_while_the_second_pointer_is_on_its_way() -> None:
    now = NOW + 100 * SETTLE_SECONDS
    content = run(settled(0), 1, now)
    settle = now + SETTLE_SECONDS
    content = run(content, 1, settle)
    waiting = plan(content, 2, settle + 1)
    assert (waiting.step, waiting.wait_seconds) == ("none", PROPAGATION_SECONDS - 1)
    assert plan(content, 2, settle + PROPAGATION_SECONDS).step == "publish"


@pytest.mark.parametrize("seed", range(30))
def test_random_runs_with_crashes_end_in_the_last_policy(seed: int) -> None:
    """Double, late and broken runs, with changes in between, at random times."""
    random = Random(seed)
    content: Content = {}
    now, number = NOW, 0
    seen: set[int] = set()
    for _ in range(40):
        now += random.choice((0, 1, 30, 90, SETTLE_SECONDS, 2 * SETTLE_SECONDS))
        if random.random() < 0.3:
            number = random.randrange(len(POLICIES))
        before = visible_policy(content, SITE)
        content = run(content, number, now, random.choice((0, 1, 2, 1000, 1000)))
        visible = visible_policy(content, SITE)
        if before is not None:
            assert visible is not None
        seen.add(number)
        assert visible is None or any(visible.names_the_same(pointer(each)) for each in seen)
    for _ in range(6):
        now += SETTLE_SECONDS + 1
        content = run(content, number, now)
    assert set(content) == set(compiled(number).content())


def test_sequence_never_goes_back_though_a_clock_does() -> None:
    content = run({}, 0, NOW)
    content = run(content, 1, NOW - 5000)
    first = read_pointer(content[f"{SITE}/0"])
    assert first is not None
    assert first.sequence == NOW + 1


@pytest.mark.parametrize("value", ["", "{", "[]", "[1,2]", '[0,1,"",[[],0,[]]]', '[1,"x","",[[],0,[]]]', "null"])
def test_pointer_that_is_damaged_is_published_again(value: str) -> None:
    assert read_pointer(value) is None
    content = {**settled(0), f"{SITE}/0": value}
    assert plan(content, 0, NOW + 100 * SETTLE_SECONDS).step == "publish"

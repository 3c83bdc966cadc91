"""The guard keeps KeyValueStores in step with the home Region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from edgecors.document import load_policy
from edgecors_admin.key_value_store import compile_policy
from edgecors_admin.store_plan import SETTLE_SECONDS

from functions.guard.edgecors_guard.guard import Guard, Unfinished
from functions.guard.edgecors_guard.regions import check_regions
from tests.functions.guard.world import BAD, DISTRIBUTION, GOOD, PARTNERS, ROOT, SHOP, STAGING, World, metrics_of
from tests.support.key_value_store import KeyValueStoreDouble, ServiceError
from tests.support.visible_policy import visible_policy

SITE = f"{ROOT}/sites/{DISTRIBUTION}"
ALIAS = f"{ROOT}/aliases/{DISTRIBUTION}"
ARN = "arn:aws:cloudfront::123456789012:key-value-store/11112222-aaaa-bbbb-cccc-333344445555"
NEW = "https://new.example.com"
# Origins that do not fit a pointer, and origins of one host, which are all read with one key, and do not fit that.
LARGE = " ".join(f"https://n{number}.example.com" for number in range(150))
TOO_LARGE = " ".join(f"https://a.example.com:{port}" for port in range(1000, 1120))


class ServedStore(KeyValueStoreDouble):
    """The store's double, with its address."""

    endpoint = ""

    @property
    def updates(self) -> int:
        """The number of update requests that were applied."""
        return len(self.history)


@pytest.fixture
def store() -> Iterator[ServedStore]:
    double = ServedStore()
    with double.serve() as double.endpoint:
        yield double


@pytest.fixture
def guard(world: World, store: ServedStore) -> Guard:
    return store_guard(world, store)


def store_guard(world: World, store: ServedStore, **settings: Any) -> Guard:
    """A guard with one distribution that uses CloudFront Functions, and its store behind the double."""
    guard = world.guard(replicas=(), key_value_stores={DISTRIBUTION: ARN}, **settings)
    client = boto3.client(
        "cloudfront-keyvaluestore",
        region_name="us-east-1",
        endpoint_url=store.endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )

    def drop_account(request: Any, **_: object) -> None:
        # botocore puts the account's number before the host, where no name server would find it.
        assert request.headers["Authorization"].startswith(b"AWS4-ECDSA-P256-SHA256 ")
        request.url = request.url.replace("//123456789012.", "//")

    client.meta.events.register("before-send", drop_account)
    guard.clients.__dict__["key_value_store"] = client
    return guard


def policy_at(content: Mapping[str, str], pointer: int) -> object:
    """The policy of a pointer with its buckets, as far as it is whole."""
    visible = visible_policy({**content, f"{DISTRIBUTION}/{1 - pointer}": ""}, DISTRIBUTION)
    if visible is None:
        return None
    prefix = f"{DISTRIBUTION}/{visible.version}/"
    keys = {key: value for key, value in content.items() if visible.version and key.startswith(prefix)}
    return visible.policy, keys


def served(store: ServedStore) -> object:
    """The policy that the functions read."""
    return policy_at(store.content, 0)


def expected(text: str, **lists: str) -> object:
    """The compiled policy of a value and its lists."""
    return policy_at(compile_policy(load_policy(text, lists), DISTRIBUTION).content(), 0)


def test_store_good_change_is_written(world: World, guard: Guard, store: ServedStore) -> None:
    guard.handle_change(world.put(SITE, GOOD))
    assert served(store) == expected(GOOD)
    assert metrics_of(guard)["StoreUpdates"] == 1
    event = world.put(SHOP, GOOD)
    guard.handle_change(event)
    assert store.updates == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 1, 0, 0)])
def test_store_late_double_and_reordered_events_lead_to_the_current_policy(
    world: World, guard: Guard, store: ServedStore, order: tuple[int, ...]
) -> None:
    events = [world.put(SITE, GOOD), world.put(SITE, NEW)]
    for number in order:
        guard.handle_change(events[number])
    assert served(store) == expected(NEW)
    assert store.updates == 1


@pytest.mark.parametrize("auto_revert", [False, True])
def test_store_invalid_value_leaves_the_last_good_policy(world: World, store: ServedStore, auto_revert: bool) -> None:
    guard = store_guard(world, store, auto_revert=auto_revert)
    guard.handle_change(world.put(SITE, GOOD))
    guard.handle_change(world.put(SITE, BAD))
    assert served(store) == expected(GOOD)


def test_store_deleted_site_allows_nobody(world: World, guard: Guard, store: ServedStore) -> None:
    guard.handle_change(world.put(SITE, GOOD))
    world.now += 100
    guard.handle_change(world.delete(SITE))
    assert served(store) == expected("")


def test_store_alias_leads_to_its_site(world: World, guard: Guard, store: ServedStore) -> None:
    world.put(SHOP, GOOD)
    guard.handle_change(world.put(ALIAS, "shop"))
    assert served(store) == expected(GOOD)
    world.now += 100
    guard.handle_change(world.put(SHOP, NEW))
    assert served(store) == expected(NEW)
    world.now += 100
    guard.handle_change(world.put(f"{ROOT}/aliases/{STAGING}", "shop"))
    # A site of its own goes first.
    guard.handle_change(world.put(SITE, GOOD))
    assert served(store) == expected(GOOD)


def test_store_changed_list_is_written(world: World, guard: Guard, store: ServedStore) -> None:
    world.put(PARTNERS, GOOD)
    guard.handle_change(world.put(SITE, "@partners https://own.example.com"))
    world.now += 100
    guard.handle_change(world.put(PARTNERS, NEW))
    assert served(store) == expected("@partners https://own.example.com", partners=NEW)


@pytest.mark.parametrize("value", ["a sentence", "gz:AAAA"])
def test_store_invalid_list_serves_its_last_good_version(
    world: World, guard: Guard, store: ServedStore, value: str
) -> None:
    world.put(PARTNERS, GOOD)
    guard.handle_change(world.put(SITE, "@partners"))
    world.put(PARTNERS, value)
    world.now += 100
    guard.handle_change(world.put(SITE, f"@partners {NEW}"))
    assert served(store) == expected(f"@partners {NEW}", partners=GOOD)


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidKeyId", "KMSInvalidStateException"])
def test_store_list_under_another_key_concerns_its_entries_only(
    world: World, guard: Guard, store: ServedStore, code: str
) -> None:
    """The list's owner may use a key that the guard may not use, or disable it."""
    world.put(PARTNERS, GOOD, Type="SecureString")
    guard.handle_change(world.put(SITE, "@partners https://removed.example.com"))
    world.lock(PARTNERS)
    world.lock_code = code
    world.now += 100
    guard.handle_change(world.put(SITE, f"@partners {NEW}"))
    assert served(store) == expected(f"@partners {NEW}", partners="")


def test_store_distribution_with_an_unreadable_alias_is_reported(
    world: World, guard: Guard, store: ServedStore
) -> None:
    """Any change of a site may concern it, and the guard can't know which policy the store should have."""
    world.put(ALIAS, "shop", Type="SecureString")
    guard.handle_change(world.put(SHOP, GOOD))
    before = served(store)
    world.lock(ALIAS)
    world.now += 100
    event = world.put(SHOP, NEW)
    with pytest.raises(Unfinished, match=f"update the store of {DISTRIBUTION}: .*GetParameter: AccessDenied"):
        guard.handle_change(event)
    assert before
    assert served(store) == before


def test_store_list_that_can_not_be_read_for_now_is_waited_for(world: World, guard: Guard, store: ServedStore) -> None:
    """A list's origins do not disappear because of a throttled read."""
    world.put(PARTNERS, GOOD, Type="SecureString")
    guard.handle_change(world.put(SITE, "@partners"))
    world.lock(PARTNERS)
    world.lock_code = "ThrottlingException"
    world.now += 100
    event = world.put(SITE, f"@partners {NEW}")
    with pytest.raises(Unfinished, match="ThrottlingException"):
        guard.handle_change(event)
    assert served(store) == expected("@partners", partners=GOOD)


def test_store_list_that_is_too_large_concerns_its_entries_only(world: World, guard: Guard, store: ServedStore) -> None:
    """A list's writer must not keep the site's changes from arriving."""
    world.put(f"{ROOT}/lists/others", GOOD)
    guard.handle_change(world.put(SITE, "@others @partners https://removed.example.com"))
    world.put(PARTNERS, TOO_LARGE, Tier="Advanced")
    world.now += 100
    world.notices()
    guard.handle_change(world.put(SITE, f"@others @partners {NEW}"))
    assert served(store) == expected(f"@others @partners {NEW}", others=GOOD, partners="")
    [(subject, text)] = world.notices()
    assert subject == f"edgecors too large for functions: {DISTRIBUTION}"
    assert "@partners" in text
    assert metrics_of(guard)["StoreTooLarge"] == 1


def test_store_small_list_that_is_too_large_alone_leaves_the_larger_ones(
    world: World, guard: Guard, store: ServedStore
) -> None:
    """A host on many ports does not fit a key, however small its list is; the largest list is not at fault."""
    world.put(PARTNERS, TOO_LARGE, Tier="Advanced")
    world.put(f"{ROOT}/lists/others", LARGE, Tier="Advanced")
    guard.handle_change(world.put(SITE, "@others @partners"))
    assert len(TOO_LARGE.split()) < len(LARGE.split())
    assert served(store) == expected("@others @partners", others=LARGE, partners="")
    [(_, text)] = world.notices()
    assert "@others" not in text


def test_store_site_that_is_too_large_with_a_list_says_that_the_previous_policy_stays(
    world: World, guard: Guard, store: ServedStore
) -> None:
    world.put(PARTNERS, GOOD)
    guard.handle_change(world.put(SITE, "@partners"))
    world.notices()
    guard.handle_change(world.put(SITE, f"@partners {TOO_LARGE}", Tier="Advanced"))
    assert served(store) == expected("@partners", partners=GOOD)
    [(_, text)] = world.notices()
    assert "origins that you removed are still allowed" in text


def test_store_site_that_is_too_large_keeps_the_previous_policy(world: World, guard: Guard, store: ServedStore) -> None:
    guard.handle_change(world.put(SITE, GOOD))
    world.notices()
    guard.handle_change(world.put(SITE, TOO_LARGE, Tier="Advanced"))
    assert served(store) == expected(GOOD)
    [(_, text)] = world.notices()
    assert "origins that you removed are still allowed" in text


def test_store_write_meanwhile_is_planned_again(world: World, guard: Guard, store: ServedStore) -> None:
    store.conflicts = 2
    guard.handle_change(world.put(SITE, LARGE, Tier="Advanced"))
    assert served(store) == expected(LARGE)


def test_store_change_of_the_home_region_meanwhile_is_written(
    world: World, guard: Guard, store: ServedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two attempts somebody changes the policy: the second attempt writes what is true then."""
    event = world.put(SITE, GOOD)
    call = store.call

    def change_first(method: str, *arguments: Any) -> dict[str, Any]:
        if method == "POST" and world.value(SITE) == GOOD:
            store.conflicts = 1
            world.put(SITE, NEW)
        return call(method, *arguments)

    monkeypatch.setattr(store, "call", change_first)
    guard.handle_change(event)
    assert served(store) == expected(NEW)
    assert store.updates == 1


def test_store_that_keeps_changing_is_left_to_a_later_try(world: World, guard: Guard, store: ServedStore) -> None:
    store.conflicts = 100
    with pytest.raises(Unfinished, match=f"update the store of {DISTRIBUTION}: .*keeps changing"):
        guard.handle_change(world.put(SITE, GOOD))
    assert metrics_of(guard)["StoreFailures"] == 1
    store.conflicts = 0
    guard.handle_change(world.event(SITE))
    assert served(store) == expected(GOOD)


def test_store_change_right_after_another_pointer_is_tried_again(
    world: World, guard: Guard, store: ServedStore
) -> None:
    """Both pointers must never be on their way to the edge locations at the same time."""
    guard.handle_change(world.put(SITE, GOOD))
    event = world.put(SITE, NEW)
    with pytest.raises(Unfinished, match="changed just now"):
        guard.handle_change(event)
    assert served(store) == expected(GOOD)
    world.now += 100
    guard.handle_change(event)
    assert served(store) == expected(NEW)


def test_store_throttling_is_waited_for(world: World, guard: Guard, store: ServedStore) -> None:
    store.throttles = 2
    guard.handle_change(world.put(SITE, GOOD))
    assert served(store) == expected(GOOD)


@pytest.mark.parametrize("requests", [0, 1])
def test_store_end_after_some_requests_leaves_a_whole_policy(
    world: World, guard: Guard, store: ServedStore, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.handle_change(world.put(SITE, GOOD))
    world.now += 100
    event = world.put(SITE, LARGE, Tier="Advanced")
    end = store.updates + requests
    call = store.call

    def fail(method: str, *arguments: Any) -> dict[str, Any]:
        if method == "POST" and store.updates == end:
            raise ServiceError(400, "AccessDeniedException")
        return call(method, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store, "call", fail)
        with pytest.raises(Unfinished):
            guard.handle_change(event)
    assert store.updates == end
    assert served(store) == expected(GOOD)
    guard.handle_change(event)
    assert served(store) == expected(LARGE)


def test_store_schedule_finishes_what_a_change_began(world: World, guard: Guard, store: ServedStore) -> None:
    guard.handle_change(world.put(SITE, LARGE, Tier="Advanced"))
    world.now += 100
    guard.handle_change(world.put(SITE, GOOD))
    assert policy_at(store.content, 1) == expected(LARGE)
    for _ in range(2):
        world.now += SETTLE_SECONDS
        check_regions(guard)
    assert policy_at(store.content, 1) == expected(GOOD)
    assert set(store.content) == {f"{DISTRIBUTION}/0", f"{DISTRIBUTION}/1"}
    updates = store.updates
    check_regions(guard)
    assert store.updates == updates


def test_store_schedule_repairs_drift(world: World, guard: Guard, store: ServedStore) -> None:
    guard.handle_change(world.put(SITE, GOOD))
    store.content |= compile_policy(load_policy("*"), DISTRIBUTION).content()
    world.now += SETTLE_SECONDS
    check_regions(guard)
    assert served(store) == expected(GOOD)
    assert metrics_of(guard)["StoreDrift"] == 1
    world.now += SETTLE_SECONDS
    check_regions(guard)
    assert metrics_of(guard)["StoreDrift"] == 1


def test_store_schedule_reports_a_store_that_fails(world: World, guard: Guard, store: ServedStore) -> None:
    world.put(SITE, GOOD)
    store.throttles = 10
    check_regions(guard)
    assert "store not checked" in world.log
    assert metrics_of(guard)["StoreFailures"] == 1

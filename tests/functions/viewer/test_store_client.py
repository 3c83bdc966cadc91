"""Writing a policy to a KeyValueStore over its HTTP interface."""

from collections.abc import Iterator
from functools import partial

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from edgecors.document import load_policy
from edgecors_admin.key_value_store import CompiledPolicy, compile_policy
from edgecors_admin.store_client import ATTEMPTS, KeyValueStore, StoreConflictError
from edgecors_admin.store_plan import SETTLE_SECONDS, Batch, read_pointer

from tests.support.key_value_store import KeyValueStoreDouble
from tests.support.visible_policy import visible_policy

SITE = "EDFDVBD6EXAMPLE"
ARN = "arn:aws:cloudfront::123456789012:key-value-store/12345678-1234-1234-1234-123456789012"
SMALL = "https://app.example.com"
LARGE = " ".join(f"https://app{number}.example.com" for number in range(3000))
NOW = 1_700_000_000


@pytest.fixture
def double() -> KeyValueStoreDouble:
    return KeyValueStoreDouble()


@pytest.fixture
def store(double: KeyValueStoreDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyValueStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with double.serve() as endpoint:
        config = Config(retries={"mode": "standard", "total_max_attempts": 5})
        client = boto3.client("cloudfront-keyvaluestore", region_name="us-east-1", endpoint_url=endpoint, config=config)
        client.meta.events.register("before-send", _without_account)
        yield KeyValueStore(client, ARN)


def _without_account(request: AWSPreparedRequest, **_: object) -> None:
    """The SDK puts the account before the endpoint's host, which has no name for it here."""
    request.url = request.url.replace("//123456789012.", "//")


def compiled(text: str, sequence: int = 1) -> CompiledPolicy:
    return compile_policy(load_policy(text), SITE, sequence)


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
def test_store_empty_gets_the_policy_whole(store: KeyValueStore, double: KeyValueStoreDouble, text: str) -> None:
    plan = store.bring_up_to_date(SITE, partial(compiled, text), NOW)
    assert plan.step == "publish"
    assert double.content == compiled(text, NOW).content()
    assert double.calls.count("UpdateKeys") == len(plan.batches)


def test_store_that_is_up_to_date_is_not_written(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    store.bring_up_to_date(SITE, partial(compiled, LARGE), NOW)
    double.calls.clear()
    assert store.bring_up_to_date(SITE, partial(compiled, LARGE), NOW + 5).step == "none"
    assert "UpdateKeys" not in double.calls


def test_store_after_a_change_keeps_the_old_version_and_cleans_it_later(
    store: KeyValueStore, double: KeyValueStoreDouble
) -> None:
    steps = []
    texts = [LARGE, SMALL, SMALL, SMALL, SMALL]
    for number, text in enumerate(texts):
        now = NOW + number * (SETTLE_SECONDS + 1)
        steps.append(store.bring_up_to_date(SITE, partial(compiled, text), now).step)
        assert visible_policy(double.content, SITE) is not None
    assert steps == ["publish", "publish", "settle", "clean", "none"]
    assert set(double.content) == {f"{SITE}/0", f"{SITE}/1"}


def test_store_keys_of_other_sites_are_left_alone(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    double.content = {"EOTHER/0": "x", "EOTHER/abc/0": "y"}
    for number, text in enumerate([LARGE, SMALL, SMALL, SMALL]):
        now = NOW + number * (SETTLE_SECONDS + 1)
        store.bring_up_to_date(SITE, partial(compiled, text), now)
    assert double.content["EOTHER/0"] == "x"
    assert double.content["EOTHER/abc/0"] == "y"


def test_store_conflict_compiles_the_policy_anew(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    double.conflicts = 1
    texts = iter([SMALL, "https://newer.example"])
    store.bring_up_to_date(SITE, lambda sequence: compiled(next(texts), sequence), NOW)
    assert "https://newer.example" in double.content[f"{SITE}/0"]


def test_store_conflicts_without_end_are_an_error(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    double.conflicts = 100
    with pytest.raises(StoreConflictError):
        store.bring_up_to_date(SITE, partial(compiled, SMALL), NOW)
    assert double.calls.count("UpdateKeys") == ATTEMPTS
    assert double.content == {}


def test_store_throttled_calls_are_repeated(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    double.throttles = 2
    assert store.bring_up_to_date(SITE, partial(compiled, SMALL), NOW).step == "publish"
    assert double.content == compiled(SMALL, NOW).content()


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (Batch({f"k{number}": "v" for number in range(51)}), "ValidationException"),
        (Batch({"k": "v" * 1025}), "ValidationException"),
        (Batch({"k" * 513: "v"}), "ValidationException"),
        (Batch(), "ValidationException"),
    ],
    ids=["51 keys", "long value", "long key", "empty"],
)
def test_double_update_beyond_a_limit_changes_nothing(
    store: KeyValueStore, double: KeyValueStoreDouble, batch: Batch, code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        store.write([batch], double.etag)
    assert double.content == {}


def test_double_full_store_refuses_an_update_as_a_whole(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    double.content = {f"x{number}": "v" * 1000 for number in range(4960)}
    with pytest.raises(ClientError, match="ServiceQuotaExceededException"):
        store.write([Batch({f"k{number}": "v" * 1000 for number in range(50)})], double.etag)
    assert "k0" not in double.content


def test_double_update_with_a_stale_etag_changes_nothing(store: KeyValueStore, double: KeyValueStoreDouble) -> None:
    stale = double.etag
    store.write([Batch({"a": "1"})], stale)
    with pytest.raises(StoreConflictError):
        store.write([Batch({"b": "2"}, ("a",))], stale)
    assert double.content == {"a": "1"}


def test_double_update_with_one_long_value_changes_none_of_its_keys(
    store: KeyValueStore, double: KeyValueStoreDouble
) -> None:
    store.write([Batch({"a": "1"})], double.etag)
    with pytest.raises(ClientError, match="ValidationException"):
        store.write([Batch({"b": "2", "c": "v" * 1025}, ("a",))], double.etag)
    assert double.content == {"a": "1"}


def test_double_read_after_an_update_may_lack_the_changed_keys_for_a_while(
    store: KeyValueStore, double: KeyValueStoreDouble
) -> None:
    double.content = {f"{SITE}/0": "old", f"{SITE}/1": "old"}
    store.write([Batch({f"{SITE}/0": "new"})], double.etag)
    double.misses = 1
    assert store.read(SITE)[0] == {f"{SITE}/1": "old"}
    assert store.read(SITE)[0] == {f"{SITE}/0": "new", f"{SITE}/1": "old"}


def test_store_whose_keys_are_missing_for_a_while_never_shows_nobody(
    store: KeyValueStore, double: KeyValueStoreDouble
) -> None:
    store.bring_up_to_date(SITE, partial(compiled, LARGE), NOW)
    double.history.clear()
    for number, text in enumerate([SMALL, LARGE, SMALL]):
        double.misses = 1
        store.bring_up_to_date(SITE, partial(compiled, text), NOW + (number + 1) * 1000)
        store.bring_up_to_date(SITE, partial(compiled, text), NOW + (number + 1) * 1000 + SETTLE_SECONDS)
        assert all(visible_policy(content, SITE) is not None for content in double.history)
    last = read_pointer(double.content[f"{SITE}/0"])
    assert last is not None
    assert last.names_the_same(read_pointer(compiled(SMALL).pointer))

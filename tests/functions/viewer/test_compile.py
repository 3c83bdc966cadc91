"""The content of the KeyValueStore: limits, determinism, and policies that it can't hold."""

import json
from random import Random

import pytest
from edgecors.document import load_policy
from edgecors_admin.key_value_store import PolicyTooLargeError, compile_policy

from harness import generate

SITE = "EDFDVBD6EXAMPLE"


def origins(count: int) -> str:
    return " ".join(f"https://app{number}.example{number % 97}.com" for number in range(count))


def test_compile_small_policy_is_inside_both_pointers() -> None:
    content = compile_policy(load_policy("https://app.example.com"), SITE).content()
    assert list(content) == [f"{SITE}/0", f"{SITE}/1"]
    assert content[f"{SITE}/0"] == content[f"{SITE}/1"]
    assert "https://app.example.com" in content[f"{SITE}/0"]


@pytest.mark.parametrize("count", [1, 20, 30, 40, 1000, 50_000])
def test_compile_list_of_origins_keeps_the_limits_of_the_store(count: int) -> None:
    compiled = compile_policy(load_policy(origins(count)), SITE)
    content = compiled.content()
    assert max(len(key.encode()) for key in content) <= 512
    assert max(len(value.encode()) for value in content.values()) <= 1024
    assert min(len(value) for value in content.values()) > 0
    assert sum(len(key) + len(value) for key, value in content.items()) <= 2_500_000
    assert compiled.reads <= 3


def test_compile_every_origin_is_in_the_store_whole() -> None:
    content = compile_policy(load_policy(origins(1000)), SITE).content()
    entries = {entry for value in content.values() for entry in value.replace("\n", " ").split(" ")}
    assert set(origins(1000).split()) <= entries


@pytest.mark.parametrize("seed", range(3))
def test_compile_random_policies_keep_the_limits_of_the_store(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        case = generate.policy(random)
        content = compile_policy(load_policy(case.text, case.lists), SITE).content()
        assert all(len(value.encode()) <= 1024 for value in content.values())


def test_compile_same_policy_twice_gives_the_same_content() -> None:
    text = origins(500)
    reordered = " ".join(reversed(text.split()))
    assert compile_policy(load_policy(text), SITE) == compile_policy(load_policy(reordered), SITE)


def test_compile_another_policy_has_other_keys() -> None:
    first = compile_policy(load_policy(origins(500)), SITE)
    second = compile_policy(load_policy(origins(501)), SITE)
    assert first.version != second.version
    assert not set(first.keys) & set(second.keys)


def test_compile_list_in_several_grants_is_stored_once() -> None:
    listed = origins(2000).split()
    rules = [{"paths": [f"/{name}/*"], "allow_origins": ["@all"], "max_age": 60} for name in "abc"]
    once = compile_policy(load_policy(" ".join(listed)), SITE)
    thrice = compile_policy(load_policy(json.dumps({"rules": rules}), {"all": " ".join(listed)}), SITE)
    assert len(thrice.keys) <= len(once.keys) + 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(origins(90_000), "bytes of the store", id="store"),
        pytest.param(
            " ".join(f"https://a.example:{port}" for port in range(1000, 1100)), "entries for 'a.example'", id="host"
        ),
        pytest.param(
            # Both hosts have the same hash, and together more entries than a bucket holds.
            " ".join(f"https://{h}.example.com:{p}" for h in ("h15600", "h20094") for p in range(20000, 20030)),
            "can't be spread",
            id="hash",
        ),
        pytest.param(
            json.dumps({"rules": [{"paths": [f"/{n}/*" for n in range(101)], "allow_origins": "*"}]}),
            "101 hosts and paths",
            id="globs",
        ),
        pytest.param(
            json.dumps(
                {"rules": [{"allow_origins": "*", "allow_headers": [f"x-{'a' * 100}-{n}" for n in range(200)]}]}
            ),
            "would have to read",
            id="reads",
        ),
    ],
)
def test_compile_too_large_policy_is_refused_with_what_to_use_instead(text: str, message: str) -> None:
    with pytest.raises(PolicyTooLargeError) as caught:
        compile_policy(load_policy(text), SITE)
    (finding,) = caught.value.findings
    assert finding.code == "too-large-for-functions"
    assert message in finding.message
    assert "EdgeSetup=viewer" in finding.remedy


def test_compile_shadow_policy_manages_nothing_and_says_so() -> None:
    compiled = compile_policy(
        load_policy('{"mode": "shadow", "rules": [{"allow_origins": ["https://a.example"]}]}'), SITE
    )
    assert json.loads(compiled.pointer)[3][0] == []
    assert [(finding.code, finding.location) for finding in compiled.findings] == [("ignored-by-functions", "mode")]


def test_compile_refresh_seconds_is_reported_as_without_effect() -> None:
    compiled = compile_policy(load_policy('{"refresh_seconds": 300, "rules": [{"allow_origins": "*"}]}'), SITE)
    assert [finding.location for finding in compiled.findings] == ["refresh_seconds"]

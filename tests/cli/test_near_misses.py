"""`explain` names the entries that nearly allow a refused origin, the cause of a refusal, and skipped entries."""

import json
from typing import Any

import pytest
from edgecors_admin.explain import Asked, Explanation, explain_request

from tests.cli.conftest import Command


def explained(text: str, origin: str, path: str = "/", **asked: Any) -> Explanation:
    return explain_request(text, {}, Asked(origin, path=path, **asked))


@pytest.mark.parametrize(
    ("entry", "origin", "why"),
    [
        ("https://app.example.com", "http://app.example.com", "the scheme differs: http, not https"),
        ("https://app.example.com", "https://app.example.com:8443", "the port differs: 8443, not the default"),
        ("http://localhost:3000", "http://localhost:5173", "the port differs: 5173, not 3000"),
        (
            "https://*.example.com",
            "https://example.com",
            "covers the subdomains of example.com, not example.com itself",
        ),
        ("https://example.com", "https://app.example.com", "does not cover its subdomains"),
        ("https://www.example.com", "https://example.com", "are two origins"),
        ("https://app.example.com", "https://api.example.com", "another name below example.com"),
        ("https://*.example.com", "http://app.example.com", "the scheme differs"),
        ("https://*.example.com", "https://app.example.com:8443", "the port differs"),
        ("https://shop-*.example.com", "https://shop.example.com", "'shop' does not match 'shop-*'"),
        ("https://app.example.com", "https://App.example.com", "browsers send 'https://app.example.com'"),
        ("https://app.example.com", "https://app.example.com/", "browsers send 'https://app.example.com'"),
        ("https://app.example.com", "https://app.example.com.", "ends with a dot"),
        ("https://app.example.com", "null", "sandboxed frame"),
    ],
)
def test_a_near_miss_says_what_differs(entry: str, origin: str, why: str) -> None:
    (near, *_) = explained(entry, origin).near_misses
    assert why in near.why
    assert near.entry in (entry, "null")


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.org"),
        ("https://app.example.com", "https://example.net"),
        ("https://example.com", "https://badexample.com"),
        ("null", "https://app.example.com"),
    ],
)
def test_an_allowed_or_unrelated_origin_has_no_near_miss(entry: str, origin: str) -> None:
    assert explained(entry, origin).near_misses == ()


def test_the_nearest_come_first_and_only_a_few() -> None:
    entries = [f"https://s{number}.example.com" for number in range(50)]
    near = explained(",".join([*entries, "http://app.example.com"]), "https://app.example.com").near_misses
    assert near[0].entry == "http://app.example.com"
    assert len(near) == 5


def test_an_origin_that_another_rule_allows_is_a_near_miss() -> None:
    rules = [
        {"paths": ["/api/*"], "allow_origins": ["https://app.example.com"]},
        {"allow_origins": ["https://www.example.org"]},
    ]
    (near,) = explained(json.dumps({"rules": rules}), "https://app.example.com", "/img/x.png").near_misses
    assert (near.why, near.location) == ("allowed by rule 0, for /api/*", "rules[0].allow_origins[0]")


def test_a_skipped_entry_is_shown(edgecors: Command) -> None:
    edgecors.put("sites/shop", "web.example.com https://b.example.com")
    ran = edgecors("explain", "shop", "--origin", "https://web.example.com")
    assert ran.status == 1
    assert "entries[0]" in ran.out
    assert "origin-no-scheme" in ran.out
    assert "the entry is skipped, because it can't be read; write https://web.example.com" in ran.out
    assert [f["code"] for f in edgecors.json("explain", "shop", "--origin", "null")["findings"]] == ["origin-no-scheme"]


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"method": "GET", "headers": [("content-type", None), ("x-trace", None)]}, "x-trace"),
        ({"method": "DELETE"}, "DELETE"),
        ({"method": "PUT", "headers": [("content-type", None)]}, None),
    ],
)
def test_a_refused_preflight_names_its_cause(asked: dict[str, Any], cause: str | None) -> None:
    rule = {
        "allow_origins": ["https://web.example.com"],
        "allow_methods": ["GET", "PUT"],
        "allow_headers": ["content-type"],
    }
    explanation = explained(json.dumps({"rules": [rule]}), "https://web.example.com", **asked)
    assert explanation.preflight is not None
    assert explanation.preflight.cause == cause
    assert (cause or "") in explanation.preflight.fault
    assert bool(explanation.preflight.fault) is (cause is not None)


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("--path", "api/cart"), "the path 'api/cart' is read as '/api/cart'"),
        (("--path", "https://api.example.com/cart?x=1"), "is read as the path /cart on api.example.com"),
        (("--path", "/cart?x=1"), "the query of /cart?x=1 is left out"),
        (("--host", "https://api.example.com/x"), "the host is read as api.example.com"),
        (("--path", "/cart"), None),
    ],
)
def test_what_was_pasted_as_path_or_host_is_repaired_and_said(
    edgecors: Command, arguments: tuple[str, ...], note: str | None
) -> None:
    edgecors.put("sites/shop", "https://a.example.com")
    notes = edgecors.json("explain", "shop", "--origin", "https://a.example.com", *arguments)["notes"]
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_the_grant_that_decided_is_named(edgecors: Command) -> None:
    grants = [
        {"allow_origins": ["https://app.example.com"], "allow_credentials": True, "allow_methods": ["GET", "PUT"]},
        {"allow_origins": "*", "allow_methods": ["GET"]},
    ]
    edgecors.put("sites/shop", json.dumps({"rules": [{"grants": grants}]}))
    app = edgecors.json("explain", "shop", "--origin", "https://app.example.com", "--method", "PUT")
    assert (app["request"]["grant"], app["request"]["entry_location"]) == (0, "rules[0].grants[0].allow_origins[0]")
    other = edgecors.json("explain", "shop", "--origin", "https://other.example.org", "--method", "PUT")
    assert (other["preflight"]["grant"], other["preflight"]["cause"]) == (1, "PUT")
    assert "grant 1" in edgecors("explain", "shop", "--origin", "https://other.example.org").out

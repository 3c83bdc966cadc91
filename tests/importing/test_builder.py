"""How source rules become grants, and what happens to what a policy can't have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.errors import UsageError
from edgecors_admin.importing import import_text

A, B, ALL = "https://a.example.com", "https://b.example.com", "*"


def s3(origins: list[str], methods: str, headers: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"AllowedOrigins": origins, "AllowedMethods": methods.split(), "AllowedHeaders": headers or [], **more}


def grant(origins: list[str] | str, methods: str, headers: list[str] | str, **more: Any) -> dict[str, Any]:
    return {"allow_origins": origins, "allow_methods": methods.split(), "allow_headers": headers, "max_age": 5, **more}


def rule_of(source: Any) -> dict[str, Any]:
    document = import_text(json.dumps(source)).document()
    assert document is not None
    (rule,) = document["rules"]
    return rule  # type: ignore[no-any-return]


S3_CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "same settings are one grant": (
        [s3([A], "GET", ["x"]), s3([B], "GET", ["x"])],
        [grant([A, B], "GET", ["x"])],
    ),
    "an origin in two rules gets the methods of both where the headers agree": (
        [s3([A], "GET", ["x"]), s3([A], "PUT", ["x"])],
        [grant([A], "GET PUT", ["x"])],
    ),
    "methods with few headers are not joined with headers of other methods": (
        [s3([A], "PUT", ["x"]), s3([A], "DELETE", ["y", "z"])],
        [grant([A], "DELETE", ["y", "z"])],
    ),
    "writes for the app, reads for everyone": (
        [s3([A], "PUT POST DELETE", ["*"]), s3([ALL], "GET")],
        [grant([A], "PUT POST DELETE", "*"), grant("*", "GET", [])],
    ),
    "the rule for everyone adds its methods where headers agree": (
        [s3([A], "PUT", ["*"]), s3([ALL], "GET", ["*"])],
        [grant([A], "PUT GET", "*"), grant("*", "GET", "*")],
    ),
    "an origin that may do no more than everyone is not listed": (
        [s3([A], "GET"), s3([ALL], "GET")],
        [grant("*", "GET", [])],
    ),
    "a pattern around another origin comes last": (
        [s3(["https://*.example.com"], "GET", ["x"]), s3([A], "PUT", ["*"])],
        [grant([A], "PUT", "*"), grant(["https://*.example.com"], "GET", ["x"])],
    ),
    "a wider pattern comes after a narrower one": (
        [s3(["https://*.example.com"], "GET", ["x"]), s3(["https://*.b.example.com"], "GET PUT", ["x", "y"])],
        [grant(["https://*.b.example.com"], "GET PUT", ["x", "y"]), grant(["https://*.example.com"], "GET", ["x"])],
    ),
    "a pattern with the same end is not around another origin": (
        [s3(["https://shop-*.example.com"], "GET PUT", ["*"]), s3(["https://web-1.example.com"], "GET", ["x"])],
        [
            grant(["https://shop-*.example.com"], "GET PUT", "*"),
            grant(["https://web-1.example.com"], "GET", ["x"]),
        ],
    ),
    "response headers are those that all rules of an origin expose": (
        [s3([A], "GET", ExposeHeaders=["ETag", "x-a"]), s3([A], "PUT", ExposeHeaders=["ETag"])],
        [grant([A], "GET PUT", [], expose_headers=["etag"])],
    ),
    "the shortest max age counts": (
        [s3([A], "GET", MaxAgeSeconds=600), s3([A], "PUT", MaxAgeSeconds=60)],
        [grant([A], "GET PUT", []) | {"max_age": 60}],
    ),
}


@pytest.mark.parametrize(("rules", "grants"), S3_CASES.values(), ids=S3_CASES)
def test_build_grants_s3_rules_become_grants(rules: list[dict[str, Any]], grants: list[dict[str, Any]]) -> None:
    rule = rule_of(rules)
    assert rule.get("grants", [rule]) == grants


def test_build_grants_unsafe_origins_get_a_grant_without_credentials() -> None:
    origins = [A, "http://b.example.com", "null", "http://localhost:3000"]
    rule = rule_of({"AllowOrigins": origins, "AllowMethods": ["PUT"], "AllowCredentials": True})
    assert rule["grants"] == [
        grant([A, "http://localhost:3000"], "PUT", [], allow_credentials=True),
        grant(["http://b.example.com", "null"], "PUT", []),
    ]


def test_build_policy_exposed_wildcard_with_credentials_is_left_out() -> None:
    source = {"AllowOrigins": [A], "AllowMethods": ["PUT"], "AllowCredentials": True, "ExposeHeaders": ["*"]}
    assert rule_of(source) == grant([A], "PUT", [], allow_credentials=True)
    findings = import_text(json.dumps(source)).findings
    assert [(f.code, f.location) for f in findings] == [("import-value", "http-api: expose_headers")]


@pytest.mark.parametrize("name", ["Cookie", "Access-Control-Allow-Origin"])
def test_build_policy_headers_that_pages_can_not_send_are_harmless(name: str) -> None:
    rule = rule_of({"AllowOrigins": [A], "AllowMethods": ["PUT"], "AllowHeaders": [name, "x-a"]})
    assert load_policy(json.dumps({"version": 1, "rules": [rule]})).rules
    assert rule["allow_headers"] == [name.lower(), "x-a"]


def test_build_policy_too_many_origins_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="At most 10000 can be imported"):
        import_text(json.dumps([s3([f"https://h{number}.example.com" for number in range(10_001)], "GET")]))


def test_build_grants_too_many_rules_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="At most 200 can be imported"):
        import_text(json.dumps([s3([A], "GET", [f"h{number}"]) for number in range(201)]))

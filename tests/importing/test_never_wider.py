"""Whatever an imported policy allows, its source allowed."""

from __future__ import annotations

import json
from typing import Any

from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors_admin.importing import import_text
from edgecors_admin.importing.serverless import DEFAULT_HEADERS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importing.oracles import api_gateway_allows, api_gateway_resource, s3_rule, serverless_allows

ORIGINS = (
    *("https://a.example.com", "https://b.a.example.com", "https://example.com", "https://evilexample.com"),
    *(
        "http://a.example.com",
        "https://shop-1.example.com",
        "https://shop-1.x.example.com",
        "https://a.example.com:8443",
    ),
    *("http://localhost", "http://localhost:3000", "https://a.example.com.evil.test", "null", "https://other.test"),
    *("https://a.example.co", "app://a.example.com"),
)
SOURCE_ORIGINS = (
    *ORIGINS[:9],
    *("*", "https://*", "https://*.example.com", "https://*example.com", "*.example.com", "http*://a.example.com"),
    *("https://shop-*.example.com", "https://a.example.com*", "http://localhost:*", "https://A.example.com", "null"),
    *(
        "https://a.example.com/",
        "a.example.com",
        "https://a.*",
        "*://a.example.com",
        "https://a.example.com, https://b",
    ),
    *("https://*.a.example.com", "https://a.example.com:*", "*example.com", "https://a*.example.com"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
NAMES = ("content-type", "authorization", "x-amz-date", "x-amz-meta-a", "x-custom", "range")
SOURCE_NAMES = (*NAMES, "*", "x-amz-*", "X-Custom", "content-*", "*-type")


def some(values: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=4, unique=True)


S3_RULES = st.lists(
    st.fixed_dictionaries(
        {"AllowedOrigins": some(SOURCE_ORIGINS, 1), "AllowedMethods": some(METHODS[:5], 1)},
        optional={"AllowedHeaders": some(SOURCE_NAMES), "ExposeHeaders": some(("etag", "x-a"))},
    ),
    min_size=1,
    max_size=4,
)
API_CORS = st.fixed_dictionaries(
    {"AllowOrigins": some(SOURCE_ORIGINS, 1)},
    optional={
        "AllowMethods": some((*METHODS, "*", "OPTIONS")),
        "AllowHeaders": some((*NAMES, "*")),
        "AllowCredentials": st.booleans(),
    },
)


def allows_preflight(policy: Any, origin: str, method: str, headers: list[str]) -> bool:
    request = Request(
        "OPTIONS", "/x", origin=origin, request_method=method, request_headers=",".join(sorted(headers)) or None
    )
    return decide(policy, request).status == 204


def actual_headers(policy: Any, origin: str) -> dict[str, str]:
    return {name.lower(): value for name, value in decide(policy, Request("GET", "/x", origin=origin)).headers}


@settings(max_examples=100, deadline=None)
@given(
    S3_RULES,
    st.lists(st.tuples(st.sampled_from(ORIGINS), st.sampled_from(METHODS), some(NAMES)), min_size=20, max_size=40),
)
def test_import_s3_policy_allows_nothing_that_s3_refuses(rules: list[dict[str, Any]], requests: list[Any]) -> None:
    imported = import_text(json.dumps({"CORSRules": rules}))
    document = imported.document()
    if document is None:
        assert any(finding.severity == "error" for finding in imported.findings)
        return
    policy = load_policy(json.dumps(document))
    says_simple = any(finding.code == "import-simple-requests" for finding in imported.findings)
    for origin, method, headers in requests:
        if allows_preflight(policy, origin, method, headers):
            assert s3_rule(rules, origin, method, headers), (origin, method, headers)
        response = actual_headers(policy, origin)
        if "access-control-allow-origin" not in response:
            continue
        rule = s3_rule(rules, origin, "GET", [])
        assert rule or says_simple, origin
        assert "access-control-allow-credentials" not in response
        exposed = {name.strip() for name in response.get("access-control-expose-headers", "").split(",")} - {""}
        exposing = [rule for rule in rules if any(s3_rule([rule], origin, method, []) for method in METHODS)]
        assert exposed <= {name for rule in exposing for name in rule.get("ExposeHeaders", [])}


@settings(max_examples=100, deadline=None)
@given(
    API_CORS,
    st.lists(st.tuples(st.sampled_from(ORIGINS), st.sampled_from(METHODS), some(NAMES)), min_size=20, max_size=40),
)
def test_import_http_api_policy_allows_nothing_that_the_api_refuses(cors: dict[str, Any], requests: list[Any]) -> None:
    imported = import_text(json.dumps(cors))
    document = imported.document()
    if document is None:
        assert any(finding.severity == "error" for finding in imported.findings)
        return
    policy = load_policy(json.dumps(document))
    for origin, method, headers in requests:
        if allows_preflight(policy, origin, method, headers):
            assert api_gateway_allows(cors, origin, method, headers), (origin, method, headers)
        response = actual_headers(policy, origin)
        if "access-control-allow-origin" in response:
            assert api_gateway_allows(cors, origin, "GET", [])
        if "access-control-allow-credentials" in response:
            assert cors.get("AllowCredentials")


@settings(max_examples=100, deadline=None)
@given(S3_RULES)
def test_import_s3_exact_origins_keep_what_one_rule_allows(rules: list[dict[str, Any]]) -> None:
    rule = rules[0] | {"AllowedOrigins": ["https://a.example.com"], "AllowedHeaders": ["x-custom"]}
    policy = load_policy(json.dumps(import_text(json.dumps([rule])).document()))
    for method in rule["AllowedMethods"]:
        assert allows_preflight(policy, "https://a.example.com", method, ["x-custom"])


PATHS = ("items", "items/{id}", "items/{id}/secret", "items/new", "{proxy+}", "items/{proxy+}", "users/{id}/items")
CONCRETE = ("/items", "/items/1", "/items/new", "/items/1/secret", "/users/1/items", "/users/1", "/x/y", "/items/1/2/3")
EVENTS = st.lists(
    st.fixed_dictionaries(
        {"path": st.sampled_from(PATHS), "method": st.sampled_from(("get", "post", "put", "delete"))},
        optional={
            "cors": st.one_of(
                st.just(True),
                st.fixed_dictionaries(
                    {"origins": some(("https://a.example.com", "https://*.example.com", "https://other.test", "*"), 1)},
                    optional={"headers": some(NAMES)},
                ),
            )
        },
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda event: (event["path"], event["method"]),
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_import_serverless_events_policy_allows_nothing_that_the_path_refuses(events: list[dict[str, Any]]) -> None:
    source = {
        "service": "a",
        "provider": {"name": "aws"},
        "functions": {"f": {"events": [{"http": e} for e in events]}},
    }
    if not any(event.get("cors") for event in events):
        return
    imported = import_text(json.dumps(source))
    document = imported.document()
    if document is None:
        assert any(finding.severity == "error" for finding in imported.findings)
        return
    policy = load_policy(json.dumps(document))
    for path in CONCRETE:
        if api_gateway_resource(sorted({event["path"] for event in events}), path) is None:
            continue  # API Gateway itself answers with an error.
        for origin in ("https://a.example.com", "https://b.example.com", "https://other.test", "https://evil.test"):
            for method in ("GET", "PUT", "DELETE"):
                for headers in ([], ["x-custom"], ["content-type", "authorization"]):
                    names = ",".join(headers) or None
                    request = Request("OPTIONS", path, origin=origin, request_method=method, request_headers=names)
                    if decide(policy, request).status == 204:
                        assert serverless_allows(events, path, origin, method, headers, DEFAULT_HEADERS), (path, method)

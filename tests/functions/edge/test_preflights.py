"""Preflights at CloudFront: which requests are answered, and what CloudFront accepts as a response."""

from typing import Any

import pytest

from tests.functions.edge.support import ORIGIN_REQUEST, SETUPS, VIEWER_REQUEST, Handlers, event, plain, preflight

APP, EVIL = "https://app.example.com", "https://evil.example"
RULE: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org"], "allow_credentials": True}
POLICY = {"version": 1, "rules": [RULE]}

answering = pytest.mark.parametrize(("setup", "trigger"), [("viewer", VIEWER_REQUEST), ("origin", ORIGIN_REQUEST)])


@answering
@pytest.mark.parametrize("debug", [False, True])
def test_allowed_preflight_response_has_no_body_key(setup: str, trigger: str, debug: bool) -> None:
    """CloudFront answers 502 if the key exists at all."""
    result = Handlers({"version": 1, "rules": [{**RULE, "debug": debug}]})(setup, preflight(trigger, APP))
    assert result.keys() == {"status", "statusDescription", "headers"}
    assert "content-length" not in result["headers"]


@answering
def test_preflight_response_status_is_a_string(setup: str, trigger: str) -> None:
    assert Handlers(POLICY)(setup, preflight(trigger, APP))["status"] == "204"


@answering
def test_preflight_with_upper_case_header_keys_is_answered(setup: str, trigger: str) -> None:
    original = preflight(trigger, APP)
    request = original["Records"][0]["cf"]["request"]
    request["headers"] = {name.title(): items for name, items in request["headers"].items()}
    assert Handlers(POLICY, checked=False)(setup, original)["status"] == "204"


@answering
def test_options_request_that_is_not_a_preflight_goes_on(setup: str, trigger: str) -> None:
    for original in (
        event(trigger, method="OPTIONS", origin=APP),
        event(trigger, method="OPTIONS", access_control_request_method="PUT"),
        event(trigger, method="GET", origin=APP, access_control_request_method="PUT"),
        event(trigger, method="options", origin=APP, access_control_request_method="PUT"),
    ):
        assert Handlers(POLICY)(setup, original) == original["Records"][0]["cf"]["request"]


@answering
def test_preflight_without_request_headers_is_answered(setup: str, trigger: str) -> None:
    result = Handlers(POLICY)(setup, preflight(trigger, APP))
    assert result["status"] == "204"
    assert "access-control-allow-headers" not in result["headers"]


@pytest.mark.parametrize("setup", SETUPS)
def test_empty_origin_is_refused(setup: str) -> None:
    """An empty list means no header; an empty value is a malformed origin."""
    original = preflight(SETUPS[setup][0], APP)
    original["Records"][0]["cf"]["request"]["headers"]["origin"] = []
    assert Handlers(POLICY, checked=False)(setup, original) == original["Records"][0]["cf"]["request"]
    assert Handlers(POLICY)(setup, preflight(SETUPS[setup][0], ""))["status"] == "403"


@pytest.mark.parametrize("path", ["/api/../x", "/api/%2e%2e/x", "/API/x", "/api+x", "/x/%61pi/y"])
def test_rule_is_not_matched_by_another_resource(path: str) -> None:
    policy = {"version": 1, "rules": [{**RULE, "paths": ["/api/*"]}]}
    original = preflight(VIEWER_REQUEST, APP, uri=path)
    assert Handlers(policy)("viewer", original) == original["Records"][0]["cf"]["request"]


@pytest.mark.parametrize("path", ["/api/%5cx", "/api/%00", "/api/%zz", "/api/%2f", "/%61pi/x", "/x/../api/y"])
def test_rule_is_matched_by_every_reading_of_its_resource(path: str) -> None:
    policy = {"version": 1, "rules": [{**RULE, "paths": ["/api/*"]}]}
    assert Handlers(policy)("viewer", preflight(VIEWER_REQUEST, APP, uri=path))["status"] == "204"


@pytest.mark.parametrize(
    "path", ["/x/..%2fapi/y", "/api%2fx", "//api/x", "/api;v=1/x", "/x/..;/api/y", "/x/..%5capi/y"]
)
def test_ambiguous_resource_is_refused(path: str) -> None:
    policy = {"version": 1, "rules": [{**RULE, "paths": ["/api/*"]}]}
    handlers = Handlers(policy)
    result = handlers("viewer", preflight(VIEWER_REQUEST, APP, uri=path))
    assert (result["status"], plain(result)["cache-control"]) == ("403", "no-store")
    assert "access-control-allow-origin" not in result["headers"]
    assert handlers.reasons() == ["resource-ambiguous"]


def test_longest_preflight_response_fits_cloudfront_s_limit() -> None:
    """CloudFront's limit is 20 KB of headers; the longest accepted list, echoed, stays below it."""
    names = ",".join(f"x-{number:060}" for number in range(64))
    original = preflight(VIEWER_REQUEST, APP, "M" * 60, access_control_request_headers=names)
    assert Handlers({"version": 1, "rules": [{**RULE, "allow_methods": "*"}]})("viewer", original)["status"] == "204"


@answering
def test_request_header_names_on_several_lines_are_joined(setup: str, trigger: str) -> None:
    result = Handlers(POLICY)(setup, preflight(trigger, APP, access_control_request_headers=["x-a", "", " X-B ,x-c"]))
    assert plain(result)["access-control-allow-headers"] == "x-a, x-b, x-c"

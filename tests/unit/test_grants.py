"""Grants: what differs by origin within one rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.policy import Grant, Policy

from tests.unit.cases import (
    ACAC,
    ACAH,
    ACAM,
    ACAO,
    ACEH,
    ACMA,
    APP,
    CORP,
    EVIL,
    NO_STORE,
    ON_ACTUAL,
    ON_PREFLIGHT,
    TIMING,
    actual,
    allowed,
    answer,
    preflight,
)

APP_GRANT: dict[str, Any] = {
    "allow_origins": [APP, "@partners"],
    "allow_methods": ["GET", "PUT", "DELETE"],
    "allow_headers": ["content-type", "authorization"],
    "expose_headers": ["x-request-id"],
    "allow_credentials": True,
    "max_age": 600,
}
PUBLIC_GRANT: dict[str, Any] = {"allow_origins": "*", "allow_methods": ["GET"]}
PARTNER = "https://partner.example"


def policy(*grants: dict[str, Any], **rule: Any) -> Policy:
    return load_policy(json.dumps({"rules": [{"grants": grants, **rule}]}), {"partners": PARTNER})


PUBLIC_READS = policy(APP_GRANT, PUBLIC_GRANT)


@pytest.mark.parametrize("origin", [APP, PARTNER])
def test_preflight_of_a_listed_origin_is_answered_by_its_grant(origin: str) -> None:
    headers = {
        ACAO: origin,
        ACAC: "true",
        ACAM: "GET, HEAD, PUT, DELETE",
        ACAH: "content-type, authorization",
        ACMA: "600",
    }
    allowed(PUBLIC_READS, preflight(origin, "PUT", "content-type"), headers)


@pytest.mark.parametrize("origin", [EVIL, "null", "not an origin", "x" * 9999])
def test_preflight_of_any_other_origin_is_answered_by_the_open_grant(origin: str) -> None:
    headers = {ACAO: "*", ACAM: "GET, HEAD", ACAH: "*, authorization", ACMA: "7200"}
    allowed(PUBLIC_READS, preflight(origin), headers)
    decision = answer(PUBLIC_READS, preflight(origin, "PUT"), "method-not-allowed", 403, NO_STORE, ON_PREFLIGHT)
    assert decision.cause == "PUT"


def test_preflight_that_its_own_grant_refuses_does_not_fall_through() -> None:
    decision = answer(PUBLIC_READS, preflight(APP, "GET", "x-a"), "headers-not-allowed", 403, NO_STORE, ON_PREFLIGHT)
    assert decision.cause == "x-a"
    assert decision.grant is PUBLIC_READS.rules[0].grants[0]


ACTUALS: list[tuple[str | None, str, dict[str, str]]] = [
    (APP, "allowed", {ACAO: APP, ACAC: "true", ACEH: "x-request-id"}),
    (PARTNER, "allowed", {ACAO: PARTNER, ACAC: "true", ACEH: "x-request-id"}),
    (EVIL, "allowed", {ACAO: "*"}),
    ("null", "allowed", {ACAO: "*"}),
    ("https://a, https://b", "allowed", {ACAO: "*"}),
    (None, "not-cors", {ACAO: "*"}),
]


@pytest.mark.parametrize(("origin", "reason", "headers"), ACTUALS)
def test_response_has_the_headers_of_the_origin_s_grant_and_varies(
    origin: str | None, reason: str, headers: dict[str, str]
) -> None:
    answer(PUBLIC_READS, actual(origin), reason, None, headers, ON_ACTUAL)


def test_response_without_an_open_grant_is_refused() -> None:
    closed = policy(APP_GRANT, {"allow_origins": ["https://*.example.org"], "allow_methods": ["GET"]})
    answer(closed, actual(EVIL), "origin-not-allowed", None, {}, ON_ACTUAL)
    answer(closed, actual(None), "not-cors", None, {}, ON_ACTUAL)
    answer(closed, actual("https://a.example.org"), "allowed", None, {ACAO: "https://a.example.org"}, ON_ACTUAL)


def test_first_grant_that_has_the_origin_decides() -> None:
    twice = policy({**APP_GRANT, "allow_methods": ["PUT"]}, {"allow_origins": [APP], "allow_methods": ["GET"]})
    assert decide(twice, preflight(APP, "PUT")).status == 204
    assert decide(twice, preflight(APP, "GET")).reason == "method-not-allowed"


def test_rule_with_only_an_open_grant_has_constant_responses() -> None:
    constant = policy(PUBLIC_GRANT)
    for origin in (APP, EVIL, None):
        assert decide(constant, actual(origin)).vary == ()


@pytest.mark.parametrize(("last", "status"), [(PUBLIC_GRANT, None), ({"allow_origins": ["https://b.example"]}, 403)])
def test_block_has_an_effect_only_without_an_open_grant(last: dict[str, Any], status: int | None) -> None:
    blocking = policy(APP_GRANT, last, on_refused="block")
    assert blocking.blocks == (status == 403)
    assert decide(blocking, actual(EVIL, "POST")).status == status


def test_fields_of_the_rule_hold_for_every_grant() -> None:
    rule = policy({**APP_GRANT, "timing_allow_origin": True}, PUBLIC_GRANT, resource_policy="same-site", debug=True)
    for origin in (APP, EVIL, None):
        decision = decide(rule, actual(origin))
        assert dict(decision.headers)[CORP] == "same-site"
        # The upstream's own header must not reach an origin whose grant does not set it.
        assert decision.remove == ("timing-allow-origin",)
        assert (TIMING in dict(decision.headers)) == (origin == APP)
    assert "'PUT'" in (decide(rule, preflight(EVIL, "PUT")).body or "")


def test_private_network_of_one_grant_is_granted_by_that_grant_alone() -> None:
    rule = policy({**APP_GRANT, "allow_private_network": True}, PUBLIC_GRANT)
    for origin, granted in ((APP, True), (EVIL, False)):
        request = Request("OPTIONS", "/", origin=origin, request_method="GET", private_network="true")
        decision = decide(rule, request)
        assert ("Access-Control-Allow-Private-Network" in dict(decision.headers)) is granted
        assert decision.vary == (*ON_PREFLIGHT, "Access-Control-Request-Private-Network")


def test_unsafe_entries_of_a_list_are_skipped_in_the_grant_with_credentials_only() -> None:
    grants = [{**APP_GRANT, "allow_origins": ["@l"]}, {"allow_origins": ["@l"], "allow_methods": ["GET"]}]
    compiled = load_policy(
        json.dumps({"rules": [{"grants": grants}]}), {"l": "null http://a.example moz-extension://*"}
    )
    for origin in ("null", "http://a.example", "moz-extension://0b1c2d3e"):
        decision = decide(compiled, actual(origin))
        assert dict(decision.headers) == {ACAO: origin}
    assert sorted((f.code, f.location) for f in compiled.findings) == [
        ("extension-wildcard-with-credentials", "rules[0].grants[0] @l"),
        ("insecure-origin", "rules[0].grants[0] @l"),
        ("null-with-credentials", "rules[0].grants[0] @l"),
    ]


def test_policy_rule_and_grant_are_immutable() -> None:
    rule = PUBLIC_READS.rules[0]
    for thing, name in ((PUBLIC_READS, "rules"), (rule, "grants"), (rule.grants[0], "allow_origins")):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(thing, name, None)
        with pytest.raises(AttributeError, match="immutable"):
            delattr(thing, name)


def test_unsafe_entries_of_a_list_are_found_once_for_all_grants() -> None:
    lists = {"l": "http://a.example https://b.example"}
    grants = [{**APP_GRANT, "allow_origins": ["@l"]}, {**APP_GRANT, "allow_origins": ["@l"], "max_age": 5}]
    compiled = load_policy(json.dumps({"rules": [{"grants": grants}]}), lists)
    first, second = compiled.rules[0].grants
    assert first.allow_origins is not None
    assert second.allow_origins is not None
    assert list(first.allow_origins) == list(second.allow_origins) == ["https://b.example"]
    assert [index for index, _ in first.allow_origins.parts] == [index for index, _ in second.allow_origins.parts]


def test_immutable_object_with_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(TypeError, match="Policy"):
        Policy((), mode="enforce", refresh_seconds=60, unknown=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Grant has no unknown"):
        Grant(**dict.fromkeys(Grant.__slots__), unknown=1)

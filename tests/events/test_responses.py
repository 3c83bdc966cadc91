"""Responses in each front's format: generated ones, and those of handlers with a decision applied."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from edgecors.decision import ALLOWED, NOT_CORS, ORIGIN_NOT_ALLOWED, Decision
from edgecors.events.api import parse_event
from edgecors.events.http_event import HttpEvent

from tests.events.make import ALB, ALB_MULTI, APP, HTTP_1, HTTP_2, REST, SOURCES, URL, make_event, read_response

ACAO = "Access-Control-Allow-Origin"
ANSWERED = Decision(ALLOWED, status=204, headers=((ACAO, APP), ("Access-Control-Max-Age", "5")), vary=("Origin", "X"))
REFUSED = Decision(
    ORIGIN_NOT_ALLOWED, status=403, headers=(("Cache-Control", "no-store"),), vary=("Origin",), body="why\n"
)
APPLIED = Decision(ALLOWED, headers=((ACAO, APP),), vary=("Origin",))
REMOVED = Decision(NOT_CORS, vary=("Origin",))


def adapter(name: str) -> HttpEvent:
    parsed = parse_event(make_event(name))
    assert parsed is not None
    return parsed


ANSWER = {ACAO: APP, "Access-Control-Max-Age": "5", "Vary": "Origin, X"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            (name, {"statusCode": 204, "headers": ANSWER, "isBase64Encoded": False})
            for name in (REST, HTTP_1, HTTP_2, URL)
        ),
        (ALB, {"statusCode": 204, "statusDescription": "204 No Content", "headers": ANSWER, "isBase64Encoded": False}),
        (
            ALB_MULTI,
            {
                "statusCode": 204,
                "statusDescription": "204 No Content",
                "multiValueHeaders": {key: [value] for key, value in ANSWER.items()},
                "isBase64Encoded": False,
            },
        ),
    ],
)
def test_generated_response_has_the_front_s_format_and_no_body(name: str, expected: dict[str, Any]) -> None:
    assert adapter(name).generate_response(ANSWERED) == expected


@pytest.mark.parametrize("name", SOURCES)
def test_generated_refusal_has_the_decision_s_body(name: str) -> None:
    answer = adapter(name).generate_response(REFUSED)
    assert read_response(name, answer) == (403, [("cache-control", "no-store"), ("vary", "Origin")], b"why\n")


def test_generated_response_without_vary_has_no_vary_header() -> None:
    assert adapter(REST).generate_response(Decision(ALLOWED, status=204)) == {
        "statusCode": 204,
        "headers": {},
        "isBase64Encoded": False,
    }


REPEATED = [("Set-Cookie", "a=1, x"), ("X", "1"), ("set-cookie", "b=2"), ("x", "2"), ("Y", "3")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (REST, {"headers": {"Y": "3"}, "multiValueHeaders": {"Set-Cookie": ["a=1, x", "b=2"], "X": ["1", "2"]}}),
        (HTTP_1, {"headers": {"Y": "3"}, "multiValueHeaders": {"Set-Cookie": ["a=1, x", "b=2"], "X": ["1", "2"]}}),
        (HTTP_2, {"headers": {"X": "1, 2", "Y": "3"}, "cookies": ["a=1, x", "b=2"]}),
        (URL, {"headers": {"X": "1, 2", "Y": "3"}, "cookies": ["a=1, x", "b=2"]}),
        (ALB_MULTI, {"multiValueHeaders": {"Set-Cookie": ["a=1, x", "b=2"], "X": ["1", "2"], "Y": ["3"]}}),
        (ALB, {"headers": {"Set-Cookie": "a=1, x", "Set-CookiE": "b=2", "X": "1, 2", "Y": "3"}}),
    ],
)
def test_written_response_keeps_cookies_separate(name: str, expected: dict[str, Any]) -> None:
    response = adapter(name).write_response(599, REPEATED, "text")
    fixed = {"statusCode": 599, "body": "text", "isBase64Encoded": False}
    if name in (ALB, ALB_MULTI):
        fixed["statusDescription"] = "599"
    assert response == fixed | expected


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("body", "text", "encoded"),
    [(b"", "", False), ("é".encode(), "é", False), (b"\xff\x00", "/wA=", True), ("plain", "plain", False)],
)
def test_written_body_is_text_or_base64(name: str, body: bytes | str, text: str, encoded: bool) -> None:
    response = adapter(name).write_response(200, [], body)
    assert (response["body"], response["isBase64Encoded"]) == (text, encoded)


@pytest.mark.parametrize("name", SOURCES)
def test_problem_is_problem_details_json(name: str) -> None:
    status, headers, body = read_response(name, adapter(name).problem(502, "Bad Gateway", "No answer."))
    assert (status, headers) == (502, [("cache-control", "no-store"), ("content-type", "application/problem+json")])
    assert json.loads(body) == {"type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": "No answer."}


def single(headers: object, **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": headers, **more}


def multi_value(fields: object, **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "multiValueHeaders": fields, **more}


HEADERS = {ACAO: APP, "Vary": "Origin"}
MULTI_VALUE_HEADERS = {ACAO: [APP], "Vary": ["Origin"]}


@pytest.mark.parametrize(
    ("name", "response", "expected"),
    [
        pytest.param(REST, {"statusCode": 200}, single(HEADERS), id="no headers"),
        pytest.param(REST, single(None, body="x"), single(HEADERS, body="x"), id="null headers"),
        pytest.param(REST, {}, {"headers": HEADERS}, id="REST: empty object"),
        pytest.param(
            REST,
            single({"access-control-allow-origin": "*", "ACCESS-CONTROL-ALLOW-METHODS": "GET", "X": 7, "Z": None}),
            single({"X": 7, "Z": None} | HEADERS),
            id="CORS headers in any case, values of any type",
        ),
        pytest.param(
            REST,
            single({"Access-Control-Allow-Origin ": "*"}),
            single(HEADERS),
            id="blank after the name",
        ),
        pytest.param(
            REST,
            {
                "statusCode": 200,
                "headers": {"vary": "Accept", "access-control-allow-origin": "*"},
                "multiValueHeaders": {"VARY": ["X-A, accept", "X-B"], "Access-control-allow-origin": ["*"], "K": ["v"]},
            },
            {
                "statusCode": 200,
                "headers": {ACAO: APP, "Vary": "Accept, X-A, accept, X-B, Origin"},
                "multiValueHeaders": {"K": ["v"]},
            },
            id="both maps, one Vary",
        ),
        pytest.param(REST, single({"vary": ""}), single({ACAO: APP, "Vary": "Origin"}), id="empty Vary"),
        pytest.param(
            REST,
            {"statusCode": 200, "multiValueHeaders": {"vary": ["", "Origin", " "]}},
            {"statusCode": 200, "multiValueHeaders": {}, "headers": HEADERS},
            id="Vary with empty lines",
        ),
        pytest.param(REST, single({"vary": "*"}), single({ACAO: APP, "Vary": "*"}), id="Vary: *"),
        pytest.param(REST, single({"vary": "ORIGIN"}), single({ACAO: APP, "Vary": "ORIGIN"}), id="Vary has the name"),
        pytest.param(
            REST, multi_value({"K": ["v"]}), multi_value({"K": ["v"]}, headers=HEADERS), id="multi-value map only"
        ),
        pytest.param(REST, None, None, id="REST: None"),
        pytest.param(REST, "text", "text", id="REST: string"),
        pytest.param(HTTP_1, single({"x": "y"}), single({"x": "y"} | HEADERS), id="HTTP API, format 1.0"),
        pytest.param(
            HTTP_2,
            single({"x": "y"}, cookies=["a=1"]),
            single({"x": "y"} | HEADERS, cookies=["a=1"]),
            id="HTTP API, cookies",
        ),
        pytest.param(ALB, single({"x": "y"}), single({"x": "y"} | HEADERS), id="load balancer"),
        pytest.param(
            ALB,
            {"statusCode": 200, "multiValueHeaders": {ACAO: ["*"]}},
            multi_value({}, headers=HEADERS),
            id="load balancer, unused map",
        ),
        pytest.param(
            ALB_MULTI,
            multi_value({"x": ["y"]}),
            multi_value({"x": ["y"]} | MULTI_VALUE_HEADERS),
            id="multi-value headers",
        ),
        pytest.param(ALB_MULTI, multi_value(None), multi_value(MULTI_VALUE_HEADERS), id="multi-value headers: null"),
        pytest.param(ALB_MULTI, {"statusCode": 200}, multi_value(MULTI_VALUE_HEADERS), id="multi-value headers: none"),
    ],
)
def test_applied_decision_replaces_cors_headers_and_copies_the_response(
    name: str, response: Any, expected: Any
) -> None:
    before = copy.deepcopy(response)
    assert adapter(name).apply_to_response(response, APPLIED) == expected
    # Handlers return constants: they must not carry headers into the next request.
    assert response == before


@pytest.mark.parametrize("name", [HTTP_2, URL])
@pytest.mark.parametrize(
    ("returned", "body"),
    [
        ("Hello", "Hello"),
        ({"message": "é"}, '{"message": "é"}'),
        ({"headers": {"x": "y"}}, '{"headers": {"x": "y"}}'),
        ([1, True], "[1, true]"),
        (None, "null"),
        ({"n": Decimal("2"), "f": Decimal("2.5")}, '{"n": 2, "f": 2.5}'),
    ],
)
def test_format_2_value_without_status_becomes_a_200(name: str, returned: Any, body: str) -> None:
    expected = {"statusCode": 200, "headers": {"content-type": "application/json"} | HEADERS, "body": body}
    assert adapter(name).apply_to_response(returned, APPLIED) == expected


def test_format_2_value_that_is_not_json_raises_type_error() -> None:
    with pytest.raises(TypeError, match="a set can't be written as JSON"):
        adapter(HTTP_2).apply_to_response({"a", "b"}, APPLIED)


@pytest.mark.parametrize("returned", ["Hello", {"a": 1}, None, single({ACAO: "*"})])
@pytest.mark.parametrize("name", SOURCES)
def test_unmanaged_response_is_the_same_object(name: str, returned: Any) -> None:
    assert adapter(name).apply_to_response(returned, Decision(ALLOWED, managed=False)) is returned


@pytest.mark.parametrize("name", SOURCES)
def test_refused_origin_loses_the_response_s_cors_headers(name: str) -> None:
    upstream = adapter(name).write_response(
        200, [(ACAO, APP), ("access-control-allow-credentials", "true"), ("Vary", "A")]
    )
    response_with_headers = adapter(name).apply_to_response(upstream, REMOVED)
    assert read_response(name, response_with_headers) == (200, [("vary", "A, Origin")], b"")


def test_decision_without_vary_leaves_vary_unchanged() -> None:
    response_with_headers = adapter(REST).apply_to_response(
        single({"vary": "Accept"}), Decision(ALLOWED, headers=((ACAO, "*"),))
    )
    assert response_with_headers == single({"vary": "Accept", ACAO: "*"})


def test_replaced_and_removed_headers_are_gone() -> None:
    decision = Decision(
        ALLOWED, headers=(("Cross-Origin-Resource-Policy", "same-site"),), remove=("timing-allow-origin",)
    )
    response = single({"cross-origin-resource-policy": "cross-origin", "TIMING-ALLOW-ORIGIN": "*"})
    assert adapter(REST).apply_to_response(response, decision) == single({"Cross-Origin-Resource-Policy": "same-site"})


def test_decision_without_headers_adds_no_map() -> None:
    assert adapter(REST).apply_to_response({"statusCode": 200, "headers": None}, Decision(NOT_CORS)) == single(None)

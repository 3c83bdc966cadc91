"""What goes back to each source: answers of our own, and the stamp on what a handler returned. Exact forms."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from edgecors.decision import ALLOWED, NOT_CORS, ORIGIN_NOT_ALLOWED, Decision
from edgecors.events.api import parse_event
from edgecors.events.http_event import HttpEvent

from tests.events_api.make import ALB, ALB_MULTI, APP, HTTP_1, HTTP_2, REST, SOURCES, URL, make_event, read_response

ACAO = "Access-Control-Allow-Origin"
ANSWERED = Decision(ALLOWED, status=204, headers=((ACAO, APP), ("Access-Control-Max-Age", "5")), vary=("Origin", "X"))
REFUSED = Decision(
    ORIGIN_NOT_ALLOWED, status=403, headers=(("Cache-Control", "no-store"),), vary=("Origin",), body="why\n"
)
STAMPED = Decision(ALLOWED, headers=((ACAO, APP),), vary=("Origin",))
STRIPPED = Decision(NOT_CORS, vary=("Origin",))


def source(name: str) -> HttpEvent:
    found = parse_event(make_event(name))
    assert found is not None
    return found


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
def test_a_preflights_answer_has_the_sources_form_and_no_body(name: str, expected: dict[str, Any]) -> None:
    assert source(name).generate_response(ANSWERED) == expected


@pytest.mark.parametrize("name", SOURCES)
def test_a_refusal_may_say_why(name: str) -> None:
    answer = source(name).generate_response(REFUSED)
    assert read_response(name, answer) == (403, [("cache-control", "no-store"), ("vary", "Origin")], b"why\n")


def test_an_answer_that_varies_on_nothing_says_nothing_of_it() -> None:
    assert source(REST).generate_response(Decision(ALLOWED, status=204)) == {
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
def test_cookies_are_never_folded(name: str, expected: dict[str, Any]) -> None:
    response = source(name).reply(599, REPEATED, "text")
    fixed = {"statusCode": 599, "body": "text", "isBase64Encoded": False}
    if name in (ALB, ALB_MULTI):
        fixed["statusDescription"] = "599"
    assert response == fixed | expected


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("body", "text", "encoded"),
    [(b"", "", False), ("é".encode(), "é", False), (b"\xff\x00", "/wA=", True), ("plain", "plain", False)],
)
def test_a_body_is_text_where_it_can_be(name: str, body: bytes | str, text: str, encoded: bool) -> None:
    response = source(name).reply(200, [], body)
    assert (response["body"], response["isBase64Encoded"]) == (text, encoded)


@pytest.mark.parametrize("name", SOURCES)
def test_a_problem_is_json(name: str) -> None:
    status, headers, body = read_response(name, source(name).problem(502, "Bad Gateway", "No answer."))
    assert (status, headers) == (502, [("cache-control", "no-store"), ("content-type", "application/problem+json")])
    assert json.loads(body) == {"type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": "No answer."}


def single(headers: object, **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": headers, **more}


def several(fields: object, **more: Any) -> dict[str, Any]:
    return {"statusCode": 200, "multiValueHeaders": fields, **more}


OURS = {ACAO: APP, "Vary": "Origin"}
OURS_SEVERAL = {ACAO: [APP], "Vary": ["Origin"]}


@pytest.mark.parametrize(
    ("name", "response", "expected"),
    [
        pytest.param(REST, {"statusCode": 200}, single(OURS), id="no headers at all"),
        pytest.param(REST, single(None, body="x"), single(OURS, body="x"), id="null for the headers"),
        pytest.param(REST, {}, {"headers": OURS}, id="REST: nothing but braces is a 200 there"),
        pytest.param(
            REST,
            single({"access-control-allow-origin": "*", "ACCESS-CONTROL-ALLOW-METHODS": "GET", "X": 7, "Z": None}),
            single({"X": 7, "Z": None} | OURS),
            id="CORS headers go in any case, values of any type stay",
        ),
        pytest.param(
            REST,
            single({"Access-Control-Allow-Origin ": "*"}),
            single(OURS),
            id="a blank after the name hides nothing",
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
        pytest.param(REST, single({"vary": "*"}), single({ACAO: APP, "Vary": "*"}), id="a star stays alone"),
        pytest.param(REST, single({"vary": "ORIGIN"}), single({ACAO: APP, "Vary": "ORIGIN"}), id="no name twice"),
        pytest.param(REST, several({"K": ["v"]}), several({"K": ["v"]}, headers=OURS), id="the other map only"),
        pytest.param(REST, None, None, id="REST: no response at all"),
        pytest.param(REST, "text", "text", id="REST: a text is no response"),
        pytest.param(HTTP_1, single({"x": "y"}), single({"x": "y"} | OURS), id="HTTP API, format 1.0"),
        pytest.param(
            HTTP_2, single({"x": "y"}, cookies=["a=1"]), single({"x": "y"} | OURS, cookies=["a=1"]), id="cookies stay"
        ),
        pytest.param(ALB, single({"x": "y"}), single({"x": "y"} | OURS), id="load balancer"),
        pytest.param(
            ALB, {"statusCode": 200, "multiValueHeaders": {ACAO: ["*"]}}, several({}, headers=OURS), id="the wrong map"
        ),
        pytest.param(ALB_MULTI, several({"x": ["y"]}), several({"x": ["y"]} | OURS_SEVERAL), id="multi-value headers"),
        pytest.param(ALB_MULTI, several(None), several(OURS_SEVERAL), id="multi-value headers: null"),
        pytest.param(ALB_MULTI, {"statusCode": 200}, several(OURS_SEVERAL), id="multi-value headers: none"),
    ],
)
def test_a_response_gets_our_headers_and_loses_its_own(name: str, response: Any, expected: Any) -> None:
    before = copy.deepcopy(response)
    assert source(name).apply_to_response(response, STAMPED) == expected
    # Handlers return constants: the next request must not meet this one's headers in it.
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
def test_a_bare_body_is_a_200_as_the_front_has_it(name: str, returned: Any, body: str) -> None:
    expected = {"statusCode": 200, "headers": {"content-type": "application/json"} | OURS, "body": body}
    assert source(name).apply_to_response(returned, STAMPED) == expected


def test_a_bare_body_that_is_no_json() -> None:
    with pytest.raises(TypeError, match="a set can't be written as JSON"):
        source(HTTP_2).apply_to_response({"a", "b"}, STAMPED)


@pytest.mark.parametrize("returned", ["Hello", {"a": 1}, None, single({ACAO: "*"})])
@pytest.mark.parametrize("name", SOURCES)
def test_what_is_not_touched_is_the_very_object(name: str, returned: Any) -> None:
    assert source(name).apply_to_response(returned, Decision(ALLOWED, managed=False)) is returned


@pytest.mark.parametrize("name", SOURCES)
def test_a_refused_origin_gets_nothing_of_the_upstreams(name: str) -> None:
    upstream = source(name).reply(200, [(ACAO, APP), ("access-control-allow-credentials", "true"), ("Vary", "A")])
    stamped = source(name).apply_to_response(upstream, STRIPPED)
    assert read_response(name, stamped) == (200, [("vary", "A, Origin")], b"")


def test_everyones_headers_leave_vary_alone() -> None:
    stamped = source(REST).apply_to_response(single({"vary": "Accept"}), Decision(ALLOWED, headers=((ACAO, "*"),)))
    assert stamped == single({"vary": "Accept", ACAO: "*"})


def test_headers_that_ours_replace_and_a_policy_removes() -> None:
    decision = Decision(
        ALLOWED, headers=(("Cross-Origin-Resource-Policy", "same-site"),), remove=("timing-allow-origin",)
    )
    response = single({"cross-origin-resource-policy": "cross-origin", "TIMING-ALLOW-ORIGIN": "*"})
    assert source(REST).apply_to_response(response, decision) == single({"Cross-Origin-Resource-Policy": "same-site"})


def test_nothing_to_say_adds_no_map() -> None:
    assert source(REST).apply_to_response({"statusCode": 200, "headers": None}, Decision(NOT_CORS)) == single(None)

"""What the functions do when something is broken: the site stays open, CORS closed."""

from pathlib import Path
from typing import Any

import pytest
from edgecors_local.javascript import Engine

SITE = "EDFDVBD6EXAMPLE"
CORS = {"access-control-allow-origin": {"value": "*"}, "access-control-allow-credentials": {"value": "true"}}


def ask(njs: Engine, functions: Path, event: Any, keys: dict[str, str]) -> Any:
    function = "viewer-response" if "response" in event else "viewer-request"
    (output,) = njs.run(functions / f"{function}.js", [{"keys": keys}, {"event": event}])
    assert output.error == ""
    return output.result


def request(method: str = "GET", **headers: str) -> dict[str, Any]:
    return {"method": method, "uri": "/", "headers": {name: {"value": value} for name, value in headers.items()}}


BROKEN_POINTERS = ("", "{", "null", "[]", '[1,1,"",[]]', '[1,1,"",null]', '[2,1,"",[[],0,[]]]', '[1,1,"x",3]')


@pytest.mark.parametrize("pointer", BROKEN_POINTERS)
def test_viewer_response_with_a_broken_store_removes_cors_headers(njs: Engine, functions: Path, pointer: str) -> None:
    keys = {f"{SITE}/0": pointer, f"{SITE}/1": pointer}
    event = {"context": {"distributionId": SITE}, "request": request(origin="https://a.example")}
    event["response"] = {"statusCode": 200, "headers": {**CORS, "etag": {"value": "x"}}}
    headers = ask(njs, functions, event, keys)["headers"]
    assert headers == {"etag": {"value": "x"}, "vary": {"value": "Origin"}}


@pytest.mark.parametrize("pointer", BROKEN_POINTERS)
def test_viewer_request_with_a_broken_store_answers_preflights_with_503(
    njs: Engine, functions: Path, pointer: str
) -> None:
    keys = {f"{SITE}/0": pointer, f"{SITE}/1": pointer}
    preflight = request("OPTIONS", origin="https://a.example", **{"access-control-request-method": "PUT"})
    answer = ask(njs, functions, {"context": {"distributionId": SITE}, "request": preflight}, keys)
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == {"value": "1"}
    actual = request("POST", origin="https://a.example")
    assert ask(njs, functions, {"context": {"distributionId": SITE}, "request": actual}, keys) == actual


@pytest.mark.parametrize(
    "event", [{}, {"context": None}, {"request": {}}, {"request": {"method": "GET", "headers": None}}]
)
def test_viewer_response_for_an_unreadable_event_removes_cors_headers(
    njs: Engine, functions: Path, event: dict[str, Any]
) -> None:
    response = {"statusCode": 200, "headers": {**CORS, "etag": {"value": "x"}}}
    answer = ask(njs, functions, {**event, "response": response}, {})
    assert answer == {"statusCode": 200, "headers": {"etag": {"value": "x"}}}


@pytest.mark.parametrize("response", [None, {"statusCode": 200}])
def test_viewer_response_without_readable_headers_returns_what_came(
    njs: Engine, functions: Path, response: Any
) -> None:
    assert ask(njs, functions, {"response": response}, {}) == response


@pytest.mark.parametrize("broken", [{"method": "GET"}, {"headers": None}, {"headers": {"origin": {}}}])
def test_viewer_request_for_an_unreadable_event_passes_the_request_on(
    njs: Engine, functions: Path, broken: dict[str, Any]
) -> None:
    assert ask(njs, functions, {"request": broken}, {}) == broken


def test_viewer_response_takes_upstream_headers_in_any_case(njs: Engine, functions: Path) -> None:
    response = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": {"value": "*"}}}
    answer = ask(njs, functions, {"context": {"distributionId": SITE}, "request": request(), "response": response}, {})
    assert answer["headers"] == {"vary": {"value": "Origin"}}

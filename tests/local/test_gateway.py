"""The fronts before the gateway: the events that they make of requests, and what they make of answers."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.events.api import parse_event
from edgecors.events.message import read_message
from edgecors_local.front_names import GATEWAY
from edgecors_local.gateway import MAX_EVENT, Arrival, Form, Gateway
from edgecors_local.gateway_forms import FunctionUrlForm, HttpApiForm, LoadBalancer, RestApiForm, form_of
from edgecors_local.http import Exchange, HttpRequest, value, values
from edgecors_local.invoke import Invocation

from harness.answers import FIELDS

EVENTS = Path(__file__).resolve().parents[2] / "events"
FORMS: dict[str, Form] = {
    "rest": RestApiForm("live"),
    "http-api-2.0": HttpApiForm("live"),
    "function-url": FunctionUrlForm(),
    "alb": LoadBalancer(multi_value=False),
    "alb-multi-value": LoadBalancer(multi_value=True),
}
REQUEST = HttpRequest(
    method="POST",
    path="/api/a%20b/c",
    query="x=1&x=2&y=a%20b%26c&z",
    headers=(
        ("host", "localhost:8080"),
        ("origin", "https://app.example.com"),
        ("x-two", "1"),
        ("x-two", "2"),
        ("cookie", "a=1; b=2"),
        ("content-type", "application/json"),
        ("user-agent", "test"),
        ("x-forwarded-for", "192.0.2.1"),
    ),
    body=b'{"n": "\xc3\xa9"}',
    client="127.0.0.1",
)


def event_of(form: Form, request: HttpRequest = REQUEST) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(json.dumps(form.event(Arrival(request, 1794137452.5, "id"))))
    return event


def shape(thing: Any, *open_ended: str) -> Any:
    """The names of all fields, at all depths; maps with names of the viewer's count as one thing."""
    maps = ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", *open_ended)
    if not isinstance(thing, dict):
        return None
    return {name: None if name in maps else shape(inner) for name, inner in thing.items()}


@pytest.mark.parametrize("source", FORMS)
def test_an_event_has_the_fields_of_the_project_s_samples(source: str) -> None:
    sample = json.loads((EVENTS / source / "get-allowed.json").read_text())
    request = HttpRequest("GET", "/api/orders", "a=1", (("host", "h"), ("cookie", "a=1"), ("user-agent", "t")))
    actual = shape(event_of(FORMS[source], request))
    wanted = shape(sample)
    # The id of an API's deployment says nothing here.
    wanted["requestContext"].pop("deploymentId", None)
    assert actual == wanted


@pytest.mark.parametrize("source", FORMS)
def test_the_library_reads_the_request_back_from_the_event(source: str) -> None:
    adapter = parse_event(event_of(FORMS[source]))
    assert adapter is not None
    assert (adapter.method, adapter.path) == ("POST", "/api/a%20b/c")
    message = read_message(adapter)
    assert message.read_body() == REQUEST.body
    assert adapter.value("origin") == "https://app.example.com"
    assert {name.lower(): text for name, text in message.headers}["cookie"] == "a=1; b=2"
    assert adapter.value("x-forwarded-for") == "192.0.2.1, 127.0.0.1"
    multiple = {"alb": "2", "http-api-2.0": "1,2", "function-url": "1,2"}
    assert adapter.value("x-two") == multiple.get(source, "1, 2")
    queries = {
        "rest": "x=1&x=2&y=a%20b%26c&z=",
        "alb": "x=2&y=a%20b%26c&z=",
        "alb-multi-value": "x=1&x=2&y=a%20b%26c&z=",
    }
    assert message.query == queries.get(source, REQUEST.query)


def test_what_the_events_differ_in() -> None:
    rest, http, url, single, multiple = (event_of(form) for form in FORMS.values())
    assert rest["headers"]["X-Two"] == "2"
    assert rest["multiValueHeaders"]["X-Two"] == ["1", "2"]
    assert rest["queryStringParameters"] == {"x": "2", "y": "a b&c", "z": ""}
    assert rest["multiValueQueryStringParameters"]["x"] == ["1", "2"]
    assert (rest["path"], rest["requestContext"]["stage"]) == ("/api/a%20b/c", "live")
    assert (rest["body"], rest["isBase64Encoded"]) == (base64.b64encode(REQUEST.body).decode(), True)

    assert (http["version"], http["rawPath"], http["rawQueryString"]) == ("2.0", "/live/api/a b/c", REQUEST.query)
    assert (http["cookies"], "cookie" in http["headers"]) == (["a=1", "b=2"], False)
    assert http["queryStringParameters"] == {"x": "1,2", "y": "a b&c", "z": ""}
    assert (http["body"], http["isBase64Encoded"]) == ('{"n": "é"}', False)
    assert event_of(HttpApiForm("$default"))["rawPath"] == "/api/a b/c"

    assert (url["rawPath"], url["requestContext"]["stage"]) == ("/api/a%20b/c", "$default")
    assert (url["cookies"], url["headers"]["cookie"]) == (["a=1", "b=2"], "a=1; b=2")

    assert (single["headers"]["x-two"], single["queryStringParameters"]["x"]) == ("2", "2")
    assert multiple["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["a%20b%26c"], "z": [""]}
    assert "headers" not in multiple
    assert "multiValueHeaders" not in single
    assert single["headers"]["x-forwarded-port"] == "8080"


@pytest.mark.parametrize("source", FORMS)
def test_bytes_that_are_not_text_travel_as_base64(source: str) -> None:
    for kind in ("application/octet-stream", "text/plain"):
        request = HttpRequest("PUT", "/a", headers=(("content-type", kind),), body=b"\xff\x00")
        adapter = parse_event(event_of(FORMS[source], request))
        assert adapter is not None
        assert (adapter.event["isBase64Encoded"], read_message(adapter).read_body()) == (True, b"\xff\x00")


def test_a_load_balancer_takes_compressed_text_for_binary() -> None:
    request = HttpRequest(
        "PUT", "/a", headers=(("content-type", "text/plain"), ("content-encoding", "gzip")), body=b"x"
    )
    assert event_of(FORMS["alb"], request)["isBase64Encoded"] is True
    assert event_of(FORMS["http-api-2.0"], request)["isBase64Encoded"] is False


def test_a_rest_api_lets_a_header_override_the_method() -> None:
    request = HttpRequest("POST", "/a", headers=(("X-HTTP-Method-Override", "OPTIONS"),))
    assert event_of(FORMS["rest"], request)["httpMethod"] == "OPTIONS"
    assert event_of(FORMS["http-api-2.0"], request)["requestContext"]["http"]["method"] == "POST"


# -- answers ----------------------------------------------------------------------------------------------------------


def answered(source: str, result: Any, request: HttpRequest | None = None, error: str | None = None) -> Exchange:
    async def invoke(event: dict[str, Any]) -> Invocation:
        return Invocation(result=result, error=error)

    front = Gateway(source, FORMS[source], invoke, clock=lambda: 0.0)
    return asyncio.run(front.handle(request or HttpRequest("GET", "/")))


def test_an_answer_of_each_form() -> None:
    for source in FORMS:
        key = "multiValueHeaders" if source == "alb-multi-value" else "headers"
        headers = {"X-A": ["1"]} if source == "alb-multi-value" else {"X-A": "1"}
        exchange = answered(source, {"statusCode": 201, key: headers, "body": "/w==", "isBase64Encoded": True})
        assert (exchange.response.status, exchange.response.body) == (201, b"\xff"), source
        assert value(exchange.response.headers, "x-a") == "1"
        assert exchange.troubles == []


def test_repeated_headers_of_each_form() -> None:
    multiple = {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "X-A": ["1", "2"]}}
    for source in ("rest", "alb-multi-value"):
        headers = answered(source, multiple).response.headers
        assert values(headers, "set-cookie") == ["a=1", "b=2"], source
        assert values(headers, "x-a") == ["1", "2"]
    two = {"statusCode": 200, "headers": {"X-A": "1"}, "cookies": ["a=1", "b=2"]}
    for source in ("http-api-2.0", "function-url"):
        assert values(answered(source, two).response.headers, "set-cookie") == ["a=1", "b=2"], source
    # Two spellings of the name are two keys.
    spelled = {"statusCode": 200, "headers": {"Set-Cookie": "a=1", "set-cookie": "b=2"}}
    assert values(answered("alb", spelled).response.headers, "set-cookie") == ["a=1", "b=2"]
    # A REST API merges its two maps.
    merged = {"statusCode": 200, "headers": {"x-a": "1", "x-b": "2"}, "multiValueHeaders": {"X-A": ["1", "3"]}}
    headers = answered("rest", merged).response.headers
    assert (values(headers, "x-a"), values(headers, "x-b")) == (["1", "3"], ["2"])


def test_a_rest_api_renames_and_drops_some_headers() -> None:
    sent = {"WWW-Authenticate": "Bearer", "Server": "s", "Via": "1.1 x", "Vary": "Origin", "Connection": "close"}
    headers = answered("rest", {"statusCode": 401, "headers": sent}).response.headers
    assert value(headers, "x-amzn-remapped-www-authenticate") == "Bearer"
    assert value(headers, "x-amzn-remapped-server") == "s"
    assert value(headers, "vary") == "Origin"
    assert [name for name in ("www-authenticate", "server", "via", "connection") if value(headers, name)] == []
    assert value(headers, "content-type") == "application/json"


@pytest.mark.parametrize("source", ["http-api-2.0", "function-url"])
@pytest.mark.parametrize(
    ("result", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), ([1], b"[1]"), (None, b"null")]
)
def test_without_a_status_code_it_is_the_json_of_a_200(source: str, result: Any, body: bytes) -> None:
    response = answered(source, result).response
    assert (response.status, response.body, value(response.headers, "content-type")) == (200, body, "application/json")


WRONG: list[tuple[Any, str]] = [
    ({"statusCode": "200"}, "statusCode is '200'"),
    ({"statusCode": True}, "statusCode is True"),
    ({"statusCode": 99}, "statusCode is 99"),
    ({"statusCode": 200, "headers": {"X-A": 1}, "multiValueHeaders": {"X-A": [1]}}, "header X-A is int"),
    ({"statusCode": 200, "headers": {"X A": "1"}, "multiValueHeaders": {"X A": ["1"]}}, "'X A' is not the name"),
    ({"statusCode": 200, "headers": {"X": "a\r\nb"}, "multiValueHeaders": {"X": ["a\nb"]}}, "has a line break"),
    ({"statusCode": 200, "body": {"a": 1}}, "body is dict"),
    ({"statusCode": 200, "body": "%", "isBase64Encoded": True}, "body is not base64"),
    ({"statusCode": 200, "body": "a", "isBase64Encoded": "yes"}, "isBase64Encoded is 'yes'"),
]


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize(("result", "sentence"), WRONG)
def test_an_invalid_response_is_a_502_with_the_reason_printed(source: str, result: Any, sentence: str) -> None:
    exchange = answered(source, result)
    assert exchange.response.status == 502
    assert len(exchange.troubles) == 1
    assert sentence in exchange.troubles[0]


@pytest.mark.parametrize(
    ("source", "result", "sentence"),
    [
        ("rest", {"body": "a"}, "statusCode is None"),
        ("rest", {"statusCode": 200, "cookies": []}, "takes no cookies"),
        ("rest", "text", "returned str instead of an object"),
        ("rest", {"statusCode": 200, "headers": []}, None),
        ("rest", {"statusCode": 200, "headers": ["a"]}, "headers is not an object"),
        ("rest", {"statusCode": 200, "multiValueHeaders": {"X": "1"}}, "multiValueHeaders is not an object of lists"),
        ("http-api-2.0", {"statusCode": 200, "cookies": "a=1"}, "cookies is not a list"),
        ("alb", {"statusCode": 200, "multiValueHeaders": {"X": ["1"]}}, "is set to headers"),
        ("alb-multi-value", {"statusCode": 200, "headers": {"X": "1"}}, "is set to multiValueHeaders"),
        ("alb", {"statusCode": 200, "statusDescription": 200}, "statusDescription is not a string"),
        ("alb", None, "returned NoneType"),
    ],
)
def test_what_single_fronts_do_not_take(source: str, result: Any, sentence: str | None) -> None:
    exchange = answered(source, result)
    if sentence is None:
        assert (exchange.response.status, exchange.troubles) == (200, [])
    else:
        assert exchange.response.status == 502
        assert sentence in exchange.troubles[0]


@pytest.mark.parametrize("source", FORMS)
def test_a_handler_that_fails_is_a_502(source: str) -> None:
    exchange = answered(source, None, error="ValueError: x")
    assert exchange.response.status == 502
    assert exchange.troubles == ["502: the handler failed: ValueError: x"]
    assert not [name for name, _ in exchange.response.headers if name.lower().startswith("access-control-")]


def test_limits_of_size() -> None:
    asked = HttpRequest("PUT", "/", body=b"x" * (1024 * 1024 + 1))
    assert answered("alb", {"statusCode": 200}, asked).response.status == 413
    assert answered("rest", {"statusCode": 200}, asked).response.status == 200
    # Base64 makes a body that a REST API takes too large for Lambda.
    larger = HttpRequest("PUT", "/", body=b"x" * (MAX_EVENT * 3 // 4))
    assert answered("rest", {"statusCode": 200}, larger).response.status == 413
    big = {"statusCode": 200, "body": "x" * (1024 * 1024)}
    assert answered("alb", big).response.status == 502
    assert answered("http-api-2.0", big).response.status == 200


def test_the_forms_by_the_names_of_the_fronts() -> None:
    rest, http = form_of("rest-api", None), form_of("http-api", None)
    assert event_of(rest)["requestContext"]["stage"] == "live"
    assert event_of(http)["requestContext"]["stage"] == "$default"
    assert event_of(form_of("http-api", "beta"))["rawPath"] == "/beta/api/a b/c"
    assert "multiValueHeaders" in event_of(form_of("alb", None))
    assert "multiValueHeaders" not in event_of(form_of("alb-single-value", None))
    assert event_of(form_of("function-url", None))["requestContext"]["domainName"].endswith(".on.aws")
    for front in GATEWAY:
        adapter = parse_event(event_of(form_of(front, None)))
        assert adapter is not None, front
        assert adapter.kind in FIELDS, front
    with pytest.raises(ValueError, match="pigeon"):
        form_of("pigeon", None)

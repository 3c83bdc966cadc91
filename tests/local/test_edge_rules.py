"""Each rule of the edge fires for the one mistake that it is about, and lets alone what is allowed."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest
from edgecors_local.edge_rules import MAX_HEADERS, READ_ONLY, TRIGGERS, violations

Made = dict[str, Any]

REQUEST = {
    "clientIp": "203.0.113.178",
    "method": "GET",
    "uri": "/a",
    "querystring": "x=1",
    "headers": {
        "host": [{"key": "Host", "value": "cdn.example"}],
        "origin": [{"key": "Origin", "value": "https://app.example"}],
        "via": [{"key": "Via", "value": "2.0 a.cloudfront.net (CloudFront)"}],
        "content-length": [{"key": "Content-Length", "value": "3"}],
        "accept-encoding": [{"key": "Accept-Encoding", "value": "gzip"}],
        "if-none-match": [{"key": "If-None-Match", "value": '"1"'}],
    },
    "body": {"action": "read-only", "data": "YWJj", "encoding": "base64", "inputTruncated": False},
}
ORIGIN = {"custom": {"customHeaders": {}, "domainName": "origin.example", "path": "", "port": 443}}
RESPONSE = {
    "status": "200",
    "statusDescription": "OK",
    "headers": {
        "via": [{"key": "Via", "value": "1.1 b"}],
        "warning": [{"key": "Warning", "value": '110 - "stale"'}],
        "transfer-encoding": [{"key": "Transfer-Encoding", "value": "chunked"}],
        "content-encoding": [{"key": "Content-Encoding", "value": "gzip"}],
        "vary": [{"key": "Vary", "value": "Accept-Encoding"}, {"key": "Vary", "value": "Cookie"}],
    },
}


def event_of(trigger: str) -> Made:
    """A full event of the trigger, of its own."""
    cf: Made = {"config": {"eventType": trigger}, "request": copy.deepcopy(REQUEST)}
    if trigger.startswith("origin"):
        cf["request"]["origin"] = copy.deepcopy(ORIGIN)
    if trigger.endswith("response"):
        cf["response"] = copy.deepcopy(RESPONSE)
    return {"Records": [{"cf": cf}]}


def received(trigger: str) -> Made:
    """What a function that changes nothing returns."""
    cf: Made = event_of(trigger)["Records"][0]["cf"]
    returned: Made = cf["response" if trigger.endswith("response") else "request"]
    return returned


def violations_of(trigger: str, result: object) -> list[str]:
    return violations(trigger, event_of(trigger), result)


def header(value: object, **more: object) -> list[Made]:
    return [{"value": value, **more}]


def preflight_answer() -> Made:
    return {
        "status": "204",
        "statusDescription": "No Content",
        "headers": {
            "access-control-allow-origin": header("https://app.example", key="Access-Control-Allow-Origin"),
            "vary": header("Origin"),
        },
    }


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_received_message_may_be_returned(trigger: str) -> None:
    assert violations_of(trigger, received(trigger)) == []


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_cors_headers_may_be_set_and_removed(trigger: str) -> None:
    result = received(trigger)
    result["headers"].pop("vary", None)
    result["headers"].pop("origin", None)
    result["headers"]["access-control-allow-origin"] = header("https://app.example", key="ACCESS-CONTROL-allow-origin")
    assert violations_of(trigger, result) == []


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
@pytest.mark.parametrize(
    "result",
    [
        {"status": "403"},
        {"status": "200", "body": "text", "bodyEncoding": "text", "headers": {"x-a": header("b\tc \u00e4")}},
        {"status": "599", "body": base64.b64encode(bytes(40 * 1024)).decode(), "bodyEncoding": "base64"},
        preflight_answer(),
    ],
)
def test_responses_that_a_request_trigger_may_make(trigger: str, result: Made) -> None:
    assert violations_of(trigger, result) == []


def test_violations_of_unusual_but_allowed_results_is_empty() -> None:
    request = received("origin-request") | {"uri": "/b?".rstrip("?"), "querystring": "a=b?c"}
    request["headers"]["host"] = header("other.example")
    request["origin"] = {"s3": {"domainName": "b.s3.amazonaws.com", "customHeaders": {"x-a": header("1")}}}
    request["body"] = {"action": "replace", "data": "x" * 1024 * 1024, "encoding": "text", "inputTruncated": False}
    assert violations_of("origin-request", request) == []

    response = received("origin-response") | {"status": "503", "body": "", "bodyEncoding": "text"}
    response["headers"]["content-length"] = header("0")
    assert violations_of("origin-response", response) == []
    assert violations_of("origin-response", received("origin-response") | {"status": "304", "body": ""}) == []


def test_violations_ignores_invalid_values_of_the_event_itself() -> None:
    event = event_of("origin-response")
    event["Records"][0]["cf"]["response"]["headers"]["x-cache"] = header("Hello")
    event["Records"][0]["cf"]["response"]["isBase64"] = True
    assert violations("origin-response", event, copy.deepcopy(event["Records"][0]["cf"]["response"])) == []


def test_an_event_without_request_or_response_is_no_obstacle() -> None:
    event: Made = {"Records": [{"cf": {}}]}
    assert violations("viewer-request", event, {"status": "204"}) == []
    assert violations("origin-response", event, {"status": "204"}) == []


def test_violations_with_an_unknown_trigger_raises() -> None:
    with pytest.raises(ValueError, match="'viewer' is not a trigger"):
        violations("viewer", {}, {})


@pytest.mark.parametrize(
    ("trigger", "result", "sentence"),
    [
        ("viewer-request", None, "returned nothing"),
        ("viewer-response", [], "returned list"),
        ("origin-request", "200", "returned str"),
        ("viewer-request", {}, "neither a request"),
        ("viewer-response", {"headers": {}}, "response.status is missing"),
    ],
)
def test_violations_of_neither_request_nor_response(trigger: str, result: object, sentence: str) -> None:
    assert sentence in violations_of(trigger, result)[0]


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize(
    ("name", "items", "sentence"),
    [
        ("X-A", header("1"), "Header X-A in "),
        ("x a", header("1"), "Header 'x a' in "),
        ("", header("1"), "Header '' in "),
        ("x-a", "1", "Header x-a in "),
        ("x-a", {"value": "1"}, "has to be a list"),
        ("x-a", [], "has to be a list"),
        ("x-a", ["1"], "has str in its list"),
        ("x-a", header("1", name="X-A"), "unknown field name"),
        ("x-a", header("1", key="X-B"), "the key 'X-B'"),
        ("x-a", header("1", key=None), "the key None"),
        ("x-a", header(1), "has int as its value"),
        ("x-a", [{"key": "X-A"}], "has nothing as its value"),
        ("x-a", header(None), "has nothing as its value"),
        ("x-a", header("a\r\nb"), "control character"),
        ("x-a", header("a\0"), "control character"),
        ("x-a", header("\x7f"), "control character"),
        ("x-a", header("\ud800"), "control character"),
        ("x-a", header("x" * (MAX_HEADERS - 2)), "bytes together; 20480 are allowed"),
        ("connection", header("close"), "Header connection is disallowed"),
        ("x-amz-cf-anything", header("1"), "Header x-amz-cf-anything is disallowed"),
        ("x-edge-location", header("1"), "Header x-edge-location is disallowed"),
        ("x-cache", header("1"), "Header x-cache is disallowed"),
        ("X-Real-IP", header("1"), "Header x-real-ip is disallowed"),
    ],
)
def test_headers(trigger: str, name: str, items: object, sentence: str) -> None:
    result = received(trigger)
    result["headers"][name] = items
    assert any(sentence in line for line in violations_of(trigger, result)), violations_of(trigger, result)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_headers_are_an_object(trigger: str) -> None:
    sentences = violations_of(trigger, received(trigger) | {"headers": []})
    assert any("headers is list instead of an object" in sentence for sentence in sentences)


def test_the_header_limit_is_met_exactly() -> None:
    name = "x-a"
    fitting = {"status": "200", "headers": {name: header("x" * (MAX_HEADERS - len(name)))}}
    assert violations_of("origin-request", fitting) == []
    fitting["headers"][name][0]["value"] += "x"  # type: ignore[index]
    assert len(violations_of("origin-request", fitting)) == 1


READ_ONLY_CASES = [(trigger, name) for trigger in TRIGGERS for name in sorted(READ_ONLY[trigger])]


@pytest.mark.parametrize(("trigger", "name"), READ_ONLY_CASES)
def test_read_only_headers(trigger: str, name: str) -> None:
    was_there = name in received(trigger)["headers"]
    result = received(trigger)
    result["headers"][name] = header("something else")
    what = "changed" if was_there else "added"
    assert violations_of(trigger, result) == [f"Header {name} is read-only at {trigger}, but was {what}."]
    del result["headers"][name]
    removed = [f"Header {name} is read-only at {trigger}, but was removed."]
    assert violations_of(trigger, result) == (removed if was_there else [])


def test_every_kind_of_change_to_a_read_only_header_was_seen() -> None:
    there = {name in received(trigger)["headers"] for trigger, name in READ_ONLY_CASES}
    assert there == {True, False}


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
@pytest.mark.parametrize("name", ["content-length", "transfer-encoding", "via"])
def test_read_only_headers_in_a_generated_response(trigger: str, name: str) -> None:
    result = preflight_answer()
    result["headers"][name] = header("0")
    assert violations_of(trigger, result) == [f"Header {name} is read-only at {trigger}, but was added."]


def changed(**fields: object) -> Callable[[Made], object]:
    return lambda result: result.update(fields)


def body(**fields: object) -> Callable[[Made], object]:
    return lambda result: result["body"].update(fields)


BOTH_REQUESTS = [
    (changed(method="POST"), "request.method is read-only"),
    (lambda result: result.pop("method"), "request.method is read-only"),
    (changed(clientIp="203.0.113.1"), "request.clientIp is read-only"),
    (lambda result: result.pop("uri"), "request.uri is nothing"),
    (changed(uri=1), "request.uri is int"),
    (changed(uri="a"), "request.uri has to start"),
    (changed(uri="/a b"), "request.uri has a blank"),
    (changed(uri="/a?x"), "request.uri has a blank, a control character, a question mark"),
    (changed(uri="/a#x"), "request.uri has"),
    (changed(uri="/a\n"), "request.uri has"),
    (changed(querystring=None), "request.querystring is nothing"),
    (changed(querystring="?a"), "request.querystring must not start with a question mark"),
    (changed(querystring="a b"), "request.querystring has a blank"),
    (changed(querystring="a#b"), "request.querystring has"),
    (changed(querystring="a\tb"), "request.querystring has"),
    (changed(uri="/" + "a" * 8188, querystring="x=1"), "are 8192 characters"),
    (changed(path="/"), "request.path is not a field"),
    (changed(body="x"), "request.body is str"),
    (body(action="drop"), "request.body.action is 'drop'"),
    (body(inputTruncated=True), "request.body.inputTruncated is read-only"),
    (body(size=3), "request.body.size is not a field"),
    (body(action="replace", encoding="gzip"), "encoding of request.body is 'gzip'"),
    (body(action="replace", data="*"), "request.body is not base64"),
    (body(action="replace", data=1), "request.body is int"),
    (body(action="replace", data="x" * (1024 * 1024 + 1), encoding="text"), "request.body is 1048577 bytes"),
]


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
@pytest.mark.parametrize(("change", "sentence"), BOTH_REQUESTS)
def test_requests(trigger: str, change: Callable[[Made], object], sentence: str) -> None:
    result = received(trigger)
    change(result)
    sentences = violations_of(trigger, result)
    assert len(sentences) == 1
    assert sentence in sentences[0]


def test_the_longest_url_that_is_allowed() -> None:
    result = received("viewer-request") | {"uri": "/" + "a" * 8187, "querystring": "x=1"}
    assert violations_of("viewer-request", result) == []


def test_a_body_is_replaced_only_where_it_was_shown() -> None:
    event = event_of("viewer-request")
    del event["Records"][0]["cf"]["request"]["body"]
    assert violations("viewer-request", event, received("viewer-request")) == [
        "request.body can't be set: the trigger does not include the body."
    ]


@pytest.mark.parametrize("size", [40 * 1024, 40 * 1024 + 1])
def test_the_size_of_a_viewers_body(size: int) -> None:
    result = received("viewer-request")
    result["body"] |= {"action": "replace", "data": base64.b64encode(bytes(size)).decode()}
    assert bool(violations_of("viewer-request", result)) is (size > 40 * 1024)


def test_the_viewers_country_is_not_added_at_viewer_request() -> None:
    for trigger, expected in (("viewer-request", 1), ("origin-request", 0)):
        result = received(trigger)
        result["headers"]["cloudfront-viewer-country"] = header("DE")
        assert len(violations_of(trigger, result)) == expected


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        ({}, "exactly one"),
        (None, "exactly one"),
        ({"custom": {}, "s3": {}}, "exactly one"),
        ({"custom": {}}, "request.origin.custom.domainName"),
        ({"s3": {"domainName": ""}}, "request.origin.s3.domainName"),
        ({"s3": None}, "request.origin.s3.domainName"),
        ({"s3": {"domainName": "b", "customHeaders": {"X-A": header("1")}}}, "Header X-A in request.origin.s3"),
        ({"s3": {"domainName": "b", "customHeaders": {"x-cache": header("1")}}}, "Header x-cache is disallowed in"),
        ({"s3": {"domainName": "b", "customHeaders": {"origin": header("1")}}}, "Header origin can't be in"),
    ],
)
def test_the_origin_of_a_request(origin: object, sentence: str) -> None:
    sentences = violations_of("origin-request", received("origin-request") | {"origin": origin})
    assert len(sentences) == 1
    assert sentence in sentences[0]


def test_no_origin_in_viewer_events() -> None:
    event = event_of("viewer-request")
    assert violations("viewer-request", event, received("viewer-request") | {"origin": ORIGIN}) == [
        "request.origin is there in origin events only."
    ]


RESPONSES = [
    ({"status": 200}, "response.status is int"),
    ({"status": "199"}, "response.status is '199'"),
    ({"status": "600"}, "response.status is '600'"),
    ({"status": "2e2"}, "response.status is '2e2'"),
    ({"status": "\u0662\u0660\u0660"}, "response.status is"),
    ({"status": ""}, "response.status is ''"),
    ({"statusDescription": 1}, "response.statusDescription is int"),
    ({"statusDescription": "O\nK"}, "response.statusDescription has"),
    ({"statusCode": 200}, "response.statusCode is not a field"),
    ({"uri": "/"}, "response.uri is not a field"),
    ({"body": None}, "response.body is nothing"),
    ({"body": b"x"}, "response.body is bytes"),
    ({"body": "\ud800"}, "response.body is not text"),
    ({"body": "x", "bodyEncoding": "gzip"}, "encoding of response.body is 'gzip'"),
    ({"body": "x", "bodyEncoding": "base64"}, "response.body is not base64"),
    ({"bodyEncoding": None}, "encoding of response.body is None"),
    ({"status": "204", "body": "x"}, "with status 204"),
    ({"status": "304", "body": "x"}, "with status 304"),
    ({"body": "x" * (1024 * 1024 + 1)}, "response.body is 1048577 bytes"),
]


@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request", "origin-response"])
@pytest.mark.parametrize(("fields", "sentence"), RESPONSES)
def test_responses(trigger: str, fields: Made, sentence: str) -> None:
    base = received(trigger) if trigger == "origin-response" else {"status": "200"}
    sentences = violations_of(trigger, base | fields)
    assert len(sentences) == 1
    assert sentence in sentences[0]


@pytest.mark.parametrize(("trigger", "limit"), [("viewer-request", 40 * 1024), ("origin-request", 1024 * 1024)])
def test_the_size_of_a_generated_response_counts_its_headers(trigger: str, limit: int) -> None:
    result: Made = {"status": "200", "headers": {"x-a": header("123")}, "body": "x" * (limit - 6)}
    assert violations_of(trigger, result) == []
    result["body"] += "x"
    assert violations_of(trigger, result) == [
        f"response.body is {limit - 5} bytes with 6 bytes of headers; at {trigger} {limit} are allowed."
    ]


@pytest.mark.parametrize("text", ["", "x"])
@pytest.mark.parametrize("trigger", ["viewer-request", "origin-request"])
def test_a_generated_204_has_no_body_at_all(trigger: str, text: str) -> None:
    assert violations_of(trigger, preflight_answer() | {"body": text}) == [
        "response.body has to be left out with status 204."
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "201"}, "response.status can't be changed"),
        ({"status": 200}, "response.status can't be changed"),
        ({"statusDescription": "\r"}, "response.statusDescription has"),
        ({"body": ""}, "response.body can't be set"),
        ({"bodyEncoding": "text"}, "response.bodyEncoding can't be set"),
        ({"trailers": {}}, "response.trailers is not a field"),
    ],
)
def test_viewer_responses(fields: Made, sentence: str) -> None:
    sentences = violations_of("viewer-response", received("viewer-response") | fields)
    assert len(sentences) == 1
    assert sentence in sentences[0]


def test_all_violations_are_reported_at_once() -> None:
    result: Made = {"status": "99", "body": 1, "headers": {"X-A": [], "via": header("1")}, "more": 1}
    assert violations_of("viewer-request", result) == [
        "response.more is not a field of a response.",
        "response.status is '99' instead of a number from 200 to 599.",
        "Header X-A in response.headers has to be written x-a (only `key` may have capitals).",
        "Header X-A in response.headers has to be a list with one object or more.",
        "Header via is read-only at viewer-request, but was added.",
        "response.body is int instead of a string.",
    ]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_violations_ignores_control_characters_that_were_passed_through(trigger: str) -> None:
    """A viewer or an upstream may send any byte: the one 0x84 is not UTF-8 and becomes U+0084 in the event."""
    event = event_of(trigger)
    part = event["Records"][0]["cf"]["response" if trigger.endswith("response") else "request"]
    part["headers"]["x-a"] = header("\x84")
    passed = copy.deepcopy(part)
    assert violations(trigger, event, passed) == []
    passed["headers"]["x-b"] = header("\x84")
    assert any("Header x-b" in line and "control character" in line for line in violations(trigger, event, passed))

"""What the adapters read from each front's events: tables of event and request."""

from __future__ import annotations

from typing import Any

import pytest
from edgecors.decision import Request
from edgecors.events.api import parse_event
from edgecors.events.http_event import HttpEvent
from edgecors.events.message import _BY_KIND, HttpMessage, read_message

from tests.events.make import ALB, ALB_MULTI, APP, CLIENT, HOSTS, HTTP_1, HTTP_2, REST, SOURCES, URL, make_event


def adapter(event: dict[str, Any]) -> HttpEvent:
    parsed = parse_event(event)
    assert parsed is not None
    return parsed


def message(event: dict[str, Any]) -> HttpMessage:
    return read_message(adapter(event))


def facts(request: Request) -> dict[str, str]:
    """The attributes of a request that are not None."""
    values = {name: getattr(request, name) for name in Request.__slots__}
    return {name: value for name, value in values.items() if value is not None}


PREFLIGHT = [
    ("Origin", APP),
    ("Access-Control-Request-Method", "PUT"),
    ("Access-Control-Request-Headers", "authorization"),
    ("Access-Control-Request-Private-Network", "true"),
    ("Sec-Fetch-Site", "cross-site"),
]


@pytest.mark.parametrize("name", SOURCES)
def test_same_request_through_every_front_is_the_same(name: str) -> None:
    event = make_event(name, "OPTIONS", "/api/orders%20x/1", headers=PREFLIGHT)
    assert facts(adapter(event).request()) == {
        "method": "OPTIONS",
        "path": "/api/orders%20x/1",
        "host": HOSTS[name],
        "scheme": "https",
        "origin": APP,
        "request_method": "PUT",
        "request_headers": "authorization",
        "private_network": "true",
        "fetch_site": "cross-site",
    }
    assert message(event).client == CLIENT


MINIMAL = {"method": "GET", "path": "/", "scheme": "https"}
SINGLE = {"httpMethod": "GET", "path": "/", "headers": {"oRiGiN": APP}, "requestContext": {"stage": "live"}}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param({"httpMethod": "GET"}, MINIMAL, id="the smallest event"),
        pytest.param(
            {"httpMethod": "GET", "headers": None, "multiValueHeaders": None, "path": None, "requestContext": None},
            MINIMAL,
            id="null for every map",
        ),
        pytest.param(SINGLE, MINIMAL | {"origin": APP}, id="single map, any case"),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"ORIGIN": ["https://a.example", "https://b.example"]}},
            MINIMAL | {"origin": "https://a.example, https://b.example"},
            id="multi-value map wins, every value counts",
        ),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"Host": ["h.example"], "X-Null": None, "X-Hole": [None]}},
            MINIMAL | {"origin": APP, "host": "h.example"},
            id="maps with different names",
        ),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"Origin": []}},
            MINIMAL | {"origin": APP},
            id="empty list",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"Origin": APP, "origin": "https://evil.example", "X": None}},
            MINIMAL | {"origin": f"{APP}, https://evil.example"},
            id="two spellings",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"X-A\nOrigin": "https://evil.example", "X-B": "https://evil.example"}},
            MINIMAL,
            id="name with a line break",
        ),
        pytest.param(
            {"httpMethod": "OPTIONS", "multiValueHeaders": {"access-control-request-headers": ["", "a, b", "c"]}},
            MINIMAL | {"method": "OPTIONS", "request_headers": ", a, b, c"},
            id="empty first value",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"x": 7}, "requestContext": {"domainName": "d.example"}},
            MINIMAL | {"host": "d.example"},
            id="domain name instead of Host",
        ),
        pytest.param(
            {"httpMethod": "", "requestContext": {"elb": {}}, "headers": {"X-Forwarded-Proto": "HTTPS"}},
            MINIMAL,
            id="scheme of a load balancer",
        ),
        pytest.param(
            {"httpMethod": "GET", "requestContext": {"elb": {}}},
            {"method": "GET", "path": "/"},
            id="load balancer without scheme",
        ),
        pytest.param({"version": "2.0", "requestContext": {"http": {}}}, MINIMAL, id="smallest event of format 2.0"),
    ],
)
def test_request_headers_are_read_from_both_maps(event: dict[str, Any], expected: dict[str, str]) -> None:
    assert facts(adapter(event).request()) == expected


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (
            {"httpMethod": "GET", "path": "/base/x", "requestContext": {"path": "/live/base/x", "stage": "live"}},
            "/base/x",
        ),
        ({"httpMethod": "GET", "path": "/live/x", "requestContext": {"stage": "live"}}, "/live/x"),
        ({"version": "1.0", "httpMethod": "GET", "path": "/live/x", "requestContext": {"stage": "live"}}, "/x"),
        ({"version": "1.0", "httpMethod": "GET", "path": "/live", "requestContext": {"stage": "live"}}, "/"),
        ({"version": "1.0", "httpMethod": "GET", "path": "/lively", "requestContext": {"stage": "live"}}, "/lively"),
        ({"version": "1.0", "httpMethod": "GET", "path": "/x", "requestContext": {"stage": "$default"}}, "/x"),
        ({"version": "1.0", "httpMethod": "GET", "path": "/a b%", "requestContext": None}, "/a%20b%25"),
        ({"httpMethod": "GET", "path": "/a%2fb%"}, "/a%2fb%"),
        ({"httpMethod": "GET", "path": "x?y#z"}, "/x%3Fy%23z"),
        ({"httpMethod": "GET", "path": "//evil.example/x"}, "//evil.example/x"),
        ({"httpMethod": "GET", "path": "http://evil.example/"}, "/http://evil.example/"),
        ({"httpMethod": "GET", "path": "/x\r\nHost: evil.example"}, "/x%0D%0AHost:%20evil.example"),
        ({"httpMethod": "GET", "path": "/\ud800é"}, "/%ED%A0%80%C3%A9"),
        ({"httpMethod": "GET", "path": "/x", "requestContext": {"elb": {}}}, "/x"),
        ({"version": "2.0", "rawPath": "/live/x", "requestContext": {"http": {}, "stage": "live"}}, "/x"),
        ({"version": "2.0", "rawPath": "/x", "requestContext": {"http": {}, "stage": "$default"}}, "/x"),
        ({"version": "2.0", "requestContext": {"http": {"path": "/y"}}}, "/y"),
        ({"version": "2.0", "rawPath": "/a b/é|%41%", "requestContext": {"http": {}}}, "/a%20b/%C3%A9%7C%41%25"),
        (
            {
                "version": "2.0",
                "rawPath": "/a|%",
                "requestContext": {"http": {}, "domainName": "x.lambda-url.y.on.aws"},
            },
            "/a|%",
        ),
    ],
)
def test_path_is_the_viewer_s(event: dict[str, Any], path: str) -> None:
    assert adapter(event).path == path


@pytest.mark.parametrize(
    ("event", "query"),
    [
        ({"httpMethod": "GET"}, ""),
        ({"httpMethod": "GET", "queryStringParameters": {"a": "1", "b": None}}, "a=1&b"),
        (
            {
                "httpMethod": "GET",
                "queryStringParameters": {"a": "2", "c": "3"},
                "multiValueQueryStringParameters": {"a": ["1", "2"], "b b": ["é&=+/", ""], "n": None},
            },
            "a=1&a=2&b%20b=%C3%A9%26%3D%2B%2F&b%20b=&n&c=3",
        ),
        (
            {
                "httpMethod": "GET",
                "requestContext": {"elb": {}},
                "multiValueQueryStringParameters": {"a": ["%41%2f+", "2"], "b": [""], "n": [None]},
            },
            "a=%41%2f+&a=2&b=&n",
        ),
        (
            {"httpMethod": "GET", "requestContext": {"elb": {}}, "queryStringParameters": {"a": "b c#\n"}},
            "a=b%20c%23%0A",
        ),
        ({"version": "2.0", "rawQueryString": "b=%41&a=?/+&b&=", "requestContext": {"http": {}}}, "b=%41&a=?/+&b&="),
        ({"version": "2.0", "rawQueryString": None, "requestContext": {"http": {}}}, ""),
    ],
)
def test_query_is_the_viewer_s(event: dict[str, Any], query: str) -> None:
    assert message(event).query == query


@pytest.mark.parametrize(
    ("event", "headers"),
    [
        ({"cookies": ["a=1", "b=2"]}, [("x", "y"), ("cookie", "a=1; b=2")]),
        (
            {"cookies": ["a=1", "b=2"], "headers": {"x": "y", "cookie": "a=1; b=2"}},
            [("x", "y"), ("cookie", "a=1; b=2")],
        ),
        ({"cookies": [], "headers": {"cookie": "c=3"}}, [("cookie", "c=3")]),
        ({}, [("x", "y")]),
    ],
)
def test_format_2_cookies_become_one_header(event: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    assert message({"version": "2.0", "requestContext": {"http": {}}, "headers": {"x": "y"}} | event).headers == headers


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1, 203.0.113.10", "203.0.113.10"),
        ("203.0.113.10:51234", "203.0.113.10"),
        ("2001:db8::17", "2001:db8::17"),
        ("[2001:db8::17]:443", "2001:db8::17"),
        ("[2001:db8::17]", "2001:db8::17"),
        ("", None),
    ],
)
def test_load_balancer_client_is_the_last_forwarded_for_address(forwarded: str, client: str | None) -> None:
    event = {"httpMethod": "GET", "requestContext": {"elb": {}}, "headers": {"x-forwarded-for": forwarded}}
    assert message(event).client == client


def test_event_without_address_has_no_client() -> None:
    assert message({"httpMethod": "GET"}).client is None
    assert message({"version": "2.0", "requestContext": {"http": {}}}).client is None


@pytest.mark.parametrize(
    ("protocol", "version"), [("HTTP/1.1", "1.1"), ("HTTP/2.0", "2.0"), (None, "1.1"), ("HTTP/x\r\n", "1.1")]
)
def test_protocol_is_the_http_version(protocol: str | None, version: str) -> None:
    assert message({"httpMethod": "GET", "requestContext": {"protocol": protocol}}).protocol == version
    assert message({"version": "2.0", "requestContext": {"http": {"protocol": protocol}}}).protocol == version


def test_body_is_decoded() -> None:
    assert message(make_event(REST, "POST", body=b"")).read_body() == b""
    assert message(make_event(HTTP_1, "POST", body="é".encode())).read_body() == "é".encode()
    assert message(make_event(ALB, "POST", body=b"\xff\x00")).read_body() == b"\xff\x00"
    with pytest.raises(ValueError, match="base64"):
        message({"httpMethod": "POST", "body": "a", "isBase64Encoded": True}).read_body()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (make_event(REST), "ApiGatewayV1"),
        (make_event(HTTP_1), "ApiGatewayV1"),
        (make_event(HTTP_2), "ApiGatewayV2"),
        (make_event(URL), "ApiGatewayV2"),
        (make_event(ALB), "Alb"),
        (make_event(ALB_MULTI), "Alb"),
    ],
)
def test_event_gets_the_adapter_of_its_format(event: dict[str, Any], expected: str) -> None:
    assert type(parse_event(event)).__name__ == expected


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(None, id="None"),
        pytest.param([], id="a list"),
        pytest.param({}, id="an empty test event"),
        pytest.param({"Records": [{"cf": {}}]}, id="CloudFront"),
        pytest.param({"detail-type": "Scheduled Event", "version": "0"}, id="schedule"),
        pytest.param({"requestContext": {"connectionId": "x", "routeKey": "$connect"}}, id="WebSocket API"),
        pytest.param(make_event(REST) | {"type": "REQUEST", "methodArn": "arn:aws:x"}, id="a REST API's authorizer"),
        pytest.param(make_event(HTTP_2) | {"type": "REQUEST", "routeArn": "arn:aws:x"}, id="an HTTP API's authorizer"),
        pytest.param({"version": "2.0", "requestContext": {}}, id="VPC Lattice"),
        pytest.param(
            {"messageVersion": "1.0", "actionGroup": "orders", "apiPath": "/orders", "httpMethod": "GET"},
            id="an agent of Amazon Bedrock",
        ),
        pytest.param({"version": "2.0"}, id="no context"),
        pytest.param({"httpMethod": "GET", "requestContext": "x"}, id="context that is not a map"),
        pytest.param({"httpMethod": 7}, id="method that is not a string"),
    ],
)
def test_other_event_has_no_adapter(event: object) -> None:
    assert parse_event(event) is None


def test_every_adapter_has_a_message() -> None:
    assert {adapter.kind for adapter in HttpEvent.__subclasses__()} == set(_BY_KIND)

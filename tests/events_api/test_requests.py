"""What the protocol is told of each source's events: tables of event and request."""

from __future__ import annotations

from typing import Any

import pytest
from edgecors.decision import Request
from edgecors.events.api import parse_event
from edgecors.events.http_event import HttpEvent

from tests.events_api.make import ALB, ALB_MULTI, APP, CLIENT, HOSTS, HTTP_1, HTTP_2, REST, SOURCES, URL, make_event


def source(event: dict[str, Any]) -> HttpEvent:
    found = parse_event(event)
    assert found is not None
    return found


def facts(request: Request) -> dict[str, str]:
    """What a request says, without what it does not."""
    found = {name: getattr(request, name) for name in Request.__slots__}
    return {name: value for name, value in found.items() if value is not None}


PREFLIGHT = [
    ("Origin", APP),
    ("Access-Control-Request-Method", "PUT"),
    ("Access-Control-Request-Headers", "authorization"),
    ("Access-Control-Request-Private-Network", "true"),
    ("Sec-Fetch-Site", "cross-site"),
]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_tells_the_same_of_the_same_request(name: str) -> None:
    found = source(make_event(name, "OPTIONS", "/api/orders%20x/1", headers=PREFLIGHT))
    assert facts(found.request()) == {
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
    assert found.client() == CLIENT


NOTHING = {"method": "GET", "path": "/", "scheme": "https"}
SINGLE = {"httpMethod": "GET", "path": "/", "headers": {"oRiGiN": APP}, "requestContext": {"stage": "live"}}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param({"httpMethod": "GET"}, NOTHING, id="as little as there can be"),
        pytest.param(
            {"httpMethod": "GET", "headers": None, "multiValueHeaders": None, "path": None, "requestContext": None},
            NOTHING,
            id="null for every map",
        ),
        pytest.param(SINGLE, NOTHING | {"origin": APP}, id="the single map alone, in any case"),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"ORIGIN": ["https://a.example", "https://b.example"]}},
            NOTHING | {"origin": "https://a.example, https://b.example"},
            id="the map of lists wins, and every value counts",
        ),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"Host": ["h.example"], "X-Null": None, "X-Hole": [None]}},
            NOTHING | {"origin": APP, "host": "h.example"},
            id="maps with different names are merged",
        ),
        pytest.param(
            SINGLE | {"multiValueHeaders": {"Origin": []}},
            NOTHING | {"origin": APP},
            id="an empty list is no value",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"Origin": APP, "origin": "https://evil.example", "X": None}},
            NOTHING | {"origin": f"{APP}, https://evil.example"},
            id="two spellings are two values",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"X-A\nOrigin": "https://evil.example", "X-B": "https://evil.example"}},
            NOTHING,
            id="a name of two lines is one name",
        ),
        pytest.param(
            {"httpMethod": "OPTIONS", "multiValueHeaders": {"access-control-request-headers": ["", "a, b", "c"]}},
            NOTHING | {"method": "OPTIONS", "request_headers": ", a, b, c"},
            id="an empty first line does not drop the rest",
        ),
        pytest.param(
            {"httpMethod": "GET", "headers": {"x": 7}, "requestContext": {"domainName": "d.example"}},
            NOTHING | {"host": "d.example"},
            id="the domain name stands for a missing Host",
        ),
        pytest.param(
            {"httpMethod": "", "requestContext": {"elb": {}}, "headers": {"X-Forwarded-Proto": "HTTPS"}},
            NOTHING,
            id="the load balancer's word for the scheme",
        ),
        pytest.param(
            {"httpMethod": "GET", "requestContext": {"elb": {}}},
            {"method": "GET", "path": "/"},
            id="a load balancer that says nothing of the scheme",
        ),
        pytest.param(
            {"version": "2.0", "requestContext": {"http": {}}}, NOTHING, id="format 2.0, as little as there can be"
        ),
    ],
)
def test_headers_however_they_stand(event: dict[str, Any], expected: dict[str, str]) -> None:
    assert facts(source(event).request()) == expected


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
def test_the_path_is_the_viewers_own(event: dict[str, Any], path: str) -> None:
    assert source(event).path == path


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
def test_the_query_is_the_viewers_own(event: dict[str, Any], query: str) -> None:
    assert source(event).query() == query


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
def test_cookies_of_format_2_are_one_header(event: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    found = source({"version": "2.0", "requestContext": {"http": {}}, "headers": {"x": "y"}} | event)
    assert found.headers == headers
    cookies = [value for name, value in headers if name == "cookie"]
    assert found.value("cookie") == (cookies[0] if cookies else None)


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
def test_a_load_balancers_client_stands_last(forwarded: str, client: str | None) -> None:
    event = {"httpMethod": "GET", "requestContext": {"elb": {}}, "headers": {"x-forwarded-for": forwarded}}
    assert source(event).client() == client


def test_no_address_is_no_client() -> None:
    assert source({"httpMethod": "GET"}).client() is None
    assert source({"version": "2.0", "requestContext": {"http": {}}}).client() is None


@pytest.mark.parametrize(
    ("protocol", "version"), [("HTTP/1.1", "1.1"), ("HTTP/2.0", "2.0"), (None, "1.1"), ("HTTP/x\r\n", "1.1")]
)
def test_the_version_of_http(protocol: str | None, version: str) -> None:
    assert source({"httpMethod": "GET", "requestContext": {"protocol": protocol}}).protocol() == version
    assert source({"version": "2.0", "requestContext": {"http": {"protocol": protocol}}}).protocol() == version


def test_bodies() -> None:
    assert source(make_event(REST, "POST", body=b"")).body() == b""
    assert source(make_event(HTTP_1, "POST", body="é".encode())).body() == "é".encode()
    assert source(make_event(ALB, "POST", body=b"\xff\x00")).body() == b"\xff\x00"
    with pytest.raises(ValueError, match="base64"):
        source({"httpMethod": "POST", "body": "a", "isBase64Encoded": True}).body()


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
def test_a_request_is_known_by_its_source(event: dict[str, Any], expected: str) -> None:
    assert type(parse_event(event)).__name__ == expected


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(None, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({}, id="an empty test event"),
        pytest.param({"Records": [{"cf": {}}]}, id="CloudFront"),
        pytest.param({"detail-type": "Scheduled Event", "version": "0"}, id="a schedule"),
        pytest.param({"requestContext": {"connectionId": "x", "routeKey": "$connect"}}, id="a web socket"),
        pytest.param(make_event(REST) | {"type": "REQUEST", "methodArn": "arn:aws:x"}, id="a REST API's authorizer"),
        pytest.param(make_event(HTTP_2) | {"type": "REQUEST", "routeArn": "arn:aws:x"}, id="an HTTP API's authorizer"),
        pytest.param({"version": "2.0", "requestContext": {}}, id="a service network"),
        pytest.param({"version": "2.0"}, id="no context"),
        pytest.param({"httpMethod": "GET", "requestContext": "x"}, id="a context that is none"),
        pytest.param({"httpMethod": 7}, id="a method that is none"),
    ],
)
def test_anything_else_is_no_request(event: object) -> None:
    assert parse_event(event) is None

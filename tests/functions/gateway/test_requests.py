"""What the upstream gets, byte for byte, on a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.events.make import (
    ALB,
    ALB_MULTI,
    APP,
    CLIENT,
    EVIL,
    HOSTS,
    HTTP_1,
    HTTP_2,
    REST,
    SOURCES,
    URL,
    make_event,
    preflight,
    read_response,
)
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import Spy

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]


def forwarded(source: str) -> list[tuple[str, str]]:
    """What the gateway adds to every request."""
    host = HOSTS[source]
    return [
        ("X-Forwarded-For", CLIENT),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", host),
        ("Forwarded", f"for={CLIENT};host={host};proto=https"),
        ("Via", "1.1 edgecors"),
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_request_arrives_whole(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    headers = [("Accept", "text/html"), ("Authorization", "Basic eDp5"), ("Origin", EVIL), ("Cookie", "a=1; b=2")]
    event = make_event(source, "POST", "/a%20b/c", "x=1&y=a%2Fb&x=2", headers, b'{"n": 1}')
    answer = gateway(event)
    assert read_response(source, answer) == (200, [("vary", "Origin"), ("via", "1.1 edgecors")], b"ok")
    (seen,) = spy.seen
    # A load balancer without multi-value headers has only the last of repeated parameters.
    query = (
        "x=2&y=a%2Fb"
        if source == ALB
        else {REST: "x=1&x=2&y=a%2Fb", HTTP_1: "x=1&x=2&y=a%2Fb"}.get(
            source, "x=1&x=2&y=a%2Fb" if source == ALB_MULTI else "x=1&y=a%2Fb&x=2"
        )
    )
    assert seen.line == f"POST /a%20b/c?{query} HTTP/1.1"
    assert seen.body == b'{"n": 1}'
    added = [("x-forwarded-port", "443")] if source in (ALB, ALB_MULTI) else []
    expected = [("Host", spy.netloc), ("Content-Length", "8"), *headers, *added, *forwarded(source)]
    assert sorted((name.lower(), value) for name, value in seen.fields) == sorted(
        (name.lower(), value) for name, value in expected
    )


@pytest.mark.parametrize("source", SOURCES)
def test_preflight_does_not_reach_the_upstream(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    assert gateway(preflight(source))["statusCode"] == 204
    assert gateway(preflight(source, EVIL))["statusCode"] == 403
    assert spy.seen == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", [REST, HTTP_2, ALB])
def test_request_method_is_unchanged(source: str, method: str, spy: Spy, gateway: LoggingGateway) -> None:
    body = b"" if method == "HEAD" else b"ok"
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)
    answer = gateway(make_event(source, method))
    assert [seen.line for seen in spy.seen] == [f"{method} /api/x HTTP/1.1"]
    assert read_response(source, answer)[2] == body
    # Only methods that expect a body state that there is none.
    lengths = [] if method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE") else ["0"]
    assert spy.seen[0].values("content-length") == lengths


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("body", [b"", b"text", bytes(range(256)), "é".encode(), b"\x00\r\n"])
def test_request_body_is_unchanged(source: str, body: bytes, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(source, "POST", body=body))
    assert [seen.body for seen in spy.seen] == [body]
    assert spy.seen[0].values("transfer-encoding") == []


TARGETS = [
    "//evil.example/x",
    "//evil.example:80",
    "/http://evil.example/",
    "/@evil.example/",
    "/a@evil.example:1/x",
    "/%2e%2e/x",
    "/../x",
    "/a//b",
    "/a;b=c/d",
    "/%2f%5c",
    "/%e2%82%ac",
    "/%E2%82%AC",
    "/a%20b",
    "/!$&'()*+,;=:@-._~",
]


@pytest.mark.parametrize("path", TARGETS)
@pytest.mark.parametrize("source", [REST, URL, ALB, ALB_MULTI])
def test_request_path_is_unchanged(source: str, path: str, spy: Spy, gateway: LoggingGateway) -> None:
    assert gateway(make_event(source, path=path))["statusCode"] == 200
    assert [seen.line for seen in spy.seen] == [f"GET {path} HTTP/1.1"]
    assert spy.seen[0].values("host") == [spy.netloc]


@pytest.mark.parametrize("query", ["a=b&a=c", "a", "a=", "=", "&&", "a=%2f%2F+%20", "a=b=c?d/e", "[]={}|^`"])
@pytest.mark.parametrize("source", [HTTP_2, URL])
def test_raw_query_is_unchanged(source: str, query: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(source, query=query))
    assert [seen.target for seen in spy.seen] == [f"/api/x?{query}"]


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.example/",
        "*",
        "evil.example:80",
        "/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "/x\n",
        "/x#y",
        "/x?y",
    ],
)
@pytest.mark.parametrize("source", [REST, HTTP_2, ALB])
def test_hostile_path_does_not_change_the_destination(
    source: str, path: str, spy: Spy, gateway: LoggingGateway
) -> None:
    event = make_event(source)
    event["path" if "path" in event else "rawPath"] = path
    assert gateway(event)["statusCode"] == 200
    (seen,) = spy.seen
    method, target, version = seen.line.split(" ")
    assert (method, version, target[0]) == ("GET", "HTTP/1.1", "/")
    assert "?" not in target
    assert seen.values("host") == [spy.netloc]


def test_viewer_host_headers_are_replaced(spy: Spy, gateway: LoggingGateway) -> None:
    event = make_event(
        REST, headers=[("host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=e")]
    )
    gateway(event)
    (seen,) = spy.seen
    assert seen.values("host") == [spy.netloc]
    assert seen.values("x-forwarded-host") == [f"{HOSTS[REST]}, evil.example"]


def test_base_path_is_prepended(spy: Spy) -> None:
    gateway = LoggingGateway(f"http://{spy.netloc}/base/v1/")
    gateway(make_event(HTTP_2, query="q=1"))
    gateway(make_event(HTTP_2, path="/a/../b"))
    assert [seen.target for seen in spy.seen] == ["/base/v1/api/x?q=1", "/base/v1/a/../b"]


@pytest.mark.parametrize(
    "path",
    [
        "/../x",
        "/%2e%2E/x",
        "/a/../../x",
        "/./../x",
        "/..",
        "/a/..%2f..%2fx",
        "/..\\x",
        "/..%5Cx",
        "/..;a=b/x",
        "//../x",
    ],
)
def test_path_above_the_base_path_is_a_bad_request(path: str, spy: Spy) -> None:
    gateway = LoggingGateway(f"http://{spy.netloc}/v1")
    status, headers, _ = read_response(ALB, gateway(make_event(ALB, path=path, headers=[("Origin", APP)])))
    assert (status, dict(headers)["content-type"]) == (400, "application/problem+json")
    assert dict(headers)["access-control-allow-origin"] == APP
    assert spy.seen == []
    assert gateway.failures == []


@pytest.mark.parametrize(
    "event",
    [
        make_event(REST, headers=[("X", "a\r\nHost: evil.example")]),
        make_event(REST, headers=[("X", "a\0")]),
        make_event(REST, headers=[("X", "a\x0bTransfer-Encoding: chunked")]),
        make_event(REST, headers=[("X", "a\x7f")]),
        make_event(REST, headers=[("X\r\nY", "a")]),
        make_event(REST, headers=[("X", "\ud800")]),
        make_event(REST, headers=[("a b", "c")]),
        make_event(REST, "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\nGET"),
        make_event(REST, "CONNECT"),
        make_event(REST) | {"body": "%%%", "isBase64Encoded": True},
        make_event(REST) | {"body": "\ud800"},
    ],
)
def test_request_that_http_cannot_carry_is_a_bad_request(
    event: dict[str, Any], spy: Spy, gateway: LoggingGateway
) -> None:
    assert gateway(event)["statusCode"] == 400
    assert spy.seen == []


def test_hop_by_hop_request_headers_are_removed(spy: Spy, gateway: LoggingGateway) -> None:
    event = make_event(
        REST,
        headers=[
            ("Connection", "close, x-forwarded-for"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authorization", "Basic eDp5"),
            ("Proxy-Connection", "close"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "websocket"),
            ("Expect", "100-continue"),
            ("Content-Length", "99"),
            ("X-Forwarded-For", "198.51.100.1"),
            ("X-End", "1"),
        ],
    )
    gateway(event)
    (seen,) = spy.seen
    assert sorted(seen.fields) == sorted(
        [
            ("Host", spy.netloc),
            ("X-End", "1"),
            ("X-Forwarded-For", f"198.51.100.1, {CLIENT}"),
            *forwarded(REST)[1:],
        ]
    )


@pytest.mark.parametrize("option", ["x-secret", "X-Secret, close", "cookie", "authorization", "origin", "host"])
def test_viewer_connection_header_does_not_remove_other_headers(option: str, spy: Spy, gateway: LoggingGateway) -> None:
    fields = [("Connection", option), ("X-Secret", "1"), ("Cookie", "a=1"), ("Authorization", "b"), ("Origin", EVIL)]
    gateway(make_event(REST, headers=fields))
    (seen,) = spy.seen
    assert [seen.values(name) for name in ("x-secret", "cookie", "authorization", "origin", "host", "connection")] == [
        ["1"],
        ["a=1"],
        ["b"],
        [EVIL],
        [spy.netloc],
        [],
    ]


@pytest.mark.parametrize(
    "value",
    [
        'for="',
        'for="x',
        'for=x;host="',
        'for="x\\"',
        "for=",
        "for",
        "=x",
        "for=x y",
        "for=[::1]",
        'for=x", for=y',
        "for=x(y)",
    ],
)
def test_malformed_forwarded_is_replaced(value: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST, headers=[("Forwarded", value)]))
    assert spy.seen[0].values("forwarded") == [f"for={CLIENT};host={HOSTS[REST]};proto=https"]


@pytest.mark.parametrize(
    "value",
    [
        "for=198.51.100.1",
        'for="[2001:db8::17]:4711";by=_proxy',
        'for="a, b;c";host="x\\"y"',
        "for=unknown; proto=http , for=_x;;",
    ],
)
def test_well_formed_forwarded_is_extended(value: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST, headers=[("Forwarded", value)]))
    assert spy.seen[0].values("forwarded") == [f"{value}, for={CLIENT};host={HOSTS[REST]};proto=https"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('for="a";,' * 1000 + 'for="' + "\\x" * 4000, id="open quote"),
        pytest.param("for=a" + ";  " * 3000 + "(", id="blanks between semicolons"),
        pytest.param("for=a" + "  ,  " * 2000 + "(", id="blanks around commas"),
    ],
)
def test_long_malformed_forwarded_is_read_in_linear_time(value: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST, headers=[("Forwarded", value)]))
    assert spy.seen[0].values("forwarded") == [f"for={CLIENT};host={HOSTS[REST]};proto=https"]


@pytest.mark.parametrize("source", [REST, ALB_MULTI])
def test_repeated_request_headers_stay_separate(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(source, headers=[("X", "1"), ("X", "2, 3"), ("Cookie", "a=1"), ("Cookie", "b=2")]))
    (seen,) = spy.seen
    assert seen.values("x") == ["1", "2, 3"]
    # Only HTTP/2 may split cookies; in HTTP/1.1 they are one line.
    assert seen.values("cookie") == ["a=1; b=2"]


def test_non_ascii_header_value_is_sent_as_utf_8(spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST, headers=[("X", "é")]))
    assert spy.seen[0].values("x") == ["é".encode().decode("latin-1")]


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ([], CLIENT),
        ([("X-Forwarded-For", "198.51.100.1")], f"198.51.100.1, {CLIENT}"),
        ([("X-Forwarded-For", f"{CLIENT}, 198.51.100.1")], f"{CLIENT}, 198.51.100.1"),
        ([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", CLIENT)], f"198.51.100.1, {CLIENT}"),
    ],
)
def test_forwarded_for_has_the_viewer_s_address_once(
    sent: list[tuple[str, str]], arrived: str, spy: Spy, gateway: LoggingGateway
) -> None:
    gateway(make_event(REST, headers=sent))
    assert spy.seen[0].values("x-forwarded-for") == [arrived]


def test_forwarded_for_of_a_load_balancer_is_unchanged(spy: Spy, gateway: LoggingGateway) -> None:
    event = make_event(ALB)
    event["headers"]["x-forwarded-for"] = "198.51.100.1, 203.0.113.10:5123"
    event["headers"]["x-forwarded-proto"] = "http"
    gateway(event)
    (seen,) = spy.seen
    assert seen.values("x-forwarded-for") == ["198.51.100.1, 203.0.113.10:5123"]
    assert seen.values("x-forwarded-proto") == ["http"]
    assert seen.values("forwarded") == ["for=203.0.113.10;host=api.example.com;proto=http"]


def test_existing_forwarded_and_via_are_extended(spy: Spy, gateway: LoggingGateway) -> None:
    gateway(make_event(REST, headers=[("Forwarded", "for=198.51.100.1"), ("Via", "2.0 cdn.example")]))
    gateway(make_event(REST, headers=[("Forwarded", f"for={CLIENT};proto=https"), ("Via", "1.1 a"), ("via", "1.1 b")]))
    assert [seen.values("forwarded") for seen in spy.seen] == [
        [f"for=198.51.100.1, for={CLIENT};host={HOSTS[REST]};proto=https"],
        [f"for={CLIENT};proto=https"],
    ]
    assert [seen.values("via") for seen in spy.seen] == [
        ["2.0 cdn.example, 1.1 edgecors"],
        ["1.1 a, 1.1 b, 1.1 edgecors"],
    ]


@pytest.mark.parametrize(
    ("address", "host", "forwarded"),
    [
        ("2001:db8::17", "h:8", ['for="[2001:db8::17]";host="h:8";proto=https']),
        ("2001:db8::17", 'h"', ['for="[2001:db8::17]";proto=https']),
        ("test-invoke-source-ip", "h", []),
    ],
)
def test_forwarded_quotes_addresses_and_hosts(
    address: str, host: str, forwarded: list[str], spy: Spy, gateway: LoggingGateway
) -> None:
    event = make_event(REST)
    event["multiValueHeaders"]["Host"] = [host]
    event["requestContext"]["identity"]["sourceIp"] = address
    gateway(event)
    assert spy.seen[0].values("forwarded") == forwarded


def test_console_test_without_headers_is_passed_on(spy: Spy, gateway: LoggingGateway) -> None:
    event: dict[str, Any] = make_event(REST) | {"path": "/x", "headers": None, "multiValueHeaders": None}
    event["requestContext"] = {"stage": "test-invoke-stage"}
    assert gateway(event)["statusCode"] == 200
    assert spy.seen[0].fields == [("Host", spy.netloc), ("X-Forwarded-Proto", "https"), ("Via", "1.1 edgecors")]


def test_load_balancer_health_check_is_passed_on(spy: Spy, gateway: LoggingGateway) -> None:
    event: dict[str, Any] = {
        "requestContext": {"elb": {}},
        "httpMethod": "GET",
        "path": "/",
        "headers": {"user-agent": "ELB"},
        "body": "",
    }
    answer = gateway(event)
    assert (answer["statusCode"], answer["statusDescription"]) == (200, "200 OK")
    assert spy.seen[0].fields == [("Host", spy.netloc), ("user-agent", "ELB"), ("Via", "1.1 edgecors")]

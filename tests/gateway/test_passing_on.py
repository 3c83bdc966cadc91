"""What the upstream gets: seen byte for byte by a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.events_api.make import (
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
from tests.gateway.conftest import Gateway
from tests.gateway.spy import Spy

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
def test_a_whole_request(source: str, spy: Spy, gateway: Gateway) -> None:
    headers = [("Accept", "text/html"), ("Authorization", "Basic eDp5"), ("Origin", EVIL), ("Cookie", "a=1; b=2")]
    event = make_event(source, "POST", "/a%20b/c", "x=1&y=a%2Fb&x=2", headers, b'{"n": 1}')
    answer = gateway(event)
    assert read_response(source, answer) == (200, [("vary", "Origin"), ("via", "1.1 edgecors")], b"ok")
    (seen,) = spy.seen
    # A load balancer without multi-value headers keeps the last of repeated parameters.
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
def test_preflights_do_not_touch_the_upstream(source: str, spy: Spy, gateway: Gateway) -> None:
    assert gateway(preflight(source))["statusCode"] == 204
    assert gateway(preflight(source, EVIL))["statusCode"] == 403
    assert spy.seen == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("source", [REST, HTTP_2, ALB])
def test_every_method_goes_through(source: str, method: str, spy: Spy, gateway: Gateway) -> None:
    body = b"" if method == "HEAD" else b"ok"
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body)
    answer = gateway(make_event(source, method))
    assert [seen.line for seen in spy.seen] == [f"{method} /api/x HTTP/1.1"]
    assert read_response(source, answer)[2] == body
    # Methods that expect a body say that there is none, the others do not speak of it.
    lengths = [] if method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE") else ["0"]
    assert spy.seen[0].values("content-length") == lengths


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("body", [b"", b"text", bytes(range(256)), "é".encode(), b"\x00\r\n"])
def test_bodies_arrive_as_they_were_sent(source: str, body: bytes, spy: Spy, gateway: Gateway) -> None:
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
def test_the_path_arrives_byte_for_byte(source: str, path: str, spy: Spy, gateway: Gateway) -> None:
    assert gateway(make_event(source, path=path))["statusCode"] == 200
    assert [seen.line for seen in spy.seen] == [f"GET {path} HTTP/1.1"]
    assert spy.seen[0].values("host") == [spy.netloc]


@pytest.mark.parametrize("query", ["a=b&a=c", "a", "a=", "=", "&&", "a=%2f%2F+%20", "a=b=c?d/e", "[]={}|^`"])
@pytest.mark.parametrize("source", [HTTP_2, URL])
def test_a_raw_query_arrives_byte_for_byte(source: str, query: str, spy: Spy, gateway: Gateway) -> None:
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
def test_nothing_in_a_path_changes_where_it_goes(source: str, path: str, spy: Spy, gateway: Gateway) -> None:
    event = make_event(source)
    event["path" if "path" in event else "rawPath"] = path
    assert gateway(event)["statusCode"] == 200
    (seen,) = spy.seen
    method, target, version = seen.line.split(" ")
    assert (method, version, target[0]) == ("GET", "HTTP/1.1", "/")
    assert "?" not in target
    assert seen.values("host") == [spy.netloc]


def test_hosts_of_the_requests_own_are_not_believed(spy: Spy, gateway: Gateway) -> None:
    event = make_event(
        REST, headers=[("host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=e")]
    )
    gateway(event)
    (seen,) = spy.seen
    assert seen.values("host") == [spy.netloc]
    assert seen.values("x-forwarded-host") == [f"{HOSTS[REST]}, evil.example"]


def test_the_base_path_goes_before(spy: Spy) -> None:
    gateway = Gateway(f"http://{spy.netloc}/base/v1/")
    gateway(make_event(HTTP_2, query="q=1"))
    gateway(make_event(HTTP_2, path="/a/../b"))
    assert [seen.target for seen in spy.seen] == ["/base/v1/api/x?q=1", "/base/v1/a/../b"]
    gateway.proxy.reset_after_restore()


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
def test_no_path_leads_out_of_the_base_path(path: str, spy: Spy) -> None:
    gateway = Gateway(f"http://{spy.netloc}/v1")
    status, headers, _ = read_response(ALB, gateway(make_event(ALB, path=path, headers=[("Origin", APP)])))
    assert (status, dict(headers)["content-type"]) == (400, "application/problem+json")
    # An ambiguous path matches no rule, so nothing is managed there; the others are.
    ambiguous = any(mark in path.lower() for mark in ("%2f", "%5c", "\\"))
    assert dict(headers).get("access-control-allow-origin") == (None if ambiguous else APP)
    assert spy.seen == []
    assert gateway.failures == []


@pytest.mark.parametrize(
    "event",
    [
        make_event(REST, headers=[("X", "a\r\nHost: evil.example")]),
        make_event(REST, headers=[("X", "a\0")]),
        make_event(REST, headers=[("X\r\nY", "a")]),
        make_event(REST, headers=[("X", "\ud800")]),
        make_event(REST, headers=[("a b", "c")]),
        make_event(REST, "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\nGET"),
        make_event(REST, "CONNECT"),
        make_event(REST) | {"body": "%%%", "isBase64Encoded": True},
        make_event(REST) | {"body": "\ud800"},
    ],
)
def test_what_no_message_can_hold_is_refused(event: dict[str, Any], spy: Spy, gateway: Gateway) -> None:
    assert gateway(event)["statusCode"] == 400
    assert spy.seen == []


def test_what_concerns_one_hop_stays_behind(spy: Spy, gateway: Gateway) -> None:
    event = make_event(
        REST,
        headers=[
            ("Connection", "close, X-Hop , x-forwarded-for"),
            ("X-Hop", "1"),
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
    assert sorted(seen.fields) == sorted([("Host", spy.netloc), ("X-End", "1"), *forwarded(REST)])


@pytest.mark.parametrize("source", [REST, ALB_MULTI])
def test_repeated_headers_stay_apart(source: str, spy: Spy, gateway: Gateway) -> None:
    gateway(make_event(source, headers=[("X", "1"), ("X", "2, 3"), ("Cookie", "a=1"), ("Cookie", "b=2")]))
    (seen,) = spy.seen
    assert seen.values("x") == ["1", "2, 3"]
    # Only HTTP/2 may split cookies; in HTTP/1.1 they are one line.
    assert seen.values("cookie") == ["a=1; b=2"]


def test_text_beyond_ascii_arrives_in_utf_8(spy: Spy, gateway: Gateway) -> None:
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
def test_the_viewers_address_is_there_once(
    sent: list[tuple[str, str]], arrived: str, spy: Spy, gateway: Gateway
) -> None:
    gateway(make_event(REST, headers=sent))
    assert spy.seen[0].values("x-forwarded-for") == [arrived]


def test_a_load_balancers_word_for_the_address_is_taken_as_it_is(spy: Spy, gateway: Gateway) -> None:
    event = make_event(ALB)
    event["headers"]["x-forwarded-for"] = "198.51.100.1, 203.0.113.10:5123"
    event["headers"]["x-forwarded-proto"] = "http"
    gateway(event)
    (seen,) = spy.seen
    assert seen.values("x-forwarded-for") == ["198.51.100.1, 203.0.113.10:5123"]
    assert seen.values("x-forwarded-proto") == ["http"]
    assert seen.values("forwarded") == ["for=203.0.113.10;host=api.example.com;proto=http"]


def test_a_standing_forwarded_and_via_are_added_to(spy: Spy, gateway: Gateway) -> None:
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
def test_addresses_and_hosts_in_forwarded(
    address: str, host: str, forwarded: list[str], spy: Spy, gateway: Gateway
) -> None:
    event = make_event(REST)
    event["multiValueHeaders"]["Host"] = [host]
    event["requestContext"]["identity"]["sourceIp"] = address
    gateway(event)
    assert spy.seen[0].values("forwarded") == forwarded


def test_the_console_has_a_test_without_any_header(spy: Spy, gateway: Gateway) -> None:
    event: dict[str, Any] = make_event(REST) | {"path": "/x", "headers": None, "multiValueHeaders": None}
    event["requestContext"] = {"stage": "test-invoke-stage"}
    assert gateway(event)["statusCode"] == 200
    assert spy.seen[0].fields == [("Host", spy.netloc), ("X-Forwarded-Proto", "https"), ("Via", "1.1 edgecors")]


def test_a_load_balancers_health_check(spy: Spy, gateway: Gateway) -> None:
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

"""What comes back through the gateway: the upstream's response as each front can carry it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.events.make import (
    ALB,
    ALB_MULTI,
    APP,
    EVIL,
    HTTP_1,
    HTTP_2,
    REST,
    SOURCES,
    URL,
    make_event,
    read_response,
)
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import Spy

VIA = ("via", "1.1 edgecors")


def response(status: str = "200 OK", *fields: str, body: bytes = b"ok") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]).encode() + body


@pytest.mark.parametrize("source", SOURCES)
def test_managed_response_upstream_cors_headers_are_replaced(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(
        response(
            "200 OK",
            "Access-Control-Allow-Origin: *",
            "ACCESS-CONTROL-ALLOW-ORIGIN: https://old.example",
            "access-control-allow-credentials: true",
            "Vary: Accept",
            "vary: X-Theme",
            "X-Request-Id: 7",
        )
    )
    allowed = gateway(make_event(source, headers=[("Origin", APP)]))
    assert read_response(source, allowed) == (
        200,
        [("access-control-allow-origin", APP), ("vary", "Accept, X-Theme, Origin"), VIA, ("x-request-id", "7")],
        b"ok",
    )
    refused = gateway(make_event(source, headers=[("Origin", EVIL)]))
    assert read_response(source, refused) == (
        200,
        [("vary", "Accept, X-Theme, Origin"), VIA, ("x-request-id", "7")],
        b"ok",
    )


@pytest.mark.parametrize("source", SOURCES)
def test_unmanaged_response_keeps_upstream_cors_headers(source: str, spy: Spy) -> None:
    gateway = LoggingGateway(
        f"http://{spy.netloc}", {"version": 1, "rules": [{"paths": ["/z"], "allow_origins": [APP]}]}
    )
    spy.answer(response("200 OK", "Access-Control-Allow-Origin: *"))
    answer = gateway(make_event(source, headers=[("Origin", EVIL)]))
    assert read_response(source, answer)[1] == [("access-control-allow-origin", "*"), VIA]


COOKIES = ["a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT", "b=2; Path=/", "c=3"]


@pytest.mark.parametrize("source", SOURCES)
def test_response_cookies_stay_separate(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(response("200 OK", *(f"Set-Cookie: {cookie}" for cookie in COOKIES)))
    fields = read_response(source, gateway(make_event(source)))[1]
    assert [value for name, value in fields if name == "set-cookie"] == COOKIES


@pytest.mark.parametrize("source", [REST, HTTP_1, ALB_MULTI])
def test_repeated_response_headers_multi_value_front_keeps_them_separate(
    source: str, spy: Spy, gateway: LoggingGateway
) -> None:
    spy.answer(response("401 Unauthorized", "WWW-Authenticate: Basic", "WWW-Authenticate: Bearer"))
    fields = read_response(source, gateway(make_event(source)))[1]
    assert [value for name, value in fields if name == "www-authenticate"] == ["Basic", "Bearer"]


@pytest.mark.parametrize("source", [HTTP_2, URL, ALB])
def test_repeated_response_headers_single_value_front_joins_them(
    source: str, spy: Spy, gateway: LoggingGateway
) -> None:
    spy.answer(response("401 Unauthorized", "WWW-Authenticate: Basic", "WWW-Authenticate: Bearer"))
    fields = read_response(source, gateway(make_event(source)))[1]
    assert [value for name, value in fields if name == "www-authenticate"] == ["Basic, Bearer"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("body", [b"", b"text", "é€".encode(), bytes(range(256)), gzip.compress(b"data", mtime=0)])
def test_response_body_is_unchanged(source: str, body: bytes, spy: Spy, gateway: LoggingGateway) -> None:
    # Content-Encoding is set for every body: no proxy on the way may decode one.
    spy.answer(response("200 OK", "Content-Encoding: gzip", "Content-Type: text/plain", body=body))
    status, fields, received = read_response(source, gateway(make_event(source)))
    assert (status, received) == (200, body)
    assert ("content-encoding", "gzip") in fields


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 T", "308 P"])
def test_redirect_is_not_followed(status: str, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(response(status, "Location: http://elsewhere.example/x"))
    answer = gateway(make_event(HTTP_2, "POST", body=b"x"))
    assert answer["statusCode"] == int(status[:3])
    assert answer["headers"]["Location"] == "http://elsewhere.example/x"
    assert len(spy.seen) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_head_response_has_length_and_no_body(source: str, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    answer = gateway(make_event(source, "HEAD"))
    assert read_response(source, answer) == (200, [("content-length", "99999999"), ("vary", "Origin"), VIA], b"")
    assert "body" not in answer


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
def test_bodiless_status_has_no_body(source: str, status: str, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())
    answer = gateway(make_event(source))
    assert read_response(source, answer) == (int(status[:3]), [("etag", "x"), ("vary", "Origin"), VIA], b"")
    assert "body" not in answer


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + response(body=b"abc"), b"abc"),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    ],
)
def test_response_framing_is_removed(raw: bytes, body: bytes, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(raw)
    answer = gateway(make_event(HTTP_2))
    assert (answer["statusCode"], answer["body"]) == (200, body.decode())
    assert answer["headers"].keys() == {"Via", "Vary"}


def test_response_until_close_uses_a_new_connection_next(spy: Spy, gateway: LoggingGateway) -> None:
    spy.close = True
    spy.answer(b"HTTP/1.0 200 OK\r\nVia: 1.0 old\r\n\r\nabc", b"def")
    for _ in range(2):
        answer = gateway(make_event(HTTP_2))
        assert (answer["body"], answer["headers"]["Via"]) == ("abcdef", "1.0 old, 1.0 edgecors")
    assert [seen.connection for seen in spy.seen] == [1, 2]


def test_hop_by_hop_response_headers_are_removed(spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(
        response(
            "200 OK",
            "Connection: X-Hop, close",
            "X-Hop: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "Trailer: X",
            "Upgrade: h2c",
            "Server: s",
        )
    )
    assert gateway(make_event(HTTP_2))["headers"] == {"Server": "s", "Via": "1.1 edgecors", "Vary": "Origin"}


def test_response_header_values_are_utf_8_or_latin_1(spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(b"HTTP/1.1 200 OK\r\nA: \xc3\xa9\r\nB: \xe9\r\nContent-Length: 0\r\n\r\n")
    headers = gateway(make_event(HTTP_2))["headers"]
    assert (headers["A"], headers["B"]) == ("é", "é")


@pytest.mark.parametrize("status", [200, 201, 206, 404, 418, 429, 500, 503, 599])
def test_response_status_is_unchanged(status: int, spy: Spy, gateway: LoggingGateway) -> None:
    spy.answer(response(f"{status} Some Words"))
    assert gateway(make_event(ALB))["statusCode"] == status


def test_shadow_policy_changes_nothing(spy: Spy) -> None:
    policy = {"version": 1, "mode": "shadow", "rules": [{"allow_origins": [APP]}]}
    gateway = LoggingGateway(f"http://{spy.netloc}", policy)
    spy.answer(response("200 OK", "Access-Control-Allow-Origin: https://own.example"))
    event = make_event(HTTP_2, "OPTIONS", headers=[("Origin", APP), ("Access-Control-Request-Method", "PUT")])
    assert gateway(event)["headers"] == {"Access-Control-Allow-Origin": "https://own.example", "Via": "1.1 edgecors"}


LIMITS = {REST: 6_291_556, HTTP_2: 6_291_556, ALB: 1_048_576, ALB_MULTI: 1_048_576}


def size(answer: Any) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())


@pytest.mark.parametrize("source", LIMITS)
@pytest.mark.parametrize(
    ("unit", "share"), [(b"x", 1.0), (b"\xff", 0.75), ("é".encode(), 1.0), (b'"', 0.5), (b"\x01", 1 / 6)]
)
def test_response_beyond_the_front_s_limit_is_content_too_large(
    source: str, unit: bytes, share: float, spy: Spy, gateway: LoggingGateway
) -> None:
    limit = LIMITS[source]
    # 8 KB are reserved for headers.
    most = int(limit * share) // len(unit) * len(unit) - 8192 - 512
    event = make_event(source, headers=[("Origin", APP)])
    spy.answer(response(body=unit * (most // len(unit))))
    answer = gateway(event)
    assert answer["statusCode"] == 200
    assert limit - 80_000 < size(answer) <= limit
    spy.answer(response(body=unit * ((most + 16384) // len(unit))))
    status, fields, body = read_response(source, gateway(event))
    assert status == 413
    assert dict(fields)["access-control-allow-origin"] == APP
    assert json.loads(body)["title"] == "Content Too Large"
    assert [line["status"] for line in gateway.failures] == [413]

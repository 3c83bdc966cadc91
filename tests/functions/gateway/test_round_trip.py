"""Any request through any front arrives unchanged, and so does any response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.make import ALB, ALB_MULTI, HTTP_1, HTTP_2, REST, SOURCES, URL, make_event, read_response
from tests.functions.gateway.conftest import SOURCES as MODULES
from tests.functions.gateway.conftest import LoggingGateway
from tests.functions.gateway.spy import Spy

Fields = list[tuple[str, str]]

TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
# What a proxy has to remove or to rewrite has its own tests.
SPECIAL = {
    *(
        "host",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
    ),
    *("transfer-encoding", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
    *("proxy-authenticate", "proxy-authorization", "proxy-connection", "set-cookie", "upgrade", "vary"),
}

methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "REPORT"])
# No "%" that could be read as an escape once more: a front that decodes the path can't tell.
segments = st.text(st.characters(codec="utf-8", exclude_characters="%/\\\0"), max_size=6)
paths = st.lists(segments, max_size=4).map(lambda parts: "/" + quote("/".join(parts), safe="/"))
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
queries = st.lists(st.tuples(words.filter(bool), words), max_size=4).map(
    lambda pairs: "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
)
names = st.text(TOKEN, min_size=1, max_size=8).filter(
    lambda name: name.lower() not in SPECIAL and not name.lower().startswith("access-control-")
)
values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8).map(
    lambda text: text.strip(" \t")
)
headers = st.lists(st.tuples(names, values), max_size=5)
bodies = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")))


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[Spy, LoggingGateway]]:
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(MODULES))
    with Spy() as spy:
        gateway = LoggingGateway(f"http://{spy.netloc}")
        yield spy, gateway
        gateway.proxy.reset_after_restore()
    patch.undo()


def by_name(fields: Fields) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name, value in fields:
        if name.lower() not in SPECIAL:
            result.setdefault(name.lower(), []).append(value)
    return result


def by_parameter(query: str) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        result.setdefault(name, []).append(value)
    return result


@pytest.mark.parametrize("source", SOURCES)
@given(method=methods, path=paths, query=queries, sent=headers, body=bodies)
@settings(max_examples=60, deadline=None)
def test_any_request_arrives_unchanged(
    source: str, upstream: tuple[Spy, LoggingGateway], method: str, path: str, query: str, sent: Fields, body: bytes
) -> None:
    spy, gateway = upstream
    spy.seen.clear()
    assert gateway(make_event(source, method, path, query, sent, body))["statusCode"] == 200
    (seen,) = spy.seen
    assert (seen.method, seen.body) == (method, body)

    target, _, arrived = seen.target.partition("?")
    if source in (REST, URL, ALB, ALB_MULTI):
        assert target == path
    assert unquote(target) == unquote(path)
    if source in (HTTP_2, URL):
        assert arrived == query
    expected = by_parameter(query)
    if source == ALB:
        # The event has only the last one.
        expected = {name: values[-1:] for name, values in expected.items()}
    assert by_parameter(arrived) == expected

    known = by_name(sent)
    if source == ALB:
        known = {name: values[-1:] for name, values in known.items()}
    if source in (HTTP_2, URL):
        known = {name: [",".join(values).strip(" \t")] for name, values in known.items()}
    assert by_name([(name, value.encode("latin-1").decode()) for name, value in seen.fields]) == known


@pytest.mark.parametrize("source", [REST, HTTP_1, HTTP_2, URL, ALB, ALB_MULTI])
@given(status=st.integers(200, 599), returned=headers, cookies=st.lists(values, max_size=3), body=bodies)
@settings(max_examples=60, deadline=None)
def test_any_response_comes_back_unchanged(
    source: str, upstream: tuple[Spy, LoggingGateway], status: int, returned: Fields, cookies: list[str], body: bytes
) -> None:
    spy, gateway = upstream
    fields: list[Any] = [*returned, *(("Set-Cookie", cookie) for cookie in cookies)]
    if status in (204, 205, 304):
        body = b""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(body)}"]
    spy.answer("\r\n".join([*lines, "", ""]).encode() + body)
    got_status, got_fields, got_body = read_response(source, gateway(make_event(source)))
    spy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (got_status, got_body) == (status, body)
    assert [value for name, value in got_fields if name == "set-cookie"] == sorted(cookies)
    expected = {name: sorted(values) for name, values in by_name(returned).items()}
    if source in (HTTP_2, URL, ALB):
        expected = {name: [", ".join(values)] for name, values in by_name(returned).items()}
    assert by_name(got_fields) == expected

"""Which request headers of a page need a preflight, and which a browser ignores: the Fetch standard's steps."""

import json

import pytest
from edgecors_admin.request_headers import RequestHeader, is_forbidden, unsafe_names

from .conftest import Command

A = "https://a.example.com"

SAFE = [
    ("accept", "text/html;q=0.9, */*"),
    ("Accept", "a\tb"),  # a tab is not an unsafe byte
    ("accept", "\x80\xff"),  # nor is anything above 0x7F
    ("accept", 128 * "x"),
    ("accept-language", "en-US, de;q=0.5, *"),
    ("content-language", "de-DE.x=1"),
    ("content-type", "text/plain"),
    ("content-type", "Text/PLAIN ;charset=UTF-8"),
    ("content-type", "\ttext/plain "),
    ("content-type", "text/plain;"),
    ("content-type", "multipart/form-data; boundary=x"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("range", "bytes=0-"),
    ("Range", "bytes=10-10"),
    ("range", "bytes=9-010"),
    # Values that are not known.
    ("accept", None),
    ("accept-language", None),
    ("content-language", None),
    ("range", None),
]
UNSAFE = [
    # https://fetch.spec.whatwg.org/#cors-safelisted-request-header, step 1
    *((name, 129 * "1") for name in ("accept", "accept-language", "content-language")),
    ("content-type", "text/plain;" + 118 * "x"),
    ("range", "bytes=" + 122 * "0" + "-"),
    # step 2, accept: https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte
    *(("accept", f"a{byte}b") for byte in '"():<>?@[\\]{}\x00\x08\x0a\x1f\x7f'),
    # step 2, accept-language and content-language
    *(("accept-language", value) for value in ("en_US", "en\tde", "en/de", "en+de", "é", "en:de", "(en)")),
    ("content-language", "en_US"),
    # step 2, content-type: unsafe byte, failure, another essence
    ("content-type", 'text/plain; charset="utf-8"'),
    ("content-type", "text/plain;a:b"),
    *(
        ("content-type", value)
        for value in ("", "text", "text/", "/plain", "text /plain", "text/pl ain", "text/plain,")
    ),
    *(("content-type", value) for value in ("application/json", "text/plainer", "text/plain/x")),
    ("content-type", None),
    # step 2, range: https://fetch.spec.whatwg.org/#simple-range-header-value, and a start is required
    *(("range", value) for value in ("bytes=-10", "bytes=-", "bytes=10-9", "items=0-5", "Bytes=0-5", "bytes = 0-5")),
    *(
        ("range", value)
        for value in ("bytes=0 -5", "bytes=0-5,7-9", "bytes=0", "bytes=0-5 ", "bytes=0-5\n", "bytes=٣-")
    ),
    # step 2, otherwise
    ("x-a", None),
    ("authorization", "x"),
    ("x-http-method-override", "PATCH"),
]


@pytest.mark.parametrize(("name", "value"), SAFE)
def test_unsafe_names_safelisted_header_needs_no_preflight(name: str, value: str | None) -> None:
    assert unsafe_names([(name, value)]) == []


@pytest.mark.parametrize(("name", "value"), UNSAFE)
def test_unsafe_names_other_header_is_named(name: str, value: str | None) -> None:
    assert unsafe_names([(name, value)]) == [name]


def test_unsafe_names_are_sorted_distinct_and_in_lower_case() -> None:
    headers = [("X-B", None), ("x-a", "1"), ("x-b", "2"), ("Accept", "*/*")]
    assert unsafe_names(headers) == ["x-a", "x-b"]


def test_unsafe_names_more_than_1024_safelisted_bytes_are_all_named() -> None:
    """https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names, step 5."""
    full = [*4 * [("accept", 128 * "x")], *4 * [("accept-language", 128 * "x")], ("x-a", None)]
    assert unsafe_names(full) == ["x-a"]
    assert unsafe_names([*full, ("range", "bytes=0-")]) == ["accept", "accept-language", "range", "x-a"]


@pytest.mark.parametrize(
    ("header", "forbidden"),
    [
        *(((name, "x"), True) for name in ("Cookie", "origin", "Sec-X", "proxy-", "DNT", "Set-Cookie", "host")),
        *(((name, "x"), False) for name in ("user-agent", "cookies", "secx", "access-control-allow-origin")),
        # step 3: any method in the value, of which commas in a quoted string do not separate
        *(((name, "TRACE"), True) for name in ("X-HTTP-Method", "x-http-method-override", "x-method-override")),
        *((("x-http-method", value), True) for value in ("connect", "GET, Track", "\tTRACE ,GET", '"a,b",TRACE')),
        *((("x-http-method", value), False) for value in ("PUT", "", "TRACED", '"TRACE"', '"a,TRACE,b"', '"\\",TRACE')),
        (("x-http-method", None), False),
    ],
)
def test_is_forbidden_request_header(header: RequestHeader, forbidden: bool) -> None:
    """https://fetch.spec.whatwg.org/#forbidden-request-header"""
    assert is_forbidden(*header) is forbidden
    assert unsafe_names([header]) == ([] if forbidden else [header[0].lower()])


POLICY = {"rules": [{"allow_origins": [A], "allow_methods": ["GET", "PUT"], "allow_headers": ["x-a"]}]}


@pytest.mark.parametrize(
    "header",
    [
        *("range: bytes=-10", "range: items=0-5", "accept: {", "accept-language: en_US"),
        *('content-type: text/plain; charset="utf-8"', f"accept: {129 * 'x'}"),
    ],
)
def test_explain_unsafe_value_is_refused_at_the_preflight(edgecors: Command, header: str) -> None:
    edgecors.put("sites/shop", json.dumps(POLICY))
    ran = edgecors("explain", "shop", "--origin", A, "--headers", header, "--json")
    answer = json.loads(ran.out)
    assert ran.status == 1
    assert (answer["preflight"]["status"], answer["preflight"]["cause"]) == (403, header.partition(":")[0])


@pytest.mark.parametrize("header", ["cookie: x", "Origin: x", "sec-x: 1", "cookie", "x-http-method-override: TRACE"])
def test_explain_forbidden_header_is_ignored_with_a_note(edgecors: Command, header: str) -> None:
    edgecors.put("sites/shop", json.dumps(POLICY))
    answer = edgecors.json("explain", "shop", "--origin", A, "--headers", f"{header}, accept: */*")
    assert answer["preflight"] is None
    assert answer["verdict"]["without_credentials"]["ok"]
    (note,) = answer["notes"]
    assert note.startswith(f"{header} is left out: browsers ignore it")

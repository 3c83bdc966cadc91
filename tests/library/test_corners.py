"""Corners that generated cases seldom meet, found by changing the engine in small ways that no test noticed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest
from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.origin import ANY, NULL, parse_origin, parse_pattern
from edgecors.packing import unpack
from edgecors.paths import Globs

from tests.library.cases import APP, document, policy

# https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN_REQUEST_HEADERS = [
    *("Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers", "Access-Control-Request-Method"),
    *("Access-Control-Request-Private-Network", "Connection", "Content-Length", "Cookie", "Cookie2", "Date", "DNT"),
    *("Expect", "Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie", "TE", "Trailer", "Transfer-Encoding"),
    *("Upgrade", "Via", "Proxy-Authorization", "proxy-x", "Sec-Fetch-Mode", "sec-x"),
]
ALLOWED_REQUEST_HEADERS = [
    "cookies",
    "Access-Control-Allow-Origin",
    "access-control-allow-headers",
    "dates",
    "tes",
    "viae",
    "d",
    "t",
    "access-controlled",
    "proxying",
    "secret",
    "hosts",
]


@pytest.mark.parametrize("name", FORBIDDEN_REQUEST_HEADERS)
def test_allow_headers_with_a_name_that_no_page_can_send_ignores_it_with_a_warning(name: str) -> None:
    compiled = load_policy(document({"allow_headers": ["x-a", name]}))
    assert compiled.rules[0].grants[0].allow_headers == frozenset(["x-a"])
    assert [(f.severity, f.code, f.location) for f in compiled.findings] == [
        ("warning", "forbidden-header", "rules[0].allow_headers[1]")
    ]


@pytest.mark.parametrize("name", ALLOWED_REQUEST_HEADERS)
def test_names_that_only_begin_alike_are_no_error(name: str) -> None:
    assert policy(allow_headers=[name]).rules[0].grants[0].allow_headers == frozenset([name.lower()])


def test_the_longest_origin_has_512_characters() -> None:
    assert parse_origin("a" * 508 + "://b") is not None
    assert parse_origin("a" * 509 + "://b") is None


def test_unpack_of_more_than_four_mebibytes_is_refused() -> None:
    def packed(length: int) -> str:
        return "gz:" + base64.b64encode(gzip.compress(b" " * length, 1)).decode()

    assert len(unpack(packed(4_194_304))) == 4_194_304
    with pytest.raises(ValueError, match="too large"):
        unpack(packed(4_194_305))


@pytest.mark.parametrize("blanks", [" ", "\n\t ", "\ufeff", "\ufeff\n"])
def test_blanks_before_a_document_do_not_make_it_a_plain_list(blanks: str) -> None:
    made = load_policy(blanks + document({"paths": ["/api/*"]}))
    assert decide(made, Request("GET", "/", origin=APP)).reason == "not-managed"
    assert decide(made, Request("GET", "/api/", origin=APP)).reason == "allowed"


def test_lists_that_nobody_gave_are_missing() -> None:
    made = load_policy(f"@partners {APP}")
    assert [found.code for found in made.findings] == ["list-missing"]
    assert decide(made, Request("GET", "/", origin=APP)).reason == "allowed"


@pytest.mark.parametrize(
    ("glob", "host", "matched"),
    [
        ("12345", "12345", True),
        ("12345", "12345:443", True),
        ("shop.example", "shop.example:\u0664\u0664\u0663", False),
        ("[::1]", "[::1]", True),
        ("[::1]", "[::1]:443", True),
        ("[::1]", "[::1]:", True),
    ],
)
def test_the_port_of_a_host(glob: str, host: str, matched: bool) -> None:
    made = load_policy(json.dumps({"rules": [{"hosts": [glob], "allow_origins": [APP]}]}))
    reason = decide(made, Request("GET", "/", host=host, origin=APP)).reason
    assert reason == ("allowed" if matched else "not-managed")


@pytest.mark.parametrize(
    ("glob", "text", "matched"),
    [
        ("/a**", "/ab", True),
        ("/a**", "/a", True),
        ("/a*b*c*d", "/a1b2c3d", True),
        ("/a*b*c*d", "/abcd", True),
        ("/a*b*c*d", "/a~b~c~d", True),
        ("/a*b*c*d", "/abc~", False),
        ("/a?*", "/ab", True),
        ("/a?*", "/a", False),
    ],
)
def test_globs_of_several_stars(glob: str, text: str, matched: bool) -> None:
    assert Globs([glob]).match(text) is matched


@pytest.mark.parametrize("text", ["https://[::1]x80", "https://[::1]8443", "https://[::1].8443", "https://[::1]]:8443"])
def test_what_follows_a_bracket_is_a_port_or_nothing(text: str) -> None:
    assert parse_origin(text) is None


def test_kinds_are_those_that_are_documented() -> None:
    assert [(pattern.kind, pattern.text) for pattern in (NULL, ANY)] == [("null", "null"), ("any", "*")]


def test_a_name_below_localhost_is_loopback_whatever_it_begins_with() -> None:
    made = policy(allow_origins=["http://127.localhost"], allow_credentials=True)
    assert decide(made, Request("GET", "/", origin="http://127.localhost")).reason == "allowed"


def packed(data: bytes) -> str:
    return "gz:" + base64.b64encode(data).decode()


def test_only_base64_of_gzip_is_unpacked() -> None:
    text = packed(gzip.compress(APP.encode()))
    assert unpack(text) == APP
    for wrong in (text[:9] + "!" + text[9:], text[:9] + "-" + text[9:], packed(zlib.compress(APP.encode()))):
        with pytest.raises(ValueError, match="not base64 of gzip"):
            unpack(wrong)


def test_what_repeats_itself_after_a_whole_window_is_unpacked() -> None:
    # The longest distance that gzip knows is 32 KiB; half of that window would not be enough.
    piece = "".join(f"https://a{number:x}.example " for number in range(1300))
    assert 20_000 < len(piece) < 32_000
    assert unpack(packed(gzip.compress((piece * 2).encode(), 9))) == piece * 2


def test_a_byte_order_mark_within_what_is_packed_is_no_part_of_it() -> None:
    assert unpack(packed(gzip.compress(f"\ufeff{APP}".encode()))) == APP


def test_a_list_that_is_missing_in_two_rules_is_told_of_once() -> None:
    made = load_policy(document({"allow_origins": ["@gone"], "paths": ["/a"]}, {"allow_origins": ["@gone"]}))
    assert [found.code for found in made.findings] == ["list-missing"]


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("http://[::1]", True),
        ("http://[::1]:3000", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[2001:db8::7]:3000", False),
        ("http://[::2]", False),
        ("http://10.0.0.7:3000", False),
        ("https://[2001:db8::7]", True),
        ("httpx://a.example", True),
    ],
)
def test_what_a_rule_with_credentials_takes_over_from_a_list(entry: str, allowed: bool) -> None:
    made = policy({"team": entry}, allow_origins=["@team"], allow_credentials=True)
    reason = decide(made, Request("GET", "/", origin=entry)).reason
    assert reason == ("allowed" if allowed else "origin-not-allowed")
    assert [found.code for found in made.findings] == ([] if allowed else ["insecure-origin"])


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("https://a~b.example", "origin-bad-host"),
        ("https://a://b", "origin-has-path"),
        ("a://*.b/c", "origin-has-path"),
    ],
)
def test_the_code_of_an_unreadable_entry(entry: str, code: str) -> None:
    found, findings = parse_pattern(entry)
    assert found is None
    assert [finding.code for finding in findings] == [code]


def test_the_longest_entry_has_512_characters() -> None:
    assert parse_pattern("a" * 504 + "://x-.bc"[:8])[0] is not None
    assert [found.code for found in parse_pattern("a" * 505 + "://x-.bc")[1]] == ["origin-too-long"]


def test_a_repaired_default_port_is_no_port() -> None:
    for entry in ("https://*.a.example:443", "https://x-*.a.example:443", "https://a.example:443"):
        found, _ = parse_pattern(entry)
        assert found is not None
        assert (found.text, found.port) == (entry.removesuffix(":443"), "")


@pytest.mark.parametrize(
    ("length", "quoted"), [(78, "'" + "x" * 78 + "'"), (80, "'" + "x" * 80 + "'"), (81, "'" + "x" * 77 + "...'")]
)
def test_a_message_quotes_at_most_eighty_characters(length: int, quoted: str) -> None:
    (finding,) = parse_pattern("x" * length)[1]
    assert finding.message == f"{quoted} has no scheme"

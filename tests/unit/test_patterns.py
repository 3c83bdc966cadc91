"""Patterns: what an allowlist may hold, what is repaired, what is refused and why."""

from __future__ import annotations

import pytest
from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.findings import ERROR, REPAIRED
from edgecors.origin import ANY, NULL, Pattern, _parse_wildcard, parse_origin, parse_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import origins as oracle
from harness.oracle import strategies


def parts(pattern: Pattern) -> tuple[str, str, str, str]:
    return pattern.kind, pattern.scheme, pattern.host, pattern.port


READ = {
    "https://a.example": ("origin", "https", "a.example", ""),
    "https://a.example.:8443": ("origin", "https", "a.example.", "8443"),
    "https://a.example:*": ("origin", "https", "a.example", "*"),
    "http://localhost:*": ("origin", "http", "localhost", "*"),
    "https://[2001:db8::7]:8443": ("origin", "https", "[2001:db8::7]", "8443"),
    "https://[::1]:*": ("origin", "https", "[::1]", "*"),
    "https://10.0.0.7": ("origin", "https", "10.0.0.7", ""),
    "https://*.example.com": ("subdomain", "https", "*.example.com", ""),
    "https://*.example.com:8443": ("subdomain", "https", "*.example.com", "8443"),
    "https://*.example.com:*": ("subdomain", "https", "*.example.com", "*"),
    "https://*.com": ("subdomain", "https", "*.com", ""),
    "https://*.localhost": ("subdomain", "https", "*.localhost", ""),
    "https://shop-*.example.com": ("label", "https", "shop-*.example.com", ""),
    "https://*-app.example.com": ("label", "https", "*-app.example.com", ""),
    "https://a*b.example.com:*": ("label", "https", "a*b.example.com", "*"),
    "https://*1.example": ("label", "https", "*1.example", ""),
    "capacitor://localhost": ("origin", "capacitor", "localhost", ""),
    "chrome-extension://abc": ("origin", "chrome-extension", "abc", ""),
}


@pytest.mark.parametrize("text", READ)
def test_read_as_written(text: str) -> None:
    pattern, findings = parse_pattern(text, "here")
    assert pattern is not None
    assert (pattern.text, parts(pattern), findings) == (text, READ[text], [])
    assert repr(pattern) == f"Pattern({pattern.kind!r}, {text!r})"


def test_parse_pattern_of_star_and_null_gives_their_kinds() -> None:
    assert parse_pattern("*") == (ANY, [])
    assert parse_pattern("null") == (NULL, [])
    assert [parts(word) for word in (ANY, NULL)] == [("any", "", "", ""), ("null", "", "", "")]


def test_parse_pattern_without_a_location_leaves_it_empty() -> None:
    assert [finding.location for finding in parse_pattern("HTTPS://a/b")[1]] == ["", ""]


REPAIRED_ENTRIES = {
    "HTTPS://A.Example": ("https://a.example", ["case"]),
    "https://a.example/": ("https://a.example", ["trailing-slash"]),
    "https://a.example:443": ("https://a.example", ["default-port"]),
    "http://a.example:80": ("http://a.example", ["default-port"]),
    "https://a.example:443/": ("https://a.example", ["trailing-slash", "default-port"]),
    " https://a.example\t": ("https://a.example", ["blanks"]),
    "\u00a0https://a.example\u2003": ("https://a.example", ["blanks"]),
    " HTTPS://*.A.Example:443/ ": ("https://*.a.example", ["blanks", "case", "trailing-slash", "default-port"]),
    "https://[::1]:443": ("https://[::1]", ["default-port"]),
    "https://[2001:DB8::7]": ("https://[2001:db8::7]", ["case"]),
    "https://shop-*.example:443": ("https://shop-*.example", ["default-port"]),
    "wss://a.example:443": ("wss://a.example", ["default-port"]),
    "https://a.example:*/": ("https://a.example:*", ["trailing-slash"]),
    "NULL": ("null", ["case"]),
    " null": ("null", ["blanks"]),
    "* ": ("*", ["blanks"]),
}


@pytest.mark.parametrize("text", REPAIRED_ENTRIES)
def test_repairs_are_made_and_reported(text: str) -> None:
    canonical, repairs = REPAIRED_ENTRIES[text]
    pattern, findings = parse_pattern(text, "rules[0].allow_origins[3]")
    assert pattern is not None
    assert pattern.text == canonical
    assert [f.code for f in findings] == [f"repaired-{repair}" for repair in repairs]
    assert all((f.severity, f.location) == (REPAIRED, "rules[0].allow_origins[3]") for f in findings)
    assert findings[-1].remedy == f"Write {canonical!r}."
    assert parse_pattern(canonical) == (pattern, []) or parse_pattern(canonical)[1] == []


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("\u00e9", ["'\u00e9' is not ASCII"]),
        (" https://a", ["' https://a' has white space around it"]),
    ],
)
def test_message_quotes_the_entry(text: str, messages: list[str]) -> None:
    assert [finding.message for finding in parse_pattern(text)[1]] == messages


REFUSED = {
    "origin-not-ascii": ["https://b\u00fccher.example", "https://\u0430.example", "https://a\u3002b", "\u212attps://a"],
    "origin-no-scheme": [
        "",
        " ",
        "a.example",
        "*.example.com",
        "app.example.com:8443",
        "//a",
        "://a",
        "https:/a",
        "@l",
        "*~",
    ],
    "origin-file-scheme": ["file://", "file:///home", "FILE://a"],
    "origin-bad-scheme": ["1http://a", "ht_tp://a", "ht tp://a", "-://a", "a/b://c", "(https)://a"],
    "origin-has-path": [
        *("https://a/b", "https://a//", "https://a/?", "https://a?b", "https://a#b", "https://a\\b", "https:///a"),
        *("https://*.a.example/*", "https://a/b@c"),
    ],
    "origin-has-userinfo": ["https://u@a", "https://u:p@a.example", "https://@a", "https://a@*.example.com"],
    "origin-bad-port": [
        *(
            "https://a:",
            "https://a:0",
            "https://a:080",
            "https://a:65536",
            "https://a:x",
            "https://a:8*",
            "https://a:**",
        ),
        *("https://a:80:80", "https://a:*:*", "https://[::1]:", "https://a:-1", "https://a: 1", "https://[::1"),
        "https://[::1]:80]",
    ],
    "origin-bad-host": [
        *(
            "https://",
            "https://.",
            "https://.a",
            "https://a..b",
            "https://a b",
            "https://a,b",
        ),
        *("https://1.2.3", "https://1.2.3.256", "https://0x1", "https://a.1", "https://[::01]", "https://[1.2.3.4]"),
        *("app://a%b", "app://a|b", "app://"),
        *(
            "https://::1]",
            "https://x::1]",
            "https://[::1]a",
            "https://a.example$",
            "https://(a|b).example",
            "https://a%2e",
        ),
        *("https://" + "a" * 64 + ".example", "https://" + "a." * 127 + "a", "https://a\0b"),
    ],
    "origin-bad-wildcard": [
        *("*://a.example", "http*://a.example", "https://*", "https://**.example", "https://*.*.example"),
        *("https://a.*.example", "https://a.*", "https://*.", "https://a*", "https://*a*.example", "https://*.1.2.3"),
        *(
            "https://192.168.0.*",
            "https://*.168.0.1",
            "https://1*.168.0.1",
            "https://*..example",
        ),
        *("moz-extension://*:80", "chrome-extension://*:*", "moz-extension://a*"),
        *("https://[*]", "https://[::*]", "https://.*\\.example.com"[:10] + ".example"),
        *("https://" + "a" * 63 + "*.example", "https://*.0x1", "https://*.~a.example"),
    ],
    "origin-too-long": ["https://" + "a." * 252 + "example", "a" * 600 + "://b"],
}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in REFUSED.items() for text in texts])
def test_parse_pattern_of_an_invalid_entry_reports_its_code(code: str, text: str) -> None:
    pattern, findings = parse_pattern(text, "rules[0].allow_origins[3]")
    assert pattern is None
    *repairs, error = findings
    assert (error.severity, error.code, error.location) == (ERROR, code, "rules[0].allow_origins[3]")
    assert all(repair.severity == REPAIRED for repair in repairs)
    assert error.message
    assert error.remedy.endswith(".")
    assert str(error).isprintable()
    assert len(str(error)) < 300


@pytest.mark.parametrize("text", [*READ, *REPAIRED_ENTRIES, *(text for texts in REFUSED.values() for text in texts)])
def test_wildcards_without_repairs_are_read_alike_by_the_quick_reader(text: str) -> None:
    pattern, findings = parse_pattern(text)
    if pattern is None or findings or pattern.kind not in ("subdomain", "label") or pattern.port == "*":
        assert _parse_wildcard(text) is None
    else:
        short = _parse_wildcard(text)
        assert short is not None
        assert (short.text, parts(short)) == (pattern.text, parts(pattern))


@pytest.mark.parametrize(
    "text",
    [
        *("http://a.example", "http://*.example", "http://app-*.example:*", "http://10.0.0.7", "http://[2001:db8::7]"),
        *("http://localhost.example", "http://notlocalhost", "http://127.example", "http://127.0.0.1.example"),
        *("http://128.0.0.1", "http://[::2]", "http://12.7.0.1", "http://127.localhost.example", "http://[::]"),
        *("http://0.0.0.0", "http://*.127.example", "http://[::ffff:7f00:1]"),
    ],
)
def test_http_is_insecure(text: str) -> None:
    pattern = parse_pattern(text)[0]
    assert pattern is not None
    assert pattern.insecure


@pytest.mark.parametrize(
    "text",
    [
        *(
            "http://localhost",
            "http://localhost:3000",
            "http://localhost:*",
            "http://app.localhost",
            "http://localhost.",
        ),
        *(
            "http://*.localhost",
            "http://a-*.localhost:*",
            "http://127.0.0.1",
            "http://127.255.255.254:8080",
            "http://[::1]",
        ),
        *("http://[::1]:*", "https://a.example", "https://*.example", "capacitor://localhost", "app://x", "null", "*"),
    ],
)
def test_loopback_and_everything_that_is_not_http_is_not_insecure(text: str) -> None:
    pattern = parse_pattern(text)[0]
    assert pattern is not None
    assert not pattern.insecure


written = st.one_of(strategies.patterns(False), strategies.patterns(False).flatmap(strategies.near_misses), st.text())


@settings(max_examples=300, deadline=None)
@given(written)
def test_reading_says_in_one_error_at_most_why_not_and_what_is_read_stays(text: str) -> None:
    pattern, findings = parse_pattern(text)
    errors = [finding for finding in findings if finding.severity == ERROR]
    assert len(errors) == (pattern is None)
    assert all(str(finding).isprintable() for finding in findings)
    if pattern is not None:
        again, remarks = parse_pattern(pattern.text)
        assert again is not None
        assert (again.text, parts(again), remarks) == (pattern.text, parts(pattern), [])


@settings(max_examples=300, deadline=None)
@given(strategies.patterns(False))
def test_valid_patterns_are_read_and_repaired_as_the_oracle_does(text: str) -> None:
    pattern, _ = parse_pattern(text)
    assert pattern is not None
    assert pattern.text == oracle.repaired(text)


@settings(max_examples=300, deadline=None)
@given(written.filter(lambda text: "*" not in text))
def test_a_pattern_without_a_star_is_a_serialised_origin_once_repaired(text: str) -> None:
    pattern, _ = parse_pattern(text)
    if pattern is not None and pattern is not NULL:
        assert parse_origin(pattern.text) == (pattern.scheme, pattern.host, pattern.port)


def test_null_and_any_have_their_own_kinds() -> None:
    assert [(pattern.kind, pattern.text) for pattern in (NULL, ANY)] == [("null", "null"), ("any", "*")]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("https://a~b.example", "origin-bad-host"),
        ("https://a://b", "origin-has-path"),
        ("a://*.b/c", "origin-has-path"),
    ],
)
def test_parse_pattern_of_an_unreadable_entry_reports_its_code(entry: str, code: str) -> None:
    pattern, findings = parse_pattern(entry)
    assert pattern is None
    assert [finding.code for finding in findings] == [code]


def test_parse_pattern_of_more_than_512_characters_is_refused() -> None:
    assert parse_pattern("a" * 504 + "://x-.bc"[:8])[0] is not None
    assert [finding.code for finding in parse_pattern("a" * 505 + "://x-.bc")[1]] == ["origin-too-long"]


def test_parse_pattern_with_the_default_port_has_no_port() -> None:
    for entry in ("https://*.a.example:443", "https://x-*.a.example:443", "https://a.example:443"):
        pattern, _ = parse_pattern(entry)
        assert pattern is not None
        assert (pattern.text, pattern.port) == (entry.removesuffix(":443"), "")


@pytest.mark.parametrize(
    ("length", "quoted"), [(78, "'" + "x" * 78 + "'"), (80, "'" + "x" * 80 + "'"), (81, "'" + "x" * 77 + "...'")]
)
def test_message_quotes_at_most_eighty_characters(length: int, quoted: str) -> None:
    (finding,) = parse_pattern("x" * length)[1]
    assert finding.message == f"{quoted} has no scheme"


def test_entry_longer_than_any_origin_is_refused_and_never_matches() -> None:
    """It was taken for exact, and matched before its length was looked at."""
    long = "a" * 512 + "://host"
    pattern, findings = parse_pattern(long)
    assert pattern is None
    assert [finding.code for finding in findings] == ["origin-too-long"]
    assert decide(load_policy(long), Request("GET", "/", origin=long)).reason == "origin-malformed"


def test_entry_with_two_trailing_slashes_has_a_path() -> None:
    assert [finding.code for finding in parse_pattern("https://a.example//")[1]] == ["origin-has-path"]


EXTENSIONS = ("chrome-extension", "moz-extension", "safari-web-extension")


@pytest.mark.parametrize("scheme", EXTENSIONS)
def test_wildcard_over_extensions_matches_every_extension_of_its_scheme_alone(scheme: str) -> None:
    policy = load_policy(f"{scheme}://*")
    origins = (*(f"{name}://0b1c2d3e" for name in EXTENSIONS), f"x{scheme}://0b1c2d3e", f"{scheme}://")
    reasons = {origin: decide(policy, Request("GET", "/", origin=origin)).reason for origin in origins}
    allowed = [origin for origin, reason in reasons.items() if reason == "allowed"]
    assert allowed == [f"{scheme}://0b1c2d3e"]


@pytest.mark.parametrize("scheme", ["app", "capacitor", "https"])
def test_wildcard_over_every_host_of_another_scheme_is_refused(scheme: str) -> None:
    pattern, findings = parse_pattern(f"{scheme}://*")
    assert pattern is None
    assert [finding.code for finding in findings] == ["origin-bad-wildcard"]

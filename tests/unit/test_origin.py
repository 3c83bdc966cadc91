"""The strict grammar of a serialised origin."""

from __future__ import annotations

import ipaddress
import re
from typing import Never
from urllib.parse import urlsplit

import pytest
from edgecors.origin import DEFAULT_PORTS, MAX_ORIGIN_LENGTH, parse_origin
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.oracle import origins as oracle
from harness.oracle import strategies

L63 = "a" * 63
NAME_253 = ".".join([L63, L63, L63, "b" * 61])

ACCEPTED = {
    "app://!~": ("app", "!~", ""),
    "https://example.com": ("https", "example.com", ""),
    "http://example.com": ("http", "example.com", ""),
    "https://example.com:8443": ("https", "example.com", "8443"),
    "https://example.com:80": ("https", "example.com", "80"),
    "http://example.com:443": ("http", "example.com", "443"),
    "https://a:1": ("https", "a", "1"),
    "https://a:65535": ("https", "a", "65535"),
    "https://localhost": ("https", "localhost", ""),
    "https://example.com.": ("https", "example.com.", ""),
    "https://example.com.:8443": ("https", "example.com.", "8443"),
    "https://a-b.c--d.example": ("https", "a-b.c--d.example", ""),
    "https://_dmarc.a_b.example": ("https", "_dmarc.a_b.example", ""),
    "https://xn--bcher-kva.example": ("https", "xn--bcher-kva.example", ""),
    "https://1.2.3.4": ("https", "1.2.3.4", ""),
    "https://0.0.0.0:8080": ("https", "0.0.0.0", "8080"),
    "https://255.255.255.255": ("https", "255.255.255.255", ""),
    "https://1.2.3.4a": ("https", "1.2.3.4a", ""),
    "https://1.2.3.example": ("https", "1.2.3.example", ""),
    "https://3.example": ("https", "3.example", ""),
    "https://0xg": ("https", "0xg", ""),
    "https://a.0x1z": ("https", "a.0x1z", ""),
    "https://[::1]": ("https", "[::1]", ""),
    "https://[::]:8080": ("https", "[::]", "8080"),
    "https://[2001:db8::1]": ("https", "[2001:db8::1]", ""),
    "https://[2001:db8:0:1:1:1:1:1]": ("https", "[2001:db8:0:1:1:1:1:1]", ""),
    "https://[1:0:0:2::3]": ("https", "[1:0:0:2::3]", ""),
    "https://[1::2:0:0:3:4]": ("https", "[1::2:0:0:3:4]", ""),
    "https://[::ffff:102:304]": ("https", "[::ffff:102:304]", ""),
    "https://[1:2:3:4:5:6:7:8]": ("https", "[1:2:3:4:5:6:7:8]", ""),
    f"https://{L63}.example": ("https", f"{L63}.example", ""),
    f"https://{NAME_253}": ("https", NAME_253, ""),
    "capacitor://localhost": ("capacitor", "localhost", ""),
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop": (
        "chrome-extension",
        "abcdefghijklmnopabcdefghijklmnop",
        "",
    ),
    "a1+.-://x": ("a1+.-", "x", ""),
    "ws://a": ("ws", "a", ""),
    "files://a": ("files", "a", ""),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    assert parse_origin(text) == ACCEPTED[text]


REJECTED = [
    *("", "null", "*", "NULL", "https", "https:", "https:/", "https://", "://a", "//a", "a", "a.example", "https:a"),
    *("file://", "file://a", "1a://x", "+a://x", "-a://x", ".a://x", "a b://x", "a_b://x", "\u00e4://x", "A://x"),
    *("https://.", "https://..", "https://.a", "https://a..b", "https://a.."),
    *("app://a b", "app://a\x7fb", "app://a\x1fb", "https://a b", "https://a%2eb", "https://a*b", "https://*.a"),
    *("https://1", "https://1.2", "https://1.2.3", "https://1.2.3.4.5", "https://1.2.3.256", "https://1.2.3.04"),
    *(
        "https://1.2.3.4.",
        "https://a.1",
        "https://a.1.",
        "https://0x",
        "https://0x1f",
        "https://a.0x",
        "https://a.0xff.",
    ),
    *("https://1.2.3.1000", "https://00.0.0.0", "https://1.2.3.0x4", "https://2130706433"),
    *("https://[]", "https://[", "https://]", "https://[::1", "https://::1", "https://[::1]]", "https://[[::1]]"),
    *("https://[::1]a", "https://a[::1]", "https://[::1]:", "https://[::1]:443", "https://[::1]:0", "https://[:1]"),
    *("https://[:::]", "https://[1::2::3]", "https://[::0]", "https://[0::]", "https://[0:0:0:0:0:0:0:1]"),
    *(
        "https://[1:2:3:4:5:6:7]",
        "https://[1:2:3:4:5:6:7:8:9]",
        "https://[1:2:3:4:5:6:7::]",
        "https://[1::3:4:5:6:7:8]",
    ),
    *("https://[::01]", "https://[::12345]", "https://[::G]", "https://[::A]", "https://[::1.2.3.4]", "https://[1:]"),
    *("https://[::ffff:1.2.3.4]", "https://[fe80::1%25eth0]", "https://[fe80::1%eth0]", "https://[1:0:0:2:0:0:0:3]"),
    *("https://[1:0:0:2:3:0:0:4]", "https://[1:2::3:0:0:0:4]", "https://[v1.a]", "https://[1.2.3.4]", "https://[a]"),
    *("https://a:", "https://a:0", "https://a:00", "https://a:080", "https://a:443", "http://a:80", "https://a:65536"),
    *("https://a:100000", "https://a:8443:8443", "https://a: 80", "https://a:8e1", "https://a:-1", "https://a:+1"),
    *("https://a:\u0661", "https://a:\u00b2", "https://a:*", "ws://a:80", "wss://a:443", "ftp://a:21", "https://:8443"),
    *(
        "https://a/",
        "https://a//",
        "https://a/b",
        "https://a?",
        "https://a?b",
        "https://a#",
        "https://a\\",
        "https://a;",
    ),
    *("https://u@a", "https://u:p@a", "https://@a", "https://a@", "https:///a", "https:\\\\a", "https:////a"),
    *(" https://a", "https://a ", "https://a\t", "https://a\n", "https://a\r\n", "https://a\0", "\0https://a"),
    *("https://a, https://a", "https://a,https://b", "https://a https://b", "https://a null", "https://a,"),
    *("HTTPS://a", "Https://a", "https://A", "https://a.Example", "https://[::F]", "blob:https://a", "data:,x"),
    *(
        "https://\u0430",
        "https://b\u00fccher.example",
        "https://a\u3002b",
        "https://a\u00ad",
        "https://a\u200b",
        "https://\uff41",
    ),
    *(f"https://{L63}a", f"https://{L63}a.example", f"https://{NAME_253}b", f"https://{NAME_253}."),
]


@pytest.mark.parametrize("text", REJECTED)
def test_rejected(text: str) -> None:
    assert parse_origin(text) is None


SEEDS = [
    "https://app.example.com",
    "https://app.example.com:8443",
    "http://localhost:3000",
    "https://10.0.0.7",
    "https://[2001:db8::7]:8443",
]
CONTROLS = [chr(code) for code in [*range(0x21), 0x7F, 0x80, 0xA0, 0xAD, 0x200B, 0x2028, 0xFEFF]]
LOOK_ALIKES = {
    "a": "\u0430\u0251\uff41\u1d43",
    "e": "\u0435",
    "o": "\u043e\u03bf\uff4f",
    "p": "\u0440",
    "l": "\u0406\u04cf",
    ".": "\u3002\uff0e\uff61\u2024",
    "-": "\u2010\u2011\u2212",
    ":": "\uff1a\u2236",
    "/": "\u2044\u2215\uff0f",
    "s": "\u017f",
    "k": "\u212a",
    "1": "\u0661\u00b9\uff11",
}


def spoilt(origin: str) -> list[str]:
    """The origin spoilt so that it is no serialised origin any more, whatever origin it was."""
    scheme, _, rest = origin.partition("://")
    cases = [origin.upper(), origin.title(), scheme.upper() + "://" + rest, f"{scheme}://{rest.upper()}x/"]
    cases += [f"{scheme}{mark}{rest}" for mark in (":", ":/", "//", ":///", "/", " ://", ":\\\\", "%3a//", ":// ")]
    cases += [
        f"{lead}://{rest}" for lead in ("", "file", "1", "-x", "x_y", "https ", " https", "\u0441", "view source")
    ]
    cases += [f"{scheme}://{lead}{rest}" for lead in ("u@", "u:p@", "@", ".", "/", "\\", "*.", "%61.", "[", "a..")]
    cases += [origin + end for end in ("/", "//", "/x", "?", "?x", "#", "#x", "@x", "\\", ";", "..", ":", "]", "%")]
    cases += [origin + end for end in (":0", ":01", ":65536", ":999999", ":x", ":*", ":-1", ": 1", ":\u0661")]
    cases += [
        f"{origin}, {origin}",
        f"{origin},{origin}",
        f"{origin} {origin}",
        f"null, {origin}",
        f"{origin};{origin}",
    ]
    cases += [origin[:at] + bad + origin[at:] for bad in CONTROLS for at in (0, 3, len(scheme) + 3, len(origin))]
    for plain, others in LOOK_ALIKES.items():
        cases += [origin.replace(plain, other, 1) for other in others if plain in origin]
    return cases


@pytest.mark.parametrize("origin", SEEDS)
def test_parse_origin_of_a_corrupted_origin_returns_none(origin: str) -> None:
    assert parse_origin(origin) is not None
    cases = spoilt(origin)
    assert len(cases) > 150
    assert [case for case in cases if parse_origin(case) is not None] == []


@pytest.mark.parametrize("origin", SEEDS)
def test_parse_origin_of_a_truncated_origin_never_returns_the_same_origin(origin: str) -> None:
    cut = [origin[start:] for start in range(1, len(origin))] + [origin[:end] for end in range(len(origin))]
    for text in cut:
        parts = parse_origin(text)
        assert (parts is not None) == (oracle.parse(text) is not None)
        assert parts != parse_origin(origin)


@pytest.mark.parametrize("scheme", DEFAULT_PORTS)
def test_a_default_port_is_left_out_by_its_own_scheme_only(scheme: str) -> None:
    for port in {*DEFAULT_PORTS.values(), "8080"}:
        assert (parse_origin(f"{scheme}://a:{port}") is None) == (DEFAULT_PORTS[scheme] == port)


near_misses = st.sampled_from(SEEDS + list(ACCEPTED)).flatmap(strategies.near_misses)
host_like = st.text("ab1x0-_.", max_size=12).map("https://".__add__)
anything = st.one_of(near_misses, near_misses, host_like, st.text(max_size=30), st.sampled_from(REJECTED))


@settings(max_examples=300, deadline=None)
@given(anything)
def test_the_grammar_is_the_oracle_s(text: str) -> None:
    parts = oracle.parse(text)
    expected = parts and (parts.scheme, parts.host, "" if parts.port is None else str(parts.port))
    assert parse_origin(text) == expected


@settings(max_examples=200, deadline=None)
@given(anything)
def test_what_is_accepted_serialises_to_the_text_again(text: str) -> None:
    parts = parse_origin(text)
    if parts is not None:
        scheme, host, port = parts
        assert f"{scheme}://{host}" + (f":{port}" if port else "") == text


WEB_NAME = re.compile(
    r"https?://(?=[^/:]{1,253}(?::|$))"
    r"(?P<labels>(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63})\.?"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?",
    re.ASCII,
)


def web_origin(text: str) -> bool:
    """An http(s) origin as one expression and the standard library's parsers say it."""
    if text.startswith(("http://[", "https://[")):
        inside, bracket, port = text.partition("[")[2].partition("]")
        if "%" in inside:  # a zone, which ipaddress reads and no URL has
            return False
        try:
            address = ipaddress.IPv6Address(inside)
        except ValueError:
            return False
        # ipaddress writes mapped addresses with a dotted quad from Python 3.13 on; URLs never do.
        mapped = address.ipv4_mapped
        low = int(mapped) if mapped else 0
        written = f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}" if mapped else str(address)
        if not bracket or inside != written or (port and not re.fullmatch(":[1-9][0-9]{0,4}", port, re.ASCII)):
            return False
        return not port or (int(port[1:]) <= 65535 and (text[:5], port) not in (("https", ":443"), ("http:", ":80")))
    match = WEB_NAME.fullmatch(text)
    if match is None:
        return False
    scheme, port = text.partition(":")[0], match["port"]
    if port and (int(port) > 65535 or (scheme, port) in (("https", "443"), ("http", "80"))):
        return False
    name = match["labels"]
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        host = text.partition("://")[2].partition(":")[0]
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ValueError:
            return False
    return True


@settings(max_examples=300, deadline=None)
@given(anything)
@example("https://[::ffff:102:304]")
@example(f"https://{NAME_253}")
@example("https://a.0x")
@example("http://[::%0]")
def test_web_origins_are_those_of_an_independent_expression(text: str) -> None:
    if text.startswith(("http://", "https://")):
        assert (parse_origin(text) is not None) == web_origin(text)


@settings(max_examples=200, deadline=None)
@given(anything)
def test_another_url_parser_reads_the_same_host_and_port(text: str) -> None:
    parts = parse_origin(text)
    if parts is not None:
        url = urlsplit(text)
        assert (url.scheme, url.netloc, url.path, url.query, url.fragment) == (
            parts[0],
            text.partition("://")[2],
            "",
            "",
            "",
        )
        assert (url.username, url.password) == (None, None)
        # urlsplit makes every host lower case; an opaque host keeps its case.
        assert url.hostname == parts[1].strip("[]").lower()
        assert str(url.port or "") == parts[2]


pieces = st.one_of(st.just(0), st.just(0), st.integers(0, 0xFFFF), st.integers(0, 15))


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, min_size=8, max_size=8))
def test_of_all_spellings_of_an_ipv6_address_one_is_accepted(numbers: list[int]) -> None:
    address = ipaddress.IPv6Address(sum(piece << (112 - 16 * at) for at, piece in enumerate(numbers)))
    url_form = oracle.serialised_ipv6(int(address))
    assert ipaddress.IPv6Address(url_form) == address
    spellings = {address.exploded, str(address), str(address).upper(), ":".join(f"{piece:x}" for piece in numbers)}
    # Each run of zeros compressed, not only the longest.
    for start in range(8):
        for end in range(start + 1, 9):
            if not any(numbers[start:end]):
                head, tail = (":".join(f"{p:x}" for p in part) for part in (numbers[:start], numbers[end:]))
                spellings.add(f"{head}::{tail}")
    assert {text for text in spellings | {url_form} if parse_origin(f"https://[{text}]")} == {url_form}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_parse_origin_accepts_only_the_canonical_ipv4_spelling(number: int) -> None:
    text = str(ipaddress.IPv4Address(number))
    a, b, c, d = text.split(".")
    others = [
        str(number),
        hex(number),
        f"{a}.{b}.{int(c) * 256 + int(d)}",
        f"{text}.",
        f"{a}.{b}.{c}.0{d}",
        f"0x{text}",
    ]
    assert parse_origin(f"https://{text}") == ("https", text, "")
    assert [other for other in others if parse_origin(f"https://{other}")] == []


class UnreadOrigin(str):
    """A text that must not be looked into."""

    __slots__ = ()

    def partition(self, sep: str) -> Never:
        raise AssertionError("looked into")


def test_what_is_longer_than_any_origin_is_not_looked_into() -> None:
    assert parse_origin(UnreadOrigin("a" * (MAX_ORIGIN_LENGTH + 1))) is None
    with pytest.raises(AssertionError):
        parse_origin(UnreadOrigin("a" * MAX_ORIGIN_LENGTH))


def test_the_longest_origin_there_is() -> None:
    longest = "a" * (MAX_ORIGIN_LENGTH - 4) + "://b"
    assert parse_origin(longest) is not None
    assert parse_origin("a" + longest) is None


def test_parse_origin_of_more_than_512_characters_is_refused() -> None:
    assert parse_origin("a" * 508 + "://b") is not None
    assert parse_origin("a" * 509 + "://b") is None


@pytest.mark.parametrize("text", ["https://[::1]x80", "https://[::1]8443", "https://[::1].8443", "https://[::1]]:8443"])
def test_parse_origin_with_something_other_than_a_port_after_a_bracket_is_refused(text: str) -> None:
    assert parse_origin(text) is None

"""The look-up: what each pattern matches, and that its cost follows the host's length and not the list's."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import pairwise

import pytest
from edgecors.allowlist import read_list
from edgecors.origin import OriginIndex, OriginSet, parse_pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.oracle import origins as oracle
from harness.oracle import strategies
from tests.unit.cases import (
    is_granted,
    policy,
)


def origin_set(*texts: str) -> OriginSet:
    return OriginSet([(index_of(texts), frozenset())])


def index_of(texts: Iterable[str]) -> OriginIndex:
    patterns = [parse_pattern(text)[0] for text in texts]
    assert None not in patterns
    return OriginIndex(pattern for pattern in patterns if pattern)


# A pattern, what it matches, and what it must not match.
MATCHES = {
    "https://example.com": (
        ["https://example.com"],
        [
            *("http://example.com", "https://example.com:8443", "https://example.co", "https://xample.com", "null"),
            *("https://www.example.com", "https://example.com.", "https://example.com.evil.io", "https://examplescom"),
            *("https://evilexample.com", "https://example.com:80", "https://examplexcom", "ws://example.com"),
        ],
    ),
    "https://example.com:8443": (
        ["https://example.com:8443"],
        ["https://example.com", "https://example.com:844", "https://example.com:84430", "http://example.com:8443"],
    ),
    "https://example.com:*": (
        ["https://example.com", "https://example.com:1", "https://example.com:65535"],
        [
            *("https://example.com:443", "https://example.com:0", "https://example.com:*", "https://example.com:"),
            *(
                "http://example.com:8443",
                "https://a.example.com",
                "https://example.com:80@evil.io",
                "https://example.com:65536",
            ),
        ],
    ),
    "https://[::1]:*": (
        ["https://[::1]", "https://[::1]:3000"],
        ["https://[::2]", "https://[::1]:443", "http://[::1]"],
    ),
    "https://*.example.com": (
        [
            *("https://a.example.com", "https://a.b.c.example.com", "https://1.example.com", "https://a_b.example.com"),
            *("https://xn--a.example.com", "https://example.com.example.com", "https://_.example.com"),
            "https://" + "a." * 120 + "example.com",
        ],
        [
            *("https://example.com", "https://.example.com", "https://aexample.com", "https://a.example.com.evil.io"),
            *("https://a.example.com.", "http://a.example.com", "https://a.example.com:8443", "https://a.examplexcom"),
            *("https://*.example.com", "https://a..example.com", "https://a.example.co"),
            *("https://evil.io/.example.com", "https://evil.io#.example.com", "https://evil.io\\.example.com", "null"),
        ],
    ),
    "https://*.example.com:*": (
        ["https://a.example.com", "https://a.b.example.com:8443"],
        ["https://example.com:8443", "https://a.example.com:443", "http://a.example.com:8443"],
    ),
    "https://*.example.com:8443": (
        ["https://a.example.com:8443"],
        ["https://a.example.com", "https://a.example.com:844"],
    ),
    "https://*.example.com.": (["https://a.example.com."], ["https://a.example.com", "https://example.com."]),
    "https://shop-*.example.com": (
        ["https://shop-1.example.com", "https://shop-a-b.example.com", "https://shop---a.example.com"],
        [
            *("https://shop-.example.com", "https://shop.example.com", "https://shop-a.b.example.com"),
            *("https://shop-a_b.example.com", "https://a.shop-1.example.com", "https://xshop-1.example.com"),
            *("https://shop-1.example.com.evil.io", "https://shop-1xexample.com", "https://shop-1.example.com:8443"),
            *("https://shop-*.example.com", "https://shop-A.example.com", "http://shop-1.example.com"),
        ],
    ),
    "https://*-app.example.com": (
        ["https://a-app.example.com", "https://a--app.example.com", "https://app-app.example.com"],
        [
            "https://-app.example.com",
            "https://app.example.com",
            "https://a.b-app.example.com",
            "https://_-app.example.com",
        ],
    ),
    "https://a*a.example.com": (
        ["https://aaa.example.com", "https://a-a.example.com", "https://aaaa.example.com"],
        ["https://aa.example.com", "https://a.example.com", "https://aab.example.com", "https://a_a.example.com"],
    ),
    "https://x_*.example.com": (["https://x_1.example.com"], ["https://x__.example.com", "https://x_.example.com"]),
    "https://shop-*.example.com:*": (
        ["https://shop-1.example.com", "https://shop-1.example.com:3000"],
        ["https://shop-1.example.com:443"],
    ),
    "null": (["null"], ["Null", "null://a", "", "https://null"]),
}


@pytest.mark.parametrize("pattern", MATCHES)
def test_matches(pattern: str) -> None:
    allowed, others = MATCHES[pattern]
    origins = origin_set(pattern)
    assert [origins.match(origin) for origin in allowed] == [pattern] * len(allowed)
    assert [origin for origin in others if origins.match(origin) is not None] == []


@pytest.mark.parametrize("pattern", MATCHES)
def test_others_in_the_list_change_nothing(pattern: str) -> None:
    """Each case again, with entries beside it that share its host, its port or its shape."""
    allowed, others = MATCHES[pattern]
    origins = origin_set(
        pattern, "https://*.example.net", "https://shop-*.example.net:*", "https://b-*.example.com", "http://a.b:*"
    )
    assert [origins.match(origin) for origin in allowed] == [pattern] * len(allowed)
    assert [origin for origin in others if origins.match(origin) is not None] == []


def test_nothing_is_in_an_empty_set() -> None:
    empty = OriginSet([])
    assert (len(empty), list(empty)) == (0, [])
    assert [empty.match(origin) for origin in ("https://a", "null", "", "*")] == [None] * 4


def test_origin_set_iterates_over_its_entries() -> None:
    origins = origin_set("https://b", "https://*.a", "null", "https://a", "https://a:*")
    assert len(origins) == 5
    assert list(origins) == ["https://*.a", "https://a", "https://a:*", "https://b", "null"]


def test_origin_set_of_several_indexes_matches_what_any_of_them_has() -> None:
    origins = OriginSet([(index_of(texts), frozenset()) for texts in (["https://a"], [], ["https://*.b", "null"])])
    assert [origins.match(o) for o in ("https://a", "https://c.b", "null", "https://b")] == [
        "https://a",
        "https://*.b",
        "null",
        None,
    ]
    assert (len(origins), list(origins)) == (3, ["https://*.b", "https://a", "null"])


def test_origin_set_with_excluded_entries_matches_none_of_them() -> None:
    origins = OriginSet(
        [(index_of(["https://a", "http://a", "http://*.b", "https://*.b"]), {"http://a", "http://*.b"})]
    )
    assert [origins.match(o) for o in ("https://a", "http://a", "http://c.b", "https://c.b")] == [
        "https://a",
        None,
        None,
        "https://*.b",
    ]
    assert (len(origins), list(origins)) == (2, ["https://*.b", "https://a"])


def test_index_contains_its_entries_and_not_what_they_allow() -> None:
    index = index_of(["https://a", "https://*.b"])
    assert [text in index for text in ("https://a", "https://*.b", "https://c.b", "https://b")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("scheme", ["moz-extension", "chrome-extension", "safari-web-extension"])
def test_wildcard_over_extensions_matches_no_port(scheme: str) -> None:
    """Extensions have no port, so an origin that has one was not sent by a browser for an extension."""
    index = index_of([f"{scheme}://*"])
    assert index.match_pattern(scheme, "abc", "") == f"{scheme}://*"
    assert index.match_pattern(scheme, "abc", "80") is None


def test_the_entry_that_says_most_is_named() -> None:
    texts = ["https://a-1.b.example", "https://a-*.b.example", "https://*.b.example", "https://*.example"]
    for number, text in enumerate(texts):
        assert origin_set(*texts[number:]).match("https://a-1.b.example") == text


lists = st.lists(strategies.patterns(False), max_size=6)


@st.composite
def lists_and_origins(draw: st.DrawFn) -> tuple[list[str], str]:
    texts = draw(lists)
    near = st.sampled_from(texts or ["https://a.example"]).flatmap(strategies.instances)
    return texts, draw(st.one_of(near, near, near.flatmap(strategies.near_misses), st.just("null")))


@settings(max_examples=400, deadline=None)
@given(lists_and_origins())
def test_match_is_brute_force(case: tuple[list[str], str]) -> None:
    texts, origin = case
    entry = origin_set(*texts).match(origin)
    assert (entry is not None) == (oracle.is_well_formed(origin) and oracle.matches_any(texts, origin))
    if entry is not None:
        assert entry in [oracle.repaired(text) for text in texts]
        assert oracle.matches(entry, origin)


class Counted(set[str]):
    """A set that counts its look-ups."""

    looked_up = 0

    def __contains__(self, item: object) -> bool:
        Counted.looked_up += 1
        return super().__contains__(item)


def look_ups(origins: OriginSet, origin: str) -> int:
    ((index, _),) = origins.parts
    exact, patterns = index.exact, index.patterns
    index.exact, index.patterns = Counted(exact), Counted(patterns)
    try:
        Counted.looked_up = 0
        origins.match(origin)
        return Counted.looked_up
    finally:
        index.exact, index.patterns = exact, patterns


def many(count: int) -> OriginSet:
    """``count`` patterns of all kinds under one domain, of four shapes."""
    shapes = ("*.s{}", "s{:06}-*", "*-{:06}", "p{}")
    ports = ("", "", ":*", ":*")
    return origin_set(
        *(
            f"https://{shape.format(number)}.example.com{port}"
            for number in range(count // 4)
            for shape, port in zip(shapes, ports, strict=True)
        )
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.s7.example.com",
        "https://s000007-x.example.com",
        "https://p7.example.com:1",
        "https://no.example.com:8",
    ],
)
def test_look_ups_do_not_grow_with_the_list(origin: str) -> None:
    few, more = look_ups(many(40), origin), look_ups(many(10_000), origin)
    assert few == more
    assert more <= 12


def test_look_ups_grow_with_the_labels_of_the_host_and_no_faster() -> None:
    origins = many(4_000)
    counts = [look_ups(origins, "https://" + "a." * labels + "example.net") for labels in (10, 20, 40, 80)]
    differences = [b - a for a, b in pairwise(counts)]
    assert differences == [20, 40, 80]  # two texts a label: with the port, and with `:*`


def test_without_a_star_in_a_host_its_labels_are_not_looked_at() -> None:
    origins = origin_set("https://a.example", "https://b.example:*")
    # Once among the exact ones, then with its port and without.
    assert look_ups(origins, "https://" + "a." * 80 + "example:8443") <= 3


def test_shapes_are_looked_up_and_not_each_label_pattern() -> None:
    """A thousand prefixes of one length under one domain are one shape."""
    origins = origin_set(*(f"https://{number:04}-*.example.com" for number in range(1000)))
    assert look_ups(origins, "https://0999-x.example.com") == 2
    assert origins.match("https://0999-x.example.com") == "https://0999-*.example.com"
    assert origins.match("https://1000-x.example.com") is None


def test_a_hundred_thousand_origins_and_ten_thousand_patterns() -> None:
    exact = [f"https://shop{number}.example" for number in range(100_000)]
    origins = origin_set(*exact, *(f"https://*.p{number}.example" for number in range(10_000)))
    assert len(origins) == 110_000
    assert all(origins.match(origin) == origin for origin in exact[::997])
    assert all(origins.match(f"https://a.p{n}.example") == f"https://*.p{n}.example" for n in range(0, 10_000, 97))
    assert origins.match("https://shop100000.example") is None
    assert origins.match("https://p5.example") is None
    assert look_ups(origins, "https://a.p9999.example") <= 4


@pytest.mark.parametrize("entry", ["https://a.example.com", "https://*.example.com", "https://a*.example.com"])
def test_pattern_is_anchored_at_both_ends(entry: str) -> None:
    for origin in (
        "https://a.example.com.evil.io",
        "https://a.example.com.",
        "https://a.example.comevil",
        "https://evil.io/https://a.example.com",
        "https://evil.io?.example.com",
        "https://evil.io#ab.example.com",
        "xhttps://ab.example.com",
        "https://ab.example.com\n",
        "\nhttps://ab.example.com",
        "https://ab.example.com\nhttps://evil.io",
    ):
        assert not is_granted(entry, origin)


def test_dot_of_an_entry_matches_only_a_dot() -> None:
    assert not is_granted("https://app.example.com", "https://appXexample.com".lower())
    assert not is_granted("https://app.example.com", "https://app-example.com")
    assert not is_granted("https://*.example.com", "https://a.examplexcom")
    assert not is_granted("https://shop-*.example.com", "https://shop-1xexample.com")
    assert not policy(hosts=["a.example"]).rules[0].matches("axexample", "/")
    assert not policy(paths=["/a.js"]).rules[0].matches(None, "/axjs")


def test_name_does_not_match_as_a_suffix() -> None:
    assert not is_granted("https://foo.com", "https://barfoo.com")
    assert not is_granted("https://*.foo.com", "https://barfoo.com")
    assert not is_granted("https://*.foo.com", "https://a.barfoo.com")
    assert not is_granted("https://*.foo.com", "https://foo.com")
    assert not policy(hosts=["*.foo.com"]).rules[0].matches("barfoo.com", "/")


def test_ipv6_address_is_not_a_character_class() -> None:
    assert is_granted("http://[2001:db8::7]:8443", "http://[2001:db8::7]:8443")
    for origin in ("http://2:8443", "http://d:8443", "http://[2001:db8::8]:8443", "http://[::7]:8443", "http://b"):
        assert not is_granted("http://[2001:db8::7]:8443", origin)
    assert policy(hosts=["[::1]"]).rules[0].matches("[::1]", "/")
    assert not policy(hosts=["[::1]"]).rules[0].matches(":", "/")
    assert not policy(paths=["/[ab]"]).rules[0].matches(None, "/a")


def test_list_takes_no_more_memory_than_its_entries_need() -> None:
    index = read_list(
        "partners", " ".join(f"https://{kind}{n}.example" for kind in ("a", "*.b") for n in range(2000))
    ).index
    for entries in (index.exact, index.patterns):
        assert len(entries) == 2000
        assert sys.getsizeof(entries) == sys.getsizeof(set(entries))
        assert sys.getsizeof(entries) <= 40 * len(entries)


@pytest.mark.parametrize(
    "text",
    ["https://*.", "https://*.:8443", "https://*..a", "https://a-*.:8443", "https://*", "app://*.a.example"],
)
def test_wildcard_without_a_label_after_it_or_of_another_scheme_is_not_added(text: str) -> None:
    index = OriginIndex()
    assert not index.add_if_canonical(text)
    assert len(index) == 0

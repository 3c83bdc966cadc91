"""What CloudFront's cache keeps, for how long, and under which key."""

from dataclasses import replace

import pytest
from edgecors_local.behavior import EVERYTHING, NOTHING, Behavior, KeySelection
from edgecors_local.cache import Cache, cache_key, cacheable_method, ttl
from edgecors_local.http import HttpRequest, HttpResponse

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
ZERO = Behavior(min_ttl=0, default_ttl=100, max_ttl=1000)
AT_LEAST = Behavior(min_ttl=50, default_ttl=10, max_ttl=1000)


@pytest.mark.parametrize(
    ("headers", "zero", "at_least"),
    [
        # The guide's table: with a minimum TTL of 0, and with one above it.
        ({}, 100, 50),
        ({"Cache-Control": "max-age=30"}, 30, 50),
        ({"Cache-Control": "max-age=300"}, 300, 300),
        ({"Cache-Control": "max-age=5000"}, 1000, 1000),
        ({"Cache-Control": "max-age=30, s-maxage=60"}, 60, 60),
        ({"Cache-Control": 'MAX-AGE="30"'}, 30, 50),
        ({"Cache-Control": "max-age=many"}, 100, 50),
        ({"Cache-Control": "public"}, 100, 50),
        ({"Cache-Control": "no-store"}, 0, 50),
        ({"Cache-Control": "no-cache, max-age=30"}, 0, 50),
        ({"Cache-Control": "private"}, 0, 50),
        ({"Expires": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60, 60),
        ({"Expires": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0, 50),
        ({"Expires": "0"}, 0, 50),
        ({"Expires": "Tue, 14 Nov 2023 22:14:20 GMT", "Cache-Control": "max-age=30"}, 30, 50),
        ({"Vary": "*", "Cache-Control": "max-age=300"}, 0, 50),
    ],
)
def test_how_long_a_success_is_kept(headers: dict[str, str], zero: int, at_least: int) -> None:
    response = HttpResponse(200, tuple(headers.items()))
    assert ttl(ZERO, response, NOW) == zero
    assert ttl(AT_LEAST, response, NOW) == at_least


@pytest.mark.parametrize(
    ("status", "cache_control", "expected", "expected_with_0"),
    [
        (404, None, 10, 0),
        (500, None, 10, 0),
        (503, "max-age=60", 60, 60),
        (503, "max-age=5", 10, 5),
        (503, "max-age=5000", 1000, 1000),
        # Of all errors only these heed `no-store`; the others are kept for the error caching minimum TTL all the same.
        (404, "no-store", 0, 0),
        (501, "private", 0, 0),
        (500, "no-store", 10, 0),
        (502, "no-cache", 10, 0),
        # Kept only if the origin says for how long.
        (403, None, 0, 0),
        (403, "max-age=60", 60, 60),
        (405, "max-age=60", 60, 60),
        # Never kept.
        (401, "max-age=60", 0, 0),
        (429, None, 0, 0),
    ],
)
def test_how_long_an_error_is_kept(status: int, cache_control: str | None, expected: int, expected_with_0: int) -> None:
    headers = (("Cache-Control", cache_control),) if cache_control else ()
    response = HttpResponse(status, headers)
    assert ttl(ZERO, response, NOW) == expected
    assert ttl(replace(ZERO, error_ttls={status: 0}), response, NOW) == expected_with_0


@pytest.mark.parametrize("status", [200, 404, 500])
def test_with_caching_disabled_nothing_is_kept(status: int) -> None:
    disabled = Behavior(min_ttl=0, default_ttl=0, max_ttl=0)
    assert ttl(disabled, HttpResponse(status, (("Cache-Control", "max-age=60"),)), NOW) == 0


def test_options_is_cached_only_where_the_behaviour_says_so() -> None:
    with_options = replace(ZERO, cached_methods=frozenset({"GET", "HEAD", "OPTIONS"}))
    assert [cacheable_method(ZERO, m) for m in ("GET", "HEAD", "OPTIONS", "POST")] == [True, True, False, False]
    assert [cacheable_method(with_options, m) for m in ("OPTIONS", "POST")] == [True, False]


BASE = HttpRequest(
    "GET",
    "/a",
    "q=1&z=2",
    (
        ("Origin", "https://a.example"),
        ("X-Other", "1"),
        ("Cookie", "s=1; t=2"),
        ("Accept-Encoding", "gzip, deflate, br;q=0.9"),
    ),
)


def _with(name: str, text: str) -> HttpRequest:
    rest = tuple(item for item in BASE.headers if item[0] != name)
    return replace(BASE, headers=(*rest, (name, text)))


KEYED = Behavior(
    key_headers=KeySelection.only("origin"),
    key_query=KeySelection.only("q"),
    key_cookies=KeySelection.only("s"),
    key_encodings=("br", "gzip"),
)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (BASE, True),
        (replace(BASE, path="/A"), False),
        (replace(BASE, method="HEAD"), False),
        (replace(BASE, query="q=2&z=2"), False),
        (replace(BASE, query="z=3&q=1"), True),
        (_with("Origin", "https://b.example"), False),
        (_with("Origin", "https://A.example"), False),
        (replace(BASE, headers=BASE.headers[1:]), False),
        (replace(BASE, headers=(("origin", "https://a.example"), *BASE.headers[1:])), True),
        (_with("X-Other", "2"), True),
        (_with("Cookie", "s=2; t=2"), False),
        (_with("Cookie", "t=3; s=1"), True),
        (_with("Accept-Encoding", "br,gzip"), True),
        (_with("Accept-Encoding", "gzip"), False),
    ],
)
def test_the_key_holds_what_the_cache_policy_names(other: HttpRequest, same: bool) -> None:
    assert (cache_key(KEYED, BASE) == cache_key(KEYED, other)) is same


def test_without_anything_in_the_key_only_method_and_path_count() -> None:
    bare = Behavior(key_query=NOTHING)
    assert cache_key(bare, BASE) == cache_key(bare, HttpRequest("GET", "/a"))
    everything = Behavior(key_query=EVERYTHING)
    assert cache_key(everything, BASE) != cache_key(everything, replace(BASE, query="z=2&q=1"))


def test_an_entry_is_served_until_it_expires_and_head_from_what_get_left() -> None:
    cache = Cache()
    response = HttpResponse(200, (("Age", "7"),), b"x")
    cache.keep(("GET", "/a"), response, 30, NOW)
    entry = cache.look_up(("GET", "/a"), NOW + 29.9)
    assert entry is not None
    assert entry.age(NOW + 29.9) == 36
    assert cache.look_up(("HEAD", "/a"), NOW) is entry
    assert cache.look_up(("GET", "/a"), NOW + 30) is None
    assert cache.look_up(("OPTIONS", "/a"), NOW) is None
    cache.clear()
    assert cache.look_up(("GET", "/a"), NOW) is None

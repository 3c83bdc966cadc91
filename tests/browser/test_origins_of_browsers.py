"""The origins that Chromium and Firefox make of hosts, and send, beside those that the library accepts."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from edgecors.origin import parse_origin
from playwright.sync_api import Browser

from tests.browser.any_host import AnyHost
from tests.browser.firefox import Firefox, firefox_program

Evaluate = Callable[[str, str], Any]
"""The value of a JavaScript expression in the page at a URL."""

A63 = "a" * 63
HOSTS = (
    *("example.com", "EXAMPLE.com", "localhost", "a", "1a.example", "a1.example", "com", "a.b.c.d.e.f.g.h"),
    # Hyphens and underscores anywhere in a label.
    *("-a.example", "a-.example", "-.example", "--.example", "a--b.example", "ab--c.example", "-a-.b-.example"),
    *("_a.example", "a_.example", "_.example", "a_b.example", "_dmarc.example", "a.b_", "a.-", "a.b-", "a._", "x--y"),
    # Internationalised names: browsers send Punycode.
    *("b\u00fccher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example", "fa\u00df.example", "\u2615.example"),
    *(
        "\uff41.example",
        "a\u3002example",
        "a\uff0eexample",
        "a\u00adb.example",
        "\u05d0.example",
        "\u4f8b\u3048.\u30c6\u30b9\u30c8",
    ),
    *("\u212a.example", "\u017f.example", "I\u0307.example", "xn--a.example", "xn--.example", "xn--a-ecp.ru"),
    # Dots.
    *("example.com.", "example.com..", ".example.com", "a..b", "localhost.", "a.", "."),
    # IPv4 in every spelling; a name that ends in a number is an address or nothing.
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127.0.0.01"),
    *("0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "09.1.1.1", "a.1", "a.0x", "a.0x1g", "1.2.3.4a"),
    *("a.1a", "0x.example", "4294967296", "%31.2.3.4", "\uff11.2.3.4"),
    # IPv6: the shortest spelling.
    *(
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[2001:DB8::1]",
        "[2001:db8:0:0:1:0:0:1]",
        "[::ffff:1.2.3.4]",
        "[1:0:2::3:0]",
    ),
    *("[1:0:0:2:0:0:0:3]", "[::1.2.3.4]", "[1::]", "[::1%25eth0]", "[:1]", "[1:2:3]", "[::1", "::1", "[::00001]"),
    # Lengths.
    *(f"{A63}.example", f"a{A63}.example", f"{A63}.{A63}.{A63}.{'a' * 61}", f"{A63}.{A63}.{A63}.{'a' * 62}"),
    # Percent escapes, and every ASCII character that is neither a letter nor a digit.
    *("%61.example", "%41.example", "a%2eexample", "a%00b.example", "%e2%98%95.example", "a%25b.example"),
    *(f"a{character}b.example" for character in string.punctuation if character not in "/?#\\@:"),
)
"""Some hundred hosts. Characters that end a host in a URL are left out."""
CARRIED = frozenset(string.ascii_lowercase + string.digits + "-_")
"""Characters of a label, as the contract has it."""
PORT = 8123

ORIGINS = """(hosts) => hosts.map((host) => {
    try { return new URL(`http://${host}:%d/`).origin } catch { return null }
})"""
ASK = "fetch('http://echo.example/origin').then((response) => response.text())"
SCHEMES = {
    "https://a.example:443/x": "https://a.example",
    "http://a.example:80/": "http://a.example",
    "https://a.example:0443/": "https://a.example",
    "https://a.example:08443/": "https://a.example:8443",
    "https://a.example:65535/": "https://a.example:65535",
    "https://a.example:0/": "https://a.example:0",
    "https://u:p@a.example/": "https://a.example",
    "ws://a.example:80/": "ws://a.example",
    "wss://a.example:443/": "wss://a.example",
    "ftp://a.example:21/": "ftp://a.example",
    "ftp://a.example:2121/": "ftp://a.example:2121",
    "data:,x": "null",
    "about:blank": "null",
    "blob:https://a.example/1": "https://a.example",
}
"""URLs and the origin of each, the same in both browsers."""


@pytest.fixture(scope="module")
def any_host() -> Iterator[AnyHost]:
    with AnyHost() as server:
        yield server


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def evaluate(request: pytest.FixtureRequest, any_host: AnyHost) -> Iterator[Evaluate]:
    """Evaluates in either browser, with `AnyHost` as its proxy."""
    if request.param == "chromium":
        chromium: Browser = request.getfixturevalue("chromium")
        proxy = {"server": f"http://127.0.0.1:{any_host.port}", "bypass": "<-loopback>"}
        context = chromium.new_context(proxy=proxy)  # type: ignore[arg-type]
        page = context.new_page()

        def in_chromium(url: str, expression: str) -> Any:
            page.goto(url)
            return page.evaluate(expression)

        yield in_chromium
        context.close()
        return
    proxy_preferences: dict[str, bool | str | int] = {
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": any_host.port,
        "network.proxy.allow_hijacking_localhost": True,
    }
    with Firefox(firefox_program(), proxy_preferences) as firefox:

        def in_firefox(url: str, expression: str) -> Any:
            firefox.open(url)
            return firefox.evaluate(expression)

        yield in_firefox


def origins_of(evaluate: Evaluate) -> dict[str, str]:
    """The origin that the browser makes of each host; hosts that it refuses are left out."""
    origins = evaluate("http://start.example/", f"({ORIGINS % PORT})({list(HOSTS)})")
    return {host: origin for host, origin in zip(HOSTS, origins, strict=True) if origin is not None}


def is_carried(origin: str) -> bool:
    """Whether DNS or an address can carry the host of an origin."""
    host = origin.removeprefix("http://").rpartition(":")[0]
    if host.startswith("["):
        return True
    labels = host.removesuffix(".").split(".")
    return len(host.removesuffix(".")) <= 253 and all(0 < len(each) < 64 and set(each) <= CARRIED for each in labels)


def test_the_origins_that_a_browser_makes_are_accepted_if_dns_can_carry_them(evaluate: Evaluate) -> None:
    origins = origins_of(evaluate)
    assert len(origins) > 80
    assert {origin: parse_origin(origin) is not None for origin in origins.values()} == {
        origin: is_carried(origin) for origin in origins.values()
    }


def test_a_host_that_a_browser_writes_otherwise_is_refused_as_written(evaluate: Evaluate) -> None:
    written_otherwise = {host for host, origin in origins_of(evaluate).items() if origin != f"http://{host}:{PORT}"}
    assert len(written_otherwise) > 25
    assert [host for host in sorted(written_otherwise) if parse_origin(f"http://{host}:{PORT}") is not None] == []


def test_a_host_that_a_browser_refuses_is_refused(evaluate: Evaluate) -> None:
    refused = set(HOSTS) - origins_of(evaluate).keys()
    assert len(refused) > 20
    # `xn--` labels that are not Punycode: a browser refuses what DNS and the grammar of the contract can carry.
    carried = {host for host in refused if parse_origin(f"http://{host}:{PORT}") is not None}
    assert carried <= {"xn--a.example", "xn--.example", "xn--a-ecp.ru"}


def test_a_page_sends_the_origin_of_its_url(evaluate: Evaluate) -> None:
    origins = [origin for origin in origins_of(evaluate).values() if is_carried(origin)]
    assert {origin: evaluate(f"{origin}/", ASK) for origin in origins} == {origin: origin for origin in origins}


def test_the_origin_of_other_schemes_and_ports(evaluate: Evaluate) -> None:
    script = "(urls) => urls.map((url) => new URL(url).origin)"
    assert evaluate("http://start.example/", f"({script})({list(SCHEMES)})") == list(SCHEMES.values())
    refused = {origin for origin in SCHEMES.values() if parse_origin(origin) is None}
    assert refused == {"null", "https://a.example:0"}
    # The URL standard leaves the origin of files open; Chromium has a name for it that it never sends.
    assert evaluate("http://start.example/", "new URL('file:///tmp/x').origin") in ("null", "file://")
    assert parse_origin("file://") is None


def test_an_extension_is_an_origin_of_its_own(evaluate: Evaluate) -> None:
    """Each browser gives an origin to its own extensions' scheme, and none to other schemes."""
    names = [
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://0b1c2d3e-1111-2222-3333-44445555666f",
    ]
    names += ["app://.", "capacitor://localhost"]
    script = "(urls) => urls.map((url) => new URL(url).origin)"
    origins = evaluate("http://start.example/", f"({script})({[f'{name}/x' for name in names]})")
    assert origins in ([names[0], "null", "null", "null"], ["null", names[1], "null", "null"])
    assert [parse_origin(name) is not None for name in names] == [True] * 4

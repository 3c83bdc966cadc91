"""Policies and requests at the limits of the decision: every length, every count, and each character by itself.

Random cases seldom hit a limit. The comparison of the CloudFront Functions with the edge function starts with these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from harness.generate import Fields

ALLOWED = "https://app.example.com"
CHARACTERS = (*map(chr, range(128)), "\x80", "\xe9", "\u0130", "\u017f", "\u212a", "\uff0e", "\U0001f600")
"""Each ASCII character, and some that become ASCII in lower case or look like it."""

SCHEMES = ("http", "https", "ws", "wss", "ftp", "app", "file", "constructor", "a", "a+b-c.9", "9a", "A", "")
PORTS = ("", "1", "21", "80", "443", "8080", "9999", "10000", "65535", "65536", "99999", "100000", "0", "08", "*", "a")
HOSTS = (
    *("a", "a.", ".", "..", "", "a..b", ".a", "-a-", "_", "a" * 63, "a" * 64, "x." + "a" * 63, "x." + "a" * 64),
    *("a." * 126 + "a", "a." * 126 + "ab", "a." * 126 + "a.", "a." * 125 + "ab.", "a." * 127, "a." * 127 + "a"),
    *("1.2.3.4", "1.2.3.4.", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04"),
    *(
        "249.250.99.100",
        "199.200.9.10",
        "260.1.1.1",
        "300.1.1.1",
        "1.2..3",
        "a.1",
        "a.0x",
        "a.0x1f",
        "a.0xg",
        "1",
        "1.a",
    ),
    *("a.1.", "a.0x1.", "0x", "x0x1", "a.b0x1", "a.1a", "1.2.3.1000"),
)
ADDRESSES = (
    *("::", "::1", "1::", "1::2", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::"),
    *("::2:3:4:5:6:7:8", "1:2:3::5:6:7:8", "1:0:3:4:5:6:7:8", "1:0:0:4:5:6:7:8", "1::4:5:6:7:8", "1:0:0:4:0:0:0:8"),
    *(
        "1:0:0:4::8",
        "1::4:0:0:0:8",
        "1::4:0:0:7:8",
        "1:0:0:4::7:8",
        "0:0:3:4:5:6:7:8",
        "::3:4:5:6:7:8",
        "1:2:3:4:5:6::",
    ),
    *("1:2:3:4:5:6:0:0", "0:0:0:0:0:0:0:0", "0::", "::0", "01::", "1::02", "ffff::", "10000::", "A::", "g::", ":::"),
    *("1:::2", "1::2::3", ":1", "1:", "", ":", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "fe80::1%25eth0", "abcd:1234::"),
    *("1:2:3:4:0:6:7::", "0:0:1:0:0:0:0:1", "0:0:1::1", "::1:0:0:0:0:1", "0:1::", "::1:0", "0:2:3:4:5:6:7:8"),
    *("0:0:0:4:5:0:0:0", "::4:5:0:0:0", "0:0:0:4:5::", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7::8", "::1:2:3:4:5:6:7:8"),
)
STARS = ("", "a", "a.b", "a" * 63, "a" * 64, ".", "a.", ".a", "-", "a_b", "*", "1", "A", "a." * 110 + "b", "a:1", "a/b")
PATTERNS = (
    *(
        "https://*.example.com",
        "https://shop-*.example.com",
        "https://*-app.example.com",
        "https://a*b.example.com",
        "https://a*.one.example",
    ),
    *("https://*.example.com:8443", "https://*.port.example:*", "https://star.example:*", "http://localhost:*"),
    *("moz-extension://*", "chrome-extension://*", "http://[::1]:*", "app://fixed", "https://*.a.b.c.example.com"),
)
METHODS = (
    "GET",
    "get",
    "PUT",
    "Put",
    "CONNECT",
    "connect",
    "connectx",
    "xconnect",
    "TRACE",
    "track",
    "tracks",
    "",
    "*",
)
PATH_GLOBS = (
    "/",
    "/a",
    "/?",
    "/*",
    "/a*",
    "*a",
    "/a*b",
    "/a?b",
    "/a*b*c",
    "/*?",
    "/a??",
    "*",
    "/a*a",
    "/*a*",
    "?*",
    "/ab*ba",
    "/a#b",
    "/???",
    "/a???b",
    "/???\u00e9",
)
PATHS = (
    *("/", "/a", "/b", "/ab", "/aab", "/aXb", "/abc", "/aXbXc", "/abcabc", "/acb", "/aa", "/aba", "/abba", "/abXba"),
    *(
        "/xa",
        "a",
        "",
        "*",
        "//",
        "//a",
        "/a/",
        "/a//b",
        "/./a",
        "/x/../a",
        "/x/..",
        "/..",
        "/.",
        "/a/.",
        "/a/..",
        "/a;x",
    ),
    *(
        "/a%2Fb",
        "/%61",
        "/a%3Fb",
        "/a%23b",
        "/?%00/%80%2f%5c",
        "/a%C0%80b",
        "/%C3%BC%e9",
        "/a%u0000b",
        "/a%C0%AFb",
        "/\x7f%e9",
        "/a/b/..;x",
        "/;" + "a" * 4093,
        "/;" + "a" * 4094,
        "/a?b",
        "/a#b",
        "/a%00b",
        "/a%25b",
        "/%e9",
        "/%c3%a9",
        "/\u00e9",
        "/\U0001f600",
    ),
    *("/" + "a" * 4094 + ";", "/" + "a" * 4095 + ";", "/" + ";" + "a" * 2045, "/;" + "a" * 2046, "/;" + "a" * 2047),
    *("/" + ";a" * 3, "/" + "%2F" * 5, "/" + "%25" * 6, "/" + "%C0%AF" * 3, "/%u002Fa", "/%uD83D", "/%F0%82%82%AC"),
)
HOST_GLOBS = ("cdn.example.com", "*.example.com", "c?n.example.org", "localhost", "[::1]", "*")
HOST_HEADERS = (
    *(None, "", "cdn.example.com", "CDN.example.com", "cdn.example.com.", "cdn.example.com:", "cdn.example.com:443"),
    *("cdn.example.com.:80", "cdn.example.com:a", "a.example.com", "example.com", ".example.com", "cn.example.org"),
    *(
        "cdn.example.org",
        "ccdn.example.org",
        "[::1]",
        "[::1]:80",
        "[::1]:",
        "a,b",
        "a b",
        "localhost\n",
        ":80",
        "a:1:2",
    ),
)

PIECES = (
    *(
        "/",
        "/",
        "/..",
        "/.",
        "/./",
        "/../",
        "//",
        ";",
        "%2F",
        "%2f",
        "%5c",
        "%25",
        "%3B",
        "%3F",
        "%23",
        "%00",
        "%zz",
        "%",
    ),
    *("%u002F", "%u00e9", "%u0000", "%C0%AF", "%c0%8g", "%E0%80%AF", "%F0%80%80%AF", "%e9", "%C3%A9", "%c3", "%E3%81"),
    *("%f0%9f%98%80", "%F0%9F%98", "%ED%A0%80", "%EF%BB%BF", "a", "me", "@", "\u00e9", "?", "#", "\\", "\0", "%61"),
    *("%%32F", "%2", "%252e", "%2e", ".", "x" * 50, "\n", "%f4%90%80%80", "%80", "b" * 400, "\x01", "\x02", "%01"),
)
"""Parts of paths that servers read in different ways."""


READINGS = (
    ("/b%C3%BCro", "/b\u00fcro"),
    ("/a%26b", "/a&b"),
    ("/%ED%80%80", "/\ud000"),
    ("/x%C1%81", "/xA"),
    ("/a\0b", "/ab"),
    ("/a%uDCE4b", "/a\u00e4b"),
    ("/a%%32Fb", "/a%252Fb"),
    ("/a%23b", "/a23b"),
    ("/zbxc", "/*a?c*"),
    ("/x%E0%81%81", "/xA"),
    ("/%C3%BC%E4", "/\u00c3\u00bc\u00e4"),
    ("/" + "%41" * 384, "/A*"),
    ("/" + "%41" * 385, "/A*"),
    ("/b/" + "%FF" * 64, "/b/*"),
    ("/b/" + "%FF" * 65, "/b/*"),
    ("/a%2F" + "a%E9" * 63 + "%41", "/a/*"),
    # As many forms as there may be, and one more.
    ("/%2F;//", "/zzz"),
    ("/%25;//", "/zzz"),
)
"""Paths, each with a glob that one of its readings falls under, or nearly does."""


class Boundary(NamedTuple):
    """A policy with requests.

    Attributes:
        text: the policy.
        requests: all of them for that policy.
        keyed: whether origins in buckets may be answered in another way than origins in the policy.
    """

    text: str
    requests: list[Fields]
    keyed: bool = False


def boundaries() -> Iterator[Boundary]:
    """All policies with their requests, always the same."""
    yield Boundary(_document([_rule([ALLOWED], debug=True)]), list(map(preflight, _malformed())))
    patterns = _document([_rule([*PATTERNS, ALLOWED], on_refused="block")])
    yield Boundary(patterns, list(map(actual, _pattern_origins())), keyed=True)
    yield Boundary(_document([_rule([ALLOWED], on_refused="block")]), list(_same_origin()))
    yield from _requested()
    yield from _quoted()
    yield from _globs()
    yield from _readings()
    yield from _candidates()
    yield from _grants()
    yield from _buckets()


def composed_path(random: Random) -> str:
    """A path of up to eight such parts."""
    return "/" + "".join(random.choice(PIECES) for _ in range(random.randrange(9)))


def preflight(origin: str | None = ALLOWED, **fields: Any) -> Fields:
    """A preflight for PUT."""
    return actual(origin, **{"method": "OPTIONS", "request_method": "PUT", **fields})


def actual(origin: str | None = ALLOWED, **fields: Any) -> Fields:
    """A request with an origin."""
    request: Fields = dict.fromkeys(("request_method", "request_headers", "private_network", "fetch_site", "scheme"))
    return {**request, "method": "GET", "path": "/", "host": "site.example", "origin": origin, **fields}


def _document(rules: Sequence[Fields]) -> str:
    return json.dumps({"version": 1, "rules": list(rules)})


def _rule(origins: Sequence[str] | str, **fields: Any) -> Fields:
    return {"allow_origins": origins, **fields}


def _malformed() -> Iterator[str]:
    """Origins around the limits of the grammar. With `debug` a refusal says whether one is malformed."""
    for scheme in SCHEMES:
        yield from (f"{scheme}://a.example{':' * bool(port)}{port}" for port in PORTS)
        yield from (f"{scheme}://{host}" for host in ("", "a", "1.2.3.256", "A", "[::1]"))
    yield from (f"https://{host}" for host in HOSTS)
    yield from (f"https://{host}:1" for host in HOSTS)
    yield from (f"app://{host}" for host in HOSTS)
    yield from (f"https://[{address}]" for address in ADDRESSES)
    yield from (
        *("https://[::1", "https://::1]", "https://[::1]x", "https://[::1]:1", "https://[::1]:443"),
        "app://[::1]",
    )
    for character in CHARACTERS:
        for form in (
            "h{}ttps://a.example",
            "https://a{}.example",
            "app://a{}",
            "https://a.example{}",
            "{}https://a.example",
        ):
            yield form.format(character)
    yield from (
        "app://" + "a" * 506,
        "app://" + "a" * 507,
        "https://a",
        "https:/a",
        "https:a",
        "null",
        "NULL",
        "",
        "://",
    )


def _pattern_origins() -> Iterator[str]:
    for pattern in (*PATTERNS, ALLOWED):
        base = pattern.removesuffix(":*")
        for port in ("", ":1", ":8443", ":443", ":80", ":65535", ":"):
            yield base.replace("*", "a") + port
        yield from (base.replace("*", star) for star in STARS)
        yield from (base.replace("*", character) for character in CHARACTERS if "*" in base)
        yield from (base.replace("*", "a") + character for character in ".x")
        yield base.replace("*", "a").replace("//", "//x")
        yield base.replace("*.", "").replace("*", "")
    yield from ("null", ALLOWED.upper(), ALLOWED + ":8443", "https://evil.example")


def _same_origin() -> Iterator[Fields]:
    """Blocked are requests that are certainly of another origin."""
    origins = (
        "https://o.example",
        "http://o.example",
        "https://o.example:8443",
        "https://[::1]",
        "malformed",
        "null",
        "",
    )
    hosts = (
        "o.example",
        "O.EXAMPLE",
        "o.example:443",
        "o.example:80",
        "o.example:8443",
        "o.example:",
        "o.example.",
        ":",
    )
    for origin in origins:
        for host in (*hosts, "[::1]", "[::1]:443", ":443", "", None, "x.example", "o.example, x"):
            yield actual(origin, host=host)
        for site in ("same-origin", "none", "same-site", "cross-site", "", "Same-Origin", "same-origin, none"):
            yield actual(origin, host="o.example", fetch_site=site)
            yield actual(origin, host="x.example", fetch_site=site)


REQUESTED_HEADERS = (
    *("x-a", "X-A", "x-b", "x-a,x-b", " x-a ,\tx-b\t", "x-a,,x-b", "x-a,x-a,X-A", "authorization", "x-a x-b", "x-a;"),
    *(None, "", "*", ",", "," * 15, "," * 16, "," * 17, "x-a" + "," * 16, "x-a" + "," * 17),
    *(",".join(["x-a"] * count) for count in (63, 64, 65)),
    *(",".join(["x-a"] * 64) + "," * count for count in (16, 17)),
    *("x-a".ljust(length) for length in (4095, 4096, 4097)),
    *("x" * length for length in (4095, 4096, 4097)),
)


def _requested() -> Iterator[Boundary]:
    """Methods and header names that preflights ask for."""
    every: Fields = {"allow_methods": "*", "allow_headers": "*"}
    some: Fields = {"allow_methods": ["GET", "PURGE"], "allow_headers": ["x-a", "content-type"]}
    requests = [preflight(request_method="GET", request_headers=value) for value in REQUESTED_HEADERS]
    requests += [preflight(request_method=method, request_headers="x-a") for method in METHODS]
    requests += [preflight(private_network=value) for value in ("true", "True", "false", "", None)]
    requests += [preflight(request_method=None), preflight(None), preflight(method="options"), actual()]
    characters = [preflight(request_headers=f"x-a{character}") for character in CHARACTERS]
    characters += [preflight(request_method=f"GE{character}T") for character in CHARACTERS]
    for origins in ([ALLOWED], "*"):
        yield Boundary(_document([_rule(origins, **every)]), requests)
        yield Boundary(_document([_rule(origins, **some)]), requests)
        yield Boundary(_document([_rule(origins, allow_methods=[])]), requests)
        yield Boundary(_document([_rule(origins, allow_headers=[], expose_headers=[])]), requests)
    yield Boundary(_document([_rule([ALLOWED], **every, allow_credentials=True)]), [*requests, *characters])
    debug = _rule([ALLOWED], **some, debug=True, allow_private_network=True)
    yield Boundary(_document([debug]), [*requests, *characters])


def _quoted() -> Iterator[Boundary]:
    """Causes of refusals, which a policy with `debug` repeats."""
    texts = [f"x{character}y" for character in CHARACTERS]
    texts += [
        "'",
        '"',
        "'\"",
        "\\",
        "a'b\"c",
        "\u2028",
        "\u0100",
        "\uffff",
        "\U00010000",
        "\U0010ffff",
        "\"'",
        *("m" * count for count in (99, 100, 101)),
    ]
    rules = [_rule("*", paths=["/open/*"]), _rule([ALLOWED], debug=True, allow_headers=["x-a"], max_age=0)]
    requests = [preflight(request_method=text) for text in texts]
    requests += [
        preflight(request_headers=f"x-b{text}") for text in ("", *(f"~{'h' * count}" for count in (95, 96, 97)))
    ]
    requests += [preflight(origin) for origin in ("https://evil.example", "evil", "null", "https://EVIL.example")]
    yield Boundary(_document(rules), requests)


def _globs() -> Iterator[Boundary]:
    """Paths and hosts that globs nearly match."""
    for glob in PATH_GLOBS:
        rules = [_rule([ALLOWED], paths=[glob], max_age=1), _rule([ALLOWED], max_age=2)]
        yield Boundary(_document(rules), [preflight(path=path) for path in PATHS])
    for glob in HOST_GLOBS:
        rules = [_rule([ALLOWED], hosts=[glob], max_age=1), _rule([ALLOWED], max_age=2)]
        yield Boundary(_document(rules), [preflight(host=host) for host in HOST_HEADERS])
    both = _rule([ALLOWED], hosts=["cdn.example.com"], paths=["/a*"], max_age=1)
    requests = [preflight(host=host, path=path) for host in HOST_HEADERS for path in ("/a", "/b", "x", "/%2Fa", "/a;")]
    yield Boundary(_document([both]), requests)
    yield Boundary(_document([both, _rule([ALLOWED], hosts=["a.example.com"], max_age=2)]), requests)


def _readings() -> Iterator[Boundary]:
    """Paths of which one reading may fall under a rule for another origin."""
    for path, glob in READINGS:
        for first, second in ((ALLOWED, "https://b.example"), ("https://b.example", ALLOWED)):
            rules = [_rule([first], paths=[glob]), _rule([second])]
            yield Boundary(_document(rules), [actual(path=path), preflight(path=path)])


def _candidates() -> Iterator[Boundary]:
    """Ambiguous resources, whose rules say the same, or do not."""
    paths = (
        "/a",
        "/b",
        "/c",
        "/x/..;/a",
        "/a;/../b",
        "/a%2F..%2Fb",
        "/%2e%2e%2Fa",
        "a",
        "/%25%36%31",
        "/b%3Fa",
        "/a//b",
    )
    other: Fields = {"timing_allow_origin": True, "allow_private_network": True, "resource_policy": "same-site"}
    variants: tuple[Fields, ...] = ({}, other, {"on_refused": "block"}, {"on_refused": "block", **other})
    for first in variants:
        for second in variants:
            rules = [_rule([ALLOWED], paths=["/a*"], **first), _rule(["https://b.example"], paths=["/b*"], **second)]
            origins = (ALLOWED, "https://b.example", "https://evil.example", None)
            requests = [preflight(origin, path=path) for origin in origins[:3] for path in paths]
            requests += [actual(origin, path=path) for origin in origins for path in paths]
            requests += [actual(origin, path=path, host=None) for origin in origins for path in paths[:4]]
            yield Boundary(_document(rules), requests)
            yield Boundary(_document([{**rules[0], "hosts": ["*.example"]}, rules[1]]), requests)


def _grants() -> Iterator[Boundary]:
    """Grants of one rule: the first that has the origin decides."""
    extra: Fields = {"allow_credentials": True, "expose_headers": ["etag"], "timing_allow_origin": True, "max_age": 9}
    grants = [
        {"allow_origins": [ALLOWED, "https://*.many.example"], **extra},
        {"allow_origins": ["https://b.example", "null", "moz-extension://*"], "allow_headers": ["x-a"]},
        {"allow_origins": "*", "allow_methods": ["GET"], "allow_private_network": True},
    ]
    named = (
        ALLOWED,
        "https://a.many.example",
        "https://b.example",
        "null",
        "moz-extension://x",
        "https://evil.example",
    )
    origins = (*named, "1", "2", "1 x", "malformed", "0", "null ")
    requests = [make(origin, **fields) for origin in origins for make in (preflight, actual) for fields in _VARIANTS]
    requests += [actual(None), preflight(None)]
    for count in (1, 2, 3):
        for block in ({}, {"on_refused": "block"}) if count < 3 else ({},):
            yield Boundary(_document([{"grants": grants[:count], **block}]), requests, keyed=True)
    yield Boundary(_document([{"grants": grants[1:]}]), requests, keyed=True)


_VARIANTS: tuple[Fields, ...] = (
    {},
    {"request_method": "GET", "private_network": "true"},
    {"request_method": "DELETE", "request_headers": "x-a"},
    {"request_headers": "x-b, x-b"},
)


def _buckets() -> Iterator[Boundary]:
    """A list that takes several buckets, with patterns of different depths."""
    hosts = ("a{}.example", "b{}.c.example", "[2001:db8::{}]", "x.y.z{}.example")
    entries = [f"https://{host.format(number)}" for number in range(1, 30) for host in hosts]
    entries += [f"https://{host.format(number)}:8443" for number in range(1, 8) for host in hosts]
    stars = (
        "https://*.p{}.example",
        "https://s-*.p{}.q.example",
        "https://*.r.s.t{}.example:*",
        "http://h{}.example:*",
    )
    patterns = [star.format(number) for number in range(1, 10) for star in stars]
    opaque = ["null", "moz-extension://*", *(f"app://v{number}" for number in range(9))]
    origins = [*entries, *opaque, *(pattern.removesuffix(":*").replace("*", "k") for pattern in patterns)]
    origins += [f"{origin}{end}" for origin in origins[::5] for end in ("x", ":1", ".", "")]
    origins += [
        "https://p1.example",
        "https://a.b.p1.example",
        "https://q.example",
        "malformed",
        "moz-extension://m",
        "",
    ]
    both = [
        {"allow_origins": entries},
        {"allow_origins": [*patterns, *opaque], "allow_credentials": False, "max_age": 9},
    ]
    requests = [make(origin) for origin in origins for make in (preflight, actual)]
    yield Boundary(_document([{"grants": both}]), requests, keyed=True)
    other = _rule(["https://a1.example"], paths=["/other"])
    yield Boundary(
        _document([other, {"grants": both[:1]}]), [{**request, "path": "/other"} for request in requests[::9]]
    )
    yield Boundary(_document([other, {"grants": both[:1]}]), requests[::3], keyed=True)
    rules = [
        _rule([f"https://{host}{number}.example" for host in "abc"], paths=[f"/{number}/*"]) for number in range(12)
    ]
    numbered = [f"https://{host}{number}.example" for host in "ab" for number in range(12)]
    requests = [actual(origin, path=f"/{number}/x") for origin in numbered for number in (0, 9, 10, 11)]
    yield Boundary(_document(rules), requests, keyed=True)
    # One of two rules of an ambiguous path has its origins in buckets.
    rules = [_rule([ALLOWED, "https://b.example", "null"], paths=["/a*"]), _rule(["null"], paths=["/b*"])]
    requests = [
        make("null", path=path) for path in ("/x/..;/a", "/a;/../b", "/b%2F..%2Fa") for make in (actual, preflight)
    ]
    yield Boundary(_document(rules), requests, keyed=True)

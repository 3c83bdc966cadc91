"""Random policies, and requests that nearly fit them. Plain `random`: a seed gives the same cases anywhere.

Random text would almost always be refused for the same dull reason, so requests start from what a policy allows and are
corrupted in one place, rarely in several. The oracle, not this module, decides the expected result.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from edgecors.fields import GRANT_FIELDS, RULE_FIELDS, Boolean

T = TypeVar("T")
Document = dict[str, Any]
Fields = dict[str, Any]

NAMES = (
    "example.com",
    "shop.example.com",
    "a-b.example.org",
    "xn--bcher-kva.example",
    "x_y.example.net",
    "api.0a.example",
)
BARE_HOSTS = ("app", "example.com.", "10.0.0.7", "[2001:db8::7]", "[::ffff:102:304]", "[1:0:2::3:0]", "0x7g.example")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "app.localhost")
PORTS = ("", "", "", "", ":8443", ":3000", ":1", ":65535", ":44")
EXTENSIONS = (
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://0b1c2d3e-1111-2222-3333-44445555666f",
    "ws+x.1-a://h.example",
    "app://.",
    "app://-",
)
STARS = ("*", "*", "*", "shop-*", "*-app", "a*a", "pr-*-web", "*x")
HEADER_NAMES = (
    "x-a",
    "x-b",
    "cookie",
    "access-control-allow-origin",
    "authorization",
    "content-type",
    "x-request-id",
    "etag",
    "range",
    "x!#$%&'*+.^_`|~9",
)
BOOLEANS_OF_RULES = tuple(field.name for field in RULE_FIELDS if isinstance(field.reader, Boolean))
BOOLEANS_OF_GRANTS = tuple(
    field.name for field in GRANT_FIELDS if isinstance(field.reader, Boolean) and field.name != "allow_credentials"
)
"""Names from the field table, so that a new field is tried without a change here. Credentials decide about entries."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE", "get", "OPTIONS", "Put")
PATHS = (
    "/",
    "/api/",
    "/api/v1/items",
    "/api",
    "/fonts/a.woff2",
    "/Api/x",
    "/x.css",
    "/~a",
    "/a//b",
    "/a/b/c",
    "/api/%2B",
    "/b\u00fccro/x",
    "/@me/x",
)
PATH_GLOBS = (
    "/*",
    "/*",
    "/api/*",
    "*.css",
    "/a?i*",
    "fonts/*",
    "/~a",
    "/api",
    "*",
    "/*/b",
    "/a//b",
    "?pi/*",
    "/a*i*t*",
    "/api/+*",
    "/b\u00fccro/*",
    "/%40me/*",
    "/*;v=1",
)
HOST_GLOBS = ("*", "*", "*.example.com", "shop.*", "CDN.example.com", "sho?.example.com", "localhost", "[::1]", "*e*e*")
HOSTS = (
    None,
    "cdn.example.com",
    "CDN.example.com",
    "shop.example.com",
    "SHOP.example.com.",
    "shop.example.com:8443",
    "localhost:3000",
    "[::1]:80",
    "evil.example",
    "",
    ":",
    "shop.example.com:",
)
UNREADABLE = (
    "https://",
    "example.com",
    "https://a.example/x",
    "https://*.*.example",
    "https://u@a.example",
    "file://x",
    "https://a:0",
    "https://b\u00fccher.example",
    "https://*",
    "ht*p://a.example",
    "https://*.0.0.1",
)
"""What no list may come to mean anything by: entries that are skipped."""
UNSAFE = (
    "null",
    "moz-extension://*",
    "http://a.example",
    "http://*.example.com",
    "http://10.0.0.7:*",
    "http://127.0.0.1.example",
)
"""Entries that a rule with credentials must not take over from a list."""

CONFUSABLES = {
    "a": "\u0430",
    "e": "\u0435",
    "o": "\uff4f",
    "s": "\u017f",
    "k": "\u212a",
    "i": "\u0131",
    ".": "\u3002",
    "-": "\u2010",
    "/": "\u2215",
    ":": "\uff1a",
    "1": "\u0661",
    "0": "\u0966",
    "3": "\u00b3",
}
"""Each looks like a letter, a digit, a dot or a slash; some become one in lower case or by normalisation."""
BREAKS = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
CONTROLS = (
    *BREAKS,
    "\0",
    "\t",
    "\x1f",
    " ",
    "\x7f",
    "\u00a0",
    "\u00ad",
    "\u200b",
    "\u200e",
    "\ufeff",
    "\ud800",
    "\U000e0041",
)


class GeneratedCase(NamedTuple):
    """A site's parameter with the lists that it names, and the same policy written out in full for the oracle."""

    text: str
    lists: dict[str, str | None]
    meant: Document


def pick(random: Random, items: Sequence[T]) -> T:
    """`random.choice`, in half the time."""
    return items[int(random.random() * len(items))]


def chance(random: Random, share: float) -> bool:
    """True in this share of the cases."""
    return random.random() < share


# Policies


def label(random: Random) -> str:
    """A host label that begins with a letter, so that no host ends in a number."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"
    middle = "".join(pick(random, letters) for _ in range(random.randrange(6)))
    return pick(random, letters[:26]) + middle + pick(random, letters[:36])


def name(random: Random) -> str:
    """A host name, mostly one of a few, so that entries meet."""
    base = pick(random, NAMES)
    return base if chance(random, 0.7) else f"{label(random)}.{base}"


def entry(random: Random, credentials: bool) -> str:
    """One entry of an allowlist, in canonical spelling."""
    kind = random.random()
    if not credentials and kind < 0.05:
        return "null"
    if kind < 0.1:
        return pick(random, EXTENSIONS)
    port = pick(random, PORTS) if chance(random, 0.8) else ":*"
    if kind < 0.2:
        return f"{pick(random, ('http', 'https'))}://{pick(random, LOOPBACK)}{port}"
    scheme = "https" if credentials else pick(random, ("https", "https", "https", "http", "wss"))
    if kind < 0.3:
        return f"{scheme}://{pick(random, BARE_HOSTS)}{port}"
    if kind < 0.6:
        return f"{scheme}://{pick(random, STARS)}.{name(random)}{port}"
    return f"{scheme}://{name(random)}{port}"


def repairable(random: Random, text: str, blanks: bool) -> str:
    """The entry, sometimes in a spelling that is repaired: upper case, a slash, the default port, blanks."""
    if text == "null" or not chance(random, 0.12):
        return text
    default = {"http": ":80", "https": ":443", "wss": ":443"}.get(text.partition("://")[0])
    bare = ":" not in text.rpartition("]")[2].removeprefix("://").rpartition("/")[2]
    ways = [text.upper(), text.title(), text + "/"]
    if default and bare:
        ways += [text + default, text + default + "/"]
    if blanks:
        ways += [f" {text}", f"{text}\t", f"\n{text} "]
    return pick(random, ways)


def entries(random: Random, credentials: bool, blanks: bool = True) -> list[str]:
    """Some entries, none of which stands twice in whatever spelling."""
    distinct = dict.fromkeys(entry(random, credentials) for _ in range(random.randrange(1, 5)))
    return [repairable(random, text, blanks) for text in distinct]


def some(random: Random, items: Sequence[str], most: int) -> list[str]:
    """A few of the items, each once, in any order."""
    return random.sample(list(items), random.randrange(most + 1))


def rule(random: Random) -> Fields:
    """One rule without a safety error; every optional field is there in some and absent in others."""
    credentials, everyone = pick(random, ((True, False), (False, False), (False, True), (True, False), (False, False)))
    if chance(random, 0.25):
        grants = [grant(random, pick(random, (True, False)), False) for _ in range(pick(random, (1, 1, 2)))]
        if everyone or chance(random, 0.5):
            grants.append(grant(random, False, True))
        fields: Fields = {"grants": grants}
    else:
        fields = grant(random, credentials, everyone)
    optional: dict[str, Callable[[], Any]] = {
        "hosts": lambda: some(random, HOST_GLOBS, 2) or ["*"],
        "paths": lambda: some(random, PATH_GLOBS, 3) or ["/*"],
        "on_refused": lambda: pick(random, ("omit", "block", "block")),
        "resource_policy": lambda: pick(random, ("same-origin", "same-site", "cross-origin")),
        **{name: lambda: chance(random, 0.6) for name in BOOLEANS_OF_RULES},
    }
    for field, make in optional.items():
        if chance(random, 0.3):
            fields[field] = make()
    return fields


def grant(random: Random, credentials: bool, everyone: bool) -> Fields:
    """One grant without a safety error; every optional field is present in some and absent in others."""
    fields: Fields = {"allow_origins": pick(random, ("*", ["*"])) if everyone else entries(random, credentials)}
    if credentials or chance(random, 0.2):
        fields["allow_credentials"] = credentials
    optional: dict[str, Callable[[], Any]] = {
        "allow_methods": lambda: pick(random, ("*", ["*"], some(random, METHODS, 5))),
        "allow_headers": lambda: pick(
            random, ("*", some(random, HEADER_NAMES, 4), [n.title() for n in some(random, HEADER_NAMES, 3)])
        ),
        "expose_headers": lambda: some(random, HEADER_NAMES, 3) if credentials or chance(random, 0.6) else "*",
        "max_age": lambda: pick(random, (0, 1, 600, 86400)),
        **{name: lambda: chance(random, 0.6) for name in BOOLEANS_OF_GRANTS},
    }
    for field, make in optional.items():
        if chance(random, 0.3):
            fields[field] = make()
    return fields


def grants_of(each: Fields) -> list[Fields]:
    """The grants of a rule; a rule without ``grants`` has one, written in the rule itself."""
    return list(each["grants"]) if "grants" in each else [each]


def document(random: Random) -> Document:
    """A valid policy document without lists."""
    fields: Document = {"version": 1, "rules": [rule(random) for _ in range(pick(random, (1, 1, 2, 3)))]}
    if chance(random, 0.1):
        fields["mode"] = pick(random, ("enforce", "shadow"))
    if chance(random, 0.1):
        fields["refresh_seconds"] = random.randrange(5, 3601)
    return fields


def policy(random: Random) -> GeneratedCase:
    """A policy as it may stand in Parameter Store: JSON or a plain list, with lists or without, packed or not."""
    if chance(random, 0.12):
        return plain_policy(random)
    meant = document(random)
    written: Document = json.loads(json.dumps(meant))
    lists: dict[str, str | None] = {}
    for each, full in zip(written["rules"], meant["rules"], strict=True):
        if "paths" in each and chance(random, 0.3):
            # Globs are brought into the spelling that paths are compared in.
            each["paths"] = [glob.replace("+", "%2b").replace("~", "%7E") for glob in each["paths"]]
        for one, same in zip(grants_of(each), grants_of(full), strict=True):
            if "max_age" in one and chance(random, 0.2):
                one["max_age"] = float(one["max_age"])  # JSON has one kind of number
            if one["allow_origins"] not in ("*", ["*"]) and chance(random, 0.3):
                _move_to_list(random, one, same, lists)
    return GeneratedCase(_packed(random, json.dumps(written)), lists, meant)


def plain_policy(random: Random) -> GeneratedCase:
    """A plain list, with entries in it that can't be read, and maybe lists named."""
    listed = entries(random, False, blanks=False)
    meant: Document = {"version": 1, "rules": [{"allow_origins": list(listed)}]}
    lists: dict[str, str | None] = {}
    if chance(random, 0.3):
        written = {"allow_origins": list(listed)}
        _move_to_list(random, written, meant["rules"][0], lists)
        listed = written["allow_origins"]
    if chance(random, 0.3):
        listed.append(pick(random, (*UNREADABLE, "@", "@a/b", "*")))
    return GeneratedCase(_packed(random, _joined(random, listed)), lists, meant)


def _move_to_list(random: Random, written: Fields, meant: Fields, lists: dict[str, str | None]) -> None:
    """Move some of a rule's entries to a list that it names; what else the list holds must come to nothing."""
    listed = pick(random, ("partners", "team.a", "b_2"))
    if listed in lists:
        return
    own = [text for text in written["allow_origins"] if chance(random, 0.5)]
    moved = [text.strip() for text in written["allow_origins"] if text not in own]
    noise = [pick(random, (*UNREADABLE, "*", "@other")) for _ in range(random.randrange(3))]
    if meant.get("allow_credentials"):
        noise += some(random, UNSAFE, 2)
    written["allow_origins"] = [*own, f"@{listed}"]
    lists[listed] = _packed(random, _joined(random, [*moved, *noise]))
    if not moved and chance(random, 0.5):
        lists[listed] = None


def _joined(random: Random, listed: list[str]) -> str:
    text = ""
    for item in listed:
        text += item + pick(random, (",", ", ", " ", "\n", ",,", " ,\t"))
    return text


def _packed(random: Random, text: str) -> str:
    if not chance(random, 0.02):
        return text
    return "gz:" + base64.b64encode(gzip.compress(text.encode(), 1)).decode()


# Requests


def instance(random: Random, pattern: str) -> str:
    """An origin that the pattern covers, or nearly: not all that goes in the star's place is allowed there."""
    text = pattern.strip().lower().removesuffix("/")
    for scheme, default in (("http://", ":80"), ("https://", ":443"), ("wss://", ":443")):
        if text.startswith(scheme) and not text.endswith(":" + default):
            text = text.removesuffix(default)
    if text.endswith(":*"):
        text = text[:-2] + pick(random, (*PORTS, ":80", ":443", ":*", ":"))
    if "*" not in text:
        return text
    if "://*." in text:
        stars: Sequence[str] = (
            "a",
            "a",
            "b.c",
            "a.b.c",
            "a_b",
            "1",
            "1.2",
            "-a",
            "",
            "*",
            "a" * 63,
            "a" * 64,
            "0x1",
            "xn--a",
            "a..b",
            ".",
            "a.",
            "_",
        )
    else:
        stars = ("a", "a", "1", "a-b", "-", "a.b", "a_b", "", "A", "--", "a" * 58, "*", ".", "\u0430", "_")
    return text.replace("*", pick(random, stars), 1)


def _put(random: Random, text: str, addition: str) -> str:
    position = random.randrange(len(text) + 1)
    return text[:position] + addition + text[position:]


def _escaped(random: Random, text: str) -> str:
    if not text:
        return "%"
    position = random.randrange(len(text))
    code = "".join(f"%{byte:02x}" for byte in text[position].encode("utf-8", "surrogatepass"))
    return text[:position] + code + text[position + 1 :]


def _confused(random: Random, text: str) -> str:
    old, new = pick(random, tuple(CONFUSABLES.items()))
    head, separator, tail = text.rpartition(old)
    return head + new + tail if separator else text + new


def _flipped(random: Random, text: str) -> str:
    if not text:
        return "a"
    position = random.randrange(len(text))
    return text[:position] + chr(ord(text[position]) ^ (1 << random.randrange(7))) + text[position + 1 :]


def _glued_in_front(random: Random, text: str) -> str:
    added = pick(
        random,
        ("evil", "evil-", "evil.", ".", "-", "www.", "evil.io/", "evil.io#", "evil.io?", "evil.io\\", "*.", "a_"),
    )
    return text.replace("://", "://" + added, 1)


MUTATIONS: dict[str, Callable[[Random, str], str]] = {
    "scheme": lambda r, t: (
        pick(
            r,
            (
                "http",
                "https",
                "HTTPS",
                "httpss",
                "http s",
                "",
                "file",
                "ws",
                "wss",
                "ftp",
                "1x",
                "blob:https",
                "javascript",
                "data",
            ),
        )
        + "://"
        + t.partition("://")[2]
    ),
    "separator": lambda r, t: t.replace(
        "://", pick(r, (":/", ":///", "//", ":", ":\\\\", "%3A//", ": //", "://://")), 1
    ),
    "port": lambda r, t: (
        t
        + pick(
            r,
            (
                ":443",
                ":80",
                ":8443",
                ":0",
                ":",
                ":08443",
                ":65536",
                ":1e3",
                ":-1",
                ":+1",
                ":99999999",
                ":\u0661",
                ":*",
                ":3000:3000",
                ": 80",
            ),
        )
    ),
    "case": lambda r, t: pick(r, (t.upper(), t.title(), t.swapcase(), t[:-1] + t[-1:].upper())),
    "cut at the front": lambda r, t: t[r.randrange(1, 13) :],
    "cut at the end": lambda r, t: t[: -r.randrange(1, 13)],
    "cut behind the scheme": lambda r, t: t.partition("://")[0] + "://" + t.partition("://")[2][r.randrange(1, 7) :],
    "glued in front": _glued_in_front,
    "glued behind": lambda r, t: (
        t
        + pick(
            r,
            (
                ".evil.io",
                "evil.io",
                "-evil.io",
                "evil",
                ".com",
                "_",
                "-",
                ".",
                "..",
                "@evil.io",
                "\\.evil.io",
                "%2eevil.io",
                ",evil.io",
                "0",
            ),
        )
    ),
    "userinfo": lambda r, t: t.replace(
        "://", "://" + pick(r, ("u@", "u:p@", "@", "evil.io@", "evil.io:443@", "%40")), 1
    ),
    "path": lambda r, t: t + pick(r, ("/", "/x", "//", "/..", ";", "\\", "/?", "%2f")),
    "query or fragment": lambda r, t: t + pick(r, ("?", "?x", "#", "#x", "&")),
    "brackets": lambda r, t: pick(
        r,
        (
            t.replace("://", "://[", 1) + "]",
            t.replace("[", "").replace("]", ""),
            t.replace("[::", "[0::"),
            t.replace("]", "%25eth0]"),
            t.replace("]", ""),
            t.replace("::", "0:0:0:0:0:0:0:"),
            t.replace("102:304", "1.2.3.4"),
            t.replace("]", "]]"),
        ),
    ),
    "number": lambda r, t: (
        t.partition("://")[0]
        + "://"
        + pick(
            r,
            (
                "2130706433",
                "0x7f000001",
                "127.1",
                "127.0.0.1.",
                "010.0.0.7",
                "10.0.0.07",
                "10.0.0.256",
                "a.0x7",
                "a.7",
                "a.0x",
            ),
        )
    ),
    "dots": lambda r, t: pick(
        r,
        (
            t.replace(".", "", 1),
            t.replace(".", "..", 1),
            t.replace(".", "x", 1),
            t.replace(".", "-", 1),
            t + ".",
            "." + t,
        ),
    ),
    "confusable": _confused,
    "percent escape": _escaped,
    "control character": lambda r, t: _put(r, t, pick(r, CONTROLS)),
    "several lines": lambda r, t: pick(
        r, ("{0}{1}{0}", "{0}{1}https://evil.io", "x{1}{0}", "{0}{1}", "{1}{0}", "{0}{1}Set-Cookie: a=b")
    ).format(t, pick(r, BREAKS)),
    "several values": lambda r, t: pick(
        r,
        ("{0}, {0}", "{0},{0}", "{0} {0}", "{0}, https://evil.io", "https://evil.io, {0}", "null, {0}", "{0},", ",{0}"),
    ).format(t),
    "one bit": _flipped,
    "long": lambda r, t: t.replace("://", "://" + "a." * pick(r, (100, 120, 126, 127, 250)), 1),
    "long label": lambda r, t: t.replace("://", "://" + "a" * pick(r, (50, 60, 63, 64, 250)), 1),
}
"""Ways to spoil an allowed origin."""

STRANGE_ORIGINS = (
    None,
    "https://evil.example",
    "null",
    "",
    "*",
    "NULL",
    "undefined",
    "https://",
    "://",
    "https://*",
    "null\n",
    " null",
)


def rubbish(random: Random) -> str:
    """Random bytes as a front would show them: as characters one by one, or read as UTF-8."""
    data = random.randbytes(random.randrange(1, 24))
    return data.decode("latin-1") if chance(random, 0.5) else data.decode("utf-8", "replace")


def origin(random: Random, each: Fields) -> tuple[str | None, str]:
    """An `Origin` for a rule, and in which way it was made."""
    listed = each["allow_origins"]
    value = instance(random, pick(random, listed) if isinstance(listed, list) else "https://a.example")
    kind = random.random()
    if kind < 0.35:
        return value, "fitting"
    if kind < 0.42:
        return pick(random, STRANGE_ORIGINS), "strange"
    if kind < 0.46:
        return rubbish(random), "random bytes"
    how = pick(random, tuple(MUTATIONS))
    value = MUTATIONS[how](random, value)
    if chance(random, 0.15):
        value = MUTATIONS[pick(random, tuple(MUTATIONS))](random, value)
    return value, how


ODD_METHODS = (
    *METHODS,
    "PO",
    "",
    "TRACE",
    "connect",
    "Track",
    "G T",
    "GET, PUT",
    "\u00e4",
    "GET\n",
    "*",
    "\u212a",
    "GET,",
)
RUBBISH_HEADERS = (
    "x-a x-b",
    "x-a;x-b",
    "x-a:",
    "(x)",
    "\u00e4",
    "x-a,\n x-b",
    "x-a\0",
    "\u00a0x-a",
    "x-a,\u2003",
    '"x-a"',
    "\u212aey",
    "*",
    "x-\u017f",
    *(",".join(["x-a"] * 64), ",".join(["x-a"] * 65), "x-a" + "," * 16, "x-a" + "," * 17, "," * 15, "," * 16, "," * 17),
    *("x-a".ljust(4096), "x-a".ljust(4097), "x" * 4096, "x" * 4097, "x-a," * 80, " ", "\t,\t", ""),
)


def asked_headers(random: Random, each: Fields) -> str | None:
    """An `Access-Control-Request-Headers`: the rule's names, others, at the limits, or rubbish."""
    kind = random.random()
    if kind < 0.2:
        return None
    if kind < 0.3:
        return pick(random, RUBBISH_HEADERS)
    known = each.get("allow_headers", "*")
    names: Sequence[str] = (
        HEADER_NAMES if known == "*" or kind < 0.5 else [*known, "accept", "content-language", "range"]
    )
    text = ""
    for _ in range(random.randrange(5)):
        asked = pick(random, names)
        written = pick(random, (asked, asked, asked.upper(), asked.title()))
        text += (
            pick(random, ("", "", " ", "\t"))
            + written
            + pick(random, ("", " ", "\t "))
            + pick(random, (",", ",", ", ", ",,"))
        )
    return text if chance(random, 0.3) else text.rstrip(", \t")


def path(random: Random) -> str:
    """A path, often in a roundabout or ambiguous spelling."""
    plain = pick(random, PATHS)
    if chance(random, 0.5):
        return plain
    ways = (
        "/x/.." + plain,
        "/x/%2e%2E" + plain,
        "/." + plain,
        plain + "/..",
        plain + "/.",
        "/../.." + plain,
        "/" + plain,
        plain.upper(),
        plain + "?x",
        plain.removeprefix("/"),
        plain.replace("/", "\\"),
        plain[:1] + plain[1:].replace("/", "%2F"),
        plain[:1] + plain[1:].replace("/", "%5c"),
        plain.replace("a", "%61"),
        plain.replace("a", "%41"),
        plain.replace("~", "%7e"),
        plain + "%",
        plain + "%2",
        plain + "%zz",
        plain + "%00",
        plain + "%252f",
        plain + "%2b",
        plain + "+",
        plain + " ",
        _put(random, plain, pick(random, CONTROLS)),
        plain + "\u00e9",
        _escaped(random, plain),
        "",
        "*",
        "//",
        "/..;/x",
        "/x/..;a" + plain,
        "/x;a/.." + plain,
        "/x//.." + plain,
        plain.replace("/", ";v=1/"),
        plain + ";v=1",
        plain.replace("/", "//"),
        "/%C0%AE%C0%AE" + plain,
        plain + "%C0%AFx",
        plain + "%FC",
        plain.replace("\u00fc", "%C3%BC"),
        plain.replace("\u00fc", "%FC"),
        plain.replace("@", "%40"),
        plain.replace("/a", "/%25%36%31"),
        plain + "%3Fx",
        plain + "%23x",
        plain + "%3Bx",
        plain + "%E0%80%AF..",
        "/" + "a" * 1100 + "/../" + plain + "%2F",
        "/".join(("%2F", ";", "%5C", "%25", "//", plain)),
        plain + "%\u0661\u0661",
    )
    return pick(random, ways)


def host(random: Random, each: Fields, origin_text: str | None) -> str | None:
    """A `Host`: the site's, the origin's own (the same-origin case), or a near miss of either."""
    own = (origin_text or "").partition("://")[2]
    if chance(random, 0.5):
        return pick(random, HOSTS)
    return pick(
        random,
        (own, own, own.upper(), own + ":443", own + ":80", own + ":", own.partition(":")[0], "evil." + own, own + "."),
    )


FETCH_SITES = (
    None,
    None,
    None,
    None,
    "same-origin",
    "none",
    "same-site",
    "cross-site",
    "",
    "Same-Origin",
    "same-origin, none",
)


def request(random: Random, policy: Document) -> tuple[Fields, str]:
    """A request for a policy, with exactly the fields that the oracle and the library read; and how its origin came."""
    rule_of_it = pick(random, policy["rules"])
    each = pick(random, grants_of(rule_of_it))
    origin_text, how = origin(random, each)
    preflight = chance(random, 0.6)
    listed = each.get("allow_methods", METHODS[:6])
    method = pick(random, ODD_METHODS if chance(random, 0.2) or listed in ("*", ["*"], []) else listed)
    return {
        "method": "OPTIONS" if preflight else pick(random, ("GET", "HEAD", "POST", "PUT", "OPTIONS", "options", "")),
        "path": "/" if chance(random, 0.3) else path(random),
        "host": host(random, rule_of_it, origin_text),
        "scheme": pick(random, (None, "http", "https", "https", "HTTPS", "")),
        "origin": origin_text,
        "request_method": method if preflight else pick(random, (None, None, "GET")),
        "request_headers": asked_headers(random, each) if preflight else None,
        "private_network": pick(random, (None, "true", "true", "True", "false", "")),
        "fetch_site": pick(random, FETCH_SITES),
    }, how

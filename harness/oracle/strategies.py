"""Hypothesis strategies: valid policy documents, and requests that nearly fit them.

Random text would almost always be refused for the same dull reason, so everything here starts from what the
document allows and spoils it in one place.
"""

from __future__ import annotations

import functools
from typing import Any

from hypothesis import strategies as st

from harness.generate import (
    BARE_HOSTS,
    BOOLEANS_OF_GRANTS,
    BOOLEANS_OF_RULES,
    EXTENSIONS,
    FETCH_SITES,
    HEADER_NAMES,
    HOST_GLOBS,
    LOOPBACK,
    METHODS,
    MUTATIONS,
    NAMES,
    ODD_METHODS,
    PATH_GLOBS,
    PATHS,
    PORTS,
    STARS,
)
from harness.oracle.decision import path_matches

Document = dict[str, Any]
Rule = dict[str, Any]
Request = dict[str, Any]
Draw = st.DrawFn

labels = st.from_regex(r"[a-z]([a-z0-9_-]{0,5}[a-z0-9_])?", fullmatch=True)
# Names below no public suffix of more than one label.
names = st.one_of(st.sampled_from(NAMES), st.builds("{}.{}".format, labels, st.sampled_from(NAMES)))
stars = st.sampled_from(STARS)
ports = st.sampled_from([*PORTS, ":*", ":*"])


@functools.cache
def patterns(credentials: bool) -> st.SearchStrategy[str]:
    """One entry of `allow_origins`, some written so that they have to be repaired first."""
    written = "{}://{}{}".format
    schemes = st.sampled_from(["https"] if credentials else ["https", "https", "http"])
    loopback = st.builds(written, st.sampled_from(["http", "https"]), st.sampled_from(LOOPBACK), ports)
    plain = st.one_of(
        st.builds(written, schemes, names, ports),
        st.builds(written, schemes, st.builds("{}.{}".format, stars, names), ports),
        st.builds(written, schemes, st.sampled_from(BARE_HOSTS), ports),
        loopback,
        st.sampled_from(EXTENSIONS),
    )
    repairable = plain.flatmap(lambda text: st.sampled_from(repairable_forms(text)))
    null = plain if credentials else st.just("null")
    return st.one_of(plain, plain, plain, repairable, null)


def repairable_forms(pattern: str) -> list[str]:
    """The same pattern in upper case, with a trailing slash, its default port, or blanks around it."""
    ways = [pattern.upper(), pattern + "/", f" {pattern}", f"{pattern}\t"]
    default = {"http": ":80", "https": ":443"}.get(pattern.partition("://")[0])
    has_port = pattern.rpartition("]")[2].rpartition("/")[2].count(":") > 0
    if default is not None and not has_port:
        ways.append(pattern + default)
    return ways


def distinct(elements: st.SearchStrategy[str], least: int, most: int) -> st.SearchStrategy[list[str]]:
    """A list in which no two are the same, in whatever case they are written."""
    return st.lists(elements, min_size=least, max_size=most, unique_by=lambda text: text.strip().lower())


@functools.cache
def rules(credentials: bool, everyone: bool) -> st.SearchStrategy[Rule]:
    """One rule without any of the safety errors; every optional field is there in some and absent in others."""
    header_lists = distinct(st.sampled_from(HEADER_NAMES), 0, 4)
    title_case = header_lists.map(lambda listed: [name.title() for name in listed])
    star = st.just("*")
    required: dict[str, st.SearchStrategy[Any]] = {
        "allow_origins": star if everyone else distinct(patterns(credentials), 1, 4)
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "hosts": distinct(st.sampled_from(HOST_GLOBS), 1, 2),
        "paths": distinct(st.sampled_from(PATH_GLOBS), 1, 3),
        "allow_methods": st.one_of(star, distinct(st.sampled_from(METHODS), 1, 5)),
        "allow_headers": st.one_of(star, header_lists, title_case),
        "expose_headers": header_lists if credentials else st.one_of(star, header_lists),
        "max_age": st.sampled_from([0, 1, 600, 86400]),
        # Blocking needs somebody to refuse.
        "on_refused": st.just("omit") if everyone else st.sampled_from(["omit", "block", "block"]),
        "resource_policy": st.sampled_from(["same-origin", "same-site", "cross-origin"]),
        **dict.fromkeys((*BOOLEANS_OF_RULES, *BOOLEANS_OF_GRANTS), st.booleans()),
    }
    (required if credentials else optional)["allow_credentials"] = st.just(credentials)
    return st.fixed_dictionaries(required, optional=optional)


@functools.cache
def documents() -> st.SearchStrategy[Document]:
    """A valid policy document (contract, section 2), without `@lists`."""
    rule = st.one_of(rules(True, False), rules(False, False), rules(False, False), rules(False, True))
    return st.fixed_dictionaries(
        {"version": st.just(1), "rules": st.lists(rule, min_size=1, max_size=3)},
        optional={
            "mode": st.sampled_from(["enforce", "enforce", "enforce", "shadow"]),
            "refresh_seconds": st.integers(5, 3600),
        },
    )


# Origins that nearly match


@st.composite
def instances(draw: Draw, pattern: str) -> str:
    """An origin that the pattern covers, or nearly: not all that goes in the star's place is allowed there."""
    text = pattern.strip().lower().removesuffix("/")
    for scheme, default in (("http://", ":80"), ("https://", ":443")):
        if text.startswith(scheme) and not text.endswith(":" + default):
            text = text.removesuffix(default)
    if text.endswith(":*"):
        text = text[:-2] + draw(st.sampled_from([*PORTS, ":80", ":443", ":*"]))
    if "://*." in text:
        deep = st.sampled_from(["a", "a.b", "a_b", "1", "1.2", "-a", "", "*", "a" * 63, "a" * 64, "0x1", "xn--a"])
        return text.replace("*", draw(deep), 1)
    return text.replace("*", draw(st.sampled_from(["a", "1", "a-b", "-", "a.b", "a_b", "", "A", "--", "a" * 58])), 1)


@st.composite
def near_misses(draw: Draw, origin: str) -> str:
    """The origin spoilt in one way, seldom in two."""
    random = draw(st.randoms(use_true_random=False))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        origin = MUTATIONS[draw(st.sampled_from(sorted(MUTATIONS)))](random, origin)
    return origin


def fitting_origins(rule: Rule) -> st.SearchStrategy[str]:
    """An origin that the rule allows (or nearly, see `instances`)."""
    listed = rule["allow_origins"]
    return st.sampled_from(["https://a.example"] if listed == "*" else listed).flatmap(instances)


def other_origins(rule: Rule) -> st.SearchStrategy[str | None]:
    """Near misses of what the rule allows, strangers, rubbish, or no `Origin` at all."""
    near = fitting_origins(rule).flatmap(near_misses)
    strange = st.sampled_from([None, "https://evil.example", "null", "", "*", "NULL"])
    return st.one_of(near, near, near, strange, st.text(max_size=12))


# The rest of a request


def names_to_ask_for(rule: Rule, strange: bool) -> list[str]:
    """Request header names that the rule allows and, if `strange`, others too."""
    known = rule.get("allow_headers", "*")
    safelisted = ["accept", "content-language", "range"]
    return [*HEADER_NAMES, *safelisted] if strange or known == "*" else [*known, *safelisted]


@st.composite
def header_lists(draw: Draw, names: list[str]) -> str | None:
    """An `Access-Control-Request-Headers` of these names in any case, with blanks and empty elements."""
    if draw(st.integers(0, 4)) == 0:
        return None
    listed = draw(st.lists(st.sampled_from(names), max_size=5))
    text = ""
    for name in listed:
        blank = st.sampled_from(["", "", " ", "\t", " \t "])
        written = draw(st.sampled_from([name, name, name.upper(), name.title()]))
        text += draw(blank) + written + draw(blank) + draw(st.sampled_from([",", ",", ", ", ",,"]))
    return text if draw(st.booleans()) else text.rstrip(", \t")


def odd_header_lists(rule: Rule) -> st.SearchStrategy[str | None]:
    """The same with names that are not the rule's, at the limits and just over them, or no list of tokens."""
    name = names_to_ask_for(rule, strange=False)[0]
    limits = [
        ",".join([name] * 64),
        ",".join([name] * 65),
        name + "," * 16,
        name + "," * 17,
        "," * 15,
        "," * 16,
        name.ljust(4096),
        name.ljust(4097),
        "x" * 4096,
        "x" * 4097,
    ]
    rubbish = ["x-a x-b", "x-a;x-b", "x-a:", "(x)", "\u00e4", "x-a,\n x-b", "x-a\0", "\u00a0x-a", "x-a,\u2003", '"x-a"']
    others = header_lists(names_to_ask_for(rule, strange=True))
    return st.one_of(others, others, st.sampled_from(limits), st.sampled_from(rubbish))


def fitting_paths(rule: Rule) -> list[str]:
    globs = rule.get("paths", ["/*"])
    return [path for path in PATHS if path_matches(globs, path)] or list(PATHS)


@st.composite
def odd_paths(draw: Draw, rule: Rule) -> str:
    """A path that the rule may be for, written in a roundabout or ambiguous way, or another path."""
    path = draw(st.sampled_from([*PATHS, *fitting_paths(rule)]))
    ways = [
        path,
        "/x/.." + path,
        "/x/%2e%2E" + path,
        "/." + path,
        path + "/..",
        path + "/.",
        "/../.." + path,
        "/" + path,
        path.upper(),
        path + "?x",
        path.removeprefix("/"),
        path.replace("/", "\\"),
        "/" + path[1:].replace("/", "%2F"),
        "/" + path[1:].replace("/", "%5c"),
        path.replace("a", "%61"),
        path.replace("a", "%41"),
        path.replace("~", "%7e"),
        path + "%",
        path + "%2",
        path + "%zz",
        path + "%00",
        path + "%252f",
        path + "%2b",
        path + "+",
        path + " ",
        path + "\0",
        path + "\x7f",
        path + "\u00e9",
    ]
    return draw(st.sampled_from(ways))


def hosts(rule: Rule, origin: str | None) -> list[str | None]:
    """Candidates for `Host`: such as the rule wants (when it wants any), or the origin's own and near misses."""
    own = (origin or "").partition("://")[2]
    if rule.get("hosts", ["*"]) != ["*"]:
        return [
            None,
            "CDN.example.com",
            "shop.example.com",
            "SHOP.example.com.",
            "shop.example.com:8443",
            "localhost:3000",
        ]
    return [
        None,
        "cdn.example.com",
        own,
        own,
        own.upper(),
        own + ":443",
        own + ":80",
        own.partition(":")[0],
        "evil." + own,
    ]


METHODS_OF_REQUESTS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "options"]
PLACES = ["nothing", "path", "origin", "origin", "origin", "method", "headers", "headers", "everything"]


@st.composite
def requests(draw: Draw, document: Document) -> Request:
    """A request that fits one of the rules but for one place, with exactly the keys that the oracle reads."""
    rule = draw(st.sampled_from(document["rules"]))
    spoilt = draw(st.sampled_from(PLACES))

    def odd(place: str) -> bool:
        return spoilt in (place, "everything")

    is_preflight = draw(st.booleans()) or spoilt in ("method", "headers")
    listed = rule.get("allow_methods", "*")
    methods = ODD_METHODS if odd("method") else (METHODS if listed == "*" else listed)
    names = header_lists(names_to_ask_for(rule, strange=False))
    origin = draw(other_origins(rule) if odd("origin") else fitting_origins(rule))
    return {
        "method": "OPTIONS" if is_preflight else draw(st.sampled_from(METHODS_OF_REQUESTS)),
        "path": draw(odd_paths(rule) if odd("path") else st.sampled_from(fitting_paths(rule))),
        "host": draw(st.sampled_from(hosts(rule, origin))),
        "scheme": draw(st.sampled_from([None, "http", "https", "https"])),
        "origin": origin,
        "request_method": draw(st.sampled_from(methods if is_preflight else [None, None, "GET"])),
        "request_headers": draw(odd_header_lists(rule) if odd("headers") else names) if is_preflight else None,
        "private_network": draw(st.sampled_from([None, "true", "true", "True", "false", ""])),
        "fetch_site": draw(st.sampled_from(FETCH_SITES)),
    }

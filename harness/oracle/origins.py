"""Serialised origins and allowlist patterns, the slow way: every character, every pattern of the list.

Sources: the Origin header's grammar (Fetch), host parsing and serialising (URL standard).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

LOWER = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
HEX = DIGITS + "abcdef"
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21}
MAX_ORIGIN = 512
MAX_NAME = 253
MAX_LABEL = 63
EXTENSIONS = ("chrome-extension://*", "moz-extension://*", "safari-web-extension://*")
OCTETS = [str(number) for number in range(256)]


@dataclass(frozen=True)
class OriginParts:
    """What an origin consists of. `host` as written (IPv6 with its brackets); `port` None: the default."""

    scheme: str
    host: str
    port: int | None
    is_ip: bool


def only(text: str, alphabet: str) -> bool:
    """Whether `text` is not empty and every character of it is in `alphabet`."""
    return text != "" and all(character in alphabet for character in text)


def is_scheme(text: str) -> bool:
    return text != "" and text[0] in LOWER and only(text, LOWER + DIGITS + "+.-") and text != "file"


def is_label(text: str) -> bool:
    return len(text) <= MAX_LABEL and only(text, LOWER + DIGITS + "_-")


def is_opaque_host(host: str) -> bool:
    """A host of a scheme that is not special: visible ASCII without what delimits a URL, a list or a pattern."""
    return host != "" and all("!" <= character <= "~" and character not in '#/:<>?@[\\]^|%"`{}*,' for character in host)


def ends_in_a_number(host: str) -> bool:
    """URL standard, "ends in a number checker": such a host is an IPv4 address or no host at all."""
    name = host[:-1] if host.endswith(".") else host
    last = name.split(".")[-1]
    if only(last, DIGITS):
        return True
    return last.startswith("0x") and all(character in HEX for character in last[2:])


def is_ipv4(host: str) -> bool:
    """Four decimal numbers from 0 to 255, none with a leading zero: what the URL standard serialises to."""
    numbers = host.split(".")
    return len(numbers) == 4 and all(number in OCTETS for number in numbers)


def is_name(host: str) -> bool:
    if len(host) > MAX_NAME or ends_in_a_number(host):
        return False
    name = host[:-1] if host.endswith(".") else host
    return all(is_label(label) for label in name.split("."))


def serialised_ipv6(number: int) -> str:
    """The URL standard's IPv6 serialiser; `str(IPv6Address)` writes some addresses with a dotted quad."""
    pieces = [(number >> shift) & 0xFFFF for shift in range(112, -1, -16)]
    best_start, best_length = 0, 0
    for start in range(8):
        length = 0
        while start + length < 8 and pieces[start + length] == 0:
            length += 1
        if length > best_length:  # strictly: the first of the longest runs
            best_start, best_length = start, length
    words = [format(piece, "x") for piece in pieces]
    if best_length < 2:  # a single zero is not compressed
        return ":".join(words)
    return ":".join(words[:best_start]) + "::" + ":".join(words[best_start + best_length :])


def is_ipv6(inside: str) -> bool:
    """Whether the text between the brackets is an address written exactly as the URL standard writes it."""
    if not only(inside, HEX + ":"):
        return False
    try:
        number = int(ipaddress.IPv6Address(inside))
    except ValueError:
        return False
    return inside == serialised_ipv6(number)


def is_port(text: str, scheme: str) -> bool:
    if not only(text, DIGITS) or text[0] == "0" or len(text) > 5:
        return False
    return int(text) <= 65535 and int(text) != DEFAULT_PORTS.get(scheme)


def parse(text: str) -> OriginParts | None:
    """The parts of a serialised tuple origin; None for anything else (`null` too, which has no parts)."""
    if len(text) > MAX_ORIGIN:
        return None
    scheme, separator, rest = text.partition("://")
    if separator == "" or not is_scheme(scheme):
        return None

    if rest.startswith("["):
        inside, bracket, after = rest[1:].partition("]")
        host = "[" + inside + "]"
        if bracket == "" or not is_ipv6(inside):
            return None
        is_ip = True
    else:
        host, colon, port = rest.partition(":")
        after = colon + port
        if scheme in DEFAULT_PORTS:
            is_ip = is_ipv4(host)
            if not is_ip and not is_name(host):
                return None
        else:
            is_ip = False
            if not is_opaque_host(host):
                return None

    if after == "":
        return OriginParts(scheme, host, None, is_ip)
    if not after.startswith(":") or not is_port(after[1:], scheme):
        return None
    return OriginParts(scheme, host, int(after[1:]), is_ip)


def is_well_formed(text: str) -> bool:
    """Whether a request's `Origin` is one of the two things a browser sends: `null`, or a tuple origin."""
    return text == "null" or parse(text) is not None


def repaired(pattern: str) -> str:
    """The pattern after the repairs that can't widen it: blanks, upper case, trailing slash, default port."""
    text = pattern.strip(" \t\r\n")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() not in DEFAULT_PORTS:  # opaque hosts are compared with regard to case
        text = scheme.lower() + separator + rest
    else:
        text = text.lower()
    if text in ("null", "*"):
        return text
    if text.endswith("/") and not text.endswith("//"):
        text = text[:-1]
    default = DEFAULT_PORTS.get(text.partition("://")[0])
    if default is not None and text.endswith(f":{default}") and not text.endswith(f"::{default}"):
        text = text[: -len(f":{default}")]
    return text


def matches(pattern: str, origin: str) -> bool:
    """Whether one pattern of an allowlist covers one `Origin`; ValueError when it is no valid pattern."""
    pattern = repaired(pattern)
    if pattern == "*":
        return True
    if pattern == "null" or origin == "null":
        return pattern == origin

    if pattern in EXTENSIONS:
        parsed = parse(origin)
        return parsed is not None and f"{parsed.scheme}://*" == pattern and parsed.port is None

    any_port = pattern.endswith(":*")
    wanted_text = pattern[:-2] if any_port else pattern
    # With a letter in the star's place a pattern is an origin, or it was no pattern.
    wanted = parse(wanted_text.replace("*", "a"))
    if wanted is None or wanted_text.count("*") > 1:
        raise ValueError(f"not a pattern: {pattern!r}")
    parsed = parse(origin)
    if parsed is None or parsed.scheme != wanted.scheme:
        return False
    if not any_port and parsed.port != wanted.port:
        return False
    if "*" not in wanted_text:
        return parsed.host == wanted.host

    if parsed.is_ip:
        return False
    host_pattern = wanted_text.partition("://")[2].partition(":")[0]
    first, dot, base = host_pattern.partition(".")
    if dot == "" or "*" in base:
        raise ValueError(f"not a pattern: {pattern!r}")
    if first == "*":
        return matches_below(base, parsed.host)
    return matches_leftmost(first, base, parsed.host)


def matches_below(base: str, host: str) -> bool:
    """`*.base`: the host, with one or more of its leading labels taken off, is the base."""
    labels = host.split(".")
    return any(".".join(labels[taken:]) == base for taken in range(1, len(labels)))


def matches_leftmost(first: str, base: str, host: str) -> bool:
    """`shop-*.base`: the star is one or more of `[a-z0-9-]` within the one leftmost label."""
    label, _, rest = host.partition(".")
    if rest != base:
        return False
    before, _, behind = first.partition("*")
    for start in range(len(label) + 1):
        for end in range(start + 1, len(label) + 1):
            star = label[start:end]
            if label[:start] == before and label[end:] == behind and only(star, LOWER + DIGITS + "-"):
                return True
    return False


def matches_any(patterns: Iterable[str], origin: str) -> bool:
    """Whether any pattern of the list covers the origin: the list from front to back, no cleverness."""
    return any(matches(pattern, origin) for pattern in patterns)

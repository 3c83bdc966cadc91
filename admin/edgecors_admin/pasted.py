"""What people paste as an origin, and what was made of it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import idna
from edgecors.allowlist import is_name
from edgecors.findings import ERROR
from edgecors.origin import parse_pattern


@dataclass(frozen=True)
class Pasted:
    """An entry in canonical spelling; ``notes`` say what was changed on the way, nothing when it came as it is."""

    given: str
    entry: str
    notes: tuple[str, ...] = ()


_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\]|[^/]*\.localhost)(:|/|$)", re.IGNORECASE)


def read_pasted(text: str) -> Pasted:
    """Read an origin, pattern, URL, bare host or ``@list``.

    Raises:
        ValueError: with a sentence, when no origin can be made of it, or only by guessing.
    """
    value, notes = text.strip().strip("'\"<>,;").strip(), []
    if value.startswith("@"):
        if not is_name(value[1:]):
            raise ValueError(f"{text!r} names no list: write @ and a name of letters, digits, _ . and -.")
        return Pasted(text, value)
    if value == "*":
        raise ValueError(
            '"*" opens a rule to everyone: write "allow_origins": "*" in the policy and use edgecors apply.'
        )
    if value.lower() == "null":
        return Pasted(text, "null")
    if value.startswith("//"):
        value = value[2:]
    if "://" not in value:
        scheme = "http" if _LOCAL.match(value) else "https"
        value = f"{scheme}://{value}"
        notes.append(f"without a scheme: taken for {scheme}")
    scheme, _, rest = value.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if authority != rest.rstrip("/"):
        notes.append("path dropped: an origin has none")
    if "@" in authority:
        authority = authority.rpartition("@")[2]
        notes.append("user name dropped: an origin has none")
    host, port = _split(authority)
    host = _ascii_host(host, text, notes)
    pattern, findings = parse_pattern(f"{scheme}://{host}{port}")
    if pattern is None:
        wrong = next(f for f in findings if f.severity == ERROR)
        raise ValueError(f"{text!r} is no origin: {wrong.message}. {wrong.remedy}")
    if f"{scheme}://{host}" != f"{scheme}://{host}".lower():
        notes.append("in lower case, as browsers send it")
    if port and not pattern.port:
        notes.append("default port left out, as browsers do")
    return Pasted(text, pattern.text, tuple(notes))


def _split(authority: str) -> tuple[str, str]:
    bracket = authority.find("]") + 1
    name, colon, port = authority[bracket:].partition(":")
    return authority[:bracket] + name, colon + port


def _ascii_host(host: str, text: str, notes: list[str]) -> str:
    """The host as browsers serialise it: Punycode for names, the one spelling of an IPv6 address."""
    if host.startswith("[") and host.endswith("]"):
        try:
            address = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            return host
        if address != host:
            notes.append("the address in its canonical spelling")
        return address
    if host.isascii():
        return host
    star, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    try:
        encoded = star + idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{text!r} has a host that is no internationalised name: {error}") from None
    notes.append(f"{host} in Punycode, as browsers send it")
    return encoded

"""Reading what people paste as an origin, and saying what was changed on the way."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import idna
from edgecors.allowlist import is_name
from edgecors.findings import ERROR
from edgecors.origin import parse_origin, parse_pattern

from edgecors_admin.errors import UsageError

MAX_ERRORS = 200
"""Entries that one error names."""


@dataclass(frozen=True)
class Pasted:
    """An entry in canonical spelling; ``notes`` say what was changed, and are empty when nothing was."""

    received: str
    entry: str
    notes: tuple[str, ...] = ()


_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\]|[^/]*\.localhost)(:|/|$)", re.IGNORECASE)
_ENTRY = re.compile(r"""['"]?(@|null\b|localhost\b|[^\s]*(://|\.))""", re.IGNORECASE)
"""What surely is an entry of its own, not the rest of a mistyped one."""
_REGEX = re.compile(r"^\^|\$$|\\|^\.\*|\.\*(?![.:]|$)|\.\+|\(|\||\[[^\]:]*\][*+?{]|\{\d")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{?[^}]*\}?\}|<[^>]*>|\[[a-z][^\]:]*\]", re.IGNORECASE)


def split_pasted(text: str) -> list[str]:
    """The entries of one argument: usually one, but also ``'a, b'`` and ``'["a", "b"]'`` as they are pasted."""
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except ValueError:
            items = None
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return items
    parts = [part for part in re.split(r"[,;\s]+", text) if part.strip("'\"")]
    return parts if len(parts) > 1 and all(map(_ENTRY.match, parts)) else [text]


def read_pasted(text: str) -> Pasted:
    """Read an origin, pattern, URL, bare host or ``@list``.

    Raises:
        ValueError: With a sentence, when it can't be read as an origin, or only by guessing.
    """
    if parse_origin(text) is not None:
        return Pasted(text, text)  # as most entries are; a file may have 100,000
    value, notes = text.strip().strip("'\"<>,;").strip(), []
    if value.startswith("@"):
        if not is_name(value[1:]):
            raise ValueError(f"{text!r} is not the name of a list. Write @ and letters, digits, '_', '.' or '-'.")
        return Pasted(text, value)
    if value == "*":
        raise ValueError(
            '"*" opens a rule to everyone. Write "allow_origins": "*" in the policy and use edgecors apply.'
        )
    if value.lower() == "null":
        return Pasted(text, "null")
    _refuse_other_syntax(text, value)
    if value.startswith("//"):
        value = value[2:]
    if "://" not in value:
        scheme = "http" if _LOCAL.match(value) else "https"
        value = f"{scheme}://{value}"
        notes.append(f"no scheme: read as {scheme}")
    scheme, _, rest = value.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if authority != rest.rstrip("/"):
        notes.append("path dropped: origins have no path")
    if "@" in authority:
        authority = authority.rpartition("@")[2]
        notes.append("user name dropped: origins have no user name")
    host, port = _split(authority)
    host = _ascii_host(host, text, notes)
    pattern, findings = parse_pattern(f"{scheme}://{host}{port}")
    if pattern is None:
        error = next(f for f in findings if f.severity == ERROR)
        raise ValueError(f"{text!r} is not an origin: {error.message}. {error.remedy}")
    if f"{scheme}://{host}" != f"{scheme}://{host}".lower():
        notes.append("in lower case, as browsers send it")
    if port and not pattern.port:
        notes.append("default port left out, as browsers do")
    return Pasted(text, pattern.text, tuple(notes))


def read_all_pasted(texts: Iterable[str]) -> list[Pasted]:
    """Read entries. Raises `UsageError` with one line for each that can't be read (at most `MAX_ERRORS`)."""
    pasted, errors = [], []
    for text in texts:
        try:
            pasted.append(read_pasted(text))
        except ValueError as error:
            errors.append(str(error))
    if errors:
        more = [f"... and {len(errors) - MAX_ERRORS} more."] if len(errors) > MAX_ERRORS else []
        raise UsageError("\n".join([*errors[:MAX_ERRORS], *more]))
    return pasted


def _refuse_other_syntax(text: str, value: str) -> None:
    """Patterns of other systems. Raises ValueError that says how to write them here."""
    scheme, separator, rest = value.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0] if separator else value
    if _REGEX.search(host) or (separator and scheme.strip("^(").rstrip("?)") != scheme):
        raise ValueError(
            f"{text!r} looks like a regular expression. Write a pattern: https://*.example.com for all subdomains,"
            " https://shop-*.example.com for a part of the leftmost label, :* for any port."
        )
    if match := _PLACEHOLDER.search(host):
        raise ValueError(
            f"{text!r} has the placeholder {match[0]!r}. Write * for the part that varies, inside the leftmost label:"
            " https://deploy-preview-*--site.netlify.app or https://app-git-*-team.vercel.app."
        )
    if value.startswith(".") or host.startswith("."):
        domain = host.lstrip(".")
        raise ValueError(
            f"{text!r} starts with a dot. Write https://*.{domain} for subdomains, and https://{domain} for the"
            " domain itself."
        )
    label = host.partition(".")[0]
    if "**" in host:
        raise ValueError(f"{text!r} has **. Write one *: https://*.example.com covers subdomains at any depth.")
    if label.count("*") > 1:
        raise ValueError(
            f"{text!r} has more than one * in its leftmost label. Write one, and end the label with a part that only"
            " you can use: https://app-*-team.vercel.app."
        )


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
        raise ValueError(f"{text!r} has a host that is not a valid internationalised name: {error}.") from None
    notes.append(f"{host} in Punycode, as browsers send it")
    return encoded

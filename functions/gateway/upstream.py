"""Where the gateway passes requests on to: ``EDGECORS_UPSTREAM`` and ``EDGECORS_UPSTREAMS``."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from edgecors.paths import readings

HINT = "set EDGECORS_UPSTREAM to an address such as https://api.internal.example.com or http://10.0.0.5:8080/v1"
ROUTES_HINT = "set EDGECORS_UPSTREAMS to pairs such as /api=https://api.example.com /img=http://10.0.0.5:8080"

# Everything that a server might read as a slash.
_SLASH = re.compile(r"[/\\]|%2f|%5c", re.IGNORECASE)
_DOT = re.compile(r"%2e", re.IGNORECASE)


class UpstreamAddress:
    """An http or https server, with a base path (without a slash at its end) that goes before every request's path."""

    __slots__ = ("base", "host", "netloc", "port", "secure")

    def __init__(self, secure: bool, host: str, port: int, netloc: str, base: str) -> None:
        self.secure = secure
        self.host = host
        self.port = port
        self.netloc = netloc
        self.base = base


class AmbiguousPathError(ValueError):
    """A path that different servers would take for resources of different upstreams."""


class UpstreamRoutes:
    """The upstream of each path: the longest prefix decides, in whole segments; other paths go to the default."""

    def __init__(self, default: UpstreamAddress, prefixes: dict[str, UpstreamAddress]) -> None:
        self.addresses = (default, *prefixes.values())
        self._default = default
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))

    def find(self, path: str) -> UpstreamAddress:
        """The upstream of a path, as received. Raises AmbiguousPathError."""
        if not self._prefixes:
            return self._default
        addresses = {self._match(reading) for reading in readings(path) or ()}
        if len(addresses) != 1:
            raise AmbiguousPathError(path)
        return addresses.pop()

    def _match(self, path: str) -> UpstreamAddress:
        for prefix, address in self._prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return address
        return self._default


def read_upstreams(default: str | None, routes: str = "") -> UpstreamRoutes:
    """Parse the addresses of all upstreams.

    Args:
        default: The upstream of all paths without a route of their own.
        routes: ``PREFIX=URL`` pairs, separated by blanks, line breaks or commas.

    Raises:
        ValueError: An address or a prefix is invalid. The message says what to set.
    """
    prefixes: dict[str, UpstreamAddress] = {}
    for pair in routes.replace(",", " ").split():
        prefix, equals, url = pair.partition("=")
        normal = readings(prefix.rstrip("/")) if prefix.startswith("/") else None
        if not equals or normal != (prefix.rstrip("/"),) or prefix == "/":
            raise ValueError(f"EDGECORS_UPSTREAMS has {pair!r}, which is not a path and an address; {ROUTES_HINT}")
        if normal[0] in prefixes:
            raise ValueError(f"EDGECORS_UPSTREAMS has the path {prefix!r} twice; {ROUTES_HINT}")
        prefixes[normal[0]] = _read_address("EDGECORS_UPSTREAMS", url, ROUTES_HINT)
    return UpstreamRoutes(read_upstream(default), prefixes)


def read_upstream(text: str | None) -> UpstreamAddress:
    """Parse the address of the default upstream. Raises ValueError; the message says what to set."""
    if not text:
        raise ValueError(f"EDGECORS_UPSTREAM is missing: {HINT}")
    return _read_address("EDGECORS_UPSTREAM", text, HINT)


def _read_address(variable: str, text: str, hint: str) -> UpstreamAddress:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{variable} is {text!r}: {error}; {hint}") from None
    scheme, netloc, host = parts.scheme, parts.netloc, parts.hostname
    if not all("!" <= character <= "~" for character in text) or "\\" in text:
        fault = "it has spaces or other characters that an address can't have"
    elif scheme not in ("http", "https"):
        fault = "it starts with neither https:// nor http://"
    elif "@" in netloc:
        fault = "it must not name a user"
    elif not host or "%" in netloc or netloc.endswith(":") or port == 0:
        fault = "its host or its port is missing or invalid"
    elif "?" in text or "#" in text:
        fault = "it must end with the path, without query and fragment"
    elif "/./" in f"{parts.path}/" or "/../" in f"{parts.path}/":
        fault = "its path must not have dot segments"
    else:
        secure = scheme == "https"
        return UpstreamAddress(secure, host, port or (443 if secure else 80), netloc, parts.path.rstrip("/"))
    raise ValueError(f"{variable} is {text!r}: {fault}; {hint}")


def climbs(path: str) -> bool:
    """Whether dot segments lead above the path's root, by the most generous reading that a server might have.

    Behind a base path that would be a way out of it: ``/v1`` and ``/../admin``.
    """
    depth = 0
    for segment in _SLASH.split(path):
        # Some servers remove parameters from a segment before they look at it: "..;x".
        name = _DOT.sub(".", segment).partition(";")[0]
        if name == "..":
            depth -= 1
            if depth < 0:
                return True
        elif name not in ("", "."):
            depth += 1
    return False

"""Where the gateway passes requests on to: ``EDGECORS_UPSTREAM``."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HINT = "set EDGECORS_UPSTREAM to an address such as https://api.internal.example.com or http://10.0.0.5:8080/v1"

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


def read_upstream(text: str | None) -> UpstreamAddress:
    """Parse the address of an upstream. Raises ValueError with a sentence for whoever deploys the function."""
    if not text:
        raise ValueError(f"EDGECORS_UPSTREAM is missing: {HINT}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"EDGECORS_UPSTREAM is {text!r}: {error}; {HINT}") from None
    scheme, netloc, host = parts.scheme, parts.netloc, parts.hostname
    if not all("!" <= character <= "~" for character in text) or "\\" in text:
        fault = "it has blanks or characters that an address can't have"
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
    raise ValueError(f"EDGECORS_UPSTREAM is {text!r}: {fault}; {HINT}")


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

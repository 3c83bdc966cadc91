"""The whole HTTP message of a request event, for a proxy that passes it on. CORS needs none of this."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from .http_event import as_list, escape, read_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .http_event import HttpEvent

LAMBDA_LIMIT = 6_291_556
"""Bytes of JSON that a function may return: 6 MB, and what Lambda adds for its own envelope."""

_NOT_IN_A_QUERY = re.compile(r"[^!-~]|#")


class HttpMessage(ABC):
    """A request as the viewer sent it, as far as the front shows that.

    Attributes:
        event: The adapter: method, path, host and scheme.
        limit: Bytes, as JSON, of the largest response that the front takes.
    """

    limit = LAMBDA_LIMIT

    def __init__(self, event: HttpEvent) -> None:
        self.event = event

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All header fields, repeated names repeated."""
        return read_headers(self.event.event)

    @property
    @abstractmethod
    def query(self) -> str:
        """The encoded query without its question mark; empty when there is none."""

    @property
    @abstractmethod
    def client(self) -> str | None:
        """The viewer's address as the front saw it; None when the event does not show it."""

    @property
    def protocol(self) -> str:
        """The version of HTTP that the viewer used: ``1.1``, ``2.0``."""
        return _version(self.event.context.get("protocol"))

    def read_body(self) -> bytes:
        """The body's bytes. Raises ValueError for malformed base64."""
        body = self.event.event.get("body")
        if not body:
            return b""
        if self.event.event.get("isBase64Encoded"):
            from binascii import a2b_base64

            return a2b_base64(body, strict_mode=True)
        return str(body).encode()


class V1Message(HttpMessage):
    """Payload format 1.0."""

    @property
    def query(self) -> str:
        """Encoded again: the event has decoded names and values only."""
        from urllib.parse import quote

        def encode(text: str) -> str:
            return quote(text, safe="", errors="replace")

        return "&".join(
            encode(name) if value is None else f"{encode(name)}={encode(value)}"
            for name, value in _parameters(self.event.event)
        )

    @property
    def client(self) -> str | None:
        """In the caller's identity."""
        address = (self.event.context.get("identity") or {}).get("sourceIp")
        return str(address) if address else None


class V2Message(HttpMessage):
    """Payload format 2.0."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Cookies become the one header that HTTP/1.1 has.

        An HTTP API moves them out of the headers; the event of a function URL has them in both places.
        """
        fields = read_headers(self.event.event)
        cookies = self.event.event.get("cookies")
        if not cookies:
            return fields
        others = [(name, value) for name, value in fields if name.lower() != "cookie"]
        return [*others, ("cookie", "; ".join(map(str, cookies)))]

    @property
    def query(self) -> str:
        """As received."""
        return _encode_query(self.event.event.get("rawQueryString"))

    @property
    def client(self) -> str | None:
        """Beside the method."""
        address = self.event.context["http"].get("sourceIp")
        return str(address) if address else None

    @property
    def protocol(self) -> str:
        """Beside the method."""
        return _version(self.event.context["http"].get("protocol"))


class AlbMessage(HttpMessage):
    """Application load balancers."""

    limit = 1024 * 1024

    @property
    def query(self) -> str:
        """Joined: names and values are not decoded in the event."""
        return _encode_query(
            "&".join(name if value is None else f"{name}={value}" for name, value in _parameters(self.event.event))
        )

    @property
    def client(self) -> str | None:
        """A load balancer appends the address that it saw to X-Forwarded-For, maybe with the port."""
        return bare_address((self.event.value("x-forwarded-for") or "").rpartition(",")[2]) or None


_BY_KIND: dict[str, type[HttpMessage]] = {"rest": V1Message, "http": V2Message, "alb": AlbMessage}


def read_message(event: HttpEvent) -> HttpMessage:
    """The message of a request event."""
    return _BY_KIND[event.kind](event)


def bare_address(text: str) -> str:
    """An address without blanks, brackets and port."""
    text = text.strip()
    host, colon, port = text.rpartition(":")
    # An IPv6 address without brackets ends like a port, but has more colons.
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        text = host
    return text.strip("[]")


def _encode_query(query: object) -> str:
    """A query for a request line."""
    return _NOT_IN_A_QUERY.sub(escape, str(query or ""))


def _parameters(event: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """All query parameters, in order; the value is None for a name without an equals sign."""
    multi_value = event.get("multiValueQueryStringParameters") or {}
    parameters = [(name, value) for name, values in multi_value.items() for value in (as_list(values) or [None])]
    for name, value in (event.get("queryStringParameters") or {}).items():
        if name not in multi_value:
            parameters.append((name, value))
    return [(str(name), None if value is None else str(value)) for name, value in parameters]


def _version(protocol: object) -> str:
    """The version in a protocol's name: ``1.1`` of ``HTTP/1.1``, and for a name without a version."""
    version = str(protocol or "").rpartition("/")[2]
    return version if version and not version.strip("0123456789.") else "1.1"

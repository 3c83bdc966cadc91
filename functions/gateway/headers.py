"""Header fields on their way through a proxy, in both directions: RFC 9110, section 7.6, and RFC 7239."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgecors.characters import is_token
from edgecors.events.message import bare_address

if TYPE_CHECKING:
    from edgecors.events.http_event import HttpEvent
    from edgecors.events.message import HttpMessage
    from response import ResponseHead

    HeaderFields = list[tuple[str, str]]

PSEUDONYM = "edgecors"
"""The gateway's name in Via."""

# RFC 9110, section 7.6.1, and two headers that were never standard but are sent.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# Rewritten for the upstream. `expect` was for the front, which has the whole body already.
_REWRITTEN = frozenset(
    (
        "host",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    )
)
RESERVED = _HOP_BY_HOP | _REWRITTEN | {"origin"}
"""Headers that are never passed on unchanged, or that the decision is about."""

_ADDRESS = "0123456789abcdefABCDEF.:"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# Forwarded: RFC 7239, section 4, with the blanks around semicolons that some proxies send. Blanks can match in one way
# only: with two ways, the time for a malformed value would double with every separator.
_PAIR = r"""[!#$%&'*+\-.^_`|~0-9A-Za-z]+=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\.)*")"""
_FORWARDED = re.compile(rf"[ \t]*(?:{_PAIR}[ \t]*)?(?:[;,][ \t]*(?:{_PAIR}[ \t]*)?)*", re.DOTALL)
_FORWARDED_PAIR = re.compile(_PAIR, re.DOTALL)


def request_headers(message: HttpMessage, host: str, secret: tuple[str, str] | None = None) -> HeaderFields:
    """The header fields for the upstream, as Latin-1 text of the bytes to send.

    Headers that a Connection header names are passed on: the front has ended the viewer's connection and its options
    already, and a viewer must not be able to remove what the front (or CloudFront before it) has added.

    Args:
        message: The viewer's request.
        host: The value of Host.
        secret: Name and value of the secret header; a viewer's header of that name is dropped.

    Raises:
        ValueError: A header can't be part of an HTTP/1.1 message.
    """
    dropped = _HOP_BY_HOP if secret is None else _HOP_BY_HOP | {secret[0].lower()}
    received = [(name, value) for name, value in message.headers if name.lower() not in dropped]
    fields = [("Host", host)]
    # A server answers TRACE with the request's own headers, so the secret would reach the viewer.
    if secret is not None and message.event.method != "TRACE":
        fields.append(secret)
    fields += [(name, _to_wire(name, value)) for name, value in received if name.lower() not in _REWRITTEN]

    def values(wanted: str) -> list[str]:
        return [_to_wire(name, value) for name, value in received if name.lower() == wanted]

    if cookies := values("cookie"):
        # HTTP/2 lets a browser split them; an HTTP/1.1 server expects one line (RFC 9113, section 8.2.3).
        fields.append(("Cookie", "; ".join(cookies)))
    event, client = message.event, message.client
    if client is not None and client.strip(_ADDRESS):
        client = None
    if addresses := _forwarded_for(values("x-forwarded-for"), client):
        fields.append(("X-Forwarded-For", addresses))
    if event.scheme:
        fields.append(("X-Forwarded-Proto", _to_wire("x-forwarded-proto", event.scheme)))
    if event.host:
        fields.append(("X-Forwarded-Host", _to_wire("host", event.host)))
    if forwarded := _forwarded(values("forwarded"), client, event):
        fields.append(("Forwarded", forwarded))
    fields.append(("Via", _via(values("via"), message.protocol)))
    return fields


def response_headers(head: ResponseHead, *, length: bool, secret: str = "") -> HeaderFields:
    """The header fields for the viewer.

    Args:
        head: The upstream's response.
        length: Keep Content-Length, which only the response to a HEAD needs.
        secret: The name of the secret header, which some servers repeat in their response.
    """
    removed = _HOP_BY_HOP | head.options() | {"via", "content-length", secret.lower()}
    fields = [(name, value) for name, value in head.fields if name.lower() not in removed]
    if length and (stated := head.content_length()) is not None:
        fields.append(("Content-Length", str(stated)))
    return [*fields, ("Via", _via(head.values("via"), "1.0" if head.minor == 0 else "1.1"))]


def _forwarded_for(addresses: list[str], client: str | None) -> str:
    """X-Forwarded-For. Most fronts have added the viewer's address already."""
    existing = ", ".join(addresses)
    if client is None or client in map(bare_address, existing.split(",")):
        return existing
    return f"{existing}, {client}" if existing else client


def _forwarded(values: list[str], client: str | None, event: HttpEvent) -> str:
    """Forwarded (RFC 7239). An HTTP API writes one itself.

    A value that is not well formed is dropped: after an open quote, an appended element would be part of that text.
    """
    existing = ", ".join(values)
    if not _FORWARDED.fullmatch(existing):
        existing = ""
    pairs = (pair[0].partition("=") for pair in _FORWARDED_PAIR.finditer(existing))
    known = {bare_address(value.strip('"')) for name, _, value in pairs if name.lower() == "for"}
    if client is None or client in known:
        return existing
    parts = [f'for="[{client}]"' if ":" in client else f"for={client}"]
    if event.host and '"' not in event.host and "\\" not in event.host:
        host = _to_wire("host", event.host)
        parts.append(f"host={host}" if is_token(host) else f'host="{host}"')
    if event.scheme and is_token(event.scheme):
        parts.append(f"proto={event.scheme}")
    element = ";".join(parts)
    return f"{existing}, {element}" if existing else element


def _via(values: list[str], protocol: str) -> str:
    return ", ".join([*values, f"{protocol} {PSEUDONYM}"])


def _to_wire(name: str, value: str) -> str:
    """A value as Latin-1 text of its UTF-8 bytes. Raises ValueError for control characters and invalid names."""
    if not is_token(name) or _CONTROL.search(value):
        raise ValueError("a header field that an HTTP/1.1 message can't have")
    return value.strip(" \t").encode().decode("latin-1")

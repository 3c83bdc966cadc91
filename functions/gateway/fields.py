"""Header fields on their way through an intermediary, in both directions: RFC 9110, section 7.6, and RFC 7239."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecors.characters import is_token
from edgecors.events.alb import bare_address
from urllib3 import HTTPHeaderDict
from urllib3.util import SKIP_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecors.events.http_event import HttpEvent

    Fields = list[tuple[str, str]]

PSEUDONYM = "edgecors"
"""Our name in Via."""

# RFC 9110, section 7.6.1, with two that never were standard but are sent.
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
# Written anew for the next hop. `expect` was between the viewer and the front, which has the whole body already.
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
_ADDRESS = "0123456789abcdefABCDEF.:"


def for_upstream(source: HttpEvent, host: str) -> HTTPHeaderDict:
    """The header fields that the upstream gets. Raises ValueError for one that no message can hold."""
    gone = _HOP_BY_HOP | _named_by_connection(source.headers)
    kept = [(name, value) for name, value in source.headers if name.lower() not in gone]
    headers = HTTPHeaderDict({"Host": host})
    for name, value in kept:
        if name.lower() not in _REWRITTEN:
            headers.add(name, _on_the_wire(name, value))

    def values(wanted: str) -> list[str]:
        return [_on_the_wire(name, value) for name, value in kept if name.lower() == wanted]

    if cookies := values("cookie"):
        # HTTP/2 lets a browser split them; an HTTP/1.1 server expects one line (RFC 9113, section 8.2.3).
        headers["Cookie"] = "; ".join(cookies)
    client = source.client()
    if client is not None and client.strip(_ADDRESS):
        client = None
    if addresses := _with_client(values("x-forwarded-for"), client):
        headers["X-Forwarded-For"] = addresses
    if source.scheme:
        headers["X-Forwarded-Proto"] = source.scheme
    if source.host:
        headers["X-Forwarded-Host"] = _on_the_wire("host", source.host)
    if forwarded := _forwarded(values("forwarded"), client, source):
        headers["Forwarded"] = forwarded
    headers["Via"] = _via(values("via"), source.protocol())
    for name in ("Accept-Encoding", "User-Agent"):
        # The client library would fill in its own.
        if name not in headers:
            headers[name] = SKIP_HEADER
    return headers


def for_viewer(fields: Iterable[tuple[str, str]], protocol: str, *, length: bool) -> Fields:
    """The header fields that the viewer gets. ``length`` keeps Content-Length, which only a HEAD's response needs."""
    received = [(name, _off_the_wire(value)) for name, value in fields]
    gone = _HOP_BY_HOP | _named_by_connection(received) | {"via"}
    if not length:
        gone |= {"content-length"}
    kept = [(name, value) for name, value in received if name.lower() not in gone]
    return [*kept, ("Via", _via([value for name, value in received if name.lower() == "via"], protocol))]


def _named_by_connection(fields: Iterable[tuple[str, str]]) -> set[str]:
    values = [value for name, value in fields if name.lower() == "connection"]
    return {name.strip().lower() for name in ",".join(values).split(",")}


def _with_client(addresses: list[str], client: str | None) -> str:
    """X-Forwarded-For. The front has mostly added the viewer's address already."""
    standing = ", ".join(addresses)
    if client is None or client in map(bare_address, standing.split(",")):
        return standing
    return f"{standing}, {client}" if standing else client


def _forwarded(elements: list[str], client: str | None, source: HttpEvent) -> str:
    """Forwarded (RFC 7239). An HTTP API writes one itself."""
    standing = ", ".join(elements)
    pairs = (pair.partition("=") for pair in standing.replace(";", ",").split(","))
    known = {bare_address(value.strip(' "')) for name, _, value in pairs if name.strip().lower() == "for"}
    if client is None or client in known:
        return standing
    parts = [f'for="[{client}]"' if ":" in client else f"for={client}"]
    if source.host and '"' not in source.host and "\\" not in source.host:
        host = _on_the_wire("host", source.host)
        parts.append(f"host={host}" if is_token(host) else f'host="{host}"')
    if source.scheme and is_token(source.scheme):
        parts.append(f"proto={source.scheme}")
    element = ";".join(parts)
    return f"{standing}, {element}" if standing else element


def _via(values: list[str], protocol: str) -> str:
    return ", ".join([*values, f"{protocol} {PSEUDONYM}"])


def _on_the_wire(name: str, value: str) -> str:
    """A value whose characters are the bytes to send, which is what `http.client` takes."""
    if not is_token(name) or any(character in value for character in "\r\n\0"):
        raise ValueError("a header field that no message can hold")
    return value.strip(" \t").encode().decode("latin-1")


def _off_the_wire(value: str) -> str:
    """The text of bytes that `http.client` gave as characters: UTF-8 where they are that, else Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

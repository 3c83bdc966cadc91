"""Requests and responses as the local edge passes them on: raw, in order, nothing decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]
"""Names as they were sent, repeated ones apart; characters are bytes (ISO 8859-1)."""

# RFC 9110 section 7.6.1, and the older names that proxies still meet: they end at each connection.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as received. ``path`` and ``query`` (without ``?``) are those of the request line, unchanged."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    client: str = "127.0.0.1"

    @property
    def target(self) -> str:
        """Path and query as they stand in a request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What goes over the wire. A ``Content-Length`` is made from ``body`` where it is sent."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def with_header(self, name: str, value: str) -> HttpResponse:
        """The same with this header alone under its name."""
        return replace(self, headers=(*without(self.headers, {name.lower()}), (name, value)))


@dataclass(slots=True)
class Exchange:
    """A response, and how a front came to it: what the printed line tells."""

    response: HttpResponse
    steps: list[str] = field(default_factory=list)
    """In order: triggers that ran, ``hit`` or ``miss``, ``origin``."""
    decisions: list[str] = field(default_factory=list)
    """What the handler decided and why, one a trigger, as the library words it."""
    troubles: list[str] = field(default_factory=list)
    """Sentences on what went wrong; each is printed on a line of its own."""


def values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """All values under a lower-case name."""
    return [value for key, value in headers if key.lower() == name]


def value(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """All values under a lower-case name as one, or None."""
    texts = values(headers, name)
    return ", ".join(texts) if texts else None


def without(headers: Iterable[tuple[str, str]], names: Iterable[str]) -> Headers:
    """The headers but those with these lower-case names."""
    unwanted = frozenset(names)
    return tuple(item for item in headers if item[0].lower() not in unwanted)


def end_to_end(headers: Headers) -> Headers:
    """Without hop-by-hop headers, also those that ``Connection`` names."""
    named = {name.strip().lower() for text in values(headers, "connection") for name in text.split(",")}
    return without(headers, HOP_BY_HOP | named)


def tokens(text: str | None) -> Iterator[str]:
    """The members of a comma-separated header value, blanks and empty ones left out."""
    return (part.strip() for part in (text or "").split(",") if part.strip())


def phrase(status: int) -> str:
    """The standard reason phrase, or an empty string for a status without one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def bytes_as_text(raw: str) -> str:
    """Header bytes as a handler sees them: UTF-8, or ISO 8859-1 converted to it."""
    try:
        return raw.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return raw


def text_as_bytes(text: str) -> str:
    """What a handler wrote, as bytes: UTF-8."""
    return text.encode("utf-8", "replace").decode("latin-1")


def train_case(name: str) -> str:
    """``Access-Control-Allow-Origin`` for a name in any case."""
    return "-".join(part.capitalize() for part in name.split("-"))

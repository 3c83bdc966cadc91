"""Read an upstream's response as strictly as a proxy must: RFC 9112, sections 2.2 and 4 to 7.

A response of uncertain length is refused. One whose end is certain but whose framing is unusual is read, and its
connection is not used again: bytes that are left on a reused connection become the next viewer's response.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 131_072
"""Bytes of all heads together, those of interim (1xx) responses and trailers included."""
MAX_LINE = 65_536
MAX_FIELDS = 100

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([0-9]{3})(?: .*)?", re.DOTALL)
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)", re.DOTALL)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*(?:;.*)?)", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTROL = bytes(code for code in (*range(0x20), 0x7F) if code != 0x09)


class BadResponse(Exception):
    """What the upstream sent is not HTTP, or its length is uncertain."""


class BodyTooLarge(Exception):
    """The body is longer than the front can take."""


class ResponseHead:
    """Status, minor version and header fields of a final response; values are text."""

    __slots__ = ("fields", "minor", "status")

    def __init__(self, status: int, minor: int, fields: list[tuple[str, str]]) -> None:
        self.status = status
        self.minor = minor
        self.fields = fields

    def values(self, name: str) -> list[str]:
        """All values of a header, by its lower-case name."""
        return [value for field, value in self.fields if field.lower() == name]

    def options(self) -> set[str]:
        """The lower-case members of Connection."""
        return {option.strip().lower() for option in ",".join(self.values("connection")).split(",")}

    def content_length(self) -> int | None:
        """The length that Content-Length states. Raises BadResponse unless all its values are the same number."""
        lines = self.values("content-length")
        if not lines:
            return None
        values = {value.strip(" \t") for value in ",".join(lines).split(",")}
        if len(values) > 1 or not _LENGTH.fullmatch(lines[0].partition(",")[0]):
            raise BadResponse("Content-Length is not one number")
        return int(lines[0].partition(",")[0])


class ResponseReader:
    """Reads one response from a connection.

    Args:
        receive: Returns the next bytes of the connection, or none at its end.
    """

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._head_bytes = 0
        self._exact = True
        self._persistent = False
        self.started = False
        """Whether any byte of a response has arrived."""

    @property
    def reusable(self) -> bool:
        """Whether the connection can take another request, once the whole response was read."""
        return self._exact and self._persistent and not self._buffer

    def read_head(self) -> ResponseHead:
        """Read the final response's head and skip interim responses (RFC 9110, section 15.2).

        Raises:
            BadResponse: What arrived is not the head of a response.
            ConnectionResetError: The connection ended before the first byte of a response.
        """
        while True:
            head = self._one_head()
            if head.status >= 200:
                break
            if head.status < 102 and head.status != 100:
                raise BadResponse(f"status {head.status}: no other protocol was asked for")
            # An interim response has no content (RFC 9112, section 6.3).
            self._exact = self._exact and not head.values("content-length") and not head.values("transfer-encoding")
        if head.status > 599:
            raise BadResponse(f"status {head.status} is not one that a front passes on")
        options = head.options()
        self._persistent = "close" not in options and (head.minor >= 1 or "keep-alive" in options)
        return head

    def read_body(self, head: ResponseHead, method: str, limit: int) -> bytes | None:
        """Read the content that follows a head (RFC 9112, section 6.3); None where a response can't have any.

        Raises:
            BadResponse: The content is cut off, or its length is uncertain.
            BodyTooLarge: It has more than ``limit`` bytes.
        """
        length = head.content_length()
        codings = head.values("transfer-encoding")
        if method == "HEAD" or head.status in (204, 304):
            # Some servers send content here all the same, which would look like the next response. So the connection is
            # reused only if nothing announces content. The response to a HEAD always may.
            self._exact = self._exact and method != "HEAD" and not codings and length is None
            return None
        if codings:
            # RFC 9112, section 6.1: with Content-Length beside it, the connection is not to be trusted any more.
            self._exact = self._exact and length is None
            body = self._read_coded(head, codings, limit)
        elif length is not None:
            self._exact = self._exact and head.values("content-length") == [str(length)]
            body = self._take(length, limit)
        else:
            # Content that ends with the connection. A server that sends a 205 without a length means none.
            self._exact = False
            body = b"" if head.status == 205 else self._take_all(limit)
        if head.status == 205:
            self._exact = self._exact and not body
            return None
        return body

    def _one_head(self) -> ResponseHead:
        line = self._line()
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise BadResponse("the first line is not a status line of HTTP/1")
        return ResponseHead(int(match[2]), int(match[1]), self._fields())

    def _fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while line := self._line():
            if line[:1] in (b" ", b"\t") and fields:
                # Obsolete line folding becomes a space (RFC 9112, section 5.2).
                name, value = fields[-1]
                fields[-1] = (name, " ".join((value, _text(line.strip(b" \t")))))
                continue
            match = _FIELD_LINE.fullmatch(line)
            if match is None:
                raise BadResponse("a line in the head is not a header field")
            fields.append((match[1].decode(), _text(match[2].rstrip(b" \t"))))
            if len(fields) > MAX_FIELDS:
                raise BadResponse(f"the head has more than {MAX_FIELDS} header fields")
        return fields

    def _read_coded(self, head: ResponseHead, codings: list[str], limit: int) -> bytes:
        if head.minor == 0 or ",".join(codings).strip(" \t").lower() != "chunked":
            raise BadResponse("Transfer-Encoding is not exactly 'chunked' in HTTP/1.1")
        body = bytearray()
        while size := self._chunk_size():
            body += self._take(size, limit - len(body))
            if self._line(strict=True):
                raise BadResponse("a chunk is longer than its size")
        self._fields()
        return bytes(body)

    def _chunk_size(self) -> int:
        match = _CHUNK_SIZE.fullmatch(self._line(strict=True))
        if match is None:
            raise BadResponse("a chunk's size is not a hexadecimal number")
        if match[2]:
            # Extensions are allowed and never used; where parsers disagree about them, they are an attack.
            self._exact = False
        return int(match[1], 16)

    def _line(self, *, strict: bool = False) -> bytes:
        """A line without its end. ``strict`` demands CRLF, which only the head may do without."""
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0 and len(self._buffer) <= MAX_LINE:
            start = len(self._buffer)
            self._fill()
        if end < 0 or end > MAX_LINE:
            raise BadResponse(f"a line is longer than {MAX_LINE} bytes")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not strict:
            self._head_bytes += len(line)
            if self._head_bytes > MAX_HEAD:
                raise BadResponse(f"the head is longer than {MAX_HEAD} bytes")
        text = line[:-1].removesuffix(b"\r")
        if len(text) == len(line) - 1:
            self._exact = False
            if strict:
                raise BadResponse("a line of the chunked coding does not end with CRLF")
        if len(text.translate(None, _CONTROL)) < len(text):
            raise BadResponse("a control character in the head")
        return text

    def _take(self, length: int, limit: int) -> bytes:
        if length > limit:
            raise BodyTooLarge
        while len(self._buffer) < length:
            self._fill()
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def _take_all(self, limit: int) -> bytes:
        while len(self._buffer) <= limit and (data := self._receive()):
            self._buffer += data
        if len(self._buffer) > limit:
            raise BodyTooLarge
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _fill(self) -> None:
        data = self._receive()
        if data:
            self.started = True
            self._buffer += data
        elif self.started:
            raise BadResponse("the connection was closed within the response")
        else:
            raise ConnectionResetError("the connection was closed without a response")


def _text(value: bytes) -> str:
    """A value as text: UTF-8 where its bytes are that, else Latin-1."""
    try:
        return value.decode()
    except UnicodeError:
        return value.decode("latin-1")

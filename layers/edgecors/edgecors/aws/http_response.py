"""Parses one HTTP/1.1 response (RFC 9112) out of bytes that arrive in pieces. Does no input or output."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeVar

    T = TypeVar("T")
    Steps = Generator[None, bool, T]
    """Work that stops where it needs more bytes. It is sent whether some have come, or the connection has ended."""
    Response = tuple[int, dict[str, str], bytes]
    """Status, headers (lower-case names) and body."""

MAX_RESPONSE = 2 * 1024 * 1024
"""Bytes of a response body. Ten parameters of 8 KB stay far below, even with every character escaped."""
_MAX_HEAD = 64 * 1024
_MAX_INTERIM = 10
_MAX_CHUNKS = 1000


class ResponseParser:
    """One response, up to the largest size.

    Attributes:
        closes: whether the connection can't be used again; known once the response is complete.
    """

    def __init__(self) -> None:
        self.closes = False
        self._buffer = bytearray()
        self._received = 0
        self._steps = self._response()
        next(self._steps)

    def feed(self, data: bytes) -> Response | None:
        """Take the next bytes, none at the end of the connection. Returns the response once it is complete.

        Raises:
            ConnectionError: the connection has ended before the response was complete.
            ValueError: the bytes are not HTTP/1, or the response is too large.
        """
        self._buffer += data
        self._received += len(data)
        if self._received > MAX_RESPONSE + _MAX_HEAD:
            raise ValueError("a response that is too large")
        try:
            self._steps.send(bool(data))
        except StopIteration as end:
            response: Response = end.value
            return response
        return None

    def _response(self) -> Steps[Response]:
        yield from self._more()
        status, headers, old_protocol = yield from self._head()
        for _ in range(_MAX_INTERIM):
            if not 100 <= status < 200:
                break
            status, headers, old_protocol = yield from self._head()
        else:
            raise ValueError("too many interim responses")
        ends = headers.get("connection", "").lower() == "close" or old_protocol
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = yield from self._chunks()
        elif "content-length" in headers:
            length = headers["content-length"]
            if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > MAX_RESPONSE:
                raise ValueError(f"Content-Length {length[:20]!r} is invalid or too large")
            body = yield from self._exactly(int(length))
        else:
            while (yield):
                pass
            body = bytes(self._buffer)
            ends = True
        # Bytes after the end belong to no request of ours.
        self.closes = ends or bool(self._buffer)
        return status, headers, body

    def _until(self, mark: bytes, limit: int) -> Steps[bytes]:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > limit:
                raise ValueError("a head or line of the response is too long")
            yield from self._more()
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return taken

    def _exactly(self, length: int) -> Steps[bytes]:
        while len(self._buffer) < length:
            yield from self._more()
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _more(self) -> Steps[None]:
        if not (yield):
            raise ConnectionError("the connection was closed before the response was complete")

    def _head(self) -> Steps[tuple[int, dict[str, str], bool]]:
        """Status, headers with names in lower case, and whether the protocol is HTTP/1.0."""
        text = yield from self._until(b"\r\n\r\n", _MAX_HEAD)
        first, *lines = text.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit() and len(status) == 3):
            raise ValueError("the response is not HTTP/1")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(status), headers, version == "HTTP/1.0"

    def _chunks(self) -> Steps[bytes]:
        """A body in chunks: RFC 9112, section 7.1."""
        body = bytearray()
        for _ in range(_MAX_CHUNKS):
            line = yield from self._until(b"\r\n", 1024)
            size = int(line.partition(b";")[0], 16)
            if size < 0 or len(body) + size > MAX_RESPONSE:
                raise ValueError("a response that is too large")
            if size == 0:
                break
            body += yield from self._exactly(size)
            yield from self._exactly(2)
        else:
            raise ValueError("too many chunks")
        while (yield from self._until(b"\r\n", _MAX_HEAD)):
            pass  # trailers
        return bytes(body)

"""The head of an upstream's response, read as strictly as RFC 9112 asks a proxy to.

`http.client` takes the connection's end for the end of the head, a bare CR for that of a line, and drops what follows
a line that is no header: half of a head would be a whole answer, and whoever gets a CR into a value could add headers.
"""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from typing import Any

from edgecors.characters import TOKEN
from urllib3.connection import HTTPConnection, HTTPSConnection

_FORBIDDEN = bytes(code for code in (*range(0x20), 0x7F) if code != 0x09)


class _Lines:
    """A response's file while its head is read."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        """The next line. Raises HTTPException for what is no header, or holds a control character such as a bare CR."""
        line: bytes = self.file.readline(limit)
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if len(text.translate(None, _FORBIDDEN)) < len(text):
            raise HTTPException("a control character in the head")
        first = self.last in (b"", b"\r\n", b"\n")
        if text and not first and not text.startswith((b" ", b"\t")):
            name, colon, _ = text.partition(b":")
            if not name or not colon or name.translate(None, TOKEN):
                raise HTTPException("a line in the head that is no header")
        self.last = line
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class Response(HTTPResponse):
    """A response whose head ends with an empty line and holds no control characters."""

    def begin(self) -> None:
        """Read the head. Raises HTTPException."""
        lines: Any = _Lines(self.fp)
        self.fp = lines
        super().begin()
        if lines.last not in (b"\r\n", b"\n"):
            raise HTTPException("the connection was closed within the head")
        if self.fp is not None:  # it is where nothing follows
            self.fp = lines.file


class Connection(HTTPConnection):
    """A connection with such responses."""

    response_class = Response


class SecureConnection(HTTPSConnection):
    """The same on TLS."""

    response_class = Response

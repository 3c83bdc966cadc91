"""One kept HTTP/1.1 connection over plain sockets. Importing `http.client` costs a cold start more than this module."""

from __future__ import annotations

import os
import socket
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

MAX_RESPONSE = 2 * 1024 * 1024
"""Bytes of a response body. Ten parameters of 8 KB stay far below, even with every character escaped."""
_MAX_HEAD = 64 * 1024
_AMAZON_TRUST = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
"""Ends of host names whose certificates Amazon Trust Services issues. Sovereign partitions have other authorities."""


class Endpoint:
    """Scheme, host, port and path of a URL. Raises ValueError unless it is an http or https URL."""

    __slots__ = ("host", "netloc", "path", "port", "secure")

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        netloc, slash, path = rest.partition("/")
        bracket = netloc.find("]") + 1
        name, colon, port = netloc[bracket:].partition(":")
        host = netloc[:bracket] + name
        valid_port = not colon or (port.isascii() and port.isdigit() and int(port) <= 65535)
        if not separator or scheme not in ("http", "https") or not host or not valid_port or "@" in netloc:
            raise ValueError(f"{url!r} is not an http or https URL")
        self.secure = scheme == "https"
        self.host = host.strip("[]")
        self.port = int(port) if port else (443 if self.secure else 80)
        self.netloc = netloc
        self.path = slash + path or "/"


class HttpConnection:
    """One kept HTTP/1.1 connection, opened when needed and reopened when the other side has dropped it."""

    def __init__(self, endpoint: Endpoint, ca_bundle: str = "") -> None:
        self._endpoint = endpoint
        self._ca_bundle = ca_bundle
        self._small_roots = not ca_bundle and endpoint.host.endswith(_AMAZON_TRUST)
        self._context: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def open(self, deadline: float) -> None:
        """Connect, if not connected. Raises OSError (TimeoutError past the deadline)."""
        if self._socket is None:
            self._socket = self._connect(deadline)

    def exchange(
        self, method: str, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request, return status, headers (lower-case names) and body.

        Raises OSError (TimeoutError past the deadline), ValueError for an answer that is no HTTP.
        """
        lines = [f"{method} {self._endpoint.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        message = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body
        kept = self._socket is not None
        reader = None
        try:
            self.open(deadline)
            assert self._socket is not None
            reader = ResponseParser(self._socket, deadline)
            _set_timeout(self._socket, deadline)
            self._socket.sendall(message)
            return self._receive(reader)
        except OSError:
            self.close()
            # A kept connection may have been closed since, or be dead to the kernel (ETIMEDOUT, a TimeoutError too).
            # If not a byte came back the read is made again; past the deadline that ends before anybody is asked.
            if not kept or (reader is not None and reader.started):
                raise
        except ValueError:
            self.close()
            raise
        return self.exchange(method, headers, body, deadline)

    def _receive(self, reader: ResponseParser) -> tuple[int, dict[str, str], bytes]:
        status, headers = reader.head()
        while 100 <= status < 200:
            status, headers = reader.head()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = reader.chunked()
        elif "content-length" in headers:
            length = headers["content-length"]
            if not (length.isascii() and length.isdigit()) or int(length) > MAX_RESPONSE:
                raise ValueError(f"an answer of {length[:20]} bytes")
            body = reader.exactly(int(length))
        else:
            body = reader.rest()
            self.close()
        if headers.get("connection", "").lower() == "close" or reader.old_protocol:
            self.close()
        return status, headers, body

    def _connect(self, deadline: float) -> socket.socket:
        endpoint = self._endpoint
        failure: OSError = OSError(f"no address for {endpoint.host}")
        for family, kind, protocol, _, address in _resolve(endpoint.host, endpoint.port, deadline):
            sock = socket.socket(family, kind, protocol)
            try:
                _set_timeout(sock, deadline)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self._encrypt(sock, deadline) if endpoint.secure else sock
            except OSError as error:
                sock.close()
                failure = error
                if self._untrusted(error):
                    return self._connect(deadline)
        raise failure

    def _encrypt(self, sock: socket.socket, deadline: float) -> socket.socket:
        if self._context is None:
            self._context = _tls_context(self._small_roots, self._ca_bundle)
        _set_timeout(sock, deadline)
        return self._context.wrap_socket(sock, server_hostname=self._endpoint.host.encode())

    def _untrusted(self, error: OSError) -> bool:
        """Whether to try again with the system's roots: our few are a shortcut and must never be a dead end."""
        import sys

        module = sys.modules.get("ssl")
        if module is None or not isinstance(error, module.SSLCertVerificationError) or not self._small_roots:
            return False
        self._small_roots, self._context = False, None
        return True


def _tls_context(small_roots: bool, ca_bundle: str) -> ssl.SSLContext:
    """Parsing the system's bundle costs a cold start 27 ms, Amazon's five public roots one."""
    import ssl  # 14 ms that a store on plain HTTP need not pay

    if ca_bundle:
        return ssl.create_default_context(cafile=ca_bundle)
    if not small_roots:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(os.path.join(os.path.dirname(os.path.dirname(__file__)), "roots.pem"))
    return context


def _resolve(host: str, port: int, deadline: float) -> list[Any]:
    """The addresses of a host. The resolver knows no deadline, so it runs beside and may be left behind."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            # As bytes: for a str Python loads its IDNA tables, 2 ms of a cold start, to find nothing to do.
            found.append(socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            # What is no host name at all fails while it is encoded.
            found.append(error)

    left = _remaining(deadline)
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(left)
    if not found:
        raise TimeoutError(f"{host} was not resolved in time")
    if isinstance(found[0], Exception):
        raise OSError(f"{host}: {found[0]}") from found[0]
    return list(found[0])


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _set_timeout(sock: socket.socket, deadline: float) -> None:
    sock.settimeout(_remaining(deadline))


class ResponseParser:
    """Reads one HTTP/1.1 response (RFC 9112) from a socket, never past the deadline or the largest size."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self._buffer = bytearray()
        self.started = False
        self.old_protocol = False

    def _more(self) -> bool:
        _set_timeout(self._socket, self._deadline)
        data = self._socket.recv(65536)
        self._buffer += data
        self.started = self.started or bool(data)
        return bool(data)

    def _until(self, mark: bytes, limit: int) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > limit:
                raise ValueError("a head that does not end")
            if not self._more():
                raise ConnectionError("the connection was closed before the answer was complete")
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return taken

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers, the names in lower case."""
        first, *lines = self._until(b"\r\n\r\n", _MAX_HEAD).decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit() and len(status) == 3):
            raise ValueError("an answer that is no HTTP")
        self.old_protocol = version == "HTTP/1.0"
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(status), headers

    def exactly(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        while len(self._buffer) < length:
            if not self._more():
                raise ConnectionError("the connection was closed before the answer was complete")
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def chunked(self) -> bytes:
        """A body in chunks: RFC 9112, section 7.1."""
        body = bytearray()
        while True:
            size = int(self._until(b"\r\n", 1024).partition(b";")[0], 16)
            if size < 0 or len(body) + size > MAX_RESPONSE:
                raise ValueError("an answer that is too large")
            if size == 0:
                break
            body += self.exactly(size)
            self.exactly(2)
        while self._until(b"\r\n", _MAX_HEAD):
            pass  # trailers
        return bytes(body)

    def rest(self) -> bytes:
        """All until the connection is closed."""
        while self._more():
            if len(self._buffer) > MAX_RESPONSE:
                raise ValueError("an answer that is too large")
        return bytes(self._buffer)

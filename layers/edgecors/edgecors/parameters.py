"""Parameter Store: signed GetParameter and GetParameters over one kept connection, by the standard library alone.

A cold start is what a visitor waits for, and an SDK would make most of it. So this speaks just enough HTTP/1.1 for
two calls of one JSON API (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html),
over sockets: `http.client` alone costs more than all of this. Every operation has a deadline, in seconds on the
monotonic clock.
"""

from __future__ import annotations

import hmac
import json
import os
import socket
import threading
import time
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

MAX_NAMES = 10
"""Names in one GetParameters call."""
MAX_RESPONSE = 2 * 1024 * 1024
"""Bytes of a response. Ten parameters of 8 KB stay far below, even with every character escaped."""
_MAX_HEAD = 64 * 1024
_EXPIRY_MARGIN = 300
"""Seconds before its end at which a credential from the container endpoint is replaced."""


class ParameterStoreError(Exception):
    """A read that did not work. ``code`` is AWS's error code, or one of ours: ``connection``, ``timeout``,
    ``bad-response``, ``no-credentials``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class Parameter:
    """A parameter's value (decrypted) and version, and whether it is a SecureString, which no log may quote."""

    __slots__ = ("secret", "value", "version")

    def __init__(self, value: str, version: int, secret: bool = False) -> None:
        self.value = value
        self.version = version
        self.secret = secret


class Credentials:
    """An AWS access key; ``expires`` in seconds since the epoch (infinite for the environment's)."""

    __slots__ = ("access_key", "expires", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str = "", expires: float = float("inf")) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires


def sign(
    credentials: Credentials, region: str, host: str, path: str, headers: Mapping[str, str], body: bytes, now: float
) -> dict[str, str]:
    """The headers of a POST to Systems Manager, signed with Signature Version 4.

    ``headers`` has lower-case names; ``host`` is the Host header's value; ``now`` is in seconds since the epoch.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv4-create-signed-request.html
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "host": host, "x-amz-date": stamp}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    canonical_headers = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    request = "\n".join(("POST", path, "", canonical_headers, names, sha256(body).hexdigest()))
    scope = f"{stamp[:8]}/{region}/ssm/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + credentials.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{credentials.access_key}/{scope}"
    signed["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return signed


class Endpoint:
    """Where to speak to: scheme, host, port and path of a URL. Raises ValueError for what is no http(s) URL."""

    __slots__ = ("host", "netloc", "path", "port", "secure")

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        netloc, slash, path = rest.partition("/")
        bracket = netloc.find("]") + 1
        name, colon, port = netloc[bracket:].partition(":")
        host = netloc[:bracket] + name
        valid_port = not colon or (port.isascii() and port.isdigit() and int(port) <= 65535)
        if not separator or scheme not in ("http", "https") or not host or not valid_port or "@" in netloc:
            raise ValueError(f"{url!r} is no http or https URL")
        self.secure = scheme == "https"
        self.host = host.strip("[]")
        self.port = int(port) if port else (443 if self.secure else 80)
        self.netloc = netloc
        self.path = slash + path or "/"


def endpoint_for(region: str, environ: Mapping[str, str]) -> Endpoint:
    """The environment's endpoint for Systems Manager if it names one, else the Region's own."""
    url = environ.get("AWS_ENDPOINT_URL_SSM") or environ.get("AWS_ENDPOINT_URL")
    if not url:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        url = f"https://ssm.{region}.{suffix}"
    return Endpoint(url)


class CredentialSource:
    """The function's credentials: the environment's, or those of the container endpoint that SnapStart uses.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time) -> None:
        self._environ = environ
        self._clock = clock
        self._kept: Credentials | None = None

    def get(self, deadline: float) -> Credentials:
        """The credentials to sign with now. Raises `ParameterStoreError`."""
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            token = environ.get("AWS_SESSION_TOKEN", "")
            return Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
        now = self._clock()
        if self._kept is None or now > self._kept.expires - _EXPIRY_MARGIN:
            try:
                self._kept = self._fetch(deadline)
            except ParameterStoreError:
                # They are renewed ahead of time, so that a failure does no harm while the old ones last.
                if self._kept is None or now >= self._kept.expires:
                    raise
        return self._kept

    def _fetch(self, deadline: float) -> Credentials:
        uri = self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not uri:
            raise ParameterStoreError("no-credentials", "no access key and no credentials endpoint in the environment")
        try:
            endpoint = Endpoint(uri)
            headers = {"host": endpoint.netloc, "accept": "application/json"}
            if token := self._token():
                headers["authorization"] = token
            connection = Connection(endpoint)
            try:
                status, _, body = connection.exchange("GET", headers, b"", deadline)
            finally:
                connection.close()
            if status != 200:
                raise ParameterStoreError("no-credentials", f"the credentials endpoint answered {status}")
            return _credentials(json.loads(body))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ParameterStoreError("no-credentials", f"the credentials endpoint failed: {error!r}") from None

    def _token(self) -> str:
        """The endpoint's own token; the file is read each time since it may be rotated."""
        path = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if path:
            with open(path, encoding="utf-8") as file:
                return file.read().strip()
        return self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")


def _credentials(data: Any) -> Credentials:
    """Raises LookupError, TypeError, AttributeError or ValueError for what holds none."""
    key, secret, token = data["AccessKeyId"], data["SecretAccessKey"], data.get("Token") or ""
    if not all(isinstance(part, str) for part in (key, secret, token)):
        raise TypeError("a credential that is no text")
    return Credentials(key, secret, token, _parse_time(data["Expiration"]) if data.get("Expiration") else float("inf"))


def _parse_time(text: str) -> float:
    from datetime import datetime  # only SnapStart's endpoint sends one

    return datetime.fromisoformat(text).timestamp()


class ParameterStore:
    """The Parameter Store of one Region."""

    def __init__(
        self,
        region: str,
        *,
        environ: Mapping[str, str] = os.environ,
        credentials: CredentialSource | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.region = region
        self._credentials = credentials or CredentialSource(environ, wall_clock)
        self._wall_clock = wall_clock
        self._endpoint = endpoint_for(region, environ)
        self._connection = Connection(self._endpoint, environ.get("AWS_CA_BUNDLE", ""))

    def get_parameter(self, name: str, deadline: float) -> Parameter | None:
        """One parameter, None when there is none. Raises `ParameterStoreError`."""
        try:
            data = self._call("GetParameter", {"Name": name, "WithDecryption": True}, deadline)
        except ParameterStoreError as error:
            if error.code == "ParameterNotFound":
                return None
            raise
        return _parameter(data.get("Parameter"))

    def get_parameters(self, names: Iterable[str], deadline: float) -> dict[str, Parameter]:
        """Those of at most ten parameters that there are. Raises `ParameterStoreError`."""
        data = self._call("GetParameters", {"Names": list(names), "WithDecryption": True}, deadline)
        found = data.get("Parameters")
        if not isinstance(found, list) or not all(
            isinstance(p, dict) and isinstance(p.get("Name"), str) for p in found
        ):
            raise ParameterStoreError("bad-response", "the answer has no list of parameters")
        return {item["Name"]: _parameter(item) for item in found}

    def close(self) -> None:
        """Drop the kept connection, as after a restored snapshot."""
        self._connection.close()

    def connect(self, deadline: float) -> None:
        """Open the connection ahead of the first read. Raises OSError."""
        self._connection.open(deadline)

    def _call(self, operation: str, parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
        body = json.dumps(parameters).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AmazonSSM.{operation}"}
        credentials = self._credentials.get(deadline)
        endpoint = self._endpoint
        signed = sign(credentials, self.region, endpoint.netloc, endpoint.path, headers, body, self._wall_clock())
        try:
            status, response_headers, answer = self._connection.exchange("POST", signed, body, deadline)
        except TimeoutError:
            raise ParameterStoreError("timeout", f"no answer from {endpoint.netloc} in time") from None
        except OSError as error:
            raise ParameterStoreError("connection", f"{endpoint.netloc}: {error}") from None
        except ValueError as error:
            raise ParameterStoreError("bad-response", f"{endpoint.netloc}: {error}") from None
        return _result(status, response_headers, answer, credentials.token, credentials.secret_key)


def _result(status: int, headers: Mapping[str, str], body: bytes, *secrets: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if status == 200 and isinstance(data, dict):
        return data
    if status == 200:
        raise ParameterStoreError("bad-response", "the answer is no JSON object")
    fields = data if isinstance(data, dict) else {}
    # `__type` may carry a namespace before "#", the header a URL after ":".
    kind = str(fields.get("__type") or headers.get("x-amzn-errortype") or f"http-{status}")
    code = kind.rpartition("#")[2].partition(":")[0]
    message = str(fields.get("message") or fields.get("Message") or "")
    # About a wrong signature AWS repeats all that should have been signed, the session token with it.
    for secret in filter(None, secrets):
        code, message = code.replace(secret, "[secret]"), message.replace(secret, "[secret]")
    raise ParameterStoreError(code[:100], message[:300])


def _parameter(item: object) -> Parameter:
    value = item.get("Value") if isinstance(item, dict) else None
    version = item.get("Version", 0) if isinstance(item, dict) else 0
    if not isinstance(value, str) or not isinstance(version, int):
        raise ParameterStoreError("bad-response", "the answer holds a parameter without a value")
    return Parameter(value, version, isinstance(item, dict) and item.get("Type") == "SecureString")


class Connection:
    """One kept HTTP/1.1 connection, opened when needed and reopened when the other side has dropped it."""

    def __init__(self, endpoint: Endpoint, ca_bundle: str = "") -> None:
        self._endpoint = endpoint
        self._ca_bundle = ca_bundle
        self._small_roots = not ca_bundle and endpoint.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
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
            reader = _Reader(self._socket, deadline)
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

    def _receive(self, reader: _Reader) -> tuple[int, dict[str, str], bytes]:
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
    context.load_verify_locations(os.path.join(os.path.dirname(__file__), "roots.pem"))
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


class _Reader:
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

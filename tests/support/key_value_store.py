"""A double of the KeyValueStore's data plane: an HTTP server with ETags, all-or-nothing updates, quotas and throttling.

https://docs.aws.amazon.com/cloudfront-keyvaluestore/latest/APIReference/. It does not check signatures.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from harness.threaded_server import ThreadedServer

MAX_KEY_BYTES = 512
MAX_VALUE_BYTES = 1024
MAX_STORE_BYTES = 5_000_000
MAX_UPDATE_KEYS = 50
MAX_UPDATE_BYTES = 3_000_000


class ServiceError(Exception):
    """An answer of the service that is not 200."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code


@dataclass
class KeyValueStoreDouble:
    """The content of one store, and how it misbehaves.

    Attributes:
        throttles: so many of the next calls are throttled.
        conflicts: so many of the next updates find that somebody else wrote before them.
        misses: so many of the next reads lack the keys that the last update changed.
        history: the content after each update.
    """

    content: dict[str, str] = field(default_factory=dict)
    version: int = 1
    throttles: int = 0
    conflicts: int = 0
    misses: int = 0
    calls: list[str] = field(default_factory=list)
    history: list[dict[str, str]] = field(default_factory=list)
    _changed: frozenset[str] = frozenset()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def etag(self) -> str:
        """The store's version."""
        return f"E{self.version:013d}"

    def call(self, method: str, target: str, if_match: str | None, body: bytes) -> dict[str, Any]:
        """One call. Raises `ServiceError`."""
        with self._lock:
            url = urlsplit(target)
            _, _, path = url.path.partition("/key-value-stores/")
            _, _, rest = path.partition("/")
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            operation = {"GET": "ListKeys" if rest == "keys" else "GetKey" if rest else "Describe"}.get(method, method)
            self.calls.append(operation if method == "GET" else "UpdateKeys" if method == "POST" else method)
            if self.throttles > 0:
                self.throttles -= 1
                raise ServiceError(429, "ThrottlingException", "Rate exceeded")
            if method == "GET" and not rest:
                return {**self._totals(), "KvsARN": unquote(path), "Created": 1700000000, "Status": "READY"}
            if method == "GET" and rest == "keys":
                return self._list(query)
            key = unquote(rest.removeprefix("keys/")) if rest != "keys" else ""
            if method == "GET":
                content = self._visible()
                if key not in content:
                    raise ServiceError(404, "ResourceNotFoundException", "Key not found")
                return {"Key": key, "Value": content[key], **self._totals()}
            if self.conflicts > 0:
                self.conflicts -= 1
                self.version += 1
            if if_match != self.etag:
                raise ServiceError(409, "ConflictException", "The ETag does not match")
            data = json.loads(body or b"{}")
            if method == "POST":
                puts = {item["Key"]: item["Value"] for item in data.get("Puts") or ()}
                deletes = [item["Key"] for item in data.get("Deletes") or ()]
            else:
                puts, deletes = ({key: data["Value"]}, []) if method == "PUT" else ({}, [key])
            self._update(puts, deletes)
            return self._totals()

    def _visible(self) -> dict[str, str]:
        """What a read sees."""
        if self.misses <= 0:
            return self.content
        self.misses -= 1
        return {key: value for key, value in self.content.items() if key not in self._changed}

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        content = self._visible()
        keys = sorted(content)
        size = int(query.get("MaxResults", "10"))
        if not 1 <= size <= 50:
            raise ServiceError(400, "ValidationException", "MaxResults is from 1 to 50")
        start = int(query.get("NextToken", "0"))
        items = [{"Key": key, "Value": content[key]} for key in keys[start : start + size]]
        more = {"NextToken": str(start + size)} if start + size < len(keys) else {}
        return {"Items": items, **more}

    def _update(self, puts: Mapping[str, str], deletes: list[str]) -> None:
        """All of it, or nothing."""
        if len(puts) + len(deletes) > MAX_UPDATE_KEYS or len(puts) + len(deletes) == 0:
            raise ServiceError(400, "ValidationException", "An update has from 1 to 50 keys")
        if sum(len(key.encode()) + len(value.encode()) for key, value in puts.items()) > MAX_UPDATE_BYTES:
            raise ServiceError(400, "ValidationException", "An update has at most 3 MB")
        for key, value in puts.items():
            if not 0 < len(key.encode()) <= MAX_KEY_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
                raise ServiceError(400, "ValidationException", f"The key or value of {key[:50]} is too long")
        content = {key: value for key, value in self.content.items() if key not in deletes} | dict(puts)
        if _size(content) > MAX_STORE_BYTES:
            raise ServiceError(402, "ServiceQuotaExceededException", "The store has at most 5 MB")
        self._changed = frozenset({*puts, *deletes})
        self.content = content
        self.version += 1
        self.history.append(dict(content))

    def _totals(self) -> dict[str, int]:
        return {"ItemCount": len(self.content), "TotalSizeInBytes": _size(self.content)}

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on loopback; the endpoint's URL."""
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    answer, status, kind = double.call(self.command, self.path, self.headers["If-Match"], body), 200, ""
                except ServiceError as error:
                    answer, status, kind = {"Message": str(error)}, error.status, error.code
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("ETag", double.etag)
                if kind:
                    self.send_header("x-amzn-ErrorType", kind)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        with ThreadedServer(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
            yield server.url


def _size(content: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in content.items())

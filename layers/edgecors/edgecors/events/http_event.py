"""What the events of API Gateway, function URLs and load balancers have in common.

Each of them is one class of one shape (`rest.Rest`, `http.Http`, `alb.Alb`): an event in; a `Request`, or the whole
message for whoever passes it on, out; and back a decision or a response in the form that this front understands.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import lru_cache

from ..characters import ALPHANUMERIC, consists_of
from ..decision import Request
from .vary import merge_vary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..decision import Decision

    Fields = dict[str, list[str]]

LAMBDA_LIMIT = 6_291_556
"""Bytes of JSON that a function may answer with: 6 MB, and what Lambda adds for its own envelope."""

_AS_IT_IS: Mapping[str, str] = {}
# Most paths are made of these alone, and are spelt the same whatever the front did to them.
_PLAIN_PATH = ALPHANUMERIC + b"/-._~"
# What no request line can hold, and what would begin the query or the fragment.
_NOT_IN_A_PATH = re.compile(r"[^!-~]|[#?]")
_NOT_IN_A_QUERY = re.compile(r"[^!-~]|#")
# Some fronts hand over a decoded path. What can't stand in an encoded one was encoded, so it is again. An escape that
# looks whole stays as it is: there is no telling whether it was written so.
_DECODED = re.compile(r"[^!$&'()*+,\-./0-9:;=@A-Z_a-z~%]|%(?![0-9A-Fa-f]{2})")


class HttpEvent(ABC):
    """One request's event.

    ``method``, ``path`` (encoded, without the stage and without query; it begins with a slash), ``host`` and ``scheme``
    (None where the event does not show them) are the viewer's. ``limit`` is the size in bytes, as JSON, of the largest
    response that the front takes.
    """

    __slots__ = ("_spelt", "_values", "context", "event", "host", "method", "path", "scheme")

    limit = LAMBDA_LIMIT

    def __init__(self, event: Mapping[str, Any], method: object, path: str, scheme: str | None) -> None:
        self.event = event
        self.context: Mapping[str, Any] = event.get("requestContext") or {}
        self._values, self._spelt = _readable(event)
        self.method = str(method or "GET")
        self.path = path
        self.scheme = scheme
        self.host = self.value("host") or self.context.get("domainName")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All header fields as they came, repeated names repeated."""
        return read_headers(self.event)

    def value(self, name: str) -> str | None:
        """All values of the request's header with this lower-case name, joined; None when it is not there."""
        found = self._values.get(self._spelt.get(name, name))
        if type(found) is list and len(found) == 1:
            found = found[0]
        if found is None or type(found) is str:
            return found
        return ", ".join(map(str, _as_list(found))) if _as_list(found) else None

    def request(self) -> Request:
        """What the protocol needs of the request."""
        value = self.value
        request = Request(self.method, self.path, self.host, self.scheme, value("origin"))
        request.fetch_site = value("sec-fetch-site")
        if self.method == "OPTIONS":
            request.request_method = value("access-control-request-method")
            request.request_headers = value("access-control-request-headers")
            request.private_network = value("access-control-request-private-network")
        return request

    @abstractmethod
    def query(self) -> str:
        """The encoded query without its question mark; empty when there is none."""

    def body(self) -> bytes:
        """The request's body. Raises ValueError for broken base64."""
        body = self.event.get("body")
        if not body:
            return b""
        if self.event.get("isBase64Encoded"):
            from binascii import a2b_base64

            return a2b_base64(body, strict_mode=True)
        return str(body).encode()

    @abstractmethod
    def client(self) -> str | None:
        """The viewer's address as the front saw it; None where it is not told."""

    def protocol(self) -> str:
        """The version of HTTP that the viewer spoke: ``1.1``, ``2.0``."""
        return version_of(self.context.get("protocol"))

    def generate_response(self, decision: Decision) -> dict[str, Any]:
        """A response of our own."""
        response = self._head(decision.status or 0)
        self._add(response, _form(decision).headers)
        if decision.body is not None:
            response["body"] = decision.body
        return response

    def problem(self, status: int, title: str, detail: str) -> dict[str, Any]:
        """An error of our own, as RFC 9457 has it."""
        import json

        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
        return self.reply(status, [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")], body)

    def reply(self, status: int, headers: Iterable[tuple[str, str]], body: bytes | str | None = None) -> dict[str, Any]:
        """A response in the front's form, repeated header fields kept apart as far as that form can.

        Bytes that are no UTF-8 go as base64, all others as text: a REST API decodes only what it is told to.
        """
        names: dict[str, str] = {}
        fields: Fields = {}
        for name, value in headers:
            fields.setdefault(names.setdefault(name.lower(), name), []).append(value)
        response = self._head(status)
        self._write(response, fields)
        if body is None:
            return response
        response["body"], response["isBase64Encoded"] = _as_text(body)
        return response

    def apply_to_response(self, response: Any, decision: Decision) -> Any:
        """Put a decision on a handler's response: its CORS headers go, ours come, Vary is merged.

        The response is copied as far as it is changed: handlers return constants. What is no response at all is left
        to the front, which answers 502.
        """
        if not decision.managed:
            return response
        response = self._complete(response)
        if not isinstance(response, dict):
            return response
        stamped = dict(response)
        form = _form(decision)
        vary: list[str] = []
        for key in ("headers", "multiValueHeaders"):
            fields = response.get(key)
            if isinstance(fields, dict):
                stamped[key] = _kept(fields, form.replaced, vary if decision.vary else None)
        ours = form.headers
        if vary:
            ours = {**ours, "Vary": merge_vary(vary, decision.vary) or ", ".join(vary)}
        if ours:
            self._add(stamped, ours)
        return stamped

    def _head(self, status: int) -> dict[str, Any]:
        """A response of our own without headers and body."""
        return {"statusCode": status, "isBase64Encoded": False}

    def _complete(self, response: Any) -> Any:
        """The response in its long form, where the front knows a short one."""
        return response

    def _add(self, response: dict[str, Any], headers: Mapping[str, str]) -> None:
        """Add single headers to a response that is ours to change."""
        response["headers"] = {**(response.get("headers") or {}), **headers}

    @abstractmethod
    def _write(self, response: dict[str, Any], fields: Fields) -> None:
        """Put all header fields into a response of our own."""


class _Form:
    """A decision's headers by name, with Vary as it is where there is none yet; ``replaced`` are lower-case names."""

    __slots__ = ("headers", "replaced")

    def __init__(self, decision: Decision) -> None:
        self.headers = dict(decision.headers)
        if decision.vary:
            self.headers["Vary"] = ", ".join(decision.vary)
        self.replaced = frozenset((*decision.remove, *(name.lower() for name, _ in decision.headers)))


def _form(decision: Decision) -> _Form:
    form: _Form | None = decision.forms.get("api")
    if form is None:
        form = decision.forms["api"] = _Form(decision)
    return form


def _kept(fields: dict[str, Any], replaced: frozenset[str], vary: list[str] | None) -> dict[str, Any]:
    """The header fields that stay. Those of Vary go into the list, where one is given."""
    kept = {}
    for name, value in fields.items():
        lower = str(name).strip().lower()
        if vary is not None and lower == "vary":
            vary.extend(map(str, _as_list(value)))
        elif not lower.startswith("access-control-") and lower not in replaced:
            kept[name] = value
    return kept


def _readable(event: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What the event holds of each header (a value or a list of them), and how a lower-case name is spelt there."""
    single, several = event.get("headers"), event.get("multiValueHeaders")
    # Nearly always one map says all, and says it once.
    if not (single and several) or list(single) == list(several):
        fields: Mapping[str, Any] = several or single or {}
        names = "\n".join(fields)
        if names == names.lower():
            return fields, _AS_IT_IS
        spelt = _spelling(names)
        if len(spelt) == len(fields):
            return fields, spelt
    # Otherwise all that is said of a name counts.
    found: Fields = {}
    for name, value in read_headers(event):
        found.setdefault(name.lower(), []).append(value)
    return found, _AS_IT_IS


# Browsers send but a few different sets of headers.
@lru_cache(maxsize=128)
def _spelling(names: str) -> Mapping[str, str]:
    """Names, a line each, by the same in lower case. Of two that differ in case alone only one is there."""
    return {name.lower(): name for name in names.split("\n")}


def read_headers(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All header fields of an event. The map of single values only fills in names that the other does not have."""
    fields = [
        (name, str(value))
        for name, values in (event.get("multiValueHeaders") or {}).items()
        for value in _as_list(values)
    ]
    known = {name.lower() for name, _ in fields}
    for name, value in (event.get("headers") or {}).items():
        if value is not None and name.lower() not in known:
            fields.append((name, str(value)))
    return fields


def read_parameters(event: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """All query parameters of an event, in order; None for the value of one that is a name only."""
    several = event.get("multiValueQueryStringParameters") or {}
    found = [(name, value) for name, values in several.items() for value in (_as_list(values) or [None])]
    for name, value in (event.get("queryStringParameters") or {}).items():
        if name not in several:
            found.append((name, value))
    return [(str(name), None if value is None else str(value)) for name, value in found]


def encode_path(path: object, *, decoded: bool = False) -> str:
    """A path as it can stand in a request line, as near to what came as that allows; it begins with a slash."""
    text = str(path or "/")
    if text[0] == "/" and consists_of(text, _PLAIN_PATH):
        return text
    text = (_DECODED if decoded else _NOT_IN_A_PATH).sub(_escape, text)
    return text if text[0] == "/" else "/" + text


def encode_query(query: object) -> str:
    """A query as it can stand in a request line, as near to what came as that allows."""
    return _NOT_IN_A_QUERY.sub(_escape, str(query or ""))


def without_stage(path: str, stage: object) -> str:
    """The path without the name of a stage that stands first in it."""
    if not stage or stage == "$default":
        return path
    rest = path.removeprefix(f"/{stage}")
    return rest or "/" if rest[:1] in ("", "/") else path


def version_of(protocol: object) -> str:
    """The version in a protocol's name: ``1.1`` of ``HTTP/1.1``, which is also what stands for the unreadable."""
    version = str(protocol or "").rpartition("/")[2]
    return version if version and not version.strip("0123456789.") else "1.1"


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _as_text(body: bytes | str) -> tuple[str, bool]:
    """A body as JSON can hold it, and whether that is base64."""
    if isinstance(body, str):
        return body, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        from binascii import b2a_base64

        return b2a_base64(body, newline=False).decode(), True


def _as_list(values: object) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [value for value in values if value is not None]
    return [] if values is None else [values]

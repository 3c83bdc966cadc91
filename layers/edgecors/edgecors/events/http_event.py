"""What the adapters of API Gateway, function URLs and load balancers have in common."""

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

    HeaderValues = dict[str, list[str]]

_LOWER_CASE: Mapping[str, str] = {}
# Most paths consist of these characters and are the same whatever the front did to them.
_PLAIN_PATH = ALPHANUMERIC + b"/-._~"
# Characters that a request line can't have, and those that would start the query or the fragment.
_NOT_IN_A_PATH = re.compile(r"[^!-~]|[#?]")
# Some fronts decode the path. Characters that an encoded path can't have were encoded, so they are encoded again. An
# escape that looks complete stays as it is: the event does not show whether the viewer sent it.
_DECODED = re.compile(r"[^!$&'()*+,\-./0-9:;=@A-Z_a-z~%]|%(?![0-9A-Fa-f]{2})")


class HttpEvent(ABC):
    """The event of one request.

    Attributes:
        kind: Which rules its response has to follow: ``rest``, ``http`` or ``alb``.
        event: The event itself.
        context: Its ``requestContext``.
        method: The method.
        path: The viewer's path, encoded, without stage and query; it starts with a slash.
        host: The viewer's Host; None where the event does not show it.
        scheme: The viewer's scheme; None where the event does not show it.
    """

    kind: str
    __slots__ = ("_spelling", "_values", "context", "event", "host", "method", "path", "scheme")

    def __init__(self, event: Mapping[str, Any], method: object, path: str, scheme: str | None) -> None:
        self.event = event
        self.context: Mapping[str, Any] = event.get("requestContext") or {}
        self._values, self._spelling = _index_headers(event)
        self.method = str(method or "GET")
        self.path = path
        self.scheme = scheme
        self.host = self.value("host") or self.context.get("domainName")

    def value(self, name: str) -> str | None:
        """All values of a request header, joined, by its lower-case name; None when it is missing."""
        value = self._values.get(self._spelling.get(name, name))
        if type(value) is list and len(value) == 1:
            value = value[0]
        if value is None or type(value) is str:
            return value
        return ", ".join(map(str, as_list(value))) if as_list(value) else None

    def request(self) -> Request:
        """What the CORS protocol needs of the request."""
        value = self.value
        request = Request(self.method, self.path, self.host, self.scheme, value("origin"))
        request.fetch_site = value("sec-fetch-site")
        if self.method == "OPTIONS":
            request.request_method = value("access-control-request-method")
            request.request_headers = value("access-control-request-headers")
            request.private_network = value("access-control-request-private-network")
        return request

    def generate_response(self, decision: Decision) -> dict[str, Any]:
        """The response of a decision that has a status."""
        response = self._start_response(decision.status or 0)
        self._add_headers(response, _headers_of(decision))
        if decision.body is not None:
            response["body"] = decision.body
        return response

    def problem(self, status: int, title: str, detail: str) -> dict[str, Any]:
        """An error as Problem Details (RFC 9457)."""
        import json

        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
        headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
        return self.write_response(status, headers, body)

    def write_response(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes | str | None = None
    ) -> dict[str, Any]:
        """A response in the front's format; repeated header fields stay separate where the format can do that.

        Args:
            status: The status.
            headers: The header fields, repeated names repeated.
            body: Bytes that are not UTF-8 are encoded as base64; everything else is sent as text, because a REST API
                decodes base64 only for configured media types. None for a response without a body.
        """
        names: dict[str, str] = {}
        fields: HeaderValues = {}
        for name, value in headers:
            fields.setdefault(names.setdefault(name.lower(), name), []).append(value)
        response = self._start_response(status)
        self._write_headers(response, fields)
        if body is None:
            return response
        response["body"], response["isBase64Encoded"] = _encode_body(body)
        return response

    def apply_to_response(self, response: Any, decision: Decision) -> Any:
        """Set a decision's headers on a handler's response instead of its own CORS headers, and merge Vary.

        The response is copied as far as it is changed, because handlers return constants. A value that is not a
        response is returned as it is; the front answers 502 to it.
        """
        if not decision.managed:
            return response
        response = self._complete_response(response)
        if not isinstance(response, dict):
            return response
        result = dict(response)
        headers = _headers_of(decision)
        replaced = {*decision.remove, *[name.lower() for name, _ in decision.headers]}
        vary: list[str] = []
        for key in ("headers", "multiValueHeaders"):
            fields = response.get(key)
            if isinstance(fields, dict):
                result[key] = _remaining_headers(fields, replaced, vary if decision.vary else None)
        if vary:
            headers["Vary"] = merge_vary(vary, decision.vary) or ", ".join(value for value in vary if value.strip())
        if headers:
            self._add_headers(result, headers)
        return result

    def _start_response(self, status: int) -> dict[str, Any]:
        """A response without headers and body."""
        return {"statusCode": status, "isBase64Encoded": False}

    def _complete_response(self, response: Any) -> Any:
        """The response with a status code, where the front accepts responses without one."""
        return response

    def _add_headers(self, response: dict[str, Any], headers: Mapping[str, str]) -> None:
        """Add headers of one value each to a response, in place."""
        response["headers"] = {**(response.get("headers") or {}), **headers}

    @abstractmethod
    def _write_headers(self, response: dict[str, Any], fields: HeaderValues) -> None:
        """Put all header fields into a response that has none."""


def _headers_of(decision: Decision) -> dict[str, str]:
    """A decision's headers by name, Vary included."""
    headers = dict(decision.headers)
    if decision.vary:
        headers["Vary"] = ", ".join(decision.vary)
    return headers


def _remaining_headers(fields: dict[str, Any], replaced: set[str], vary: list[str] | None) -> dict[str, Any]:
    """The header fields that stay in a response. Values of Vary are moved to ``vary``, unless it is None."""
    remaining = {}
    for name, value in fields.items():
        lower = str(name).strip().lower()
        if vary is not None and lower == "vary":
            vary.extend(map(str, as_list(value)))
        elif not lower.startswith("access-control-") and lower not in replaced:
            remaining[name] = value
    return remaining


def _index_headers(event: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The event's headers (a value or a list of values each), and how each lower-case name is spelled there."""
    single, multi_value = event.get("headers"), event.get("multiValueHeaders")
    # Nearly always one map has everything, each name once.
    if not (single and multi_value) or list(single) == list(multi_value):
        fields: Mapping[str, Any] = multi_value or single or {}
        names = "\n".join(fields)
        if names == names.lower():
            return fields, _LOWER_CASE
        spelling = _spelling(names)
        if len(spelling) == len(fields):
            return fields, spelling
    # Otherwise every value of every spelling counts.
    values: HeaderValues = {}
    for name, value in read_headers(event):
        values.setdefault(name.lower(), []).append(value)
    return values, _LOWER_CASE


# Browsers send only a few different sets of headers.
@lru_cache(maxsize=128)
def _spelling(names: str) -> Mapping[str, str]:
    """Names, one a line, by their lower-case form. Only one of two names that differ in case is included."""
    return {name.lower(): name for name in names.split("\n")}


def read_headers(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All header fields of an event. The map of single values only adds names that the other map does not have."""
    fields = [
        (name, str(value))
        for name, values in (event.get("multiValueHeaders") or {}).items()
        for value in as_list(values)
    ]
    known = {name.lower() for name, _ in fields}
    for name, value in (event.get("headers") or {}).items():
        if value is not None and name.lower() not in known:
            fields.append((name, str(value)))
    return fields


def encode_path(path: object, *, decoded: bool = False) -> str:
    """A path for a request line, starting with a slash.

    Args:
        path: The path of the event.
        decoded: Whether the front has decoded it.
    """
    text = str(path or "/")
    if text[0] == "/" and consists_of(text, _PLAIN_PATH):
        return text
    text = (_DECODED if decoded else _NOT_IN_A_PATH).sub(escape, text)
    return text if text[0] == "/" else "/" + text


def remove_stage(path: str, stage: object) -> str:
    """The path without the stage's name at its start."""
    if not stage or stage == "$default":
        return path
    rest = path.removeprefix(f"/{stage}")
    return rest or "/" if rest[:1] in ("", "/") else path


def escape(match: re.Match[str]) -> str:
    """The matched text as percent escapes of its UTF-8 bytes."""
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def as_list(values: object) -> list[Any]:
    """A list of the values that are not None; a single value becomes a list of one."""
    if isinstance(values, (list, tuple)):
        return [value for value in values if value is not None]
    return [] if values is None else [values]


def _encode_body(body: bytes | str) -> tuple[str, bool]:
    """A body as text, and whether that is base64."""
    if isinstance(body, str):
        return body, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        from binascii import b2a_base64

        return b2a_base64(body, newline=False).decode(), True

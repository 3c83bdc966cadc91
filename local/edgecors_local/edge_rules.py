"""What CloudFront accepts from an edge function. What it does not accept, the viewer gets as a 502.

Sources, all in the CloudFront Developer Guide: "Restrictions on all edge functions", "Restrictions on Lambda@Edge",
"Lambda@Edge event structure", "Generate HTTP responses in request triggers", "Quotas on Lambda@Edge".
Where the guide leaves a case open, it counts as a violation: an answer that passes here relies on nothing unwritten.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Final

from edgecors_local.cloudfront_events import hidden

TRIGGERS: Final = ("viewer-request", "origin-request", "origin-response", "viewer-response")

READ_ONLY: Final[Mapping[str, frozenset[str]]] = {
    "viewer-request": frozenset({"cdn-loop", "content-length", "host", "transfer-encoding", "via"}),
    "origin-request": frozenset(
        {
            "accept-encoding",
            "cdn-loop",
            "content-length",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "transfer-encoding",
            "via",
        }
    ),
    "origin-response": frozenset({"transfer-encoding", "via"}),
    "viewer-response": frozenset({"content-encoding", "content-length", "transfer-encoding", "via", "warning"}),
}
"""Headers that a function sees and may not add, change or remove, by trigger."""

REQUEST_FIELDS: Final = frozenset({"body", "clientIp", "headers", "method", "origin", "querystring", "uri"})
RESPONSE_FIELDS: Final = frozenset({"body", "bodyEncoding", "headers", "status", "statusDescription"})

MAX_HEADERS: Final = 20_480
"""Bytes of all header names and values together."""
MAX_URL: Final = 8_192
"""The URI and query string together have to be shorter than this, in characters."""
MAX_BODY: Final = {"viewer": 40 * 1024, "origin": 1024 * 1024}
"""Bytes of a replaced request body, or of a generated response with its headers; base64 counts decoded."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS: Final = re.compile(r"[0-9]{3}")

Values = dict[str, list[str]]


def violations(trigger: str, event: Mapping[str, Any], result: object) -> list[str]:
    """All the rules that a function's result breaks, a sentence each that names the field or header; empty: none.

    ``event`` is what the function was given, and must not be the object that it may have changed meanwhile.
    Raises ValueError when ``trigger`` is not one of the four.
    """
    if trigger not in TRIGGERS:
        raise ValueError(f"{trigger!r} is not a trigger; there are {', '.join(TRIGGERS)}")
    cf = event["Records"][0]["cf"]
    if not isinstance(result, Mapping):
        return [f"The function returned {_kind(result)} instead of a request or response object."]
    if trigger.endswith("-response"):
        return list(_response(trigger, cf.get("response", {}), result))
    if "status" in result:
        return list(_generated(trigger, result))
    if "uri" in result or "method" in result:
        return list(_request(trigger, cf.get("request", {}), result))
    return ["The returned object is neither a request (it has no uri) nor a response (it has no status)."]


# -- requests ---------------------------------------------------------------------------------------------------------


def _request(trigger: str, received: Mapping[str, Any], result: Mapping[Any, Any]) -> Iterator[str]:
    yield from _unknown_fields("request", REQUEST_FIELDS, received, result)
    for field in ("method", "clientIp"):
        if result.get(field) != received.get(field):
            yield f"request.{field} is read-only: {received.get(field)!r} became {result.get(field)!r}."
    yield from _url(result.get("uri"), result.get("querystring", ""))
    yield from _headers("request.headers", result.get("headers", {}), _values(received))
    yield from _read_only_headers(trigger, received, result)
    if trigger == "viewer-request" and _has_value(result, "cloudfront-viewer-country", received):
        yield "Header cloudfront-viewer-country can't be added at viewer-request."
    if "body" in result:
        yield from _request_body(trigger, received.get("body"), result["body"])
    if "origin" in result:
        yield from _origin(trigger, received.get("origin"), result)


def _url(uri: object, query: object) -> Iterator[str]:
    if not isinstance(uri, str):
        yield f"request.uri is {_kind(uri)} instead of a string."
    elif not uri.startswith("/"):
        yield f"request.uri has to start with a slash: {uri!r}."
    elif _has_blank_or_control(uri) or "?" in uri or "#" in uri:
        yield f"request.uri has a blank, a control character, a question mark or a fragment in it: {uri!r}."
    if not isinstance(query, str):
        yield f"request.querystring is {_kind(query)} instead of a string."
    elif query.startswith("?"):
        yield "request.querystring must not start with a question mark."
    elif _has_blank_or_control(query) or "#" in query:
        yield f"request.querystring has a blank, a control character or a fragment in it: {query!r}."
    if isinstance(uri, str) and isinstance(query, str) and len(uri) + len(query) >= MAX_URL:
        length = len(uri) + len(query)
        yield f"request.uri and request.querystring together are {length} characters; less than {MAX_URL} are allowed."


def _request_body(trigger: str, received: object, body: object) -> Iterator[str]:
    if not isinstance(received, Mapping):
        yield "request.body can't be set: the trigger does not include the body."
        return
    if not isinstance(body, Mapping):
        yield f"request.body is {_kind(body)} instead of an object."
        return
    for field in sorted(map(str, body.keys() - {"action", "data", "encoding", "inputTruncated"})):
        yield f"request.body.{field} is not a field of a body."
    if body.get("inputTruncated") != received.get("inputTruncated"):
        yield "request.body.inputTruncated is read-only."
    action = body.get("action", "read-only")
    if action not in ("read-only", "replace"):
        yield f"request.body.action is {action!r} instead of 'read-only' or 'replace'."
    if action == "replace":
        yield from _replaced_body(trigger, "request.body", body.get("data", ""), body.get("encoding", "base64"))


def _origin(trigger: str, received: object, result: Mapping[Any, Any]) -> Iterator[str]:
    origin = result["origin"]
    if trigger == "viewer-request":
        yield "request.origin is there in origin events only."
    if origin == received:
        return
    if not isinstance(origin, Mapping) or set(origin) not in ({"custom"}, {"s3"}):
        yield "request.origin has to hold exactly one of custom and s3."
        return
    kind = next(iter(origin))
    place = f"request.origin.{kind}"
    details = origin[kind]
    if not isinstance(details, Mapping) or not isinstance(details.get("domainName"), str) or not details["domainName"]:
        yield f"{place}.domainName has to be a name."
        return
    custom = details.get("customHeaders", {})
    yield from _headers(f"{place}.customHeaders", custom)
    forwarded = _values(result)
    for name in _values({"headers": custom}):
        if hidden(name):
            yield f"Header {name} is disallowed in {place}.customHeaders."
        if name in forwarded:
            yield f"Header {name} can't be in {place}.customHeaders and in request.headers."


# -- responses --------------------------------------------------------------------------------------------------------


def _generated(trigger: str, result: Mapping[Any, Any]) -> Iterator[str]:
    """A response made by a request trigger: nothing in it was there before."""
    yield from _unknown_fields("response", RESPONSE_FIELDS, {}, result)
    yield from _status(result)
    yield from _headers("response.headers", result.get("headers", {}))
    yield from _read_only_headers(trigger, {}, result)
    if "body" in result and result["status"] in ("204", "304"):
        yield f"response.body has to be left out with status {result['status']}."
    yield from _response_body(trigger, result)


def _response(trigger: str, received: Mapping[str, Any], result: Mapping[Any, Any]) -> Iterator[str]:
    """A response that came by and was perhaps changed."""
    yield from _unknown_fields("response", RESPONSE_FIELDS, received, result)
    if "status" not in result:
        yield "response.status is missing."
    elif trigger == "viewer-response":
        before, after = received.get("status"), result["status"]
        if before != after:
            yield f"response.status can't be changed at viewer-response: {before!r} became {after!r}."
        yield from _description(result)
    else:
        yield from _status(result)
    yield from _headers("response.headers", result.get("headers", {}), _values(received))
    yield from _read_only_headers(trigger, received, result)
    if trigger == "viewer-response":
        for field in ("body", "bodyEncoding"):
            if field in result:
                yield f"response.{field} can't be set at viewer-response."
        return
    if result.get("body") and result.get("status") in ("204", "304"):
        yield f"response.body has to be empty with status {result['status']}."
    yield from _response_body(trigger, result)


def _status(result: Mapping[Any, Any]) -> Iterator[str]:
    status = result["status"]
    if not isinstance(status, str):
        yield f"response.status is {_kind(status)} instead of a string."
    elif not _STATUS.fullmatch(status) or not 200 <= int(status) <= 599:
        yield f"response.status is {status!r} instead of a number from 200 to 599."
    yield from _description(result)


def _description(result: Mapping[Any, Any]) -> Iterator[str]:
    description = result.get("statusDescription", "")
    if not isinstance(description, str):
        yield f"response.statusDescription is {_kind(description)} instead of a string."
    elif _bad_text(description):
        yield f"response.statusDescription has a control character in it: {description!r}."


def _response_body(trigger: str, result: Mapping[Any, Any]) -> Iterator[str]:
    if "body" in result or "bodyEncoding" in result:
        headers = _size(_values(result))
        yield from _replaced_body(
            trigger, "response.body", result.get("body", ""), result.get("bodyEncoding", "text"), headers
        )


# -- both -------------------------------------------------------------------------------------------------------------


def _unknown_fields(
    place: str, known: frozenset[str], received: Mapping[str, Any], result: Mapping[Any, Any]
) -> Iterator[str]:
    for field, value in result.items():
        if field not in known and (field not in received or received[field] != value):
            yield f"{place}.{field} is not a field of a {place}."


def _replaced_body(trigger: str, place: str, body: object, encoding: object, headers: int = 0) -> Iterator[str]:
    if encoding not in ("text", "base64"):
        yield f"The encoding of {place} is {encoding!r} instead of 'text' or 'base64'."
        return
    if not isinstance(body, str):
        yield f"{place} is {_kind(body)} instead of a string."
        return
    try:
        size = len(base64.b64decode(body, validate=True) if encoding == "base64" else body.encode())
    except (binascii.Error, UnicodeEncodeError) as error:
        yield f"{place} is not {encoding}: {error}."
        return
    limit = MAX_BODY[trigger.partition("-")[0]]
    if size + headers > limit:
        beside = f" with {headers} bytes of headers" if headers else ""
        yield f"{place} is {size} bytes{beside}; at {trigger} {limit} are allowed."


def _headers(place: str, headers: object, before: Values | None = None) -> Iterator[str]:
    """The shape: lower-case names, each with a list of ``{"key", "value"}``; and the total size. The headers
    of ``before`` were received in this shape; the function only passed them on.
    """
    if not isinstance(headers, Mapping):
        yield f"{place} is {_kind(headers)} instead of an object."
        return
    for name, items in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            yield f"Header {name!r} in {place} has an invalid name."
            continue
        if name != name.lower():
            yield f"Header {name} in {place} has to be written {name.lower()} (only `key` may have capitals)."
        if not isinstance(items, list) or not items:
            yield f"Header {name} in {place} has to be a list with one object or more."
            continue
        for item in items:
            yield from _header_item(place, name, item, (before or {}).get(name.lower(), ()))
    size = _size(_values({"headers": headers}))
    if size > MAX_HEADERS:
        yield f"{place} are {size} bytes together; {MAX_HEADERS} are allowed."


def _header_item(place: str, name: str, item: object, before: Container[str]) -> Iterator[str]:
    if not isinstance(item, Mapping):
        yield f"Header {name} in {place} has {_kind(item)} in its list instead of an object."
        return
    for field in sorted(map(str, item.keys() - {"key", "value"})):
        yield f"Header {name} in {place} has an unknown field {field}."
    if "key" in item and (not isinstance(item["key"], str) or item["key"].lower() != name.lower()):
        yield f"Header {name} in {place} has the key {item['key']!r}, which is not its name."
    value = item.get("value")
    if not isinstance(value, str):
        yield f"Header {name} in {place} has {_kind(value)} as its value instead of a string."
    elif value not in before and _bad_text(value):
        yield f"Header {name} in {place} has a control character in its value: {value!r}."


def _read_only_headers(trigger: str, received: Mapping[str, Any], result: Mapping[Any, Any]) -> Iterator[str]:
    """Violations by disallowed headers that were added, and by read-only ones that were changed."""
    before, after = _values(received), _values(result)
    for name in sorted(after):
        if hidden(name) and before.get(name) != after[name]:
            yield f"Header {name} is disallowed: a function can't set it."
    checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("added", lambda name: name not in before and name in after),
        ("removed", lambda name: name in before and name not in after),
        ("changed", lambda name: name in before and name in after and before[name] != after[name]),
    )
    for name in sorted(READ_ONLY[trigger]):
        for what, holds in checks:
            if holds(name):
                yield f"Header {name} is read-only at {trigger}, but was {what}."


def _has_value(result: Mapping[Any, Any], name: str, received: Mapping[str, Any]) -> bool:
    after = _values(result)
    return name in after and _values(received).get(name) != after[name]


def _values(message: Mapping[Any, Any]) -> Values:
    """The header values of a request or response by lower-case name; what has not the right shape is left out."""
    collected: Values = {}
    headers = message.get("headers", {})
    for name, items in headers.items() if isinstance(headers, Mapping) else ():
        texts = collected.setdefault(str(name).lower(), [])
        for item in items if isinstance(items, list) else ():
            if isinstance(item, Mapping) and isinstance(item.get("value"), str):
                texts.append(item["value"])
    return collected


def _size(headers: Values) -> int:
    return sum(len((name + value).encode("utf-8", "replace")) for name in headers for value in headers[name])


def _bad_text(text: str) -> bool:
    """Whether there is a control character other than a tab in it, or half of a surrogate pair."""
    return any(character != "\t" and unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _has_blank_or_control(text: str) -> bool:
    return " " in text or "\t" in text or _bad_text(text)


def _kind(thing: object) -> str:
    return "nothing" if thing is None else type(thing).__name__

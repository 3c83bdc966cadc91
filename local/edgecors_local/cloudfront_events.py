"""Lambda@Edge's events: built from requests and responses, and read back from what a function returned.

The shape is that of the guide's page on the Lambda@Edge event structure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from edgecors_local.http import (
    Headers,
    HttpRequest,
    HttpResponse,
    bytes_as_text,
    phrase,
    text_as_bytes,
    train_case,
    without,
)

# "Disallowed headers": functions neither see them nor may add them. They still travel.
_HIDDEN: Final = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "upgrade",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
_HIDDEN_PREFIXES: Final = ("x-amz-cf-", "x-edge-")


def hidden(name: str) -> bool:
    """Whether functions never see a header (its name in lower case)."""
    return name in _HIDDEN or name.startswith(_HIDDEN_PREFIXES)


@dataclass(frozen=True, slots=True)
class EmulatedDistribution:
    """What ``config`` says of the distribution in every event."""

    id: str = "demo"
    domain: str = "d111111abcdef8.cloudfront.net"


def make_event(
    distribution: EmulatedDistribution,
    trigger: str,
    request_id: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole event for a trigger."""
    cf: dict[str, Any] = {
        "config": {
            "distributionDomainName": distribution.domain,
            "distributionId": distribution.id,
            "eventType": trigger,
            "requestId": request_id,
        },
        "request": request,
    }
    if response is not None:
        cf["response"] = response
    return {"Records": [{"cf": cf}]}


def request_object(request: HttpRequest, origin: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``request`` of an event; ``origin`` is there in origin events only."""
    fields: dict[str, Any] = {
        "clientIp": request.client,
        "headers": headers_object(request.headers),
        "method": request.method,
        "querystring": request.query,
        "uri": request.path,
    }
    if origin is not None:
        fields["origin"] = origin
    return fields


def response_object(response: HttpResponse) -> dict[str, Any]:
    """``response`` of an event. The body is never shown to functions."""
    return {
        "headers": headers_object(response.headers),
        "status": str(response.status),
        "statusDescription": phrase(response.status),
    }


def headers_object(headers: Headers) -> dict[str, list[dict[str, str]]]:
    """Lower-case names, each with all its values; what functions may not see is left out."""
    fields: dict[str, list[dict[str, str]]] = {}
    for name, text in headers:
        if not hidden(name.lower()):
            fields.setdefault(name.lower(), []).append({"key": name, "value": bytes_as_text(text)})
    return fields


def changed_request(request: HttpRequest, result: Mapping[str, Any]) -> HttpRequest:
    """The request as a function left it. Raises ValueError when the object can't be read."""
    if not isinstance(result.get("headers", {}), Mapping):
        raise ValueError("request.headers is not an object")
    return replace(
        request,
        path=str(result.get("uri", request.path)),
        query=str(result.get("querystring", request.query)),
        headers=_read_headers(result.get("headers", {}), request.headers),
    )


def changed_response(response: HttpResponse, result: Mapping[str, Any], *, body: bool) -> HttpResponse:
    """The response as a function left it. With ``body`` it may have put another one (origin-response); its status
    counts there too. Raises ValueError when the object can't be read.
    """
    headers = _read_headers(result.get("headers", {}), response.headers)
    if not body:
        return replace(response, headers=headers)
    replaced = "body" in result
    return HttpResponse(
        status=_status(result),
        headers=without(headers, {"content-length"}) if replaced else headers,
        body=_body(result) if replaced else response.body,
    )


def generated_response(result: Mapping[str, Any]) -> HttpResponse:
    """A response that a request trigger made. Raises ValueError when the object can't be read."""
    headers = without(_read_headers(result.get("headers", {}), ()), {"content-length"})
    return HttpResponse(_status(result), headers, _body(result))


def _status(result: Mapping[str, Any]) -> int:
    try:
        status = int(result["status"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"status {result.get('status')!r} is not a number") from None
    if not 200 <= status <= 599:
        raise ValueError(f"status {status} is not between 200 and 599")
    return status


def _body(result: Mapping[str, Any]) -> bytes:
    text = result.get("body", "")
    if not isinstance(text, str):
        raise ValueError("body is not a string")
    if result.get("bodyEncoding", "text") == "text":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"body is not base64: {error}") from None


def _read_headers(headers: Any, before: Iterable[tuple[str, str]]) -> Headers:
    """The function's headers, and those of ``before`` that it did not see."""
    pairs = [item for item in before if hidden(item[0].lower())]
    try:
        for name, items in headers.items():
            pairs += [(str(item.get("key") or train_case(name)), text_as_bytes(str(item["value"]))) for item in items]
    except (AttributeError, KeyError, TypeError):
        raise ValueError("headers are not lists of objects with a value") from None
    return tuple(pairs)

"""The events and responses of REST APIs, HTTP APIs (format 2.0), function URLs and load balancers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from edgecors_local.gateway import MAX_RESULT, Arrival, Form, WrongShape
from edgecors_local.http import (
    HttpRequest,
    HttpResponse,
    bytes_as_text,
    phrase,
    text_as_bytes,
    train_case,
    value,
    without,
)

ACCOUNT: Final = "123456789012"
API_ID: Final = "local00000"
URL_ID: Final = "local000000000000000000000000000"
REGION: Final = "us-east-1"
TARGET_GROUP: Final = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/edgecors/6d0ecf831eec9f09"
MEGABYTE: Final = 1024 * 1024

Fields = dict[str, list[str]]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Content types that travel as text. Everything else is base64.
_TEXT: Final = ("application/json", "application/javascript", "application/xml")
# API Gateway's table for Lambda integrations, responses.
_REMAPPED: Final = frozenset(
    ("authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent", "www-authenticate")
)
_DROPPED: Final = frozenset(
    ("expect", "host", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "via")
)


def form_of(front: str, stage: str | None) -> Form:
    """The form of a front by its name. ``stage`` is the API's stage, where there are stages."""
    match front:
        case "rest-api":
            return RestApiForm(stage or "live")
        case "http-api":
            return HttpApiForm(stage or "$default")
        case "function-url":
            return FunctionUrlForm()
        case "alb":
            return LoadBalancer(multi_value=True)
        case "alb-single-value":
            return LoadBalancer(multi_value=False)
    raise ValueError(front)


class RestApiForm:
    """A REST API with ``*/*`` as its binary media types, as in the template: every body travels as base64."""

    max_body = 10 * MEGABYTE
    max_result = MAX_RESULT

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def event(self, arrival: Arrival) -> dict[str, Any]:
        """Payload format 1.0."""
        request = arrival.request
        fields = {train_case(name): texts for name, texts in _arrived(request, "https", "443").items()}
        parameters = _grouped(parse_qsl(request.query, keep_blank_values=True))
        method = value(request.headers, "x-http-method-override") or request.method
        resource = "/" if request.path == "/" else "/{proxy+}"
        return {
            "resource": resource,
            "path": request.path,
            "httpMethod": method,
            "headers": _last(fields),
            "multiValueHeaders": fields,
            "queryStringParameters": _last(parameters) or None,
            "multiValueQueryStringParameters": parameters or None,
            "pathParameters": {"proxy": request.path[1:]} if request.path != "/" else None,
            "stageVariables": None,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": API_ID,
                "domainName": _name(request),
                "domainPrefix": _name(request).partition(".")[0],
                "extendedRequestId": "local",
                "httpMethod": method,
                "identity": _identity(request),
                "path": request.path,
                "protocol": "HTTP/1.1",
                "requestId": arrival.id,
                "requestTime": _clf(arrival.seconds),
                "requestTimeEpoch": int(arrival.seconds * 1000),
                "resourceId": "local0",
                "resourcePath": resource,
                "stage": self._stage,
            },
            "body": base64.b64encode(request.body).decode() if request.body else None,
            "isBase64Encoded": bool(request.body),
        }

    def response(self, result: Any) -> HttpResponse:
        """``headers`` and ``multiValueHeaders`` are merged; some names are remapped, some dropped."""
        known = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
        result = _object(result)
        if unknown := sorted(map(str, result.keys() - known)):
            raise WrongShape(f"a REST API takes no {', '.join(unknown)} in a response")
        multiple = _multi_values(result, "multiValueHeaders")
        taken = {(name.lower(), text) for name, text in multiple}
        single = [item for item in _single(result, "headers") if (item[0].lower(), item[1]) not in taken]
        headers = [self._renamed(item) for item in (*single, *multiple) if item[0].lower() not in _DROPPED]
        if value(headers, "content-type") is None:
            headers.append(("Content-Type", "application/json"))
        return HttpResponse(_status(result), tuple(headers), _body(result))

    def _renamed(self, item: tuple[str, str]) -> tuple[str, str]:
        name, text = item
        return (f"x-amzn-Remapped-{train_case(name)}", text) if name.lower() in _REMAPPED else item

    def failure(self, status: int) -> HttpResponse:
        """API Gateway's own error."""
        message = {413: "Request Too Long", 502: "Internal server error"}[status]
        kind = {413: "RequestTooLargeException", 502: "InternalServerErrorException"}[status]
        return _json(status, {"message": message}, ("x-amzn-ErrorType", kind))

    def stamped(self, response: HttpResponse, arrival: Arrival) -> HttpResponse:
        """The ids of request and API."""
        return response.with_header("x-amzn-RequestId", arrival.id).with_header("x-amz-apigw-id", "local")


class _Format2:
    """Payload format 2.0, which HTTP APIs and function URLs have in common."""

    max_result = MAX_RESULT
    content_type: str

    def _event(self, arrival: Arrival, path: str, context: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
        request = arrival.request
        text, encoded = _travelling(request)
        cookies = [pair.strip() for line in fields.get("cookie", ()) for pair in line.split(";") if pair.strip()]
        parameters = _grouped(parse_qsl(request.query, keep_blank_values=True))
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": context["routeKey"],
            "rawPath": path,
            "rawQueryString": request.query,
            "headers": {name: ",".join(texts) for name, texts in fields.items()},
            "requestContext": {
                **context,
                "domainPrefix": context["domainName"].partition(".")[0],
                "http": {
                    "method": request.method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": request.client,
                    "userAgent": value(request.headers, "user-agent") or "",
                },
                "requestId": arrival.id,
                "time": _clf(arrival.seconds),
                "timeEpoch": int(arrival.seconds * 1000),
            },
            "isBase64Encoded": encoded,
        }
        if cookies:
            event["cookies"] = cookies
        if parameters:
            event["queryStringParameters"] = {name: ",".join(texts) for name, texts in parameters.items()}
        if request.body:
            event["body"] = text
        return event

    def response(self, result: Any) -> HttpResponse:
        """Without ``statusCode`` whatever came is the JSON body of a 200. Names are written small."""
        if not isinstance(result, Mapping) or "statusCode" not in result:
            body = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
            return HttpResponse(200, (("content-type", "application/json"),), body.encode())
        headers = [(name.lower(), text) for name, text in _single(result, "headers")]
        cookies = result.get("cookies") or []
        if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
            raise WrongShape("cookies is not a list of strings")
        headers += [("set-cookie", _checked("cookies", cookie)) for cookie in cookies]
        if value(headers, "content-type") is None:
            headers.append(("content-type", self.content_type))
        return HttpResponse(_status(result), tuple(headers), _body(result))


class HttpApiForm(_Format2):
    """An HTTP API. ``rawPath`` is decoded, and begins with the stage unless that is ``$default``."""

    max_body = 10 * MEGABYTE
    content_type = "text/plain;charset=utf-8"

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def event(self, arrival: Arrival) -> dict[str, Any]:
        """Cookies are in a list of their own and not in the headers."""
        request = arrival.request
        path = unquote(request.path)
        method = "OPTIONS" if request.method == "OPTIONS" else "ANY"
        context = {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": _name(request),
            "routeKey": f"{method} {'/' if path == '/' else '/{proxy+}'}",
            "stage": self._stage,
        }
        staged = path if self._stage == "$default" else f"/{self._stage}{path}"
        event = self._event(arrival, staged, context, _arrived(request, "https", "443"))
        event["headers"].pop("cookie", None)
        if path != "/":
            event["pathParameters"] = {"proxy": path[1:]}
        return event

    def failure(self, status: int) -> HttpResponse:
        """API Gateway's own error."""
        return _json(status, {"message": {413: "Request Entity Too Large", 502: "Internal server error"}[status]})

    def stamped(self, response: HttpResponse, arrival: Arrival) -> HttpResponse:
        """The request's id."""
        return response.with_header("apigw-requestid", arrival.id)


class FunctionUrlForm(_Format2):
    """A function URL. The path is unchanged; cookies are in the list and in the headers."""

    max_body = 6 * MEGABYTE
    content_type = "application/json"

    def event(self, arrival: Arrival) -> dict[str, Any]:
        """The stage is always ``$default``."""
        context = {
            "accountId": "anonymous",
            "apiId": URL_ID,
            "domainName": f"{URL_ID}.lambda-url.{REGION}.on.aws",
            "routeKey": "$default",
            "stage": "$default",
        }
        return self._event(arrival, arrival.request.path, context, _arrived(arrival.request, "https", "443"))

    def failure(self, status: int) -> HttpResponse:
        """Lambda's own error."""
        return HttpResponse(
            status, (("content-type", "application/json"),), {413: b"", 502: b"Internal Server Error"}[status]
        )

    def stamped(self, response: HttpResponse, arrival: Arrival) -> HttpResponse:
        """The request's id."""
        return response.with_header("x-amzn-requestid", arrival.id)


class LoadBalancer:
    """An application load balancer.

    ``multi_value`` is the target group's attribute ``lambda.multi_value_headers.enabled``.
    The listener is plain HTTP. The query is not decoded.
    """

    max_body = MEGABYTE
    max_result = MEGABYTE

    def __init__(self, *, multi_value: bool) -> None:
        self._multi_value = multi_value

    def event(self, arrival: Arrival) -> dict[str, Any]:
        """Either both maps of lists, or both of single values, in which the last one wins."""
        request = arrival.request
        fields = _arrived(request, "http", _port(request))
        pairs = [part.partition("=")[::2] for part in request.query.split("&") if part]
        parameters = _grouped(pairs)
        text, encoded = _travelling(request, compressed=True)
        event: dict[str, Any] = {
            "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
            "httpMethod": request.method,
            "path": request.path,
        }
        if self._multi_value:
            event |= {"multiValueQueryStringParameters": parameters, "multiValueHeaders": fields}
        else:
            event |= {"queryStringParameters": _last(parameters), "headers": _last(fields)}
        return event | {"body": text, "isBase64Encoded": encoded}

    def response(self, result: Any) -> HttpResponse:
        """The map of headers has to be the one that the target group is set to."""
        result = _object(result)
        wanted, other = ("multiValueHeaders", "headers") if self._multi_value else ("headers", "multiValueHeaders")
        if wanted not in result and result.get(other):
            raise WrongShape(f"the load balancer is set to {wanted}, the response has {other}")
        if not isinstance(result.get("statusDescription", ""), str):
            raise WrongShape("statusDescription is not a string")
        headers = _multi_values(result, wanted) if self._multi_value else _single(result, wanted)
        if value(headers, "content-type") is None:
            headers.append(("Content-Type", "application/octet-stream"))
        return HttpResponse(_status(result), tuple(headers), _body(result))

    def failure(self, status: int) -> HttpResponse:
        """The load balancer's own page."""
        title = f"{status} {phrase(status)}"
        page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
        return HttpResponse(status, (("Content-Type", "text/html"),), page.encode())

    def stamped(self, response: HttpResponse, arrival: Arrival) -> HttpResponse:
        """Its name, where the target gave none."""
        return response if value(response.headers, "server") else response.with_header("Server", "awselb/2.0")


# -- requests ---------------------------------------------------------------------------------------------------------


def _arrived(request: HttpRequest, scheme: str, port: str) -> Fields:
    """All header fields by lower-case name, with what every front adds."""
    before = value(request.headers, "x-forwarded-for")
    added = (
        ("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000"),
        ("x-forwarded-for", f"{before}, {request.client}" if before else request.client),
        ("x-forwarded-port", port),
        ("x-forwarded-proto", scheme),
    )
    rest = without(request.headers, {name for name, _ in added})
    return _grouped((name.lower(), bytes_as_text(text)) for name, text in (*rest, *added))


def _grouped(pairs: Iterable[tuple[str, str]]) -> Fields:
    fields: Fields = {}
    for name, text in pairs:
        fields.setdefault(name, []).append(text)
    return fields


def _last(fields: Fields) -> dict[str, str]:
    return {name: texts[-1] for name, texts in fields.items()}


def _travelling(request: HttpRequest, *, compressed: bool = False) -> tuple[str, bool]:
    """The body as JSON can hold it, and whether that is base64. ``compressed``: a content encoding makes it binary."""
    kind = (value(request.headers, "content-type") or "").partition(";")[0].strip().lower()
    encoded = compressed and value(request.headers, "content-encoding") is not None
    if not encoded and (not request.body or kind.startswith("text/") or kind in _TEXT):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), bool(request.body)


def _name(request: HttpRequest) -> str:
    """The host's name, without a port."""
    host = value(request.headers, "host") or "localhost"
    return re.sub(r":[0-9]*$", "", host)


def _port(request: HttpRequest) -> str:
    match = re.search(r":([0-9]+)$", value(request.headers, "host") or "")
    return match[1] if match else "80"


def _identity(request: HttpRequest) -> dict[str, Any]:
    absent = (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
    known = {"sourceIp": request.client, "userAgent": value(request.headers, "user-agent")}
    return dict.fromkeys(absent) | known


def _clf(seconds: float) -> str:
    """The time as the common log format has it."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(seconds))


# -- responses --------------------------------------------------------------------------------------------------------


def _object(result: Any) -> Mapping[str, Any]:
    if not isinstance(result, Mapping):
        raise WrongShape(f"the function returned {type(result).__name__} instead of an object")
    return result


def _status(result: Mapping[str, Any]) -> int:
    status = result.get("statusCode")
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise WrongShape(f"statusCode is {status!r} instead of a number from 200 to 599")
    return status


def _single(result: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    fields = result.get(key) or {}
    if not isinstance(fields, Mapping):
        raise WrongShape(f"{key} is not an object")
    return [(name, _checked(name, text)) for name, text in fields.items()]


def _multi_values(result: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    fields = result.get(key) or {}
    if not isinstance(fields, Mapping) or not all(isinstance(texts, list) for texts in fields.values()):
        raise WrongShape(f"{key} is not an object of lists")
    return [(name, _checked(name, text)) for name, texts in fields.items() for text in texts]


def _checked(name: str, text: object) -> str:
    if not _TOKEN.fullmatch(name):
        raise WrongShape(f"{name!r} is not the name of a header")
    if not isinstance(text, str):
        raise WrongShape(f"header {name} is {type(text).__name__} instead of a string")
    if any(character in text for character in "\r\n\0"):
        raise WrongShape(f"header {name} has a line break in it")
    return text_as_bytes(text)


def _body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    encoded = result.get("isBase64Encoded", False)
    if not isinstance(encoded, bool):
        raise WrongShape(f"isBase64Encoded is {encoded!r} instead of true or false")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise WrongShape(f"body is {type(body).__name__} instead of a string")
    if not encoded:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise WrongShape(f"body is not base64: {error}") from None


def _json(status: int, content: object, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(status, (("Content-Type", "application/json"), *headers), json.dumps(content).encode())

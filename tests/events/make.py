"""Events of each front made from a request as a browser sends it, and responses as a browser receives them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

REST = "rest"
HTTP_1 = "http-api-1.0"
HTTP_2 = "http-api-2.0"
URL = "function-url"
ALB = "alb"
ALB_MULTI = "alb-multi-value"
SOURCES = (REST, HTTP_1, HTTP_2, URL, ALB, ALB_MULTI)

CLIENT = "203.0.113.10"
HOSTS = {
    REST: "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
    HTTP_1: "f6e5d4c3b2.execute-api.eu-west-1.amazonaws.com",
    HTTP_2: "f6e5d4c3b2.execute-api.eu-west-1.amazonaws.com",
    URL: "k7m2p9q4r1s6t3u8v5w0x2y4z6a1b3c5.lambda-url.eu-west-1.on.aws",
    ALB: "api.example.com",
    ALB_MULTI: "api.example.com",
}
APP = "https://app.example.com"
EVIL = "https://evil.example"

Fields = Sequence[tuple[str, str]]


def make_event(
    source: str, method: str = "GET", path: str = "/api/x", query: str = "", headers: Fields = (), body: bytes = b""
) -> dict[str, Any]:
    """The front's event of a request. Fronts differ in repeated headers, path, query and body."""
    fields = [("Host", HOSTS[source]), *headers]
    multi_value: dict[str, list[str]] = {}
    for name, value in fields:
        multi_value.setdefault(name if source == REST else name.lower(), []).append(value)
    last = {name: values[-1] for name, values in multi_value.items()}
    event: dict[str, Any]
    if source in (HTTP_2, URL):
        event = _format_2(source, method, path, query, multi_value)
    elif source in (REST, HTTP_1):
        event = _format_1(source, method, path, query, multi_value, last)
    else:
        event = _alb(source, method, path, query, multi_value, last)
    try:
        event["body"] = body.decode() or None
        event["isBase64Encoded"] = False
    except UnicodeDecodeError:
        event["body"] = b64encode(body).decode()
        event["isBase64Encoded"] = True
    return event


def _format_2(source: str, method: str, path: str, query: str, multi_value: dict[str, list[str]]) -> dict[str, Any]:
    stage = "$default" if source == URL else "live"
    raw = path if source == URL else f"/live{unquote(path)}"
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw,
        "rawQueryString": query,
        "headers": {name: ",".join(values) for name, values in multi_value.items() if name != "cookie"},
        "requestContext": {
            "domainName": HOSTS[source],
            "http": {"method": method, "path": raw, "protocol": "HTTP/1.1", "sourceIp": CLIENT},
            "stage": stage,
        },
    }
    if "cookie" in multi_value:
        event["cookies"] = [cookie for value in multi_value["cookie"] for cookie in value.split("; ")]
    return event


def _format_1(
    source: str, method: str, path: str, query: str, multi_value: dict[str, list[str]], last: dict[str, str]
) -> dict[str, Any]:
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    event = {
        "resource": "/{proxy+}",
        "path": path if source == REST else f"/live{unquote(path)}",
        "httpMethod": method,
        "headers": last,
        "multiValueHeaders": multi_value,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "requestContext": {
            "domainName": HOSTS[source],
            "protocol": "HTTP/1.1",
            "resourcePath": "/{proxy+}",
            "stage": "live",
            "identity": {"sourceIp": CLIENT},
        },
    }
    return event if source == REST else {"version": "1.0", **event}


def _alb(
    source: str, method: str, path: str, query: str, multi_value: dict[str, list[str]], last: dict[str, str]
) -> dict[str, Any]:
    parameters: dict[str, list[str]] = {}
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        parameters.setdefault(name, []).append(value)
    added = {"x-forwarded-for": CLIENT, "x-forwarded-port": "443", "x-forwarded-proto": "https"}
    event: dict[str, Any] = {
        "requestContext": {
            "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/b"}
        },
        "httpMethod": method,
        "path": path,
    }
    if source == ALB:
        event["headers"] = last | added
        event["queryStringParameters"] = {name: values[-1] for name, values in parameters.items()}
    else:
        event["multiValueHeaders"] = multi_value | {name: [value] for name, value in added.items()}
        event["multiValueQueryStringParameters"] = parameters
    return event


def preflight(source: str, origin: str = APP, method: str = "PUT", path: str = "/api/x") -> dict[str, Any]:
    """The event of a preflight."""
    return make_event(source, "OPTIONS", path, headers=[("Origin", origin), ("Access-Control-Request-Method", method)])


def read_response(source: str, response: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """The status, the header fields (lower-case names, sorted) and the body that a front sends for a response."""
    multi_value = response.get("multiValueHeaders") or {}
    single = response.get("headers") or {}
    if source == ALB_MULTI:
        assert "headers" not in response, "a load balancer with multi-value headers reads the other map"
    if source in (ALB, HTTP_2, URL):
        assert not multi_value, "this front does not read multiValueHeaders"
    fields = [(name.lower(), str(value)) for name, value in single.items()]
    fields += [(name.lower(), str(value)) for name, values in multi_value.items() for value in values]
    fields += [("set-cookie", cookie) for cookie in response.get("cookies") or ()]
    body = response.get("body") or ""
    return (
        response["statusCode"],
        sorted(fields),
        b64decode(body) if response.get("isBase64Encoded") else body.encode(),
    )

"""The rules of API Gateway, function URLs and load balancers for a function's response, each violation as a sentence.

The edge's rules are `edgecors_local.edge_rules`. Sources here:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (REST, output format)
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (HTTP)
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html (ALB)
Behavior that these pages leave undefined counts as a violation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = {
    "rest": {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"},
    "http": {"statusCode", "headers", "cookies", "body", "isBase64Encoded"},
    "alb": {"statusCode", "statusDescription", "headers", "multiValueHeaders", "body", "isBase64Encoded"},
}
LIMITS = {"rest": 6 * 1024 * 1024, "http": 6 * 1024 * 1024, "alb": 1024 * 1024}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def violations(kind: str, answer: object, *, multi_value: bool = False) -> list[str]:
    """The rules that a response breaks. ``kind`` is rest, http or alb; ``multi_value``: with multi-value headers."""
    if not isinstance(answer, Mapping):
        return [f"the response is a {type(answer).__name__}"]
    return list(_violations(kind, answer, multi_value))


def _violations(kind: str, answer: Mapping[str, Any], multi_value: bool) -> Iterator[str]:
    for field in answer.keys() - FIELDS[kind]:
        yield f"{field} is not a field of a response"
    status = answer.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        yield f"statusCode is {status!r}"
    if not isinstance(answer.get("isBase64Encoded", False), bool):
        yield "isBase64Encoded is not a boolean"
    if not isinstance(answer.get("body", ""), str):
        yield f"the body is a {type(answer['body']).__name__}"
    if status in (204, 205, 304) and answer.get("body"):
        yield f"a {status} with a body"
    if kind == "alb":
        description = answer.get("statusDescription", "")
        if not isinstance(description, str) or _CONTROL.search(description):
            yield f"statusDescription is {description!r}"
        if multi_value and "headers" in answer:
            yield "headers where the load balancer reads multiValueHeaders"
        if not multi_value and "multiValueHeaders" in answer:
            yield "multiValueHeaders where the load balancer reads headers"
    yield from _headers(kind, answer)
    try:
        size = len(json.dumps(answer).encode())
    except (TypeError, ValueError) as error:
        yield f"the response is not JSON: {error}"
    else:
        if size > LIMITS[kind]:
            yield f"the response is {size} bytes long"


def _headers(kind: str, answer: Mapping[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for field, many in (("headers", False), ("multiValueHeaders", True)):
        if field not in answer:
            continue
        if not isinstance(answer[field], Mapping):
            yield f"{field} is a {type(answer[field]).__name__}"
            continue
        for name, value in answer[field].items():
            if not isinstance(name, str) or not _TOKEN.fullmatch(name):
                yield f"{name!r} is not a header name"
            # Without multi-value headers, a load balancer takes further cookies under other spellings of the name.
            elif name.lower() in seen and name.lower() != "set-cookie":
                yield f"{name} is sent under two spellings"
            seen.add(str(name).lower())
            if many and not (isinstance(value, list) and value):
                yield f"{name} in multiValueHeaders is not a list with at least one value"
            for item in value if many and isinstance(value, list) else [value]:
                if not many and not isinstance(item, str):
                    yield f"{name} is a {type(item).__name__}"
                elif isinstance(item, str) and _CONTROL.search(item):
                    yield f"{name} holds a control character: {item!r}"
    cookies = answer.get("cookies", [])
    if kind == "http" and not (isinstance(cookies, list) and all(isinstance(each, str) for each in cookies)):
        yield "cookies is not a list of strings"


def values(answer: object, wanted: str) -> list[str]:
    """All values of a header in a response of any format, CloudFront's included; ``wanted`` in lower case."""
    result: list[str] = []
    if not isinstance(answer, Mapping):
        return result
    for field in ("headers", "multiValueHeaders"):
        fields = answer.get(field)
        for name, value in fields.items() if isinstance(fields, Mapping) else ():
            if str(name).strip().lower() == wanted:
                for item in value if isinstance(value, list) else [value]:
                    result.append(str(item.get("value")) if isinstance(item, Mapping) else str(item))
    return result

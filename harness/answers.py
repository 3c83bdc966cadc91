"""What API Gateway, function URLs and load balancers accept from a function: each broken rule as a sentence.

The edge's rules are `edgecors_local.edge_rules`. Sources here:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (REST, output format)
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (HTTP)
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html (ALB)
What they leave open counts as a violation.
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


def violations(kind: str, answer: object, *, several: bool = False) -> list[str]:
    """The rules that an answer breaks. ``kind`` is rest, http or alb; ``several``: with multi-value headers."""
    if not isinstance(answer, Mapping):
        return [f"the answer is a {type(answer).__name__}"]
    return list(_violations(kind, answer, several))


def _violations(kind: str, answer: Mapping[str, Any], several: bool) -> Iterator[str]:
    for field in answer.keys() - FIELDS[kind]:
        yield f"{field} is no field of an answer"
    status = answer.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        yield f"statusCode is {status!r}"
    if not isinstance(answer.get("isBase64Encoded", False), bool):
        yield "isBase64Encoded is no truth value"
    if not isinstance(answer.get("body", ""), str):
        yield f"the body is a {type(answer['body']).__name__}"
    if status in (204, 304) and answer.get("body"):
        yield f"a {status} with a body"
    if kind == "alb":
        description = answer.get("statusDescription", "")
        if not isinstance(description, str) or _CONTROL.search(description):
            yield f"statusDescription is {description!r}"
        if several and "headers" in answer:
            yield "headers where the load balancer reads multiValueHeaders"
        if not several and "multiValueHeaders" in answer:
            yield "multiValueHeaders where the load balancer reads headers"
    yield from _headers(kind, answer)
    try:
        size = len(json.dumps(answer).encode())
    except (TypeError, ValueError) as error:
        yield f"the answer is no JSON: {error}"
    else:
        if size > LIMITS[kind]:
            yield f"the answer is {size} bytes long"


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
                yield f"{name!r} is no name of a header"
            # A load balancer without multi-value headers takes cookies under spellings that differ.
            elif name.lower() in seen and name.lower() != "set-cookie":
                yield f"{name} is sent under two spellings"
            seen.add(str(name).lower())
            if many and not (isinstance(value, list) and value):
                yield f"{name} in multiValueHeaders is no list with something in it"
            for item in value if many and isinstance(value, list) else [value]:
                if not many and not isinstance(item, str):
                    yield f"{name} is a {type(item).__name__}"
                elif isinstance(item, str) and _CONTROL.search(item):
                    yield f"{name} holds a control character: {item!r}"
    cookies = answer.get("cookies", [])
    if kind == "http" and not (isinstance(cookies, list) and all(isinstance(each, str) for each in cookies)):
        yield "cookies is no list of strings"


def values(answer: object, wanted: str) -> list[str]:
    """All values of a header in an answer of whatever shape, CloudFront's included; ``wanted`` in lower case."""
    found: list[str] = []
    if not isinstance(answer, Mapping):
        return found
    for field in ("headers", "multiValueHeaders"):
        fields = answer.get(field)
        for name, value in fields.items() if isinstance(fields, Mapping) else ():
            if str(name).strip().lower() == wanted:
                for item in value if isinstance(value, list) else [value]:
                    found.append(str(item.get("value")) if isinstance(item, Mapping) else str(item))
    return found

"""Events as browsers and the platform make them, and policies and settings of the same content for every contender.

The headers are those that Chromium sends with a preflight and with a `fetch`; the rest is what AWS documents.
"""

from __future__ import annotations

import json
from typing import Any

PATH = "/api/items/42"
SITE = "E2EXAMPLE1BENCH"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
HOST = "d111111abcdef8.cloudfront.net"
METHODS = ["GET", "POST", "PUT", "DELETE"]
HEADERS = ["authorization", "content-type"]
EXPOSED = ["x-request-id"]
MAX_AGE = 7200
SPREAD = 16
"""Different origins that the events of one task name: a single one would stay in the processor's nearest cache."""


def exact_origins(count: int) -> list[str]:
    """Origins of one length, all different."""
    return [f"https://shop-{number:06d}.example.com" for number in range(count)]


def wildcard_origins(count: int) -> list[str]:
    """Patterns over subdomains, all different."""
    return [f"https://*.shop-{number:06d}.example.com" for number in range(count)]


def spread(origins: list[str], most: int = SPREAD) -> list[str]:
    """Some of the origins (of patterns: some that they allow), evenly from first to last."""
    count = min(most, len(origins))
    chosen = [origins[(2 * number + 1) * len(origins) // (2 * count)] for number in range(count)]
    return [origin.replace("*", "www") for origin in chosen]


def strangers() -> list[str]:
    """Well-formed origins that no list here allows."""
    return [f"https://shop-{number:06d}.example.net" for number in range(SPREAD)]


def policy(origins: list[str]) -> str:
    """A policy document: credentials, four methods, two headers. Read again so rarely that no run sees it."""
    rule = {
        "allow_origins": origins,
        "allow_methods": METHODS,
        "allow_headers": HEADERS,
        "expose_headers": EXPOSED,
        "allow_credentials": True,
        "max_age": MAX_AGE,
    }
    return json.dumps({"version": 1, "refresh_seconds": 3600, "rules": [rule]})


def browser_headers(origin: str | None, *, preflight: bool, host: str) -> dict[str, str]:
    """The header fields that reach the front, lower case as HTTP/2 has them."""
    headers = {
        "host": host,
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "gzip, deflate, br, zstd",
        "accept-language": "en-GB,en;q=0.9",
        "referer": "https://www.example.com/",
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "cross-site",
    }
    if origin is not None:
        headers["origin"] = origin
    if preflight:
        headers["access-control-request-method"] = "PUT"
        headers["access-control-request-headers"] = "authorization,content-type"
    else:
        headers["authorization"] = "Bearer mF_9.B5f-4.1JqM"
    return headers


def cloudfront(trigger: str, origin: str | None, *, preflight: bool) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html"""
    fields = browser_headers(origin, preflight=preflight, host=HOST)
    request = {
        "clientIp": "203.0.113.178",
        "headers": {name: [{"key": name.title(), "value": value}] for name, value in fields.items()},
        "method": "OPTIONS" if preflight else "GET",
        "querystring": "",
        "uri": PATH,
    }
    config = {
        "distributionDomainName": HOST,
        "distributionId": SITE,
        "eventType": trigger,
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
    }
    cf: dict[str, Any] = {"config": config, "request": request}
    if trigger.endswith("-response"):
        cf["response"] = {"status": "200", "statusDescription": "OK", "headers": _upstream_headers()}
    return {"Records": [{"cf": cf}]}


def _upstream_headers() -> dict[str, list[dict[str, str]]]:
    fields = {
        "Content-Type": "application/json",
        "Content-Length": "9593",
        "Date": "Mon, 06 Apr 2026 20:54:31 GMT",
        "Last-Modified": "Mon, 06 Apr 2026 20:51:15 GMT",
        "ETag": '"5ba0-62f8a0"',
        "Cache-Control": "max-age=60",
        "Vary": "Accept-Encoding",
        "Server": "nginx",
        "X-Request-Id": "7f1e",
    }
    return {name.lower(): [{"key": name, "value": value}] for name, value in fields.items()}


def rest(origin: str | None, *, preflight: bool) -> dict[str, Any]:
    """Payload format 1.0, with header names as REST APIs pass them on: capitalised, in both maps.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    host = "70ixmpl4fl.execute-api.us-east-2.amazonaws.com"
    fields = browser_headers(origin, preflight=preflight, host=host) | {
        "x-amzn-trace-id": "Root=1-5e66d96f-7491f09xmpl79d18acf3d050",
        "x-forwarded-for": "203.0.113.178",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    headers = {name.title(): value for name, value in fields.items()}
    method = "OPTIONS" if preflight else "GET"
    return {
        "resource": "/{proxy+}",
        "path": PATH,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": PATH[1:]},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "70ixmpl4fl",
            "domainName": host,
            "domainPrefix": "70ixmpl4fl",
            "extendedRequestId": "JDqjGF4xCYcFtAA=",
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.178", "userAgent": fields["user-agent"]},
            "path": f"/prod{PATH}",
            "protocol": "HTTP/1.1",
            "requestId": "25b2d4a8-6ae9-4d0f-b1d7-1e9c22f10cb1",
            "requestTime": "06/Apr/2026:20:54:31 +0000",
            "requestTimeEpoch": 1775508871000,
            "resourceId": "2gxmpl",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": None,
        "isBase64Encoded": False,
    }


def http(origin: str | None, *, preflight: bool) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    host = "r3pmxmplak.execute-api.us-east-2.amazonaws.com"
    fields = browser_headers(origin, preflight=preflight, host=host) | {
        "x-amzn-trace-id": "Root=1-5e66d96f-7491f09xmpl79d18acf3d050",
        "x-forwarded-for": "203.0.113.178",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": fields,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "r3pmxmplak",
            "domainName": host,
            "domainPrefix": "r3pmxmplak",
            "http": {
                "method": "OPTIONS" if preflight else "GET",
                "path": PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.178",
                "userAgent": fields["user-agent"],
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "06/Apr/2026:20:54:31 +0000",
            "timeEpoch": 1775508871000,
        },
        "isBase64Encoded": False,
    }

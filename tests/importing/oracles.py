"""What S3 and API Gateway allow, in the fewest words: obvious code to compare imports with."""

from __future__ import annotations

from typing import Any

SIMPLE_METHODS = ("GET", "HEAD", "POST")


def matches_with_one_star(pattern: str, text: str) -> bool:
    """S3: a * stands for any characters."""
    prefix, star, suffix = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(prefix) + len(suffix) and text.startswith(prefix) and text.endswith(suffix)


def s3_rule(rules: list[dict[str, Any]], origin: str, method: str, headers: list[str]) -> dict[str, Any] | None:
    """The rule of S3 that allows a request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html."""
    for rule in rules:
        if not any(matches_with_one_star(allowed, origin) for allowed in rule["AllowedOrigins"]):
            continue
        if method not in rule["AllowedMethods"] and not (method == "HEAD" and "GET" in rule["AllowedMethods"]):
            continue  # A policy's GET brings HEAD with it, which shows less than GET.
        allowed_headers = [pattern.lower() for pattern in rule.get("AllowedHeaders", [])]
        if all(any(matches_with_one_star(pattern, header) for pattern in allowed_headers) for header in headers):
            return rule
    return None


def api_gateway_allows(cors: dict[str, Any], origin: str, method: str, headers: list[str]) -> bool:
    """An HTTP API: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html."""
    origins = cors.get("AllowOrigins", [])
    scheme = origin.partition("://")[0]
    if origin not in origins and "*" not in origins and f"{scheme}://*" not in origins:
        return False
    methods = cors.get("AllowMethods", [])
    if method not in methods and "*" not in methods and method not in SIMPLE_METHODS:
        return False
    names = [name.lower() for name in cors.get("AllowHeaders", [])]
    return "*" in names or all(header in names for header in headers)


def serverless_allows(
    events: list[dict[str, Any]],
    path: str,
    origin: str,
    method: str,
    headers: list[str],
    default_headers: tuple[str, ...],
) -> bool:
    """A REST API of the Serverless Framework: the events of one path answer preflights together."""
    resource = api_gateway_resource(sorted({event["path"] for event in events}), path)
    answering = [event for event in events if event["path"] == resource and event.get("cors")]
    settings = [{} if event["cors"] is True else event["cors"] for event in answering]
    if not any(matches_with_one_star(allowed, origin) for cors in settings for allowed in cors.get("origins", ["*"])):
        return False
    methods = {event["method"].upper() for event in answering} | set(SIMPLE_METHODS)
    names = {name.lower() for cors in settings for name in cors.get("headers", default_headers)}
    return method in methods and set(headers) <= names


def api_gateway_resource(resources: list[str], path: str) -> str | None:
    """The resource of a path: an exact segment goes before a parameter, and that before a greedy one."""

    def rank(resource: str) -> list[int] | None:
        parts, segments = resource.split("/"), path.strip("/").split("/")
        ranks: list[int] = []
        for index, part in enumerate(parts):
            if part.endswith("+}"):
                return [*ranks, 2] if index < len(segments) else None
            if index >= len(segments) or (not part.startswith("{") and part != segments[index]):
                return None
            ranks.append(1 if part.startswith("{") else 0)
        return ranks if len(parts) == len(segments) else None

    matching = [(ranks, resource) for resource in resources if (ranks := rank(resource)) is not None]
    return min(matching)[1] if matching else None

"""Test the deployed CloudFront Functions with AWS's own engine, before they are published.

CloudFront's TestFunction runs the DEVELOPMENT stage with an event, and says the answers and how much of the allowed
compute time it took. The events follow from the site's policy; what must come back follows from `edgecors.decision`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecors.decision import Decision, Request, decide_actual, decide_preflight
from edgecors.events.vary import merge_vary
from edgecors.policy import Policy

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

MAX_UTILIZATION = 50
"""Percent of the compute time that CloudFront allows, which each run has to stay below; above 100 a request fails."""
ORIGINS_TESTED = 3
COSTLY_PATH = "/%2F%u0041%u0041%u0041" + "a" * 150
"""A path with as many readings as there may be: each is compared with each glob of each rule."""
_PHRASES = {204: "No Content", 403: "Forbidden", 503: "Service Unavailable"}

Event = dict[str, Any]


@dataclass(frozen=True)
class CheckResult:
    """One event and what AWS made of it.

    Attributes:
        name: of the event.
        function: ``viewer-request`` or ``viewer-response``.
        fault: what is wrong; empty when nothing is.
        utilization: percent of the allowed compute time.
    """

    name: str
    function: str
    fault: str
    utilization: int


def check_functions(
    client: CloudFrontClient, functions: Mapping[str, str], site: str, policy: Policy
) -> Iterator[CheckResult]:
    """Run every event.

    Args:
        client: boto3's ``cloudfront``.
        functions: the names of the deployed functions, by ``viewer-request`` and ``viewer-response``.
        site: the distribution id that the store's keys start with.
        policy: what the store holds.
    """
    etags = {name: client.describe_function(Name=name, Stage="DEVELOPMENT")["ETag"] for name in functions.values()}
    for name, event in check_events(site, policy):
        function = event["context"]["eventType"]
        deployed = functions[function]
        answer: Any = client.test_function(
            Name=deployed, IfMatch=etags[deployed], Stage="DEVELOPMENT", EventObject=json.dumps(event).encode()
        )
        result = answer["TestResult"]
        utilization = int(result.get("ComputeUtilization") or 0)
        yield CheckResult(name, function, _fault(result, expected_answer(policy, event), utilization), utilization)


def publish_commands(client: CloudFrontClient, functions: Mapping[str, str]) -> list[str]:
    """The AWS CLI's commands that publish what the check has run."""
    etags = {name: client.describe_function(Name=name, Stage="DEVELOPMENT")["ETag"] for name in functions.values()}
    return [f"aws cloudfront publish-function --name {name} --if-match {etag}" for name, etag in etags.items()]


def _fault(result: Mapping[str, Any], expected: Event, utilization: int) -> str:
    if result.get("FunctionErrorMessage"):
        return f"the function failed: {result['FunctionErrorMessage']}"
    try:
        output = json.loads(result.get("FunctionOutput") or "")
    except ValueError:
        return f"the output is not JSON: {result.get('FunctionOutput')!r}"
    output = output.get("response") or output.get("request") or output
    differences = [
        f"{key} is {_headers_of(output) if key == 'headers' else output.get(key)!r}, not {value!r}"
        for key, value in (("headers", _headers_of(expected)), *_plain_fields(expected))
        if (_headers_of(output) if key == "headers" else output.get(key)) != value
    ]
    if differences:
        return "; ".join(differences)
    if utilization >= MAX_UTILIZATION:
        return f"it takes {utilization} % of the allowed compute time, which must be below {MAX_UTILIZATION} %"
    return ""


def _plain_fields(expected: Event) -> Iterator[tuple[str, Any]]:
    for key in ("statusCode", "body", "method", "uri"):
        if key in expected:
            yield key, expected[key]


def _headers_of(output: Mapping[str, Any]) -> dict[str, list[str]]:
    headers = output.get("headers") or {}
    return {name: [item["value"] for item in header.get("multiValue") or [header]] for name, header in headers.items()}


def check_events(site: str, policy: Policy) -> Iterator[tuple[str, Event]]:
    """Events that a policy answers in different ways, with a name each."""
    allowed = list(dict.fromkeys(_allowed_origins(policy)))[:ORIGINS_TESTED]
    for origin in (*allowed, "https://not-allowed.example", "null", "https://malformed_..example", None):
        shown = origin or "no origin"
        yield f"response for {shown}", _event(site, "viewer-response", "GET", "/", origin)
        yield f"request of {shown}", _event(site, "viewer-request", "GET", "/", origin)
        if origin is not None:
            yield f"preflight of {shown}", _event(site, "viewer-request", "OPTIONS", "/", origin)
    origin = (*allowed, "https://not-allowed.example")[0]
    yield "preflight of a costly path", _event(site, "viewer-request", "OPTIONS", COSTLY_PATH, origin)
    yield "response for a costly path", _event(site, "viewer-response", "GET", COSTLY_PATH, origin)


def _allowed_origins(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        for grant in rule.grants:
            for entry in grant.allow_origins or ():
                if entry.endswith("://*"):
                    yield entry.replace("*", "abcdefghijklmnop")
                elif "*" in entry:
                    yield entry.removesuffix(":*").replace("*", "a")
                else:
                    yield entry


def _event(site: str, function: str, method: str, uri: str, origin: str | None) -> Event:
    headers = {"host": {"value": "check.example"}}
    if origin is not None:
        headers["origin"] = {"value": origin}
    if method == "OPTIONS":
        headers["access-control-request-method"] = {"value": "PUT"}
        headers["access-control-request-headers"] = {"value": "content-type"}
    event: Event = {
        "version": "1.0",
        "context": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": site,
            "eventType": function,
            "requestId": "check",
        },
        "viewer": {"ip": "192.0.2.1"},
        "request": {"method": method, "uri": uri, "querystring": {}, "headers": headers, "cookies": {}},
    }
    if function == "viewer-response":
        own = {"access-control-allow-origin": {"value": "*"}, "vary": {"value": "accept-encoding"}}
        event["response"] = {"statusCode": 200, "statusDescription": "OK", "headers": own, "cookies": {}}
    return event


def expected_answer(policy: Policy, event: Event) -> Event:
    """What a function has to return for an event: a request, or a response."""
    request = _read_request(event["request"])
    if event["context"]["eventType"] == "viewer-response":
        return _expected_response(event["response"], decide_actual(policy, request))
    if request.origin is None:
        return dict(event["request"])
    decision = decide_preflight(policy, request) if request.is_preflight else decide_actual(policy, request)
    if decision.status is None:
        return dict(event["request"])
    headers = {name.lower(): {"value": value} for name, value in decision.headers}
    headers["vary"] = {"value": ", ".join(decision.vary)}
    answer = {"statusCode": decision.status, "statusDescription": _PHRASES[decision.status], "headers": headers}
    return answer if decision.body is None else {**answer, "body": {"encoding": "text", "data": decision.body}}


def _read_request(request: Event) -> Request:
    headers = {name: header["value"] for name, header in request["headers"].items()}
    return Request(
        request["method"],
        request["uri"],
        headers.get("host"),
        None,
        headers.get("origin"),
        headers.get("access-control-request-method"),
        headers.get("access-control-request-headers"),
        headers.get("access-control-request-private-network"),
        headers.get("sec-fetch-site"),
    )


def _expected_response(response: Event, decision: Decision) -> Event:
    if not decision.managed:
        return dict(response)
    headers = {
        name: header
        for name, header in response["headers"].items()
        if not name.startswith("access-control-") and name not in decision.remove
    }
    headers |= {name.lower(): {"value": value} for name, value in decision.headers}
    if decision.vary:
        vary = merge_vary([headers["vary"]["value"]] if "vary" in headers else [], decision.vary)
        if vary is not None:
            headers["vary"] = {"value": vary}
    return {**response, "headers": headers}

"""Shared by the tests of the edge: handlers over a given policy, and a check of every result."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from edgecors.aws import ReadError
from edgecors.aws.parameters import Parameter
from edgecors.edge import Edge
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry
from edgecors_local.edge_rules import violations

from tests.support.instant_region import InstantRegion

SITE = "EDFDVBD6EXAMPLE"
DOMAIN = "d111111abcdef8.cloudfront.net"

VIEWER_REQUEST = "viewer-request"
ORIGIN_REQUEST = "origin-request"
ORIGIN_RESPONSE = "origin-response"
VIEWER_RESPONSE = "viewer-response"
TRIGGERS = (VIEWER_REQUEST, ORIGIN_REQUEST, ORIGIN_RESPONSE, VIEWER_RESPONSE)

SETUPS = {"viewer": (VIEWER_REQUEST, VIEWER_RESPONSE, ORIGIN_RESPONSE), "origin": (ORIGIN_REQUEST, ORIGIN_RESPONSE)}
"""The triggers that each set-up attaches."""

Json = dict[str, Any]


class OneRegion(InstantRegion):
    """A Parameter Store that holds the value of every site, or fails."""

    def __init__(self, value: str | None) -> None:
        super().__init__()
        self.value = value
        self.calls: list[str] = []

    def read(self, names: list[str]) -> dict[str, Parameter]:
        sites = [name for name in names if "/sites/" in name]
        self.calls += sites
        if self.value is None:
            raise ReadError("timeout", "no answer in time")
        return {name: Parameter(self.value, 1) for name in sites}


class Handlers:
    """Both handlers over one policy (None: no policy can be loaded), as in a warm container.

    Every answer is checked against what CloudFront accepts, unless ``checked`` is off.
    """

    def __init__(self, policy: Mapping[str, Any] | str | None, *, checked: bool = True) -> None:
        self.region = OneRegion(policy if policy is None or isinstance(policy, str) else json.dumps(policy))
        self.raw: list[str] = []
        self.now = 1_700_000_000.0
        telemetry = Telemetry(self.raw.append, clock=lambda: self.now)
        self._edge = Edge(PolicyStore([self.region], telemetry, clock=lambda: self.now), telemetry)
        self._checked = checked

    def __call__(self, setup: str, event: Any) -> Any:
        """The result of a handler for a copy of the event; both pass through JSON as in Lambda."""
        handler = self._edge.viewer if setup == "viewer" else self._edge.origin
        result = json.loads(json.dumps(handler(copy.deepcopy(event), None)))
        if self._checked:
            assert violations(trigger_of(event), event, result) == []
        return result

    @property
    def lines(self) -> list[Json]:
        return [json.loads(line) for line in self.raw]

    @property
    def failures(self) -> list[str]:
        """The tracebacks that were logged."""
        return [line["exception"] for line in self.lines if line.get("level") == "ERROR" and "exception" in line]

    def reasons(self, origin: str | None = None) -> list[str]:
        """The reasons counted so far, in order."""
        return [line["reason"] for line in self.lines if "Decisions" in line]


def trigger_of(event: Any) -> str:
    """The event's trigger; without an event type, the event's content decides."""
    cf = event["Records"][0]["cf"]
    named = cf.get("config", {}).get("eventType")
    if named:
        return str(named)
    where = "origin" if "origin" in cf.get("request", {}) else "viewer"
    return f"{where}-{'response' if 'response' in cf else 'request'}"


def headers(**values: str | list[str]) -> Json:
    """Headers in the format of events; ``_`` in a name becomes ``-``."""
    result: Json = {}
    for name, value in values.items():
        key = name.replace("_", "-")
        items = [value] if isinstance(value, str) else value
        result[key.lower()] = [{"key": key.title(), "value": item} for item in items]
    return result


def plain(message: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request or response by lower-case name; each must be there once."""
    result = {}
    for name, items in message["headers"].items():
        assert name == name.lower()
        (item,) = items
        assert item["key"].lower() == name
        result[name] = item["value"]
    return result


ORIGINS: dict[str, Json] = {
    "s3": {
        "authMethod": "none",
        "customHeaders": {},
        "domainName": "assets.s3.eu-west-1.amazonaws.com",
        "path": "",
        "region": "eu-west-1",
    },
    "custom": {
        "customHeaders": {},
        "domainName": "backend.example.net",
        "keepaliveTimeout": 5,
        "path": "",
        "port": 443,
        "protocol": "https",
        "readTimeout": 30,
        "sslProtocols": ["TLSv1.2"],
    },
}


def event(
    trigger: str,
    *,
    method: str = "GET",
    uri: str = "/api/items",
    status: int = 200,
    upstream: Mapping[str, str | list[str]] | None = None,
    site: str = SITE,
    host: str = "",
    at: str = "custom",
    **request_headers: str | list[str],
) -> Json:
    """An event of a trigger, with the headers that it shows: ``origin="https://..."`` and so on.

    ``upstream`` are the response's headers, ``host`` the Host header where it is not what the trigger usually shows.
    """
    of_viewer = trigger.startswith("viewer")
    shown = host or (DOMAIN if of_viewer else str(ORIGINS[at]["domainName"]))
    usual = headers(host=shown, user_agent="Mozilla/5.0 (X11; Linux x86_64)" if of_viewer else "Amazon CloudFront")
    if not of_viewer:
        usual |= headers(via="2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)")
    request: Json = {
        "clientIp": "203.0.113.178",
        "headers": usual | headers(**request_headers),
        "method": method,
        "querystring": "",
        "uri": uri,
    }
    if not of_viewer:
        request["origin"] = {at: ORIGINS[at]}
    config = {"distributionDomainName": DOMAIN, "distributionId": site, "eventType": trigger, "requestId": "4TyzHT=="}
    cf: Json = {"config": config, "request": request}
    if trigger.endswith("response"):
        answered = headers(content_type="application/json", content_length="2", server="nginx")
        cf["response"] = {
            "headers": answered | headers(**(upstream or {})),
            "status": str(status),
            "statusDescription": "OK" if status == 200 else "Other",
        }
    return copy.deepcopy({"Records": [{"cf": cf}]})


def preflight(trigger: str, origin: str, wanted: str = "GET", **others: Any) -> Json:
    """A preflight at a trigger."""
    return event(trigger, method="OPTIONS", origin=origin, access_control_request_method=wanted, **others)

"""Sets of parameters with which every part of the template is there at least once."""

from __future__ import annotations

from typing import Final

from tests.template import checks

GATEWAY: Final = {"Site": "shop", "Upstream": "https://api.example.com"}
STACKS: Final[dict[str, dict[str, str]]] = {
    "edge": {"Front": "edge", "OriginDomainName": "api.example.com"},
    "edge-origin-s3": {
        "Front": "edge",
        "EdgeSetup": "origin",
        "OriginType": "s3",
        "OriginDomainName": "bucket.s3.us-east-1.amazonaws.com",
    },
    "edge-full": {**checks.FULL, "Front": "edge"},
    "functions-full": {**checks.FULL, "Front": "edge", "EdgeSetup": "functions"},
    "edge-function": {"Front": "edge-function"},
    "http-api": {"Front": "http-api", **GATEWAY},
    "rest-api-full": {**checks.FULL, "Front": "rest-api", "SnapStart": "true"},
    "function-url": {"Front": "function-url", **GATEWAY, "Guard": "false", "Alarms": "false", "Dashboard": "false"},
    "alb": {"Front": "alb", **GATEWAY, "LogRetentionDays": "7"},
    "layer-only": {"Front": "layer-only"},
}

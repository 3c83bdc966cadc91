"""Who is refused, over all Regions. moto answers no query with stats, so CloudWatch Logs is played here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from edgecors.telemetry import Telemetry
from edgecors_admin.denied import Refused, find_refused, query, seconds_of
from edgecors_admin.errors import AwsError, UsageError

from tests.cli.conftest import Command


class Logs:
    """CloudWatch Logs of one Region."""

    def __init__(
        self, groups: list[str], rows: list[dict[str, str]], statuses: tuple[str, ...] = ("Complete",)
    ) -> None:
        self.groups = groups
        self.rows = rows
        self.statuses = list(statuses)
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> Logs:
        assert name == "describe_log_groups"
        return self

    def paginate(self, logGroupNamePrefix: str) -> list[dict[str, Any]]:
        return [{"logGroups": [{"logGroupName": name} for name in self.groups if name.startswith(logGroupNamePrefix)]}]

    def start_query(self, **arguments: Any) -> dict[str, str]:
        self.asked.append(arguments)
        return {"queryId": "q"}

    def get_query_results(self, queryId: str) -> dict[str, Any]:
        status = self.statuses.pop(0)
        results = [[{"field": k, "value": v} for k, v in row.items()] for row in self.rows]
        return {"status": status, "results": results if status == "Complete" else []}


def row(
    origin: str, lines: int, last: str = "2026-11-22 10:00:00.000", reason: str = "origin-not-allowed", **more: str
) -> Any:
    return {"origin": origin, "reason": reason, "rule": "0", "log_lines": str(lines), "last_seen": last, **more}


EDGE, GATEWAY = "/edgecors/shop/edge", "/edgecors/shop/gateway"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecors_admin.denied.POLL_SECONDS", 0)


def test_regions_are_put_together() -> None:
    regions = {
        "us-east-1": Logs([EDGE, GATEWAY, "/aws/lambda/other"], [row("https://a.example", 3)]),
        "eu-west-1": Logs(
            ["/aws/lambda/us-east-1.edgecors-EdgeFunction-1"],
            [row("https://a.example", 4, "2026-11-22 11:00:00.000"), row("https://b.example", 9)],
            ("Scheduled", "Running", "Complete"),
        ),
        "ap-south-1": Logs([], []),
    }
    report = find_refused(lambda region: regions[region], regions, ["shop"], 3600, now=1_800_000_000)  # type: ignore[arg-type,return-value]
    assert [(r.origin, r.lines, r.last, r.regions) for r in report.refused] == [
        ("https://b.example", 9, "2026-11-22 10:00:00.000", ["eu-west-1"]),
        ("https://a.example", 7, "2026-11-22 11:00:00.000", ["us-east-1", "eu-west-1"]),
    ]
    asked = regions["us-east-1"].asked
    assert asked == [
        {
            "logGroupNames": [EDGE, GATEWAY],
            "startTime": 1_800_000_000 - 3600,
            "endTime": 1_800_000_000,
            "queryString": query("shop"),
        }
    ]
    assert regions["ap-south-1"].asked == []
    assert report.failed == {}


def test_find_refused_with_a_failing_region_reports_the_other_regions() -> None:
    def clients(region: str) -> Any:
        if region == "me-south-1":
            raise ClientError({"Error": {"Code": "UnrecognizedClientException", "Message": "no"}}, "DescribeLogGroups")
        if region == "sa-east-1":
            return Logs([EDGE], [], ("Failed",))
        return Logs([EDGE], [row("https://a.example", 1)])

    report = find_refused(clients, ["us-east-1", "me-south-1", "sa-east-1"], ["shop"], 60)
    assert len(report.refused) == 1
    assert sorted(report.failed) == ["me-south-1", "sa-east-1"]
    with pytest.raises(AwsError, match="No Region"):
        find_refused(clients, ["me-south-1"], ["shop"], 60)


def test_the_query_asks_for_what_the_service_logs() -> None:
    from edgecors.decision import Request, decide
    from edgecors.document import load_policy

    lines: list[str] = []
    request = Request("OPTIONS", "/", origin="https://evil.example", request_method="PUT", request_headers="x-a")
    Telemetry(lines.append).record_decision("shop", request, decide(load_policy("https://a.example"), request))
    [logged] = [line for line in map(json.loads, lines) if line.get("message") == "refused"]
    for field in ("site", "origin", "reason", "rule", "request_method", "request_headers"):
        assert field in logged
        assert field in query("shop")


@pytest.mark.parametrize(
    ("refused", "several_rules", "remedy"),
    [
        (Refused("https://a.example", "origin-not-allowed", 1), False, "edgecors allow shop https://a.example"),
        (Refused("https://a.example", "origin-not-allowed", 1), True, "edgecors allow shop https://a.example --rule 1"),
        (Refused("null", "origin-not-allowed", 0), False, ""),
        (Refused("https://a.example'; rm -rf ~", "origin-malformed", 0), False, ""),
        (
            Refused("https://a.example", "method-not-allowed", 2, request_method="PUT"),
            True,
            "allow_methods of rules[2] lacks 'PUT'",
        ),
    ],
)
def test_the_line_that_would_admit_it(refused: Refused, several_rules: bool, remedy: str) -> None:
    assert refused.remedy("shop", several_rules) == remedy


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800)])
def test_times(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "0h", "1", "-1h", "1y", "1.5h"])
def test_an_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        seconds_of(text)


def test_the_command(edgecors: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = {"us-east-1": Logs([EDGE], [row("https://a.example\x1b[2J", 3), row("https://b.example", 1)])}
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda _, region: regions[region])
    edgecors.put("sites/shop", "https://x.example")
    ran = edgecors("denied", "shop", "--in-region", "us-east-1")
    assert ran.status == 0
    assert "edgecors allow shop https://b.example" in ran.out
    assert "\x1b" not in ran.out
    assert (
        "Name yours with --log-group" in edgecors("denied", "shop", "--in-region", "us-east-1", "--log-group", "/x").out
    )


def test_the_command_against_a_real_api(edgecors: Command) -> None:
    result = edgecors.json("denied", "shop", "--in-region", "us-east-1")
    about = {"site": "shop", "logged_as": ["shop"], "aliases_error": None}
    assert result == {**about, "refused": [], "log_groups": [], "failed_regions": {}}

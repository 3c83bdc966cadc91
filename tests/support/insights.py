"""CloudWatch Logs with moto behind it.

moto answers no Insights query with stats, so that of `denied` is evaluated here, over the events that moto holds.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import boto3
from edgecors_admin.denied import query

from tests.support.parameter_store import ParameterStoreServer


class InsightsOverMoto:
    """One Region's CloudWatch Logs client."""

    def __init__(self, server: ParameterStoreServer, region: str, *sites: str) -> None:
        options: dict[str, Any] = {**server._options(), "region_name": region}
        self.client = boto3.client("logs", **options)
        self._sites = sites
        self._results: list[list[dict[str, str]]] = []

    def put(self, group: str, lines: list[str], timestamp: int) -> None:
        """Log lines, as a container does."""
        self.client.create_log_group(logGroupName=group)
        self.client.create_log_stream(logGroupName=group, logStreamName="1")
        events: Any = [{"timestamp": timestamp, "message": line} for line in lines]
        self.client.put_log_events(logGroupName=group, logStreamName="1", logEvents=events)

    def get_paginator(self, name: Any) -> Any:
        return self.client.get_paginator(name)

    def start_query(self, *, logGroupNames: list[str], startTime: int, endTime: int, queryString: str) -> Any:
        assert queryString == query(*self._sites)
        rows: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        for group in logGroupNames:
            span = {"startTime": startTime * 1000, "endTime": (endTime + 1) * 1000}
            for event in self.client.filter_log_events(logGroupName=group, **span)["events"]:
                line = json.loads(event["message"])
                if line.get("message") == "refused" and line["site"] in self._sites:
                    rows[line["origin"], line["reason"], str(line["rule"])].append(line)
        self._results = [
            [
                {"field": name, "value": value}
                for name, value in {
                    **{"origin": origin, "reason": reason, "rule": rule, "log_lines": str(len(lines))},
                    "last_seen": lines[-1]["timestamp"].replace("T", " ").rstrip("Z"),
                    "last_method": lines[-1].get("request_method", ""),
                    "last_headers": lines[-1].get("request_headers", ""),
                }.items()
            ]
            for (origin, reason, rule), lines in rows.items()
        ]
        return {"queryId": "1"}

    def get_query_results(self, *, queryId: str) -> Any:
        return {"status": "Complete", "results": self._results}

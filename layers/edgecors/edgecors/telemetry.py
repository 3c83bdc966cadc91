"""Telemetry: one shape of log line, one shape of metric record, both JSON on standard output.

Log lines have the field names of Powertools' Logger (level, message, timestamp, service); metrics are CloudWatch's
embedded metric format (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html). Decisions are counted in memory and written once an interval, a
refusal is logged once for each origin, reason, rule and interval: neither costs a line a request.

Metrics of this library, in the namespace ``edgecors``; names and meanings stay as they are:

- ``Decisions`` (site, reason): decisions, written once an interval.
- ``RefreshFailures`` (site): reads of a policy that failed, also in part.
- ``LastGoodUsed`` (site): those of them after which a last good policy was used.
- ``PolicyAge`` (site): seconds since the last complete read, when a read failed or the policy is overdue.
- ``PolicyOverdue`` (site): 1 when a request uses a policy that was not read completely for three refresh times, so that
  a change, perhaps a revocation, may not have arrived; once in a refresh time for each container.
- ``HandlerErrors`` (site): exceptions of a handler under ``cors``, answered with 500 and CORS headers.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

from .decision import REFUSALS, RESOURCE_AMBIGUOUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .decision import Decision, Request

NAMESPACE = "edgecors"
SERVICE = "edgecors"
INTERVAL = 60.0
"""Seconds between two records of the same counts, and between two log lines about the same origin."""
MAX_REFUSED = 1000
"""Origins remembered as logged. Further ones are not logged, so that made-up origins can't flood the log."""
MAX_COUNTS = 1000
MAX_LOGGED = 300
"""Maximum characters of a logged value from a request."""


class Telemetry:
    """Counts decisions and writes log lines. ``write`` takes one line without its end."""

    def __init__(
        self,
        write: Callable[[str], object] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        interval: float = INTERVAL,
    ) -> None:
        self._write = write or _print
        self._clock = clock
        self._interval = interval
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._refused: set[tuple[str, str, str, int | None]] = set()
        self._due = 0.0

    def record_decision(self, site: str, request: Request, decision: Decision) -> None:
        """Count a decision; the first one of an interval writes the counts so far."""
        reason = decision.reason
        count = self._counts.get((site, reason))
        if count is None:
            count = self._counts[site, reason] = [0]
        count[0] += 1
        now = self._clock()
        # A clock that was set back must not silence the counts until it has caught up.
        if not self._due - self._interval <= now < self._due or len(self._counts) > MAX_COUNTS:
            self.flush(now)
        # After the flush, which clears the logged refusals: otherwise the first refusal would be logged twice.
        if reason in REFUSALS:
            rule = decision.rule.index if decision.rule else None
            key = (site, (request.origin or "")[:MAX_LOGGED], reason, rule)
            if key not in self._refused and len(self._refused) < MAX_REFUSED:
                self._refused.add(key)
                self._log_refusal(site, request, decision)

    def flush(self, now: float | None = None) -> None:
        """Write the counts and start the next interval."""
        now = self._clock() if now is None else now
        counts, self._counts = self._counts, {}
        self._refused.clear()
        self._due = now + self._interval
        # Of a copy: another thread may still be counting in it.
        for (site, reason), (count,) in list(counts.items()):
            # CloudWatch takes no empty dimension, and with it the whole record is lost.
            self.metrics({"Decisions": (count, "Count")}, site=site or "unknown", reason=reason)

    def metrics(self, values: dict[str, tuple[float, str]], **dimensions: str) -> None:
        """Write one record of metrics, each a value and CloudWatch's name of its unit."""
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
        }
        about: dict[str, Any] = {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]}
        numbers = {name: value for name, (value, _) in values.items()}
        self._write_record({"_aws": about, "service": SERVICE, **dimensions, **numbers})

    def log(self, level: str, message: str, **fields: object) -> None:
        """Write one line. JSON escapes control characters, so that no value can forge a line of its own."""
        now = self._clock()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        self._write_record({"level": level, "message": message, "timestamp": stamp, "service": SERVICE, **fields})

    def _write_record(self, record: dict[str, object]) -> None:
        """Write one record; a request must not fail because its log can't be written."""
        with contextlib.suppress(Exception):
            self._write(json.dumps(record, default=str))

    def _log_refusal(self, site: str, request: Request, decision: Decision) -> None:
        rule = decision.rule.index if decision.rule else None
        fields = {
            "site": site,
            "reason": decision.reason,
            "origin": (request.origin or "")[:MAX_LOGGED],
            "method": request.method[:32],
            "rule": rule,
        }
        if decision.cause is not None:
            fields["cause"] = decision.cause
        if decision.reason == RESOURCE_AMBIGUOUS:
            fields["path"] = request.path[:MAX_LOGGED]
        if request.is_preflight:
            fields["request_method"] = (request.request_method or "")[:32]
            fields["request_headers"] = (request.request_headers or "")[:MAX_LOGGED]
        self.log("INFO", "refused", **fields)


def _print(line: str) -> None:
    # One write with its end: lines of several threads must not run into each other.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

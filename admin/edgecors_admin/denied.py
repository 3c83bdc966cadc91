"""Which origins are being refused, from the log lines of every Region (CloudWatch Logs Insights)."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgecors.decision import HEADERS_NOT_ALLOWED, METHOD_NOT_ALLOWED, ORIGIN_NOT_ALLOWED
from edgecors.origin import parse_origin

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

PREFIXES = ("/edgecors/", "/aws/lambda/us-east-1.edgecors")
"""Log groups of the template, and of edge functions called edgecors... that log where Lambda puts it."""
PARALLEL = 8
MAX_GROUPS = 50
"""Log groups in one query."""
MAX_ROWS = 1000
MAX_NAMES_LENGTH = 8000
"""Characters of the sites' names in one query, which may have 10,000."""
POLL_SECONDS = 0.5
GIVE_UP_SECONDS = 60.0

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass
class Refused:
    """One origin refused for one reason. ``lines`` are log lines: one for each container and minute, not requests."""

    origin: str
    reason: str
    rule: int | None
    lines: int = 0
    last: str = ""
    regions: list[str] = field(default_factory=list)
    request_method: str = ""
    request_headers: str = ""

    def remedy(self, site: str, several_rules: bool) -> str:
        """The line that would admit it, where one line can."""
        at = f" --rule {self.rule}" if several_rules and self.rule is not None else ""
        if self.reason == ORIGIN_NOT_ALLOWED and parse_origin(self.origin) is not None:
            return f"edgecors allow {site} {shlex.quote(self.origin)}{at}"
        if self.reason == METHOD_NOT_ALLOWED:
            return f"allow_methods of rules[{self.rule}] lacks {self.request_method!r}"
        if self.reason == HEADERS_NOT_ALLOWED:
            return f"allow_headers of rules[{self.rule}] lacks some of {self.request_headers!r}"
        return ""


@dataclass(frozen=True)
class DeniedReport:
    """All that was found, the most frequent first; Regions that could not be asked, with the reason."""

    refused: tuple[Refused, ...]
    groups: tuple[str, ...]
    failed: Mapping[str, str]


def seconds_of(text: str) -> int:
    """The seconds of ``90m``, ``1h``, ``2d``, ``1w``. Raises `UsageError`."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a valid time. Write 30m, 1h, 2d or 1w.")
    return int(match[1]) * _UNITS[match[2]]


def query(*sites: str) -> str:
    """The query for the log lines of sites, whose names are known to be names."""
    names = ", ".join(f'"{site}"' for site in sites)
    return (
        "fields @timestamp"
        f' | filter message = "refused" and site in [{names}]'
        " | stats count(*) as log_lines, max(@timestamp) as last_seen, latest(request_method) as last_method,"
        " latest(request_headers) as last_headers by origin, reason, rule"
        f" | sort log_lines desc | limit {MAX_ROWS}"
    )


def find_refused(
    clients: Callable[[str], CloudWatchLogsClient],
    regions: Iterable[str],
    sites: Iterable[str],
    seconds: int,
    prefixes: Iterable[str] = PREFIXES,
    now: float | None = None,
    answered: Callable[[str], None] = lambda region: None,
) -> DeniedReport:
    """Ask all Regions at once, and call ``answered`` after each. Raises `AwsError` when none could be asked.

    Args:
        clients: Gives the client of a Region.
        regions: The Regions to ask.
        sites: The names in the log lines.
        seconds: How far back.
        prefixes: The starts of the log groups' names.
        now: Seconds since 1970.
        answered: Called with each Region that has answered or failed.
    """
    end = int(time.time() if now is None else now)
    regions, prefixes = list(regions), tuple(prefixes)
    queries = [query(*names) for names in _batches(sites)]

    def ask(region: str) -> tuple[str, list[str], list[dict[str, str]], str]:
        try:
            with aws_errors():
                client = clients(region)
                groups = _groups(client, prefixes)
                rows: list[dict[str, str]] = []
                for start in range(0, len(groups), MAX_GROUPS):
                    for text in queries:
                        rows += _run(client, groups[start : start + MAX_GROUPS], text, end - seconds, end)
                return region, groups, rows, ""
        except (AwsError, TimeoutError) as error:
            return region, [], [], str(error)
        finally:
            answered(region)

    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(ask, regions))
    failed = {region: error for region, _, _, error in answers if error}
    if answers and len(failed) == len(answers):
        raise AwsError(f"No Region could be queried: {next(iter(failed.values()))}")
    groups = tuple(f"{region}:{group}" for region, names, _, _ in answers for group in names)
    return DeniedReport(_merged((region, rows) for region, _, rows, _ in answers), groups, failed)


def _batches(sites: Iterable[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    length = MAX_NAMES_LENGTH
    for site in sites:
        length += len(site) + len('"", ')
        if length > MAX_NAMES_LENGTH:
            batches.append([])
            length = len(site)
        batches[-1].append(site)
    return batches


def _groups(client: CloudWatchLogsClient, prefixes: Iterable[str]) -> list[str]:
    names: dict[str, None] = {}
    for prefix in prefixes:
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            names.update((group["logGroupName"], None) for group in page["logGroups"])
    return list(names)


def _run(client: CloudWatchLogsClient, groups: list[str], text: str, start: int, end: int) -> list[dict[str, str]]:
    started = client.start_query(logGroupNames=groups, startTime=start, endTime=end, queryString=text)
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        answer: Any = client.get_query_results(queryId=started["queryId"])
        if answer["status"] == "Complete":
            return [{cell["field"]: cell.get("value", "") for cell in row} for row in answer["results"]]
        if answer["status"] not in ("Scheduled", "Running", "Unknown") or time.monotonic() > deadline:
            raise TimeoutError(f"the query ended as {answer['status']}")
        time.sleep(POLL_SECONDS)


def _merged(answers: Iterable[tuple[str, list[dict[str, str]]]]) -> tuple[Refused, ...]:
    merged: dict[tuple[str, str, str], Refused] = {}
    for region, rows in answers:
        for row in rows:
            origin, reason, rule = (row.get(name, "") for name in ("origin", "reason", "rule"))
            number = int(float(rule)) if rule.replace(".", "", 1).isdigit() else None
            refused = merged.setdefault((origin, reason, rule), Refused(origin, reason, number))
            refused.lines += int(float(row.get("log_lines") or 0))
            if (row.get("last_seen") or "") >= refused.last:
                refused.last = row.get("last_seen") or ""
                refused.request_method = row.get("last_method") or ""
                refused.request_headers = row.get("last_headers") or ""
            if region not in refused.regions:
                refused.regions.append(region)
    return tuple(sorted(merged.values(), key=lambda refused: (-refused.lines, refused.origin)))

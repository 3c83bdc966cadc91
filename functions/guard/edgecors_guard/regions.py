"""The scheduled check of all Regions that run edge functions.

Edge functions write their metrics and logs in the Region that runs them, where no alarm of the home Region sees them.
The guard reads the metrics of each Region and publishes the worst values at home, sets the retention of the log groups
there, and repairs replicas that differ from the home Region. A Region that fails does not keep the others from being
checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError
from edgecors_admin.regions import EDGE_REGIONS

from . import replicas, revert
from .change import KINDS
from .failures import describe
from .guard import ROUNDS
from .review import review

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind, Parameters, Stored, Unreadable
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_logs import CloudWatchLogsClient

    from .guard import Guard

WINDOW = timedelta(minutes=15)
"""How far back metrics are read; the schedule's rate."""
PERIOD = 300
SECONDS = 80.0
"""Time for the whole check. What is not reached is checked by the next run, before the function's own timeout."""
THREADS = 4
COMPARING = "compare replicas"
"""The part of the check in log lines."""

METRICS: Mapping[str, tuple[str, str, str]] = {
    "WorstPolicyAge": ("PolicyAge", "Maximum", "MAX"),
    "EdgeRefreshFailures": ("RefreshFailures", "Sum", "SUM"),
    "EdgePolicyOverdue": ("PolicyOverdue", "Sum", "SUM"),
}
"""What is published at home: the metric it is made from, its statistic, and how sites and Regions are combined."""


def check_regions(guard: Guard) -> None:
    """Check all Regions, and publish what they have in common as metrics at home. Failures are logged and counted."""
    _RegionCheck(guard).run()


class _RegionCheck:
    """One run of the check."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._end = guard.now() + SECONDS
        self._failed: set[str] = set()

    def run(self) -> None:
        guard, settings = self._guard, self._guard.settings
        values: dict[str, list[float]] = {name: [] for name in METRICS}
        self._each("read metrics", EDGE_REGIONS, lambda region: self._read(region, values))
        guard.measure("WorstPolicyAge", "Seconds", max(values["WorstPolicyAge"], default=0))
        guard.measure("EdgeRefreshFailures", "Count", sum(values["EdgeRefreshFailures"]))
        guard.measure("EdgePolicyOverdue", "Count", sum(values["EdgePolicyOverdue"]))
        if settings.log_retention_days and settings.edge_log_groups:
            self._each("set retention", EDGE_REGIONS, self._set_retention)
        if settings.replicas:
            self._compare_replicas()
        for distribution in settings.key_value_stores:
            self._update_store(distribution)
        guard.measure("RegionsUnchecked", "Count", len(self._failed))

    def _each(self, what: str, regions: tuple[str, ...], work: Callable[[str], None]) -> None:
        """Do something in each Region, several Regions at a time."""

        def attempt(region: str) -> None:
            with self._part(what, region):
                self._check_time()
                work(region)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(attempt, regions))

    @contextmanager
    def _part(self, what: str, region: str, parameter: str = "") -> Iterator[None]:
        """A part of the check that may fail, for whatever reason, without keeping the other parts from being done."""
        try:
            yield
        except Exception as error:
            self._failed.add(region)
            about = {"parameter": parameter} if parameter else {}
            about |= {"region": region, "part": what, "error": describe(error)}
            self._guard.log.error("region not checked", extra=about)

    def _check_time(self) -> None:
        if self._guard.now() > self._end:
            raise AwsError("there was no time left", "no time left")

    def _read(self, region: str, values: dict[str, list[float]]) -> None:
        now = datetime.fromtimestamp(self._guard.now(), UTC)
        for name, value in read_metrics(self._guard.clients.cloudwatch(region), now).items():
            values[name].append(value)

    def _set_retention(self, region: str) -> None:
        for group in self._guard.settings.edge_log_groups:
            set_retention(self._guard.clients.logs(region), group, self._guard.settings.log_retention_days)

    def _update_store(self, distribution: str) -> None:
        """Finish what earlier changes began, and repair what differs."""
        try:
            self._check_time()
            self._guard.update_store(distribution, scheduled=True)
        except Exception as error:  # whatever it is, the other stores have to be checked
            self._guard.count("StoreFailures")
            self._guard.log.error("store not checked", distribution=distribution, error=describe(error))

    # ------------------------------------------------------------------------------------------------------ replicas

    def _compare_replicas(self) -> None:
        home = self._guard.settings.region
        with self._part(COMPARING, home):
            parameters = self._guard.clients.parameters(home)
            names = {kind: parameters.below(kind) for kind in KINDS}
            # Shared by all Regions: an invalid value costs a request for its history.
            expected: dict[str, Stored | None] = {}
            self._each(COMPARING, self._guard.settings.replicas, partial(self._compare, names, expected))

    def _compare(
        self,
        names: Mapping[Kind, tuple[Mapping[str, Stored], Mapping[str, Unreadable]]],
        expected: dict[str, Stored | None],
        region: str,
    ) -> None:
        """Repair each parameter of a Region that differs from the home Region's; one that fails leaves the others."""
        replica = self._guard.clients.parameters(region)
        for kind, (stored, unreadable) in names.items():
            copies, locked = replica.below(kind)
            for name in sorted({*stored, *copies} - {*unreadable, *locked}):
                self._check_time()
                full = f"{replica.root}/{kind}/{name}"
                with self._part(COMPARING, region, full):
                    if full not in expected:
                        expected[full] = self._expected(kind, stored.get(name))
                    if not replicas.is_copy(copies.get(name), expected[full]):
                        self._repair(replica, region, kind, full)

    def _expected(self, kind: Kind, stored: Stored | None) -> Stored | None:
        """The version that the replicas should have."""
        if stored is None or review(kind, stored).valid:
            return stored
        history = self._guard.home().history(stored.name)
        return None if history is None else revert.last_good(kind, history)

    def _repair(self, replica: Parameters, region: str, kind: Kind, name: str) -> None:
        for _ in range(ROUNDS):
            # Somebody may have written since the first look; their event is on its way, and must not be overtaken.
            home = self._guard.home()
            history = home.history(name)
            good = history.current if history is not None else None
            if history is not None and not review(kind, history.current).valid:
                good = revert.last_good(kind, history)
            if replica.delete(name) if good is None else replicas.copy_to(replica, good):
                self._guard.count("ReplicaDrift")
                self._guard.log.warning(
                    "replica repaired", parameter=name, version=good and good.version, replica=region
                )
            now = home.current(name)
            if now is None if history is None else history.current.is_same_write(now):
                return
        raise AwsError(f"{name} keeps changing", "keeps changing")


def read_metrics(client: CloudWatchClient, now: datetime) -> dict[str, float]:
    """The worst value of each of `METRICS` in one Region, over all sites; without those that have no data.

    Raises:
        AwsError: CloudWatch could not be read.
    """
    queries = [
        {
            "Id": name.lower(),
            "Expression": f"{combine}(SEARCH('{{edgecors,site}} MetricName=\"{metric}\"', '{statistic}', {PERIOD}))",
            "Period": PERIOD,
        }
        for name, (metric, statistic, combine) in METRICS.items()
    ]
    with aws_errors():
        response = client.get_metric_data(
            MetricDataQueries=queries,  # type: ignore[arg-type]
            StartTime=now - WINDOW,
            EndTime=now,
        )
    results: dict[str, list[float]] = {}
    for result in response["MetricDataResults"]:
        results.setdefault(result["Id"], []).extend(result["Values"])
    return {
        name: (max if combine == "MAX" else sum)(results[name.lower()])
        for name, (_, _, combine) in METRICS.items()
        if results.get(name.lower())
    }


def set_retention(client: CloudWatchLogsClient, group: str, days: int) -> None:
    """Set a log group's retention; a Region that never ran the function has no such log group.

    Raises:
        AwsError: the request failed.
    """
    with aws_errors():
        try:
            client.put_retention_policy(logGroupName=group, retentionInDays=days)
        except client.exceptions.ResourceNotFoundException:
            return

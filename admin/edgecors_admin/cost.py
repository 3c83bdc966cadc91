"""What CORS costs a month in each set-up: traffic in, dollars out. Every price is an input with AWS's page and a date.

Not included: costs that are the same without CORS, or that depend on the site: CloudFront's and the upstream's own
requests, data transfer, free tiers, volume discounts, taxes. The guard costs cents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

MONTH_SECONDS = 30 * 24 * 3600
MILLION = 1_000_000
GUARD_READS = 3
"""Metrics that the guard reads in each Region that runs edge functions, and publishes at home, every 15 minutes."""
ALARMS_SITE, ALARMS_EDGE, ALARMS_FUNCTIONS, ALARMS_GATEWAY, ALARMS_GUARD = 2, 8, 12, 4, 2
"""Metrics that the template's alarms watch: an alarm on a percentage watches at least two."""


@dataclass(frozen=True)
class Price:
    """A price in US dollars, the page where AWS publishes it, and the month it is from. To be checked there."""

    dollars: float
    unit: str
    page: str
    as_of: str = "2026-11"


_CLOUDFRONT = "https://aws.amazon.com/cloudfront/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_API_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_SYSTEMS_MANAGER = "https://aws.amazon.com/systems-manager/pricing/"

PRICES: Mapping[str, Price] = {
    "edge-request": Price(0.60, "million Lambda@Edge requests", _LAMBDA),
    "edge-gb-second": Price(0.00005001, "GB-second of Lambda@Edge, by the millisecond", _LAMBDA),
    "lambda-request": Price(0.20, "million Lambda requests", _LAMBDA),
    "lambda-gb-second": Price(0.0000133334, "GB-second of Lambda on arm64", _LAMBDA),
    "http-api-request": Price(1.00, "million requests of an HTTP API, of the first 300 million", _API_GATEWAY),
    "rest-api-request": Price(3.50, "million requests of a REST API, of the first 333 million", _API_GATEWAY),
    "function-request": Price(0.10, "million requests of CloudFront Functions", _CLOUDFRONT),
    "key-value-read": Price(0.03, "million reads of a CloudFront KeyValueStore", _CLOUDFRONT),
    "log-gb": Price(0.50, "GB taken in by CloudWatch Logs", _CLOUDWATCH),
    "metric": Price(0.30, "custom metric a month, of the first 10,000", _CLOUDWATCH),
    "alarm": Price(0.10, "metric that an alarm watches, a month", _CLOUDWATCH),
    "metric-read": Price(0.01, "1,000 metrics read with GetMetricData", _CLOUDWATCH),
    "dashboard": Price(3.00, "dashboard a month, after the first three", _CLOUDWATCH),
    "snapshot-gb-second": Price(0.0000015046, "GB-second of a SnapStart snapshot", _LAMBDA),
    "snapshot-restore": Price(0.0001397998, "GB of memory restored from a snapshot", _LAMBDA),
    "parameter-call": Price(0.05, "10,000 calls at higher throughput", _SYSTEMS_MANAGER),
    "advanced-parameter": Price(0.05, "advanced parameter a month", _SYSTEMS_MANAGER),
}
"""North Virginia's prices, in dollars."""


def _input(default: float, about: str) -> float:
    value: float = field(default=default, metadata={"about": about})
    return value


@dataclass(frozen=True)
class Traffic:
    """A month at one site. Shares are from 0 to 1."""

    requests: float = _input(100 * MILLION, "requests a month, preflights among them")
    preflights: float = _input(0.05, "share of the requests that are preflights")
    cors: float = _input(0.30, "share that has an Origin and is not a preflight")
    hit_ratio: float = _input(0.90, "share answered by CloudFront's cache, of requests that are not preflights")
    hit_ratio_by_origin: float = _input(0.80, "the same for requests with Origin where the cache is split by origin")
    hit_ratio_preflights: float = _input(0.50, "share of preflights answered by the cache, where it may hold them")
    edge_ms: float = _input(1.0, "milliseconds that an edge invocation is billed for")
    edge_mb: float = _input(128, "memory of the edge function")
    gateway_ms: float = _input(100.0, "milliseconds that the gateway waits for the upstream")
    gateway_mb: float = _input(512, "memory of the gateway")
    cold_share: float = _input(0.001, "share of invocations that start a container")
    cold_ms: float = _input(300.0, "milliseconds that a start is billed for")
    log_bytes: float = _input(350, "bytes that Lambda itself logs for an invocation (START, END, REPORT)")
    containers: float = _input(200, "containers that run on average")
    key_reads: float = _input(1, "keys that a CloudFront Function reads for a request (edgecors compile says how many)")
    refresh_seconds: float = _input(60, "refresh_seconds of the policy")
    higher_throughput: float = _input(0, "1: reads are billed, for more than 40 a second or for advanced parameters")
    advanced_parameters: float = _input(0, "parameters of more than 4 KB")
    reasons: float = _input(5, "reasons of decisions that occur: each is a metric in each Region with containers")
    regions: float = _input(13, "Regions in which edge functions run")
    metric_bytes: float = _input(300, "bytes of one metric record in a log; a container writes one a minute and reason")
    dashboards: float = _input(0, "dashboards beyond the three free ones (the template makes one for each stack)")
    snapshots: float = _input(0, "published versions of the gateway with a SnapStart snapshot")

    def __post_init__(self) -> None:
        """Raises ValueError for what can't be."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            share = entry.name.startswith(("hit_ratio", "cold_share", "preflights", "cors"))
            if not math.isfinite(value) or value < 0 or (share and value > 1):
                raise ValueError(f"{entry.name} can't be {value:g}")
        if self.preflights + self.cors > 1:
            raise ValueError("preflights and cors together are more than all requests")
        if self.refresh_seconds == 0:
            raise ValueError("refresh_seconds can't be 0")

    def about(self) -> dict[str, str]:
        """What each input means."""
        return {entry.name: entry.metadata["about"] for entry in fields(self)}


@dataclass(frozen=True)
class Cost:
    """What a set-up costs a month: dollars by item, and what to know about it."""

    setup: str
    items: Mapping[str, float]
    note: str

    @property
    def dollars(self) -> float:
        """All items together."""
        return sum(self.items.values())


def costs(traffic: Traffic, prices: Mapping[str, float] | None = None) -> list[Cost]:
    """Every set-up and its alternatives. ``prices`` replaces prices by name; raises ValueError for an unknown one."""
    changed = prices or {}
    if unknown := sorted(changed.keys() - PRICES.keys()):
        raise ValueError(f"there is no price {', '.join(unknown)}; the prices are {', '.join(PRICES)}")
    return _Calculator(traffic, {name: price.dollars for name, price in PRICES.items()} | dict(changed)).all()


class _Calculator:
    def __init__(self, traffic: Traffic, price: Mapping[str, float]) -> None:
        self.traffic = traffic
        self.price = price
        self.preflights = traffic.requests * traffic.preflights
        self.with_origin = traffic.requests * traffic.cors
        self.others = traffic.requests - self.preflights - self.with_origin
        self.actual = self.with_origin + self.others

    def all(self) -> list[Cost]:
        return [
            self.edge_viewer(),
            self.edge_origin(),
            self.functions(with_edge=True),
            self.functions(with_edge=False),
            self.gateway("an HTTP API", "http-api-request"),
            self.gateway("a REST API", "rest-api-request"),
            self.gateway("a function URL", None),
            self.layer(),
            self.headers_policy(),
        ]

    def millions(self, count: float, name: str) -> float:
        return count / MILLION * self.price[name]

    def invocations(self, count: float, milliseconds: float, megabytes: float, kind: str) -> dict[str, float]:
        """Requests, time and logs of so many invocations."""
        traffic = self.traffic
        # Each invocation is billed in whole milliseconds.
        seconds = count * (math.ceil(milliseconds) + traffic.cold_share * traffic.cold_ms) / 1000
        return {
            "requests": self.millions(count, f"{kind}-request"),
            "time": seconds * megabytes / 1024 * self.price[f"{kind}-gb-second"],
            "logs": count * traffic.log_bytes / 1e9 * self.price["log-gb"],
        }

    def parameters(self) -> dict[str, float]:
        traffic = self.traffic
        # A container comes an eighth early in the mean.
        calls = traffic.containers * MONTH_SECONDS / (traffic.refresh_seconds * 0.875)
        paid = calls / 10_000 * self.price["parameter-call"] if traffic.higher_throughput else 0.0
        return {"Parameter Store": paid + traffic.advanced_parameters * self.price["advanced-parameter"]}

    def monitoring(self, alarms: int, *, edge: bool = False) -> dict[str, float]:
        """Metrics with the log records that they are made of, alarms, and what the guard reads of other Regions."""
        traffic, price = self.traffic, self.price
        records = traffic.containers * MONTH_SECONDS / 60 * traffic.reasons
        metrics = traffic.reasons * (traffic.regions if edge else 1) + (GUARD_READS if edge else 0)
        reads = MONTH_SECONDS / 900 * traffic.regions * GUARD_READS if edge else 0.0
        dollars = metrics * price["metric"] + records * traffic.metric_bytes / 1e9 * price["log-gb"]
        dollars += reads / 1000 * price["metric-read"] + traffic.dashboards * price["dashboard"]
        return {"metrics": dollars, "alarms": (alarms + ALARMS_GUARD) * price["alarm"]}

    def snapshot(self, invocations: float) -> dict[str, float]:
        """SnapStart: every version's snapshot all month, and a restore for each start of a container."""
        traffic = self.traffic
        if not traffic.snapshots:
            return {}
        gigabytes = traffic.gateway_mb / 1024
        stored = traffic.snapshots * gigabytes * MONTH_SECONDS * self.price["snapshot-gb-second"]
        restored = invocations * traffic.cold_share * gigabytes * self.price["snapshot-restore"]
        return {"snapshots": stored + restored}

    def edge_viewer(self) -> Cost:
        misses = self.actual * (1 - self.traffic.hit_ratio)
        # viewer-request sees everything, viewer-response everything but preflights, origin-response cache misses.
        count = self.traffic.requests + self.actual + misses
        items = self.invocations(count, self.traffic.edge_ms, self.traffic.edge_mb, "edge")
        items |= self.parameters() | self.monitoring(ALARMS_SITE + ALARMS_EDGE, edge=True)
        return Cost("edge, viewer", items, "changes need no invalidation; the cache is not split")

    def edge_origin(self) -> Cost:
        traffic = self.traffic
        misses = self.with_origin * (1 - traffic.hit_ratio_by_origin) + self.others * (1 - traffic.hit_ratio)
        preflight_misses = self.preflights * (1 - traffic.hit_ratio_preflights)
        # origin-request and origin-response, and origin-request alone for what it answers itself.
        items = self.invocations(2 * misses + preflight_misses, traffic.edge_ms, traffic.edge_mb, "edge")
        extra = self.with_origin * max(0.0, traffic.hit_ratio - traffic.hit_ratio_by_origin) / MILLION
        note = f"runs on cache misses only; the split cache sends {extra:,.1f} million more requests to the upstream"
        items |= self.parameters() | self.monitoring(ALARMS_SITE + ALARMS_EDGE, edge=True)
        return Cost("edge, origin", items, note)

    def gateway(self, front: str, request: str | None) -> Cost:
        traffic = self.traffic
        answered = self.invocations(self.preflights, 1, traffic.gateway_mb, "lambda")
        passed = self.invocations(self.actual, traffic.gateway_ms, traffic.gateway_mb, "lambda")
        items = {name: answered[name] + passed[name] for name in answered}
        items["API Gateway"] = self.millions(traffic.requests, request) if request else 0.0
        items |= self.parameters() | self.monitoring(ALARMS_SITE + ALARMS_GATEWAY) | self.snapshot(traffic.requests)
        return Cost(f"gateway behind {front}", items, "the whole traffic goes through the function")

    def layer(self) -> Cost:
        items = self.invocations(self.preflights, 1, self.traffic.gateway_mb, "lambda")
        note = "in an existing function: only preflights cost extra; other requests take microseconds longer"
        return Cost("layer", items | self.parameters() | self.monitoring(0), note)

    def functions(self, *, with_edge: bool) -> Cost:
        # viewer-request reads for every Origin, viewer-response for all that is not a preflight.
        reads = (self.preflights + self.with_origin + self.actual) * self.traffic.key_reads
        items = {
            "requests": self.millions(self.traffic.requests + self.actual, "function-request"),
            "key-value reads": self.millions(reads, "key-value-read"),
        }
        if not with_edge:
            items["alarms"] = (ALARMS_FUNCTIONS + ALARMS_GUARD) * self.price["alarm"]
            return Cost("functions alone", items, "errors of the upstream get no CORS headers; for flat-rate plans")
        misses = self.actual * (1 - self.traffic.hit_ratio)
        edge = self.invocations(misses, self.traffic.edge_ms, self.traffic.edge_mb, "edge")
        items |= {f"Lambda@Edge {name}": cost for name, cost in edge.items()} | self.parameters()
        items |= self.monitoring(ALARMS_SITE + ALARMS_EDGE + ALARMS_FUNCTIONS, edge=True)
        return Cost("functions", items, "the list in a KeyValueStore; Lambda@Edge on cache misses only")

    def headers_policy(self) -> Cost:
        passed = self.preflights / MILLION
        note = f"answers no preflight: {passed:,.1f} million go to the upstream; a change is a deployment"
        return Cost("alternative: response headers policy", {}, note)


def markdown(matches: list[Cost]) -> str:
    """The costs as a table for documents."""
    lines = ["| set-up | $ a month | of it | |", "|---|--:|---|---|"]
    for cost in matches:
        parts = ", ".join(f"{name} {dollars:,.2f}" for name, dollars in cost.items.items() if dollars >= 0.005)
        lines.append(f"| {cost.setup} | {cost.dollars:,.2f} | {parts} | {cost.note} |")
    return "\n".join(lines)

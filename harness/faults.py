"""Parameter Store and the gateway's upstream misbehaving, over real sockets.

Checked for each front and each fault of the store: traffic goes on; nothing is granted beyond the last good policy; no
request waits longer than it may; recovery shows; the log says what happened, in one line a try. For each fault of the
upstream: the viewer gets a valid response, in time and with CORS headers, and one line says why.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any
from unittest import mock

from edgecors.aws import http1
from edgecors.aws.parameters import ParameterReader
from edgecors.decorator import cors
from edgecors.edge import Edge
from edgecors.events.api import parse_event
from edgecors.site_reader import DEADLINE_COLD
from edgecors.store import WAIT, PolicyStore
from edgecors.telemetry import Telemetry
from edgecors_local.front_names import GATEWAY
from edgecors_local.gateway import Arrival
from edgecors_local.gateway_forms import form_of
from edgecors_local.http import HttpRequest

from harness import answers, peers
from harness.gateway import Proxy, read_upstreams
from harness.summary import Summary

APP, NEW, EVIL = "https://app.example.com", "https://new.example", "https://evil.example"
SITE = "shop"
SLACK = 0.7
"""Seconds by which a busy machine may exceed a deadline."""
SECRET = "SECRETKEYSECRETKEYSECRETKEY"
REFRESH = 5

Ask = Callable[[str], "tuple[str, str | None]"]
"""Takes an origin; the status of its preflight ("" where it goes on), and the origin granted to an actual request."""


def environ(url: str) -> dict[str, str]:
    """The variables that lead to a store."""
    return {
        "AWS_ENDPOINT_URL_SSM": url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SECRET,
    }


class ShiftedTime:
    """The time module as the connections use it, with a wall clock that can be moved.

    The monotonic clock stands still meanwhile, as it may in a frozen container.
    """

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        """The wall clock."""
        return time.time() + self.ahead


CLOCK = ShiftedTime()


class FrontBench:
    """One front over one store that reads from one or two Regions."""

    def __init__(self, front: str, *urls: str) -> None:
        self.now = 1_700_000_000.0
        self.lines: list[str] = []
        self.telemetry = Telemetry(self.lines.append, clock=lambda: self.now)
        regions = [
            ParameterReader(region, environ=environ(url))
            for region, url in zip(("eu-west-1", "us-east-1"), urls, strict=False)
        ]
        self.store = PolicyStore(regions, self.telemetry, clock=lambda: self.now, jitter=lambda: 0.5)
        self._regions = regions
        self.ask: Ask = FRONTS[front](self)

    def advance(self, seconds: float) -> None:
        """Move the clocks."""
        self.now += seconds
        CLOCK.ahead += seconds

    def close(self) -> None:
        """Close the connections."""
        for region in self._regions:
            region.close()

    def failures(self) -> list[dict[str, Any]]:
        """The log's lines about failed refreshes so far, which are then forgotten."""
        lines = [json.loads(line) for line in self.lines]
        self.lines.clear()
        return [line for line in lines if line.get("message") == "policy refresh failed"]


def _edge(bench: FrontBench, setup: str) -> Ask:
    edge = Edge(bench.store, bench.telemetry)
    handler = edge.viewer if setup == "viewer" else edge.origin

    def event(trigger: str, method: str, origin: str) -> dict[str, Any]:
        headers = {"origin": origin, "host": "cdn.example", "access-control-request-method": "GET"}
        pairs = {name: [{"key": name, "value": text}] for name, text in headers.items()}
        cf = {
            "config": {"distributionId": SITE, "eventType": trigger},
            "request": {"method": method, "uri": "/x", "querystring": "", "headers": pairs},
        }
        if trigger.endswith("response"):
            cf["response"] = {"status": "200", "headers": {"access-control-allow-origin": [{"key": "A", "value": "*"}]}}
        return {"Records": [{"cf": cf}]}

    def ask(origin: str) -> tuple[str, str | None]:
        preflight = handler(event(f"{setup}-request", "OPTIONS", origin))
        actual = handler(event(f"{setup}-response", "GET", origin))
        granted = answers.values(actual, "access-control-allow-origin")
        assert len(granted) <= 1
        return preflight.get("status", ""), granted[0] if granted else None

    return ask


def _api(bench: FrontBench, front: str) -> Ask:
    @cors(site=SITE, store=bench.store, telemetry=bench.telemetry)
    def handler(event: Any, context: Any) -> dict[str, Any]:
        return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "x"}

    def ask(origin: str) -> tuple[str, str | None]:
        preflight = handler(api_event(front, "OPTIONS", origin), None)
        actual = handler(api_event(front, "GET", origin), None)
        granted = answers.values(actual, "access-control-allow-origin")
        assert len(granted) <= 1
        assert actual["statusCode"] == 200
        return str(preflight["statusCode"]), granted[0] if granted else None

    return ask


def api_event(front: str, method: str, origin: str) -> dict[str, Any]:
    """A request's event of a front of the gateway."""
    headers = [("origin", origin), ("host", "api.example")]
    if method == "OPTIONS":
        headers.append(("access-control-request-method", "GET"))
    arrival = Arrival(HttpRequest(method, "/x", headers=tuple(headers)), 0.0, "request")
    return form_of(front, None).event(arrival)


FRONTS: dict[str, Callable[[FrontBench], Ask]] = {
    "edge, viewer set-up": lambda bench: _edge(bench, "viewer"),
    "edge, origin set-up": lambda bench: _edge(bench, "origin"),
    **{front: partial(_api, front=front) for front in GATEWAY},
}


def policy(*origins: str, lists: str = "") -> str:
    """A policy that is read again after five seconds."""
    listed = [*origins, *([lists] if lists else [])]
    return json.dumps({"version": 1, "refresh_seconds": REFRESH, "rules": [{"allow_origins": listed}]})


def run(seed: int, seconds: float, rounds: int) -> Summary:
    """All fronts and faults; in a short run each fault meets one front a round."""
    summary = Summary("faults", seconds, seed=seed)
    fronts = list(FRONTS)
    Random(seed).shuffle(fronts)
    good = peers.WorkingStore()
    with mock.patch.object(http1, "time", CLOCK), peers.PeerServer(good) as server:
        for turn in range(rounds):
            for number, (name, (fault, code)) in enumerate(peers.STORE_FAULTS.items()):
                front = fronts[(number + turn) % len(fronts)]
                for scene in (warm, cold):
                    if not summary.over:
                        _judge(
                            summary,
                            f"{front}, {name}, {scene.__name__}",
                            scene(front, server, good, fault, code, summary),
                        )
            for number, other in enumerate(OTHERS):
                front = fronts[(number + turn) % len(fronts)]
                if not summary.over:
                    _judge(summary, f"{front}, {other.__name__}", other(front, server, good, summary))
    upstream(summary, rounds)
    return summary


def _judge(summary: Summary, title: str, failures: Iterator[str]) -> None:
    summary.counts["scenes"] += 1
    try:
        for failure in failures:
            summary.fail(f"{title}: {failure}")
    except Exception as error:
        summary.fail(f"{title}: raised {error!r}")


Scene = Iterator[str]


def _set(server: peers.PeerServer, fault: peers.Fault | None) -> None:
    if fault is None:
        server.down()
    else:
        server.behave = fault


def _repair(server: peers.PeerServer, good: peers.WorkingStore, **values: str) -> None:
    good.values = {f"/edgecors/{name.replace('__', '/')}": text for name, text in values.items()}
    server.behave = good
    # Connections on which the fault goes on end with it.
    server.down()
    server.up()


def _expect(bench: FrontBench, allowed: tuple[str, ...], when: str) -> Scene:
    for origin in (APP, NEW, EVIL):
        expected = ("204", origin) if origin in allowed else ("403", None)
        answer = bench.ask(origin)
        if answer != expected:
            yield f"{when}: {origin} got {answer}, not {expected}"


def _timed(bench: FrontBench, limit: float, summary: Summary, when: str) -> Scene:
    started = time.monotonic()
    bench.ask(EVIL)
    took = time.monotonic() - started
    key = f"longest_ms_{when}"
    summary.counts[key] = max(summary.counts[key], int(took * 1000))
    if took > limit + SLACK:
        yield f"{when}: a request took {took:.2f} s"


def _logged(bench: FrontBench, code: str, served: str, when: str, needed: bool = True) -> Scene:
    raw = list(bench.lines)
    failures = bench.failures()
    if len(failures) != 1 and (failures or needed):
        yield f"{when}: {len(failures)} lines about one failed refresh: {failures}"
    for line in failures:
        if line["code"] != code or line["served"] != served:
            yield f"{when}: the log says {line}"
    if any(SECRET in line or "\n" in line for line in raw):
        yield f"{when}: a secret or a line break in the log"


def warm(
    front: str,
    server: peers.PeerServer,
    good: peers.WorkingStore,
    fault: peers.Fault | None,
    code: str,
    summary: Summary,
) -> Scene:
    """A fault meets a container that has a policy."""
    _repair(server, good, sites__shop=policy(APP))
    bench = FrontBench(front, server.url)
    yield from _expect(bench, (APP,), "before")
    bench.lines.clear()
    _set(server, fault)
    bench.advance(REFRESH + 1)
    yield from _timed(bench, WAIT, summary, "warm")
    yield from _expect(bench, (APP,), "meanwhile")
    # A store that is slow has not failed yet; if it stays so, later requests log it.
    yield from _logged(bench, code, "last-good", "warm", needed=code != "timeout")
    _repair(server, good, sites__shop=policy(NEW))
    bench.advance(2 * REFRESH)
    yield from _expect(bench, (NEW,), "recovered")
    if bench.failures():
        yield "recovered: the log still has a failure"
    bench.close()


def cold(
    front: str,
    server: peers.PeerServer,
    good: peers.WorkingStore,
    fault: peers.Fault | None,
    code: str,
    summary: Summary,
) -> Scene:
    """A fault meets a container that has none yet: closed for CORS, open for the site."""
    _repair(server, good, sites__shop=policy(APP))
    bench = FrontBench(front, server.url)
    _set(server, fault)
    yield from _timed(bench, DEADLINE_COLD, summary, "cold")
    for origin in (APP, EVIL):
        if (outcome := bench.ask(origin)) != ("503", None):
            yield f"without a policy {origin} got {outcome}"
    yield from _logged(bench, code, "none", "cold")
    _repair(server, good, sites__shop=policy(APP))
    bench.advance(11)
    yield from _expect(bench, (APP,), "recovered")
    bench.close()


def flapping(front: str, server: peers.PeerServer, good: peers.WorkingStore, summary: Summary) -> Scene:
    """Good and bad values by turns: what is granted is the last good one's, each time."""
    _repair(server, good, sites__shop=policy(APP))
    bench = FrontBench(front, server.url)
    yield from _expect(bench, (APP,), "before")
    allowed = APP
    for turn in range(12):
        bench.advance(2 * REFRESH)
        if turn % 2:
            allowed = NEW if allowed == APP else APP
            _repair(server, good, sites__shop=policy(allowed))
        else:
            _repair(server, good, sites__shop=peers.CREDENTIALS)
        yield from _expect(bench, (allowed,), f"turn {turn}")
    bench.close()


def deleted(front: str, server: peers.PeerServer, good: peers.WorkingStore, summary: Summary) -> Scene:
    """A deleted parameter allows nobody, and is no failure."""
    _repair(server, good, sites__shop=policy(APP))
    bench = FrontBench(front, server.url)
    yield from _expect(bench, (APP,), "before")
    _repair(server, good)
    bench.advance(2 * REFRESH)
    yield from _expect(bench, (), "deleted")
    if bench.failures():
        yield "deleted: logged as a failure"
    _repair(server, good, sites__shop=policy(NEW))
    bench.advance(61)
    yield from _expect(bench, (NEW,), "written again")
    bench.close()


def list_missing(front: str, server: peers.PeerServer, good: peers.WorkingStore, summary: Summary) -> Scene:
    """A list that is deleted takes its own origins with it and no others; an unreadable one keeps the last good."""
    _repair(server, good, sites__shop=policy(APP, lists="@partners"), lists__partners=NEW)
    bench = FrontBench(front, server.url)
    yield from _expect(bench, (APP, NEW), "before")
    _repair(server, good, sites__shop=policy(APP, lists="@partners"), lists__partners="gz:AAAA")
    bench.advance(2 * REFRESH)
    yield from _expect(bench, (APP, NEW), "unreadable list")
    _repair(server, good, sites__shop=policy(APP, lists="@partners"))
    bench.advance(2 * REFRESH)
    yield from _expect(bench, (APP,), "list deleted")
    bench.close()


def clock_jumps(front: str, server: peers.PeerServer, good: peers.WorkingStore, summary: Summary) -> Scene:
    """A clock that jumps either way leads to a read, never to a policy that stays for ever."""
    _repair(server, good, sites__shop=policy(APP))
    bench = FrontBench(front, server.url)
    yield from _expect(bench, (APP,), "before")
    for jump, allowed in ((86_400.0, NEW), (-172_800.0, APP), (10.0**9, NEW), (-(10.0**9) * 1.5, APP)):
        _repair(server, good, sites__shop=policy(allowed))
        bench.advance(jump)
        yield from _expect(bench, (allowed,), f"after a jump of {jump:g} s")
    bench.close()


def one_region(front: str, server: peers.PeerServer, good: peers.WorkingStore, summary: Summary) -> Scene:
    """The first Region hangs or refuses: the second serves, within the same deadline."""
    _repair(server, good, sites__shop=policy(APP))
    for fault in (peers.STORE_FAULTS["hangs"][0], None, peers.STORE_FAULTS["500"][0]):
        with peers.PeerServer(peers.WorkingStore()) as near:
            _set(near, fault)
            bench = FrontBench(front, near.url, server.url)
            yield from _timed(bench, DEADLINE_COLD, summary, "second Region")
            yield from _expect(bench, (APP,), "from the second Region")
            bench.close()


OTHERS = (flapping, deleted, list_missing, clock_jumps, one_region)


# The upstream


class Remaining:
    """Lambda's context, as far as it is asked."""

    def get_remaining_time_in_millis(self) -> int:
        """1.5 s, of which the gateway keeps half a second."""
        return 1500


def upstream(summary: Summary, rounds: int = 1, faults: Mapping[str, Any] = peers.UPSTREAM_FAULTS) -> None:
    """Faults of the upstream, behind each front."""
    with peers.PeerServer(peers.always(peers.FINE)) as server:
        for number, (name, (fault, statuses)) in enumerate(faults.items()):
            for front in GATEWAY if rounds >= len(GATEWAY) else [GATEWAY[number % len(GATEWAY)]]:
                if summary.over:
                    return
                lines: list[str] = []
                telemetry = Telemetry(lines.append)
                application = Proxy(read_upstreams(server.url), telemetry, site=SITE)
                handler = cors(policy=f"{APP}\n", telemetry=telemetry)(application)
                title = f"upstream, {front}, {name}"
                _judge(summary, title, _behind(front, handler, server, fault, statuses, lines, summary))
                application.reset_after_restore()


def _behind(
    front: str,
    handler: Callable[[Any, Any], Any],
    server: peers.PeerServer,
    fault: peers.Fault | None,
    statuses: tuple[int, ...],
    lines: list[str],
    summary: Summary,
) -> Scene:
    event = api_event(front, "GET", APP)
    _set(server, fault)
    started = time.monotonic()
    answer = handler(event, Remaining())
    took = time.monotonic() - started
    summary.counts["longest_ms_upstream"] = max(summary.counts["longest_ms_upstream"], int(took * 1000))
    if took > 1.0 + SLACK:
        yield f"took {took:.2f} s"
    if answer.get("statusCode") not in statuses:
        yield f"status {answer.get('statusCode')} is not one of {statuses}"
    adapter = parse_event(event)
    assert adapter is not None
    yield from answers.violations(adapter.kind, answer, multi_value="multiValueHeaders" in event)
    if answers.values(answer, "access-control-allow-origin") != [APP] or answers.values(
        answer, "access-control-max-age"
    ):
        yield f"its CORS headers are {answer.get('headers')}"
    if "evil=1" in str(answers.values(answer, "set-cookie")) + str(answer.get("cookies")):
        yield "a header was split off another"
    records = [json.loads(line) for line in lines if '"upstream failed"' in line]
    if len(records) != (answer["statusCode"] in (413, 502, 504)):
        yield f"{len(records)} lines about it"
    # What the broken answer left behind must not become the next one.
    _set(server, peers.always(peers.FINE))
    server.up()
    second = handler(event, Remaining())
    if second.get("body") != "fine" or answers.values(second, "x-smuggled"):
        yield f"the next request got {second}"

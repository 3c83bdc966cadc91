"""How long a change takes to arrive at a distance, and how long requests wait for it.

First simulated, on clocks of our own (`harness.simulated_network`): round trips, kept, closed and lost connections,
the time between requests, freezing, the CPU of 128 MB, lists, a near Region without a copy, throttling. Then for real,
where the system allows it (`harness.delayed_link`): processes with the library's own connections, over a link that
delays each packet, with TLS, stopped between requests, with the CPU quota of 128 MB.

What must hold: no request more than two refresh times after a change uses the old policy; a request waits for a newer
policy at most 300 ms, once in a refresh time, unless the policy is more than two refresh times old.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from random import Random

from edgecors.site_reader import DEADLINE_COLD, DEADLINE_WARM
from edgecors.store import OVERDUE, WAIT, PolicyStore
from edgecors.telemetry import Telemetry

from harness import delayed_link
from harness.latency_cases import (
    APP,
    CONNECTIONS,
    CYCLES,
    HANDSHAKE_CPU,
    MOST_REQUESTS,
    REVOKED,
    ROUND_TRIPS,
    SITE,
    LatencyCase,
    LatencyOutcome,
    policy,
)
from harness.simulated_network import NEVER, SimulatedClock, SimulatedRegion
from harness.summary import Summary


class _Simulation:
    """One container with requests at regular intervals."""

    def __init__(self, case: LatencyCase, seed: int) -> None:
        self.case = case
        self.clock = clock = SimulatedClock()
        self.random = Random(seed)
        self.lists = [f"list{number}" for number in range(case.lists)]
        self.values = {f"/edgecors/lists/{name}": f"https://{name}.example" for name in self.lists}
        self.allow(REVOKED)
        keep, lost = CONNECTIONS[case.connection]
        self.region = SimulatedRegion(
            clock,
            self.values,
            case.round_trip,
            keep=keep,
            lost=lost,
            handshake_cpu=HANDSHAKE_CPU[case.cpu],
            throttled=lambda: self.random.random() < case.throttled,
        )
        near = SimulatedRegion(clock, {}, 0.002, region="eu-west-1", keep=keep, lost=lost)
        self.lines: list[str] = []
        self.store = PolicyStore(
            [near, self.region] if case.near else [self.region],
            Telemetry(self.lines.append, clock=lambda: clock.wall),
            clock=lambda: clock.wall,
            monotonic=lambda: clock.monotonic,
            jitter=self.random.random,
        )
        self.waits: list[tuple[float, float, bool]] = []

    def allow(self, *origins: str) -> None:
        """Change the policy."""
        self.values[f"/edgecors/sites/{SITE}"] = policy([APP, *origins], self.case.refresh, self.lists)

    def request(self) -> bool | None:
        """One request; whether the revoked origin is allowed, None without a policy. Then the interval."""
        start = self.clock.monotonic
        at = self.clock.wall
        state = self.store._sites.get(SITE)
        overdue = state is not None and at - state.good_at >= OVERDUE * self.case.refresh
        current = self.store.get(SITE)
        self.waits.append((at, self.clock.monotonic - start, overdue))
        self.clock.freeze(self.case.interval)
        if current is None:
            return None
        allowed = current.rules[0].grants[0].allow_origins
        return allowed is not None and allowed.has_exact(REVOKED)


def simulate(case: LatencyCase, seed: int = 1) -> LatencyOutcome:
    """Run one case."""
    run = _Simulation(case, seed)
    first = 0.0
    while run.request() is None:
        first += run.waits[-1][1] + case.interval
        if len(run.waits) > MOST_REQUESTS:
            raise RuntimeError(f"no policy: {case}")
    first += run.waits[-1][1]
    run.waits.clear()
    stale = seen = 0.0
    for _ in range(CYCLES):
        reads = run.region.reads
        while run.region.reads == reads:
            run.request()
        # Right after a read, so that it takes longest.
        changed_at = last_stale = run.clock.wall - case.interval
        run.allow()
        while run.request():
            last_stale = run.waits[-1][0]
            if len(run.waits) > MOST_REQUESTS:
                raise RuntimeError(f"the change never arrived: {case}")
        stale, seen = max(stale, last_stale - changed_at), max(seen, run.waits[-1][0] - changed_at)
        run.allow(REVOKED)
        while not run.request():
            pass
    short = [(at, wait) for at, wait, overdue in run.waits if not overdue]
    # The CPU of a handshake is work, not waiting for an answer.
    waiting = [at for at, wait in short if wait > HANDSHAKE_CPU[case.cpu] + 0.01]
    return LatencyOutcome(
        first=first,
        stale=stale,
        seen=seen,
        wait=max((wait for _, wait in short), default=0.0),
        overdue_wait=max(wait for _, wait, _ in run.waits),
        pause=min((later - earlier for earlier, later in pairwise(waiting)), default=NEVER),
        failures=sum('"policy refresh failed"' in line for line in run.lines),
        alarms=sum('"policy overdue' in line for line in run.lines),
    )


def violations(case: LatencyCase, outcome: LatencyOutcome) -> Iterator[str]:
    """What must not come of a case."""
    work = 2 * HANDSHAKE_CPU[case.cpu] + 0.001
    calls = 1 + max(0, case.lists - 8 + 9) // 10
    if outcome.stale > OVERDUE * case.refresh:
        yield f"the old policy was used for {outcome.stale:.1f} s"
    if case.interval <= case.refresh / 4 and outcome.seen > OVERDUE * case.refresh:
        yield f"a change was seen after {outcome.seen:.1f} s"
    if outcome.wait > WAIT + work:
        yield f"a request waited {outcome.wait:.3f} s"
    if outcome.overdue_wait > DEADLINE_WARM + work:
        yield f"a request with an overdue policy waited {outcome.overdue_wait:.3f} s"
    if outcome.pause < case.refresh:
        yield f"two requests waited within {outcome.pause:.1f} s"
    if outcome.first > DEADLINE_COLD * calls + case.interval * calls:
        yield f"the first policy came after {outcome.first:.1f} s"
    if outcome.failures or outcome.alarms:
        yield f"{outcome.failures} failures and {outcome.alarms} alarms in the log"


INTERVALS = (0.1, 1.0, 5.0, 15.0, 30.0, 45.0, 59.0, 61.0, 90.0, 130.0, 600.0)


def cases() -> Iterator[LatencyCase]:
    """The grid that is simulated."""
    for round_trip in ROUND_TRIPS:
        for connection in CONNECTIONS:
            for cpu in HANDSHAKE_CPU:
                for interval in INTERVALS:
                    yield LatencyCase(round_trip, connection, cpu, interval)
                for lists in (3, 25):
                    yield LatencyCase(round_trip, connection, cpu, lists=lists)
                yield LatencyCase(round_trip, connection, cpu, interval=0.5, refresh=5)
                yield LatencyCase(round_trip, connection, cpu, near=True)


def run(seed: int, seconds: float) -> Summary:
    """Simulate the grid and measure the real thing; both print a table."""
    summary = Summary("latency", seconds, seed=seed)
    rows: dict[tuple[float, str, str], list[LatencyOutcome]] = {}
    for case in cases():
        if summary.over:
            break
        outcome = simulate(case, seed)
        summary.counts["simulated"] += 1
        for sentence in violations(case, outcome):
            summary.fail(f"{case}: {sentence}")
        if case.refresh == 60 and case.interval <= 15:
            rows.setdefault((case.round_trip, case.connection, case.cpu), []).append(outcome)
    print("simulated, refresh time 60 s, frozen between requests 0.1 to 15 s apart, 0 to 25 lists\n")
    print_table(rows)
    _throttling(seed)
    if missing := delayed_link.missing():
        print(f"\nnot measured for real: {missing}")
    else:
        print("\nreal processes over TLS and a delaying link, refresh time 5 s, stopped between requests 0.5 s apart\n")
        print_table(delayed_link.measure(summary))
    return summary


def _throttling(seed: int) -> None:
    print("\nthrottled, 110 ms, kept: share of refused reads, then seconds until a change is seen at worst, failures")
    for share in (0.1, 0.25, 0.5):
        outcome = simulate(LatencyCase(0.11, throttled=share), seed)
        print(f"  {share:4.0%} {outcome.seen:8.1f} {outcome.failures:4d}")


def print_table(rows: Mapping[tuple[float, str, str], list[LatencyOutcome]]) -> None:
    """The worst of each row's outcomes."""
    print("RTT ms  connection  CPU     first policy s  revoked s  longest wait ms")
    for (round_trip, connection, cpu), outcomes in rows.items():
        first, seen = max(each.first for each in outcomes), max(each.seen for each in outcomes)
        wait = 1000 * max(each.wait for each in outcomes)
        print(f"{1000 * round_trip:6.0f}  {connection:10}  {cpu:6}  {first:14.2f}  {seen:9.1f}  {wait:15.0f}")

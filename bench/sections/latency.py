"""How long a change takes to arrive at any distance: the latency harness's simulated grid."""

from __future__ import annotations

from bench.goals import Goal, Part, table
from harness.latency import cases, simulate, violations
from harness.latency_cases import HANDSHAKE_CPU, LatencyOutcome

REFRESH = 60
MOST_INTERVAL = 15
"""Seconds between requests up to which the table shows a case: with rarer ones the interval decides."""


def distances() -> Part:
    """Run the grid."""
    rows: dict[tuple[float, str], dict[str, list[LatencyOutcome]]] = {}
    broken = 0
    count = 0
    for case in cases():
        outcome = simulate(case)
        count += 1
        broken += bool(list(violations(case, outcome)))
        if case.refresh == REFRESH and case.interval <= MOST_INTERVAL:
            by_cpu = rows.setdefault((case.round_trip, case.connection), {})
            by_cpu.setdefault(case.cpu, []).append(outcome)
    head = ["RTT ms", "connection"]
    head += [f"{cpu}: {figure}" for cpu in HANDSHAKE_CPU for figure in ("first policy s", "revoked s", "wait ms")]
    body = []
    for (round_trip, connection), by_cpu in rows.items():
        row = [f"{round_trip * 1000:.0f}", connection]
        for cpu in HANDSHAKE_CPU:
            each = by_cpu[cpu]
            row += [
                f"{max(outcome.first for outcome in each):.2f}",
                f"{max(outcome.seen for outcome in each):.1f}",
                f"{max(outcome.wait for outcome in each) * 1000:.0f}",
            ]
        body.append(row)
    full, small = (HANDSHAKE_CPU[cpu] * 1000 for cpu in ("full", "128 MB"))
    text = f"""How long a change takes to arrive, and how long requests wait, in {count} simulated containers: the store
on clocks of its own, with `refresh_seconds` {REFRESH}, frozen between requests. The table has the worst of requests
0.1 to {MOST_INTERVAL} s apart and 0 to 25 lists. An idle connection is kept, closed by the other side, or lost without
notice. "Revoked" is the longest time from a change, made right after a read, to the first request that uses it; the
limit is two refresh times. The wait is the longest of any request with a policy. A handshake takes {full:g} ms of a
whole processor, and {small:g} ms at 128 MB, which is not waiting but counts here. `python -m harness latency` runs the
same grid, and 30 real processes over a link that delays packets, TLS included (as root on Linux).

{table(head, body)}
"""
    goal = Goal("distance", f"containers of {count} that break a bound of distance", broken, 0)
    return Part("Distance", text, [goal], {"distance": {"cases": count, "broken": broken}})

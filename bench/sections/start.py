"""A cold start and a refresh, at a distance from Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench import charts, cold, distance
from bench.distance import FAR, FULL, NEAR, SMALL, Measured
from bench.goals import Goal, Part, table, worst
from bench.store_stub import StoreStub

CHART = "performance-start.svg"
OWN = (cold.EDGE, cold.GATEWAY)


def cold_starts(directory: Path, rounds: int, small_rounds: int, requests: int) -> Part:
    """Cold starts and refreshes in the runtime emulator. Counts of 0 leave out the CPU of 128 MB, and refreshes."""
    measured = distance.run(rounds, small_rounds, requests)
    with StoreStub(directory, cold.parameters()) as store:
        kinds = {"http": cold.environment(store, tls=False), "https": cold.environment(store, tls=True)}
        parts = {kind: cold.parts(variables, min(rounds, 15)) for kind, variables in kinds.items()}
    data = {
        name: [
            {
                "contender": row.contender,
                "round_trip_ms": row.round_trip,
                "cpu": row.cpu,
                "median_ms": round(row.median, 2),
                "longest_wait_ms": round(row.longest_wait, 2),
                "count": len(row.milliseconds),
            }
            for row in rows
        ]
        for name, rows in (("cold", measured.starts), ("refreshes", measured.requests))
    }
    text = [_starts_text(measured), _parts_text(parts)]
    if measured.requests:
        text.append(_refresh_text(measured))
    goals, summary = _goals(measured), _summary(measured)
    return Part(
        "A cold start", "\n".join(text), goals, data | {"cold_parts": parts}, summary, {CHART: _chart(measured)}
    )


def _near(measured: Measured) -> int:
    """The round trip to a local replica, or this machine's where no distance could be measured."""
    return NEAR if measured.start(cold.EDGE, NEAR) else 0


def _start(measured: Measured, contender: str, round_trip: int, cpu: str = FULL) -> float:
    row = measured.start(contender, round_trip, cpu) or measured.start(contender, 0, cpu)
    assert row is not None
    return row.median


def _goals(measured: Measured) -> list[Goal]:
    near = _near(measured)
    edge, empty, boto3 = (_start(measured, name, near) for name in (cold.EDGE, cold.EMPTY, cold.BOTO3))
    place = f"over TLS, store {near} ms away"
    goals = [
        Goal("cold start", f"the edge at most 1.4 times the empty handler, {place}", edge / empty, 1.4),
        Goal("cold start", f"boto3 at least 6 times as slow as the edge, {place}", boto3 / edge, 6, least=True),
    ]
    own = [row for row in measured.requests if row.contender in OWN]
    if own:
        at_hand = {row.contender: row.median for row in own if row.round_trip == 0 and row.cpu == FULL}
        whole = [row for row in own if row.cpu == FULL]
        later, later_at = worst((row.median - at_hand[row.contender], _label(row)) for row in whole)
        wait, wait_at = worst((row.longest_wait, _label(row)) for row in own)
        goals += [
            Goal(
                "refresh",
                "a warm request's median at most 1 ms longer at any distance than at 0 ms",
                later,
                1,
                at=later_at,
            ),
            Goal("refresh", "p99.9 of a warm request's wait for a refresh at most 300 ms", wait, 300, at=wait_at),
        ]
    return goals


def _label(row: distance.Figures) -> str:
    return f"{row.contender}, {row.round_trip} ms, CPU {row.cpu}"


def _summary(measured: Measured) -> str:
    near = _near(measured)
    empty, edge, boto3, powertools = (
        _start(measured, name, near) for name in (cold.EMPTY, cold.EDGE, cold.BOTO3, cold.POWERTOOLS)
    )
    text = (
        f"**A cold start**, policy read over TLS from a replica {near} ms away: {edge:,.0f} ms until the first answer, "
        f"{edge - empty:,.0f} of them more than a function that does nothing. boto3 takes {boto3:,.0f} ms, Powertools "
        f"{powertools:,.0f}."
    )
    if measured.start(cold.EDGE, FAR):
        text += (
            f" {FAR} ms away: {_start(measured, cold.EDGE, FAR):,.0f}, {_start(measured, cold.BOTO3, FAR):,.0f} and "
        )
        text += f"{_start(measured, cold.POWERTOOLS, FAR):,.0f} ms."
    own, peer = measured.request(cold.EDGE, FAR), measured.request(cold.BOTO3, FAR)
    if own and peer:
        text += (
            f"\n- **A refresh**, once in `refresh_seconds` for each container: the median request does not wait; the "
            f"longest wait {FAR} ms away is {own.longest_wait:,.0f} ms, with boto3 in the handler "
            f"{peer.longest_wait:,.0f} ms."
        )
    return text


def _starts_text(measured: Measured) -> str:
    text = [
        """Milliseconds from the start of the process to its first answer, medians, and how many times the empty
handler's that is. Built artifacts under Lambda's runtime client and runtime interface emulator; contenders take turns,
each start is a new process; all on one interpreter, from bytecode that is there already. The list is read over TLS from
a store that answers at once, at the round trip in the column's head: 0 is this machine, the others a link that delays
each packet. Starlette reads none."""
    ]
    rounds = len(measured.starts[0].milliseconds)
    for cpu, heading in ((FULL, f"A whole processor ({rounds} starts)"), (SMALL, _small_heading(measured))):
        rows = [row for row in measured.starts if row.cpu == cpu]
        if not rows:
            text.append(f"\n{heading}.")
            continue
        round_trips = sorted({row.round_trip for row in rows})
        empty = _start(measured, cold.EMPTY, 0, cpu)
        cells = []
        for name in dict.fromkeys(row.contender for row in measured.starts if row.cpu == FULL):
            places = [measured.start(name, round_trip, cpu) for round_trip in round_trips]
            cells.append([name, *(f"{row.median:,.0f} ({row.median / empty:.2f}x)" if row else "" for row in places)])
        text += [f"\n### {heading}\n", table(["", *(f"{round_trip} ms" for round_trip in round_trips)], cells)]
    return "\n".join(text)


def _small_heading(measured: Measured) -> str:
    rows = [row for row in measured.starts if row.cpu == SMALL]
    if not rows:
        return "The CPU of 128 MB was not measured"
    return f"The CPU of 128 MB, 128/1769 of one, for the whole start ({len(rows[0].milliseconds)} starts)"


def _parts_text(parts: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys([*parts["https"], *parts["http"]]))
    rows = [[name, *(f"{each[name]:.2f}" if name in each else "" for each in parts.values())] for name in names]
    return f"""
### Where the edge's time goes

In milliseconds on top of the runtime client, a store on this machine (medians of processes of their own):

{table(["part", *parts], rows)}
"""


def _refresh_text(measured: Measured) -> str:
    rows = []
    for row in measured.requests:
        if row.cpu == FULL:
            small = measured.request(row.contender, row.round_trip, SMALL)
            others = [f"{small.median:,.1f}", f"{small.longest_wait:,.0f}"] if small else ["", ""]
            rows.append([row.contender, row.round_trip, f"{row.median:,.1f}", f"{row.longest_wait:,.0f}", *others])
    count = len(measured.requests[0].milliseconds)
    head = ["", "RTT ms", "median", "longest wait", "128 MB: median", "longest wait"]
    return f"""### A refresh

Warm functions with {count} requests {distance.INTERVAL:g} s apart, stopped in between as Lambda freezes them. Each
reads its list again every {cold.REFRESH} s, on a new TLS connection, because the store has closed the idle one.
Milliseconds of a request in the median, and how much longer than that the longest took. edgecors reads while
requests go on and lets one of them wait at most 300 ms once in a refresh time; boto3 and Powertools read within a
request, which waits for all of it.

{table(head, rows)}
"""


def _chart(measured: Measured) -> str:
    shown = {cold.EMPTY: charts.NEUTRAL, cold.EDGE: charts.OWN, cold.GATEWAY: charts.OWN}
    names = (cold.EMPTY, cold.EDGE, cold.GATEWAY, cold.BOTO3, cold.POWERTOOLS)

    def bar(name: str, round_trip: int) -> charts.Bar:
        median = _start(measured, name, round_trip)
        return charts.Bar(name, median, f"{median:,.0f} ms", shown.get(name, charts.PEER))

    near = _near(measured)
    places = [(f"Store {near} ms away", near)]
    if measured.start(cold.EDGE, FAR):
        places.append((f"Store {FAR} ms away", FAR))
    groups = [(heading, [bar(name, round_trip) for name in names]) for heading, round_trip in places]
    return charts.bars("A cold start until the first answer, over TLS, a whole processor", groups)

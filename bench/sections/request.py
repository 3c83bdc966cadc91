"""A request, policy warm."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench import charts, request, samples
from bench.goals import Goal, Part, table, worst
from bench.measure import ratio

CHART = "performance-request.svg"
ROOT = Path(__file__).resolve().parents[2]


def requests(rounds: int, *, quick: bool) -> Part:
    """A request, policy warm."""
    sizes = request.EXACT[:3] if quick else request.EXACT
    rows = request.rows(sizes, peers=request.installed())
    request.check(rows)
    request.measure(rows, rounds)
    by_key = {row.key: row for row in rows}
    own_rows = [row for row in rows if row.contender == request.EDGECORS and row.outcome != request.ANEW]
    anew = [row for row in rows if row.contender == request.EDGECORS and row.outcome == request.ANEW]
    goals = _request_goals(own_rows, anew, by_key, sizes)
    data = {"requests": [row.record() for row in rows]}
    return Part("A request", _request_text(rows, rounds), goals, data, _summary(rows), {CHART: _chart(rows)})


def _compared(rows: Sequence[request.Row], count: int) -> dict[str, list[request.Row]]:
    """The API Gateway rows with so many origins, by contender."""
    compared: dict[str, list[request.Row]] = {}
    for row in rows:
        if row.front in request.API_FRONTS and row.size == request.label(count) and row.outcome != request.ANEW:
            compared.setdefault(row.contender, []).append(row)
    return compared


def _range(rows: Sequence[request.Row]) -> str:
    """The quickest and the slowest row, in microseconds."""
    times = [row.task.median * 1e6 for row in rows]
    return f"{min(times):,.0f} to {max(times):,.0f}"


def _summary(rows: Sequence[request.Row]) -> str:
    edge = [
        row for row in rows if row.front in request.EDGE_FRONTS and row.outcome in (request.ALLOWED, request.REFUSED)
    ]
    sentences = [
        f"**A request** with a loaded policy: {_range(edge)} µs of processor time at CloudFront, whatever the list's "
        "length."
    ]
    for count in request.PEER_SIZES:
        own, *peers = _compared(rows, count).items()
        others = ", ".join(f"{name} {_range(each)}" for name, each in peers)
        origins = f"{count:,} origin{'s' if count > 1 else ''}"
        sentences.append(f"Behind API Gateway with {origins}: {_range(own[1])} µs; {others}.")
    return " ".join(sentences)


def _chart(rows: Sequence[request.Row]) -> str:
    """Medians of the rows' medians; flask-cors' core with many origins is so far out that it would hide the others."""
    groups = []
    for count in request.PEER_SIZES:
        medians = {
            name: statistics.median(row.task.median * 1e6 for row in each)
            for name, each in _compared(rows, count).items()
            if count == 1 or name != request.FLASK_CORS
        }
        bars = [
            charts.Bar(name, median, f"{median:,.0f} µs", charts.OWN if name == request.EDGECORS else charts.PEER)
            for name, median in medians.items()
        ]
        groups.append((f"{count:,} origin{'s' if count > 1 else ''}", bars))
    return charts.bars("A request behind API Gateway, processor time", groups)


def decisions(rounds: int) -> Part:
    """With and without the decision memory."""
    rows = request.memory_rows()
    request.check(rows)
    request.measure(rows, rounds)
    cells: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    gains: dict[str, list[float]] = {}
    by_key = {row.key: row for row in rows}
    for row in rows:
        text = f"{row.task.median * 1e6:,.1f} ({row.times:.1f}x)"
        cells.setdefault((row.front, row.size), {})[row.outcome, row.contender] = text
        if row.contender == request.EDGECORS:
            without = by_key[row.front, request.FORGETFUL, row.size, row.outcome]
            gains.setdefault(row.outcome, []).append(1 - ratio(row.task, without.task))
    columns = [(outcome, name) for outcome in gains for name in (request.EDGECORS, request.FORGETFUL)]
    head = ["front", "origins"]
    head += [f"{outcome}, {'with' if name == request.EDGECORS else 'without'}" for outcome, name in columns]
    body = [[front, size, *(each[column] for column in columns)] for (front, size), each in cells.items()]
    lines = len((ROOT / "layers/edgecors/edgecors/memory.py").read_text("utf-8").splitlines())
    again, anew = (f"{min(gains[key]):.0%} to {max(gains[key]):.0%}" for key in (request.ALLOWED, request.ANEW))
    text = f"""Whether remembering recent decisions (`edgecors.memory`, {lines} lines, and its callers) is worth it: the
same requests with it and with every request decided anew. Microseconds, and times the yardstick, as above.

{table(head, body)}

The memory takes off {again} of a request whose origin was seen lately, and {anew} of one whose origin was not
(negative: it adds).
"""
    data = {"decisions": [row.record() for row in rows]}
    return Part("The decision memory", text, [], data)


def _request_goals(
    own_rows: Sequence[request.Row],
    anew: Sequence[request.Row],
    by_key: Mapping[tuple[str, str, str, str], request.Row],
    sizes: Sequence[int],
) -> list[Goal]:
    def place(row: request.Row) -> str:
        return f"{row.front}, {row.size}, {row.outcome}"

    def against(size: str, other: str) -> Iterable[tuple[float, str]]:
        for row in own_rows:
            base = by_key.get((row.front, request.EDGECORS, other, row.outcome))
            if row.size == size and base is not None:
                yield ratio(row.task, base.task), place(row)

    def goal(sentence: str, pairs: Iterable[tuple[float, str]], limit: float) -> Goal:
        measured, at = worst(pairs)
        return Goal("request", sentence, measured, limit, at=at)

    def times(rows: Sequence[request.Row], fronts: Sequence[str]) -> Iterable[tuple[float, str]]:
        return ((row.times, place(row)) for row in rows if row.front in fronts)

    edge, api = request.EDGE_FRONTS, request.API_FRONTS
    one, ten_thousand, most = request.label(1), request.label(10_000), request.label(sizes[-1])
    return [
        goal("every edge row at most 4 times the yardstick", times(own_rows, edge), 4),
        goal("every API Gateway row at most 6 times the yardstick", times(own_rows, api), 6),
        goal(f"{request.ANEW}: every edge row at most 5 times", times(anew, edge), 5),
        goal(f"{request.ANEW}: every API Gateway row at most 7 times", times(anew, api), 7),
        goal(f"{most} origins within 10 % of one origin", against(most, one), 1.1),
        goal("wildcards within twice the time of as many exact origins", against(request.WILDCARDS, ten_thousand), 2),
    ]


def _request_text(rows: Sequence[request.Row], rounds: int) -> str:
    def cell(row: request.Row) -> str:
        return f"{row.task.median * 1e6:,.1f} ({row.times:.1f}x)"

    def grid(chosen: Sequence[request.Row], columns: Sequence[str], column: Callable[[request.Row], str]) -> str:
        lines: dict[tuple[str, str], dict[str, str]] = {}
        for row in chosen:
            lines.setdefault((row.front, row.outcome), {})[column(row)] = cell(row)
        return table(
            ["front", "", *columns],
            [
                [front, outcome, *(matches.get(name, "") for name in columns)]
                for (front, outcome), matches in lines.items()
            ],
        )

    own_rows = [row for row in rows if row.contender == request.EDGECORS]
    sizes = list(dict.fromkeys(row.size for row in own_rows))
    text = [
        f"""From the handler's call to its answer, with a policy that is loaded. Microseconds of processor time,
medians of {rounds} rounds in which all contenders take turns, and beside them how many times the yardstick's time
that is (the median of the rounds' ratios). The yardstick is the least a CORS handler can do: lower-case the headers'
names, look one origin up in a set, return one dict. Events carry the headers that Chromium sends, are new for every
call and decoded from JSON as in Lambda; that is outside the time, and so is turning the answer into JSON.
{samples.SPREAD} origins from all over the list take turns; "{request.ANEW}" means so many that no earlier decision
is at hand. The garbage collector runs between samples and not within, for all contenders.
Log output is discarded.

### edgecors, by number of origins
""",
        grid(own_rows, sizes, lambda row: row.size),
    ]
    for count in request.PEER_SIZES:
        size = request.label(count)
        compared = [row for row in rows if row.outcome != request.ANEW and row.front in request.API_FRONTS]
        chosen = [row for row in compared if row.size == size]
        names = list(dict.fromkeys(row.contender for row in chosen))
        text += [
            f"\n### The peers, {size} origin{'s' if count > 1 else ''}\n",
            grid(chosen, names, lambda row: row.contender),
        ]
    text.append(
        """
Powertools and Starlette route the request too; of flask-cors only the computation of its headers is measured, without
Flask. None of them reads the list from anywhere, and none removes headers of the upstream."""
    )
    return "\n".join(text)

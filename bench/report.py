"""The report: every part measured, held against its goal, printed, and written into the docs."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from edgecors_admin.cost import PRICES, Traffic, costs
from edgecors_admin.cost import markdown as cost_table

from bench import cold, fleet, memory, policies, request, samples
from bench.measure import ratio
from bench.store_stub import StoreStub

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PEERS = ("aws-lambda-powertools", "starlette", "mangum", "flask-cors", "boto3", "awslambdaric")


class Goal:
    """Something that was to be reached: ``measured`` at most ``limit`` (at least, where ``least``)."""

    def __init__(
        self, part: str, sentence: str, measured: float, limit: float, *, least: bool = False, at: str = ""
    ) -> None:
        self.part = part
        self.sentence = sentence
        self.measured = measured
        self.limit = limit
        self.least = least
        self.at = at

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.measured >= self.limit if self.least else self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """In words, and by how much it was missed."""
        if self.reached:
            return "reached"
        if self.least:
            return f"**missed**: {self.measured / self.limit:.0%} of it"
        return f"**missed** by {self.measured / self.limit - 1:.0%}" if self.limit else "**missed**"

    def record(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "part": self.part,
            "goal": self.sentence,
            "limit": self.limit,
            "measured": round(self.measured, 4),
            "worst_at": self.at,
            "reached": self.reached,
        }


class Part:
    """One part of the report: its text in Markdown, its goals, its figures."""

    def __init__(self, title: str, text: str, goals: Sequence[Goal], data: Mapping[str, Any]) -> None:
        self.title = title
        self.text = text
        self.goals = goals
        self.data = data


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; what does not stand in the first column is aligned to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def worst(pairs: Iterable[tuple[float, str]], *, least: bool = False) -> tuple[float, str]:
    """The figure that decides, and where it was measured."""
    return min(pairs) if least else max(pairs)


# 1


def requests(rounds: int, *, quick: bool) -> Part:
    """A request, policy warm."""
    sizes = request.EXACT[:3] if quick else request.EXACT
    rows = request.rows(sizes, peers=request.installed())
    request.check(rows)
    request.measure(rows, rounds)
    by_key = {row.key: row for row in rows}
    own_rows = [row for row in rows if row.contender == request.EDGECORS and row.outcome != request.ANEW]
    goals = _request_goals(own_rows, by_key, sizes)
    return Part("A request", _request_text(rows, rounds), goals, {"requests": [row.record() for row in rows]})


def _request_goals(
    own_rows: Sequence[request.Row], by_key: Mapping[tuple[str, str, str, str], request.Row], sizes: Sequence[int]
) -> list[Goal]:
    def place(row: request.Row) -> str:
        return f"{row.front}, {row.size}, {row.outcome}"

    def against(size: str, other: str) -> Iterable[tuple[float, str]]:
        for row in own_rows:
            base = by_key.get((row.front, request.EDGECORS, other, row.outcome))
            if row.size == size and base is not None:
                yield ratio(row.task, base.task), place(row)

    def powertools(size: str) -> Iterable[tuple[float, str]]:
        for row in own_rows:
            peer = by_key.get((row.front, request.POWERTOOLS, size, row.outcome))
            if row.size == size and peer is not None:
                yield ratio(peer.task, row.task), place(row)

    def goal(sentence: str, pairs: Iterable[tuple[float, str]], limit: float, *, least: bool = False) -> Goal:
        measured, at = worst(pairs, least=least)
        return Goal("request", sentence, measured, limit, least=least, at=at)

    edge = ((row.times, place(row)) for row in own_rows if row.front in request.EDGE_FRONTS)
    api = ((row.times, place(row)) for row in own_rows if row.front in request.API_FRONTS)
    one, ten_thousand, most = request.label(1), request.label(10_000), request.label(sizes[-1])
    return [
        goal("every edge row at most 4 times the yardstick", edge, 4),
        goal("every API Gateway row at most 6 times the yardstick", api, 6),
        goal(f"{most} origins within 10 % of one origin", against(most, one), 1.1),
        goal("wildcards within twice the time of as many exact origins", against(request.WILDCARDS, ten_thousand), 2),
        goal("at least 6 times as fast as Powertools, one origin", powertools(one), 6, least=True),
        goal("at least 50 times as fast as Powertools, 10,000 origins", powertools(ten_thousand), 50, least=True),
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
is at hand (no goal is set for these). The garbage collector runs between samples and not within, for everybody. Log
lines go nowhere.

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
    text.append(_why_not_faster(rows))
    text.append(
        """
Powertools and Starlette route the request too; of flask-cors only the computation of its headers is measured, without
Flask. None of them reads the list from anywhere, and none removes headers of the upstream."""
    )
    return "\n".join(text)


def _why_not_faster(rows: Sequence[request.Row]) -> str:
    """What the goals beside Powertools would take: they are multiples of somebody else's time."""
    sentences = []
    for count, times in ((1, 6), (10_000, 50)):
        size = request.label(count)
        peers = [row for row in rows if row.contender == request.POWERTOOLS and row.size == size]
        quickest = min(peers, key=lambda row: row.times, default=None)
        if quickest is not None:
            sentences.append(
                f"{times} times as fast as Powertools' quickest row with {size} "
                f"(`{quickest.front}`, {quickest.outcome}) means {quickest.times / times:.1f} times the yardstick."
            )
    return "\n" + "\n".join(sentences)


# 2


def cold_starts(directory: Path, rounds: int, limited_rounds: int, *, quick: bool) -> Part:
    """Cold starts in the runtime emulator."""
    with StoreStub(directory, {cold.PARAMETER: ",".join(cold.ORIGINS)}) as store:
        chosen = cold.contenders(directory)
        plain, tls = cold.environment(store, tls=False), cold.environment(store, tls=True)
        matches = {"http": cold.starts(chosen, plain, rounds)}
        warm: dict[str, float] = {}
        if not quick:
            matches["https"] = cold.starts(chosen, tls, rounds)
        # What the parts cost is no comparison of contenders: fewer starts will do.
        parts = {"http": cold.parts(plain, min(rounds, 15)), "https": cold.parts(tls, min(rounds, 15))}
        how = ""
        if limited_rounds:
            with cold.limited_python(directory) as (python, how):
                if python is not None:
                    matches["cpu share"] = cold.starts(chosen, plain, limited_rounds, python)
                    warm = {contender.name: cold.warm(contender, plain, python) for contender in chosen[:2]}
    medians = {
        kind: {name: statistics.median(start.duration for start in starts) for name, starts in each.items()}
        for kind, each in matches.items()
    }
    medians["processor"] = {
        name: statistics.median(start.processor for start in starts) for name, starts in matches["http"].items()
    }
    goals = [
        Goal(
            "cold start",
            "the edge at most 1.5 times the empty handler",
            medians["http"][cold.EDGE] / medians["http"][cold.EMPTY],
            1.5,
        ),
        Goal(
            "cold start",
            "the edge at least 5 times as fast as boto3",
            medians["http"][cold.BOTO3] / medians["http"][cold.EDGE],
            5,
            least=True,
        ),
    ]
    data = {
        "cold": {kind: _rounded(each) for kind, each in medians.items()},
        "cold_parts": parts,
        "cpu_share": how,
        "warm_ms": warm,
    }
    if warm:
        times = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in warm.items())
        how += f". Milliseconds of a warm invocation then, in the median: {times}"
    return Part("A cold start", _cold_text(matches, medians, parts, how), goals, data)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def _cold_text(
    matches: Mapping[str, Mapping[str, Sequence[cold.Start]]],
    medians: Mapping[str, Mapping[str, float]],
    parts: Mapping[str, Mapping[str, float]],
    how: str,
) -> str:
    titles = {"http": "store on http", "https": "store on https", "cpu share": "CPU like 128 MB"}
    columns = {f"{titles[kind]} (of {len(each[cold.EMPTY])})": medians[kind] for kind, each in matches.items()}
    columns["http: of it on a processor"] = medians["processor"]
    head = ["", *columns]
    rows = []
    for name in medians["http"]:
        cells = [f"{each[name]:,.0f} ({each[name] / each[cold.EMPTY]:.2f}x)" for each in columns.values()]
        rows.append([name, *cells])
    names = list(dict.fromkeys([*parts["https"], *parts["http"]]))
    part_rows = [[name, *(f"{each[name]:.2f}" if name in each else "" for each in parts.values())] for name in names]
    return f"""Milliseconds from the start of the process to its first answer, medians, and how many times the empty
handler's that is. Built artifacts under Lambda's runtime client and runtime interface emulator; contenders take
turns, each start is a new process; all on one interpreter, from bytecode that is there already. The policy is read
from a Parameter Store on this machine that answers at once, so what a network adds is not in it. Starlette reads
none.

{table(head, rows)}

{"CPU like 128 MB: " + how + ". The whole start is slowed down; the emulator and the store are not." if how else ""}

Where the edge's time goes, in milliseconds on top of the runtime client (medians of processes of their own):

{table(["part", "http", "https"], part_rows)}
"""


# 3


def sizes(directory: Path, *, quick: bool) -> Part:
    """Memory, zips, imports."""
    zips = memory.zips()
    imports = memory.edge_imports()
    foreign = memory.third_party(imports)
    goals = [
        Goal("size", "edge zip at most 60 KB", zips["EdgeFunction"] / 1000, 60),
        Goal("size", "modules at the edge that are neither ours nor the standard library's", len(foreign), 0),
    ]
    peaks: dict[str, int] = {}
    if not quick:
        peaks = memory.peaks(cold.contenders(directory), directory)
        base = peaks[cold.EMPTY]
        more = {name: (peak - base) / 1024 for name, peak in peaks.items()}
        goals += [
            Goal("memory", "edge at most 8 MB over the empty handler", more[cold.EDGE], 8),
            Goal("memory", "edge at most 24 MB with 100,000 origins", more[f"{cold.EDGE}, 100,000 origins"], 24),
        ]
    text = []
    if peaks:
        rows = [
            [name, f"{peak / 1024:.1f}", f"{(peak - peaks[cold.EMPTY]) / 1024:+.1f}"] for name, peak in peaks.items()
        ]
        text.append(
            f"""Peak resident memory (`VmHWM`) of the function's own process after {memory.INVOCATIONS} invocations,
in MB. The 100,000 origins stand in as many packed lists of at most 8 KB as that takes, and are read ten lists a call.

{table(["", "MB", "over the empty handler"], rows)}
"""
        )
    sources = memory.zip_bytes(cold.without_bytecode(cold.ARTIFACTS / "EdgeFunction", directory))
    text.append(table(["zip", "KB"], [[name, f"{size / 1000:,.1f}"] for name, size in zips.items()]))
    text.append(
        f"""
The edge's sources alone make {sources / 1000:,.1f} KB; the rest is bytecode, without which each cold start compiles
them."""
    )
    own = [name for name in imports if name.split(".")[0] in ("edgecors", "app")]
    rest = [name for name in imports if name not in own]
    text.append(
        f"""
The edge function loads {len(own)} modules of its own and {len(rest)} of the standard library in a bare interpreter,
many of which Lambda's runtime client has loaded already: `{"`, `".join(rest)}`."""
    )
    return Part("Memory and size", "\n".join(text), goals, {"peak_kilobytes": peaks, "zips": zips, "imports": imports})


# 4


def reading(*, quick: bool) -> Part:
    """Policies, and hostile headers."""
    counts = policies.COUNTS[:3] if quick else policies.COUNTS
    read = policies.reading(counts, seconds=0.3 if quick else 1.5)
    hostile = policies.hostility()
    most = counts[-1]
    growth = [(each[most] / most / (each[1_000] / 1_000), form) for form, each in read.items()]
    grown, at = worst(growth)
    slow, slow_at = worst((each[10_000] * 1000, form) for form, each in read.items())
    tenfold, tenfold_at = worst((each[1_000_000] / each[10_000], kind) for kind, each in hostile.items())
    goals = [
        Goal("policy", "10,000 origins read and compiled in 50 ms", slow, 50, at=slow_at),
        Goal("policy", f"linear: an origin of {most:,} costs at most twice one of 1,000", grown, 2, at=at),
        Goal("policy", "refused early: 1 MB takes at most 3 times as long as 10 KB", tenfold, 3, at=tenfold_at),
    ]
    read_rows = [[form, *(f"{each[count] * 1000:,.2f}" for count in counts)] for form, each in read.items()]
    hostile_rows = [[kind, *(f"{seconds * 1e6:,.1f}" for seconds in each.values())] for kind, each in hostile.items()]
    text = f"""Milliseconds of processor time to read and compile a policy, by number of origins (the fastest of
several runs):

{table(["form", *(f"{count:,}" for count in counts)], read_rows)}

Microseconds to refuse a request with one hostile value, by the value's length:

{table(["value", "1 KB", "10 KB", "1 MB"], hostile_rows)}
"""
    data = {
        "reading_ms": {form: {str(n): round(s * 1e3, 3) for n, s in each.items()} for form, each in read.items()},
        "hostile_us": {kind: {str(n): round(s * 1e6, 2) for n, s in each.items()} for kind, each in hostile.items()},
    }
    return Part("Policies and hostile headers", text, goals, data)


# 5


def fleets(*, quick: bool, write: bool) -> Part:
    """Fleets, simulated."""
    courses = [fleet.simulate(one) for one in fleet.fleets(10_000 if quick else 100_000)]
    drawn = {(course.fleet.name, course.fleet.containers): course for course in courses}
    if write:
        for file, (name, containers, title) in fleet.CHARTS.items():
            (DOCS / file).write_text(fleet.chart(title, drawn[name, containers]), "utf-8")

    def label(course: fleet.Course) -> str:
        return f"{course.fleet.name}, {course.fleet.containers:,}"

    # Where chance alone is above the goal, or requests come all at once, no timing of ours could reach it.
    judged = [course for course in courses if course.peak_by_chance <= 1.5 and not course.fleet.pulse]
    peak, peak_at = worst((course.peak, label(course)) for course in judged)
    # Forty reads a second can't serve as many; and what never recovers must not count as nothing.
    never = float("inf")
    out = [course for course in courses if course.fleet.outage]
    recovery, recovery_at = worst((never if c.recovery is None else c.recovery, label(c)) for c in out)
    goals = [
        Goal("fleet", "peak at most 1.5 times the mean after two refresh times", peak, 1.5, at=peak_at),
        Goal("fleet", "recovery within two refresh times (120 s)", recovery, 120, at=recovery_at),
    ]
    shapes = [] if quick else fleet.shapes()
    text = _fleet_text(courses, shapes)
    return Part("A fleet", text, goals, {"fleets": [course.record() for course in courses]})


def _fleet_text(courses: Sequence[fleet.Course], shapes: Sequence[tuple[str, fleet.Course, fleet.Course]]) -> str:
    rows = []
    for course in courses:
        out = course.fleet.outage
        rows.append(
            [
                course.fleet.name,
                f"{course.fleet.containers:,}",
                f"{course.mean:,.0f}",
                f"{course.peak:.2f}",
                f"{course.peak_by_chance:.2f}",
                f"{course.stale_share:.2%}",
                f"{course.none_share:.2%}",
                f"{course.outage_peak:.1f}" if out else "",
                f"{course.recovery} s" if out else "",
            ]
        )
    head = ["fleet", "containers", "reads/s", "peak", "by chance", "stale", "none", "peak from outage on", "recovery"]
    images = "\n\n".join(f"![{title}]({file})" for file, (_, _, title) in fleet.CHARTS.items())
    text = f"""Simulated with the store's own waits, refresh time 60 s: containers start within ten seconds, each gets
a request a second at random, lives two hours in the mean and is replaced by a cold one. Peaks are the busiest second
in means; "by chance" is about what they would be if every read came at random. "Stale" are requests served by the
last good policy after a failed read, "none" those that found no policy at all (their preflights get 503, all else
goes through). What comes all at once (the fleet with requests once a minute) and what chance alone lifts above the
goal is not judged.

{table(head, rows)}

{images}

Requests that come to all containers at once make reads that come at once: a container reads only when a request finds
its policy old. Forty reads a second, Parameter Store's default for an account and Region, carry about 2,000 busy
containers at 60 seconds; beyond that containers that just started compete with all others, and higher throughput or a
longer `refresh_seconds` is the remedy.
"""
    if shapes:
        shape_rows = [
            [name, f"{deployed.peak:.2f}", f"{out.outage_peak:.1f}", f"{out.recovery} s", f"{out.none_share:.2%}"]
            for name, deployed, out in shapes
        ]
        text += f"""
How the waits were chosen: 10,000 containers, deployed within ten seconds, and in an outage of ten minutes.

{table(["waits", "peak", "peak from outage on", "recovery", "none"], shape_rows)}
"""
    return text


# 6


def money() -> Part:
    """What it costs."""
    traffic = Traffic()
    assumed = ", ".join(f"`{name}` {getattr(traffic, name):,g}" for name in traffic.about())
    rows = [[name, f"{price.dollars:g}", price.unit, price.as_of, price.page] for name, price in PRICES.items()]
    matches = costs(traffic)
    text = f"""Dollars a month for what CORS adds, by `edgecors cost`, where every assumption and price can be replaced.
Assumed: {assumed}.

{cost_table(matches)}

Prices of North Virginia; what is published counts, so check them:

{table(["price", "$", "for a", "as of", "check at"], rows)}
"""
    return Part("Money", text, [], {"costs": {cost.setup: round(cost.dollars, 2) for cost in matches}})


# Together


def machine() -> str:
    """The machine in a line, without its name."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line[:10] == "model name"
        ]
        model = models[0] if models else model
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}{load}"


def versions() -> dict[str, str]:
    """What was measured."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        own: str = tomllib.load(file)["project"]["version"]
    return {"edgecors": own} | {matches.name: matches.version for name in PEERS for matches in distributions(name=name)}


def run(*, quick: bool, write: bool, only: Sequence[str], say: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """Measure the parts, return the report in Markdown and its figures."""
    start = machine()
    with tempfile.TemporaryDirectory(prefix="edgecors-bench-") as name:
        directory = Path(name)
        parts: dict[str, Callable[[], Part]] = {
            "request": lambda: requests(20 if quick else 300, quick=quick),
            "cold": lambda: cold_starts(directory, 3 if quick else 15, 0 if quick else 5, quick=quick),
            "memory": lambda: sizes(directory, quick=quick),
            "policies": lambda: reading(quick=quick),
            "fleet": lambda: fleets(quick=quick, write=write),
            "cost": money,
        }
        created = []
        for key, measure in parts.items():
            if not only or key in only:
                say(f"measuring: {key}")
                created.append(measure())
    goals = [goal for part in created for goal in part.goals]
    head = {
        "machine": start,
        "versions": versions(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "goals": [goal.record() for goal in goals],
    }
    return _markdown(head, goals, created), head | {key: value for part in created for key, value in part.data.items()}


def _markdown(head: Mapping[str, Any], goals: Sequence[Goal], parts: Sequence[Part]) -> str:
    rows = [
        [g.sentence, f"{g.measured:,.2f}", f"{'≥' if g.least else '≤'} {g.limit:g}", g.verdict, g.at] for g in goals
    ]
    known = ", ".join(f"{name} {number}" for name, number in head["versions"].items())
    sections = [f"## {part.title}\n\n{part.text.strip()}" for part in parts]
    return "\n\n".join(
        [
            "# Performance",
            "Written by `make bench`, which measures all of this in one run on one machine. Edit `bench/` instead.",
            f"{head['date']}: {head['machine']}. {known}.",
            "## Goals",
            table(["goal", "measured", "limit", "", "decided by"], rows),
            *sections,
            "",
        ]
    )

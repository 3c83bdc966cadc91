"""The report: every part measured, judged by its goals, printed, and written into the docs."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bench.goals import Part, table
from bench.sections import commands, fleet, latency, money, policies, request, size, start

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PEERS = ("aws-lambda-powertools", "starlette", "mangum", "flask-cors", "boto3", "awslambdaric")


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


PARTS = ("request", "decisions", "cold", "memory", "policies", "distance", "fleet", "cost", "commands")
"""What `--only` can select, in the report's order."""


def run(*, quick: bool, only: Sequence[str], say: Callable[[str], None]) -> tuple[Sequence[Part], dict[str, Any]]:
    """Measure the parts; return them with the figures for `--json`."""
    head: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    with tempfile.TemporaryDirectory(prefix="edgecors-bench-") as name:
        directory = Path(name)
        measures: dict[str, Callable[[], Part]] = {
            "request": lambda: request.requests(20 if quick else 300, quick=quick),
            "decisions": lambda: request.decisions(20 if quick else 200),
            "cold": lambda: start.cold_starts(directory, *((3, 0, 0) if quick else (9, 3, 250))),
            "memory": lambda: size.sizes(directory, quick=quick),
            "policies": lambda: policies.reading(quick=quick),
            "distance": latency.distances,
            "fleet": lambda: fleet.fleets(quick=quick),
            "cost": money.money,
            "commands": commands.scale,
        }
        chosen = only or [key for key in PARTS if not quick or key != "commands"]
        parts = []
        for key in PARTS:
            if key in chosen:
                say(f"measuring: {key}")
                since = time.monotonic()
                parts.append(measures[key]())
                say(f"  {time.monotonic() - since:.0f} s")
    goals = [goal.record() for part in parts for goal in part.goals]
    return parts, head | {"goals": goals} | {key: value for part in parts for key, value in part.data.items()}


def markdown(head: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """The page: what a reader wants to know, the goals, then each part."""
    goals = [goal for part in parts for goal in part.goals]
    rows = [
        [g.sentence, f"{g.measured:,.2f}", f"{'≥' if g.least else '≤'} {g.limit:g}", g.verdict, g.at] for g in goals
    ]
    known = ", ".join(f"{name} {number}" for name, number in head["versions"].items())
    sections = [f"## {part.title}\n\n{part.text.strip()}" for part in parts]
    summary = "\n".join(f"- {part.summary}" for part in parts if part.summary)
    images = "\n\n".join(
        f"![{part.title}]({file})" for part in parts for file in part.charts if file.startswith("performance-")
    )
    return "\n\n".join(
        [
            "# Performance",
            f"What edgecors adds, beside the alternatives, measured on one machine ({head['machine']}):",
            summary,
            images,
            f"{sum(g.reached for g in goals)} of {len(goals)} [goals](#goals) are reached. `make bench` measures all "
            "of this in one run and writes this page and its charts; edit `bench/` instead. Nothing here ran on AWS: "
            "links that delay packets, a store on this machine and Lambda's runtime emulator simulate it.",
            f"{head['date']}: {head['machine']}. {known}.",
            "## Goals",
            table(["goal", "measured", "limit", "", "decided by"], rows),
            *sections,
            "",
        ]
    )


def write(head: Mapping[str, Any], parts: Sequence[Part]) -> None:
    """Write the page and its charts into the docs."""
    (DOCS / "performance.md").write_text(markdown(head, parts), "utf-8")
    for part in parts:
        for file, chart in part.charts.items():
            (DOCS / file).write_text(chart, "utf-8")

"""Fleets, simulated: a change on its way to 13 Regions, and the load on Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench import charts, fleet, regions
from bench.goals import Goal, Part, table, worst

CHART = "fleet-regions.svg"
Outcomes = Mapping[str, regions.Outcome]
LIMIT = 2 * regions.REFRESH


def fleets(*, quick: bool) -> Part:
    """Both simulations."""
    worlds = regions.worlds(*((10, 25) if quick else (100, 250)))
    outcomes = {world: regions.simulate(world) for world in worlds}
    courses = [fleet.simulate(one) for one in fleet.fleets(10_000 if quick else 100_000)]
    drawn = {(course.fleet.name, course.fleet.containers): course for course in courses}
    pictures = {
        file: fleet.chart(title, drawn[name, containers]) for file, (name, containers, title) in fleet.CHARTS.items()
    }
    pictures[CHART] = _regions_chart(outcomes)
    shapes = [] if quick else fleet.shapes()
    return Part(
        "A fleet",
        _regions_text(outcomes) + _fleet_text(courses, shapes),
        [*_regions_goals(outcomes), *_fleet_goals(courses)],
        {"regions": [_record(*each) for each in outcomes.items()], "fleets": [course.record() for course in courses]},
        _summary(outcomes),
        pictures,
    )


def _served(
    outcomes: Mapping[regions.SimulatedFleet, Outcomes],
) -> list[tuple[regions.SimulatedFleet, regions.Outcome]]:
    """All Regions of the worlds whose reads Parameter Store can serve."""
    return [(world, each[""]) for world, each in outcomes.items() if each[""].home < 0.9 * regions.READS]


def _regions_goals(outcomes: Mapping[regions.SimulatedFleet, Outcomes]) -> list[Goal]:
    served = _served(outcomes)
    seen, seen_at = worst((outcome.revocation(1), world.name) for world, outcome in served)
    wait, wait_at = worst((outcome.wait(0.999) * 1000, world.name) for world, outcome in served)
    sentence = f"a revocation reaches every container of 13 Regions within two refresh times ({LIMIT} s)"
    return [
        Goal("fleet", sentence, seen, LIMIT, at=seen_at),
        Goal("fleet", "p99.9 of all waits in 13 Regions at most 300 ms", wait, 300, at=wait_at),
    ]


def _summary(outcomes: Mapping[regions.SimulatedFleet, Outcomes]) -> str:
    world, each = next(iter(outcomes.items()))
    every = each[""]
    return (
        f"**A change** reaches half of {world.containers * len(regions.ROUND_TRIPS):,} containers in 13 Regions after "
        f"{every.revocation(0.5):.0f} s and all of them after {every.revocation(1):.0f} s (simulated with the store's "
        f"own code, `refresh_seconds` 60, the guard's copies after {regions.COPYING:g} s)."
    )


def _record(world: regions.SimulatedFleet, outcomes: Outcomes) -> dict[str, object]:
    return {
        "world": world.name,
        "regions": {
            region or "all": {
                "revoked_median": round(outcome.revocation(0.5), 1),
                "revoked_p99": round(outcome.revocation(0.99), 1),
                "revoked_last": round(outcome.revocation(1), 1),
                "stale_after_refresh_time": round(outcome.stale(regions.REFRESH), 4),
                "wait_p999_ms": round(outcome.wait(0.999) * 1000, 1),
                "local_reads": round(outcome.local, 2),
                "home_reads": round(outcome.home, 2),
            }
            for region, outcome in outcomes.items()
        },
    }


def _regions_text(outcomes: Mapping[regions.SimulatedFleet, Outcomes]) -> str:
    def cells(outcome: regions.Outcome) -> list[str]:
        times = " / ".join(_seconds(outcome.revocation(share)) for share in (0.5, 0.99, 1))
        return [times, f"{outcome.wait(0.999) * 1000:.0f}", f"{outcome.local:.1f} + {outcome.home:.1f}"]

    head = ["", "RTT ms"]
    for world in outcomes:
        head += [f"{world.name}: revoked s", "wait ms", "reads/s"]
    rows = []
    for region, seconds in {**regions.ROUND_TRIPS, "": None}.items():
        row: list[object] = [region or "**all**", "" if seconds is None else f"{seconds * 1000:.0f}"]
        for each in outcomes.values():
            row += cells(each[region])
        rows.append(row)
    throttled = [world.name for world, each in outcomes.items() if each[""].home > regions.READS]
    beyond = (
        f"""Under "{throttled[0]}" us-east-1 alone is asked for more than the {regions.READS} reads a second that it
serves by default: refused reads are tried again later and later, and some containers do not know of a change for
minutes. Replicas, a longer `refresh_seconds` or higher throughput are the remedy.
"""
        if throttled
        else ""
    )
    return f"""### A revocation on its way to 13 Regions

Simulated with the store's own code on clocks of its own: every container is a real `PolicyStore` at 128 MB, frozen
between requests that come once a second at random, with `refresh_seconds` 60. It reads the executing Region
({regions.LOCAL * 1000:g} ms away) and then us-east-1 (at the assumed round trip), makes a new connection for each
refresh, and continues a read with later requests. "Revoked" is the time from a change in us-east-1 to a container's
first request that knows of it: median / p99 / last. "Wait" is p99.9 of all requests. Reads a second are those of
the executing Region's Parameter Store + those of us-east-1's. The guard's copies are there {regions.COPYING:g} s
after a change.

{table(head, rows)}

![The share of containers that still allow a revoked origin, over the seconds since the change]({CHART})

{beyond}
"""


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds < regions.EVERY else f"over {regions.EVERY}"


def _regions_chart(outcomes: Mapping[regions.SimulatedFleet, Outcomes]) -> str:
    seconds = range(0, 181)
    looks = [(charts.OWN, ""), (charts.PEER, "6 3"), ("#c0392b", "2 2")]
    drawn = [
        charts.Line(world.name, [(second, each[""].stale(second)) for second in seconds], color, dashes)
        for (world, each), (color, dashes) in zip(outcomes.items(), looks, strict=True)
    ]
    spoken = " ".join(
        f"{world.name}: half after {each[''].revocation(0.5):.0f} s, all after {each[''].revocation(1):.0f} s."
        for world, each in outcomes.items()
    )
    return charts.lines(
        "Containers in 13 Regions that still allow a revoked origin, by seconds since the change",
        spoken,
        drawn,
        right=180,
        top=1,
        x_marks=[(mark, f"{mark} s") for mark in range(0, 181, 30)],
        y_marks=[(0, "0"), (0.5, "50 %"), (1, "100 %")],
    )


def _label(course: fleet.Course) -> str:
    return f"{course.fleet.name}, {course.fleet.containers:,}"


def _fleet_goals(courses: Sequence[fleet.Course]) -> list[Goal]:
    # Where chance alone is above the goal, or requests come all at once, no timing could reach it.
    judged = [course for course in courses if course.peak_by_chance <= 1.5 and not course.fleet.pulse]
    peak, peak_at = worst((course.peak, _label(course)) for course in judged)
    # What never recovers must not count as nothing.
    never = float("inf")
    out = [course for course in courses if course.fleet.outage]
    recovery, recovery_at = worst((never if c.recovery is None else c.recovery, _label(c)) for c in out)
    return [
        Goal("fleet", "peak at most 1.5 times the mean after two refresh times", peak, 1.5, at=peak_at),
        Goal("fleet", f"recovery from an outage within two refresh times ({LIMIT} s)", recovery, LIMIT, at=recovery_at),
    ]


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
    text = f"""### The load on Parameter Store

One store, simulated with the store's own waits, refresh time 60 s: containers start within ten seconds, each gets
a request a second at random, lives two hours on average and is replaced by a cold one. Peaks are the busiest second
in means; "by chance" is about what they would be if every read came at random. "Stale" are requests served by the
last good policy after a failed read, "none" those that found no policy at all (their preflights get 503, all else
goes through). Fleets whose requests come all at once (once a minute), and peaks that chance alone explains, are not
judged.

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

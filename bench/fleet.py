"""A fleet of containers and one Parameter Store, simulated: event-driven, seeded, with the waits of `edgecors.store`.

A container reads when a request finds its policy due. Requests come to each container at random (Poisson). Containers
end after a random life and are replaced by cold ones. Parameter Store serves so many reads a second, one after another
within each second, and throttles the rest; in an outage it answers none. The time that a read takes, and how it is
continued from request to request, is left to `bench.regions`, which runs the store itself on fewer containers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from edgecors.store import wait_after_failure, wait_after_read

from bench import charts

NOT_STARTED, FRESH, STALE, NONE = range(4)
AfterRead = Callable[[float, float, bool], float]
AfterFailure = Callable[[float | None, int, float], float]


def _after_read(refresh: float, draw: float, first: bool) -> float:
    return wait_after_read(refresh, draw, first=first)


class Fleet:
    """What is simulated; times in seconds, rates per second.

    ``requests`` is each container's own rate. ``start`` is the time in which all of them start: a small one is a
    deployment, or a crowd. With ``pulse`` requests come only at whole multiples of so many seconds, to all containers
    at once. ``warm_up`` is left out of the figures, and so is an outage with all that comes after it.
    """

    def __init__(
        self,
        name: str,
        containers: int,
        *,
        reads: int = 10_000,
        seconds: int = 1800,
        requests: float = 1.0,
        start: float = 10.0,
        life: float = 7200.0,
        refresh: float = 60.0,
        pulse: float = 0.0,
        outage: tuple[int, int] | None = None,
        warm_up: int = 120,
        seed: int = 1,
        after_read: AfterRead = _after_read,
        after_failure: AfterFailure = wait_after_failure,
    ) -> None:
        self.name = name
        self.containers = containers
        self.reads = reads
        self.seconds = seconds
        self.requests = requests
        self.start = start
        self.life = life
        self.refresh = refresh
        self.pulse = pulse
        self.outage = outage
        self.warm_up = warm_up
        self.seed = seed
        self.after_read = after_read
        self.after_failure = after_failure


class Course:
    """Results, second by second: reads asked for and answered, containers with a stale policy and with none."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.asked = [0] * fleet.seconds
        self.answered = [0] * fleet.seconds
        self.stale = [0] * fleet.seconds
        self.none = [0] * fleet.seconds
        self.requests = [0.0, 0.0, 0.0]
        """Requests served by a policy whose last read worked, by one whose last read failed, and by none at all."""

    def steady(self) -> list[int]:
        """Reads asked for in the seconds that count as ordinary operation."""
        end = self.fleet.outage[0] if self.fleet.outage else self.fleet.seconds
        return self.asked[self.fleet.warm_up : end]

    @property
    def mean(self) -> float:
        """Reads a second."""
        steady = self.steady()
        return sum(steady) / len(steady)

    @property
    def peak(self) -> float:
        """The busiest second, in means."""
        return max(self.steady()) / self.mean

    @property
    def peak_by_chance(self) -> float:
        """About what the peak would be if every read came at a time of its own, quite at random (Poisson)."""
        return 1 + math.sqrt(2 * math.log(len(self.steady())) / self.mean)

    @property
    def stale_share(self) -> float:
        """Of all requests, from the start on."""
        return self.requests[1] / sum(self.requests)

    @property
    def none_share(self) -> float:
        """Of all requests, from the start on."""
        return self.requests[2] / sum(self.requests)

    @property
    def outage_peak(self) -> float:
        """The busiest second from the outage on, in means of before."""
        assert self.fleet.outage is not None
        return max(self.asked[self.fleet.outage[0] :]) / self.mean

    @property
    def recovery(self) -> int | None:
        """Seconds from the outage's end until all but a thousandth of the containers have a fresh policy."""
        assert self.fleet.outage is not None
        end = self.fleet.outage[1]
        few = self.fleet.containers / 1000
        return next((s - end for s in range(end, self.fleet.seconds) if self.stale[s] + self.none[s] <= few), None)

    def record(self) -> dict[str, object]:
        """The figures for `--json`."""
        figures: dict[str, object] = {
            "fleet": self.fleet.name,
            "containers": self.fleet.containers,
            "reads_mean": round(self.mean, 1),
            "peak": round(self.peak, 2),
            "peak_by_chance": round(self.peak_by_chance, 2),
            "stale": round(self.stale_share, 5),
            "none": round(self.none_share, 5),
        }
        if self.fleet.outage:
            figures |= {"outage_peak": round(self.outage_peak, 2), "recovery_seconds": self.recovery}
        return figures


def simulate(fleet: Fleet) -> Course:
    """Let time pass, a second at a time. Within a second the events are in no order, which is what throttling meets."""
    draws = random.Random(fleet.seed)
    draw = draws.random
    course = Course(fleet)
    seconds: list[list[tuple[float, int]]] = [[] for _ in range(fleet.seconds)]
    state = bytearray(fleet.containers)
    failures = [0] * fleet.containers
    ends = [0.0] * fleet.containers
    counts = [fleet.containers, 0, 0, 0]

    def request_after(when: float) -> float:
        """The first request from a time on."""
        if fleet.pulse:
            return math.ceil(when / fleet.pulse) * fleet.pulse + draw()
        return when - math.log(1 - draw()) / fleet.requests

    for container in range(fleet.containers):
        when = request_after(draw() * fleet.start)
        if when < fleet.seconds:
            seconds[int(when)].append((when, container))
    for second in range(fleet.seconds):
        events, seconds[second] = seconds[second], []
        out = fleet.outage is not None and fleet.outage[0] <= second < fleet.outage[1]
        left = 0 if out else fleet.reads
        if len(events) > left > 0:
            draws.shuffle(events)
        course.asked[second] = len(events)
        course.answered[second] = min(left, len(events))
        for when, container in events:
            before = state[container]
            if when >= ends[container]:
                counts[before] -= 1
                counts[NOT_STARTED] += 1
                before, failures[container] = NOT_STARTED, 0
                ends[container] = when - math.log(1 - draw()) * fleet.life
            if left > 0:
                left -= 1
                after = FRESH
                first = before in (NOT_STARTED, NONE)
                wait = fleet.after_read(fleet.refresh, draw(), first)
                failures[container] = 0
            else:
                after = STALE if before in (FRESH, STALE) else NONE
                refresh = fleet.refresh if after == STALE else None
                wait = fleet.after_failure(refresh, failures[container], draw())
                failures[container] += 1
            counts[before] -= 1
            counts[after] += 1
            state[container] = after
            # The request that read, and those that come until the policy is due.
            course.requests[after - 1] += 1 + (0 if fleet.pulse else fleet.requests * wait)
            due = request_after(when + wait)
            if due < fleet.seconds:
                # Not into the second that is being dealt with.
                seconds[min(max(int(due), second + 1), fleet.seconds - 1)].append((due, container))
        course.stale[second], course.none[second] = counts[STALE], counts[NONE]
    return course


OUTAGE = (600, 1200)
"""Ten minutes."""


def fleets(most: int = 100_000) -> list[Fleet]:
    """The fleets of the report, none larger than ``most``."""
    all_fleets = [
        Fleet("deployed within ten seconds", 1_000),
        Fleet("deployed within ten seconds", 10_000),
        Fleet("deployed within ten seconds", 100_000, seconds=900),
        Fleet("little traffic: a request in 30 s", 10_000, requests=1 / 30),
        Fleet("containers that live ten minutes", 10_000, life=600),
        Fleet("requests once a minute, to all at once", 10_000, pulse=60),
        Fleet("40 reads a second", 1_000, reads=40, warm_up=600),
        Fleet("40 reads a second", 2_000, reads=40, warm_up=600),
        Fleet("40 reads a second", 10_000, reads=40, warm_up=600),
        Fleet("Parameter Store out for ten minutes", 1_000, outage=OUTAGE),
        Fleet("Parameter Store out for ten minutes", 10_000, outage=OUTAGE),
        Fleet("Parameter Store out for ten minutes", 100_000, outage=OUTAGE),
        Fleet("out for ten minutes, 40 reads a second", 1_000, reads=40, outage=OUTAGE),
    ]
    return [fleet for fleet in all_fleets if fleet.containers <= most]


def first_shape(refresh: float | None, failures: int, draw: float) -> float:
    """A shape to compare with: after each failure the next try comes soon, whether or not there is a policy."""
    most = min(60.0, refresh) if refresh is not None else 10.0
    return min(most, 2.0 ** min(failures, 10)) * (0.5 + draw / 2)


def shapes(containers: int = 10_000) -> list[tuple[str, Course, Course]]:
    """How the store's waits compare with others: each over a deployment and over an outage."""

    def even(refresh: float, draw: float, first: bool) -> float:
        return wait_after_read(refresh, draw, first=False)

    def none(refresh: float, draw: float, first: bool) -> float:
        return refresh

    def pair(**waits: object) -> tuple[Course, Course]:
        deployed = Fleet("deployed", containers, seconds=900, **waits)  # type: ignore[arg-type]
        out = Fleet("outage", containers, outage=OUTAGE, **waits)  # type: ignore[arg-type]
        return simulate(deployed), simulate(out)

    return [
        ("no jitter, retries after 1, 2, 4 … s", *pair(after_read=none, after_failure=first_shape)),
        ("25 % jitter from the start, retries after 1, 2, 4 … s", *pair(after_read=even, after_failure=first_shape)),
        ("the store's first refresh, retries after 1, 2, 4 … s", *pair(after_failure=first_shape)),
        ("the store's", *pair()),
    ]


def chart(title: str, course: Course) -> str:
    """Reads asked for and answered over time, and the share of containers that have a stale policy or none."""
    fleet = course.fleet
    step = max(1, fleet.seconds // 360)
    most = max(course.asked) or 1

    def line(name: str, values: Sequence[int], scale: float, color: str, dashes: str = "") -> charts.Line:
        starts = range(0, fleet.seconds, step)
        points = [(start, max(values[start : start + step]) / scale) for start in starts]
        return charts.Line(name, points, color, dashes)

    spoken = f"Reads a second: {course.mean:.0f} in the mean, {max(course.asked)} at most."
    if fleet.outage:
        spoken += f" After the outage all are fresh again in {course.recovery} seconds."
    return charts.lines(
        title,
        spoken,
        [
            line("containers with a stale policy", course.stale, fleet.containers, "#8a8a8a", "4 3"),
            line("with none", course.none, fleet.containers, "#c0392b", "2 2"),
            line(f"reads asked for (100 %: {most:,}/s)", course.asked, most, charts.PEER),
            line("answered", course.answered, most, charts.OWN),
        ],
        right=fleet.seconds,
        top=1,
        x_marks=[(minute * 60, f"{minute} min") for minute in range(0, fleet.seconds // 60 + 1, 5)],
        y_marks=[(0, "0"), (1, "100 %")],
        shaded=fleet.outage,
    )


CHARTS = {
    "fleet-deployment.svg": ("deployed within ten seconds", 10_000, "10,000 containers deployed within ten seconds"),
    "fleet-outage.svg": (
        "Parameter Store out for ten minutes",
        10_000,
        "10,000 containers, Parameter Store out for ten minutes",
    ),
    "fleet-throttled.svg": ("40 reads a second", 2_000, "2,000 containers, 40 reads a second"),
}
"""File names in the docs: which fleet, how many containers, and the title."""

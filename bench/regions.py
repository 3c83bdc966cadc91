"""A revocation on its way to the containers of 13 Regions, simulated with the store's own code.

Every container is a real `PolicyStore` on a clock of its own, over the simulated network of the latency harness: it is
frozen between requests, reads the executing Region and then us-east-1, makes a new connection for each refresh, and
continues with each request what the one before could not wait for. Each Region's Parameter Store serves 40 reads a
second for all containers and throttles the rest. The guard's copies arrive some seconds after the change.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from edgecors.aws.parameters import HOME_REGION
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from harness.latency_cases import APP, CONNECTIONS, HANDSHAKE_CPU, REVOKED, SITE, policy
from harness.simulated_network import SimulatedClock, SimulatedRegion

ROUND_TRIPS = {
    "us-east-1": 0.005,
    "us-east-2": 0.015,
    "us-west-1": 0.065,
    "us-west-2": 0.07,
    "sa-east-1": 0.115,
    "eu-west-1": 0.07,
    "eu-west-2": 0.08,
    "eu-central-1": 0.095,
    "ap-south-1": 0.19,
    "ap-southeast-1": 0.22,
    "ap-southeast-2": 0.2,
    "ap-northeast-1": 0.15,
    "ap-northeast-2": 0.18,
}
"""Seconds to us-east-1 and back that are assumed, of the Regions that run edge functions."""
LOCAL = ROUND_TRIPS[HOME_REGION]
"""Seconds to Parameter Store in the same Region and back."""
READS = 40
"""Reads a second that Parameter Store serves in a Region, by default."""
REFRESH = 60
COPYING = 5.0
"""Seconds from a change until the guard's copies are in the other Regions."""
CHANGES = 4
EVERY = 240
"""Seconds between two changes, of which every second one takes an origin's access away."""
WARM_UP = 130.0
_SITE = f"/edgecors/sites/{SITE}"


@dataclass(frozen=True)
class SimulatedFleet:
    """What is simulated: containers in each Region, each with so many requests a second."""

    name: str
    containers: int
    replicas: bool
    requests: float = 1.0
    seed: int = 1


class Outcome:
    """Results of a Region, or of all of them.

    Attributes:
        revoked: seconds from each revocation to each container's first request that knew of it, ascending; at most
            ``EVERY``, when access is given again.
        waits: seconds that requests with a policy waited, descending, of those that did.
        requests: about how many requests there were.
        local, home: reads a second of the executing Region and of us-east-1.
    """

    def __init__(
        self, revoked: Sequence[float], waits: Sequence[float], requests: float, local: float, home: float
    ) -> None:
        self.revoked = sorted(revoked)
        # Sums of floating-point times are off by less than a nanosecond.
        self.waits = sorted((round(wait, 6) for wait in waits), reverse=True)
        self.requests = requests
        self.local = local
        self.home = home

    def revocation(self, share: float) -> float:
        """Seconds after which this share of the containers knows of a revocation."""
        return self.revoked[min(len(self.revoked) - 1, math.ceil(share * len(self.revoked)) - 1)]

    def wait(self, share: float) -> float:
        """Seconds that this share of the requests waits at most."""
        number = int((1 - share) * self.requests)
        return self.waits[number] if number < len(self.waits) else 0.0

    def stale(self, seconds: float) -> float:
        """The share of containers that still allow what was revoked so long ago."""
        return sum(1 for each in self.revoked if each > seconds) / len(self.revoked)


class _Container:
    """One container: its store, and what it last answered."""

    def __init__(self, world: _FleetRun, region: str) -> None:
        self.region = region
        self.clock = SimulatedClock()
        self.clock.wall = world.start
        names = dict.fromkeys((region, HOME_REGION))
        self.readers = {name: world.reader(self.clock, region, name) for name in names}
        clock = self.clock
        self.store = PolicyStore(
            self.readers.values(),
            Telemetry(lambda line: None, clock=lambda: clock.wall),
            clock=lambda: clock.wall,
            monotonic=lambda: clock.monotonic,
            jitter=world.random.random,
        )
        self.allowed: bool | None = None

    def request(self, at: float) -> float:
        """One request at a time; seconds that it waited."""
        # The container was frozen until now. An earlier request may have ended later than this one comes.
        self.clock.wall = max(self.clock.wall, at)
        started = self.clock.monotonic
        current = self.store.get(SITE)
        if current is not None:
            allowed = current.rules[0].grants[0].allow_origins
            self.allowed = allowed is not None and allowed.has_exact(REVOKED)
        return self.clock.monotonic - started

    def idle_until(self) -> float:
        """The time until which requests find a fresh policy: nothing happens with them."""
        state = self.store._sites[SITE]
        now = self.clock.wall
        return state.due_at if state.read_at <= now < state.due_at else now


class _FleetRun:
    def __init__(self, world: SimulatedFleet) -> None:
        self.world = world
        self.random = Random(world.seed)
        self.start = SimulatedClock().wall
        self.end = self.start + WARM_UP + EVERY * CHANGES
        self.values: dict[str, dict[str, str]] = {region: {} for region in ROUND_TRIPS}
        self.served: Counter[tuple[str, int]] = Counter()
        self.reads: Counter[tuple[str, str]] = Counter()
        self.revoked: dict[str, list[float]] = {region: [] for region in ROUND_TRIPS}
        self.waits: dict[str, list[float]] = {region: [] for region in ROUND_TRIPS}
        self.changed_at = math.inf
        self.set(HOME_REGION, True)
        if world.replicas:
            for region in ROUND_TRIPS:
                self.set(region, True)

    def set(self, region: str, allow: bool) -> None:
        self.values[region][_SITE] = policy([APP, REVOKED] if allow else [APP], REFRESH)

    def reader(self, clock: SimulatedClock, executing: str, region: str) -> SimulatedRegion:
        keep, lost = CONNECTIONS["closed"]
        distance = LOCAL if region == executing else ROUND_TRIPS[executing]

        def throttled() -> bool:
            self.reads[executing, region] += 1
            second = region, int(clock.wall)
            self.served[second] += 1
            return self.served[second] > READS

        values, cpu = self.values[region], HANDSHAKE_CPU["128 MB"]
        return SimulatedRegion(
            clock, values, distance, region=region, keep=keep, lost=lost, handshake_cpu=cpu, throttled=throttled
        )

    def gap(self) -> float:
        return -math.log(1 - self.random.random()) / self.world.requests

    def run(self) -> None:
        containers = [_Container(self, region) for region in ROUND_TRIPS for _ in range(self.world.containers)]
        events = [(self.start + 10 * self.random.random() + self.gap(), n) for n in range(len(containers))]
        heapq.heapify(events)
        changes = self._changes()
        while events and events[0][0] < self.end:
            at, number = heapq.heappop(events)
            while changes and changes[0][0] <= at:
                when, region, allow = changes.pop(0)
                if region == HOME_REGION:
                    self._end_of_change(containers)
                    self.changed_at = math.inf if allow else when
                self.set(region, allow)
            container = containers[number]
            before = container.allowed
            waited = container.request(at)
            if waited > 0.001 and before is not None and at > self.start + WARM_UP:
                self.waits[container.region].append(waited)
            if before and container.allowed is False:
                self.revoked[container.region].append(max(0.0, container.clock.wall - self.changed_at))
            heapq.heappush(events, (container.idle_until() + self.gap(), number))

    def _end_of_change(self, containers: Sequence[_Container]) -> None:
        """Before access is given again: who still does not know of the revocation counts with the whole time."""
        if self.changed_at < math.inf:
            for container in containers:
                if container.allowed:
                    self.revoked[container.region].append(float(EVERY))

    def _changes(self) -> list[tuple[float, str, bool]]:
        changes = []
        for number in range(CHANGES):
            when, allow = self.start + WARM_UP + EVERY * number, number % 2 == 1
            changes.append((when, HOME_REGION, allow))
            if self.world.replicas:
                changes += [(when + COPYING, region, allow) for region in ROUND_TRIPS if region != HOME_REGION]
        return sorted(changes)

    def outcome(self, regions: Sequence[str]) -> Outcome:
        seconds = self.end - self.start
        local = sum(self.reads[region, region] for region in regions if region != HOME_REGION)
        home = sum(self.reads[region, HOME_REGION] for region in regions)
        return Outcome(
            [each for region in regions for each in self.revoked[region]],
            [each for region in regions for each in self.waits[region]],
            len(regions) * self.world.containers * self.world.requests * EVERY * CHANGES,
            local / seconds,
            home / seconds,
        )


def simulate(world: SimulatedFleet) -> dict[str, Outcome]:
    """Let the time pass; the outcome of every Region, and of all together under an empty name."""
    run = _FleetRun(world)
    run.run()
    return {region: run.outcome([region]) for region in ROUND_TRIPS} | {"": run.outcome(list(ROUND_TRIPS))}


def worlds(few: int = 100, many: int = 250) -> list[SimulatedFleet]:
    """With copies; without, within what us-east-1's Parameter Store serves; without, beyond it."""

    def world(containers: int, replicas: bool) -> SimulatedFleet:
        total = f"{containers * len(ROUND_TRIPS):,} containers"
        return SimulatedFleet(f"{'replicas' if replicas else 'no replicas'}, {total}", containers, replicas)

    return [world(many, True), world(few, False), world(many, False)]

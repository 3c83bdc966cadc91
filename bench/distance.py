"""Cold starts and refreshes at a distance from Parameter Store, over TLS, at a full CPU and at that of 128 MB.

The distance is a network link that delays each packet (`harness.delayed_link`), in a network namespace, which needs
root on Linux; elsewhere only the store on this machine is measured. Run as a program by `run`, because a process can't
leave a network namespace again.

- Starts at a full CPU take turns. Those with the CPU of 128 MB run several at a time, each in a control group of its
  own: together they use less than this machine has.
- For refreshes a function is started, then asked regularly; between requests it is stopped, as Lambda freezes it. Every
  contender reads its list again after five seconds, on a new connection: the store has closed the idle one.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import cold
from bench.process import function_of
from bench.store_stub import StoreStub
from harness.delayed_link import CpuQuota, DelayedLink, missing
from harness.wait import wait_until

ROUND_TRIPS = (0, 5, 90, 220)
"""Milliseconds: this machine, a replica in the same Region, Europe to us-east-1, the far end of the world."""
NEAR, FAR = 5, 220
FULL, SMALL = "full", "128 MB"
ABROAD = (cold.EDGE, cold.GATEWAY, cold.BOTO3, cold.POWERTOOLS)
"""Measured at every distance. The other contenders are not asked for a list, or are not deployed that way."""
STARTS_AT_ONCE = 8
INTERVAL = 0.1
"""Seconds between the requests of a refreshing function."""


@dataclass(frozen=True)
class Setting:
    """Where a contender runs: its round trip to the store in milliseconds, and its CPU."""

    contender: str
    round_trip: int
    cpu: str


@dataclass(frozen=True)
class Figures:
    """Milliseconds of the starts, or of the requests, of one contender at one place."""

    contender: str
    round_trip: int
    cpu: str
    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.milliseconds)

    @property
    def longest_wait(self) -> float:
        """How much longer than the median the longest took."""
        return max(self.milliseconds) - self.median


@dataclass(frozen=True)
class Measured:
    """All starts and all refreshing requests."""

    starts: Sequence[Figures]
    requests: Sequence[Figures]

    def start(self, contender: str, round_trip: int, cpu: str = FULL) -> Figures | None:
        """The starts of a contender at a place. Without a store to read, its place is this machine."""
        return _at(self.starts, contender, round_trip, cpu)

    def request(self, contender: str, round_trip: int, cpu: str = FULL) -> Figures | None:
        """The requests of a contender at a place."""
        return _at(self.requests, contender, round_trip, cpu)


def _at(rows: Sequence[Figures], contender: str, round_trip: int, cpu: str) -> Figures | None:
    places = {(row.contender, row.round_trip, row.cpu): row for row in rows}
    return places.get((contender, round_trip, cpu))


def run(rounds: int, small_rounds: int, requests: int) -> Measured:
    """Measure, in a process of its own. With 0 the starts at 128 MB, or the requests, are left out."""
    arguments = [str(number) for number in (rounds, small_rounds, requests)]
    command = [sys.executable, "-m", "bench.distance", *arguments]
    done = subprocess.run(command, cwd=cold.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    parts = json.loads(done.stdout)
    return Measured(*([Figures(**row) for row in parts[name]] for name in ("starts", "requests")))


class _Bench:
    """The contenders, the store, the link and the quota."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.contenders = {contender.name: contender for contender in cold.contenders(directory)}
        self.directory = directory
        self.round_trips = ROUND_TRIPS if not missing() else (0,)
        addresses = {round_trip: f"198.18.1.{1 + round_trip}" for round_trip in self.round_trips if round_trip}
        if addresses:
            link = stack.enter_context(DelayedLink())
            for round_trip, address in addresses.items():
                link.place(address, round_trip / 1000)
        store = stack.enter_context(StoreStub(directory, cold.parameters(), list(addresses.values())))
        self._variables = {
            round_trip: cold.environment(store, tls=True, host=addresses.get(round_trip, "localhost"))
            for round_trip in self.round_trips
        }
        self._starting = threading.Semaphore(2)
        self._quota = CpuQuota()
        stack.callback(self._quota.close)
        self.cpus = (FULL, SMALL) if self._quota.directory is not None else (FULL,)

    def places(self, cpu: str) -> Iterator[Setting]:
        for name in self.contenders:
            for round_trip in self.round_trips if name in ABROAD else (0,):
                yield Setting(name, round_trip, cpu)

    def start(self, place: Setting) -> float:
        contender, variables = self.contenders[place.contender], self._variables[place.round_trip]
        if place.cpu == FULL:
            return cold.start(contender, variables).duration
        with self._group(place) as group:
            python = self.directory / f"{group.name}-python"
            # Only the function's own process is slowed down, neither the emulator nor the store.
            python.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {sys.executable} "$@"\n')
            python.chmod(0o755)
            return cold.start(contender, variables, python).duration

    def all_requests(self, cpu: str, count: int) -> dict[Setting, list[float]]:
        """Those of every place at once: they hardly use the machine."""
        places = [place for place in self.places(cpu) if place.contender in (cold.EMPTY, *ABROAD)]
        all_started = threading.Barrier(len(places), timeout=300)
        with ThreadPoolExecutor(len(places)) as pool:
            rows = pool.map(lambda place: self._requests(place, count, all_started), places)
            return dict(zip(places, rows, strict=True))

    def _requests(self, place: Setting, count: int, all_started: threading.Barrier) -> list[float]:
        with ExitStack() as stack:
            group = stack.enter_context(self._group(place)) if place.cpu == SMALL else None
            contender = self.contenders[place.contender]
            with self._starting:
                runtime = stack.enter_context(cold.running(contender, self._variables[place.round_trip]))
            process = function_of(runtime)
            if group is not None:
                (group / "cgroup.procs").write_text(str(process))
            all_started.wait()
            for _ in range(count):
                os.kill(process, signal.SIGSTOP)
                time.sleep(INTERVAL)
                os.kill(process, signal.SIGCONT)
                runtime.invoke(contender.event)
            return runtime.durations[1:]

    @contextmanager
    def _group(self, place: Setting) -> Iterator[Path]:
        group = self._quota.child(f"{list(self.contenders).index(place.contender)}-{place.round_trip}")
        try:
            yield group
        finally:
            # A control group can be removed when its last process, already killed, has gone.
            wait_until(lambda: not (group / "cgroup.procs").read_text(), "the limited process is gone")
            group.rmdir()


def measure(rounds: int, small_rounds: int, requests: int) -> Mapping[str, Sequence[Figures]]:
    """Everything, with this process's own network."""
    with tempfile.TemporaryDirectory(prefix="edgecors-bench-") as name, ExitStack() as stack:
        bench = _Bench(Path(name), stack)
        starts: dict[Setting, list[float]] = {}
        # The first round fills the file cache.
        for number in range(rounds + 1):
            for place in bench.places(FULL):
                if number or place.round_trip == 0:
                    milliseconds = bench.start(place)
                    if number:
                        starts.setdefault(place, []).append(milliseconds)
        if SMALL in bench.cpus:
            # The slowest first, so that none of them ends alone.
            places = sorted(bench.places(SMALL), key=lambda place: -starts[Setting(place.contender, 0, FULL)][0])
            with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
                for _ in range(small_rounds):
                    for place, milliseconds in zip(places, pool.map(bench.start, places), strict=True):
                        starts.setdefault(place, []).append(milliseconds)
        asked: dict[Setting, list[float]] = {}
        for cpu in bench.cpus if requests else ():
            asked |= bench.all_requests(cpu, requests)
    return {
        name: [Figures(place.contender, place.round_trip, place.cpu, tuple(each)) for place, each in rows.items()]
        for name, rows in (("starts", starts), ("requests", asked))
    }


def main() -> None:
    """Measure with the counts that the arguments name, and print the figures as JSON."""
    parts = measure(*map(int, sys.argv[1:4]))
    print(json.dumps({name: [asdict(row) for row in rows] for name, rows in parts.items()}))


if __name__ == "__main__":
    main()

"""Timing that stands other load on the machine: contenders take turns, ratios are made within a round."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

Handler = Callable[[Any, Any], Any]

SAMPLE_SECONDS = 0.0005
"""About how long one sample of a task runs: long for the clock, short beside the machine's moods."""
MOST_CALLS = 100


class Task:
    """A handler with the events that it gets in turn. ``seconds`` holds one time per call of every round.

    Times are of the processor: nothing here waits, and what others do on the machine is left out.
    Inside the timed region: the loop, the call and all that the handler does. Outside: making the events, each of
    them new and by `json.loads` as Lambda's runtime client makes them, and turning the answer into JSON. The garbage
    collector runs between samples and not within one, for everybody.
    """

    def __init__(self, name: str, handler: Handler, events: Sequence[object]) -> None:
        self.name = name
        self.handler = handler
        self.seconds: list[float] = []
        self._texts = [json.dumps(event) for event in events]
        self._calls = 1
        self._next = 0

    def events(self, count: int) -> list[Any]:
        """The next events in turn, fresh: they share nothing with any other."""
        first, self._next = self._next, self._next + count
        return [json.loads(self._texts[number % len(self._texts)]) for number in range(first, self._next)]

    def calibrate(self) -> None:
        """Warm up, and choose how many calls make one sample.

        The garbage collector may run within one of these samples; a row with too few calls would look slow ever after.
        """
        self.sample(3)
        once = min(self.sample(3) for _ in range(5))
        self._calls = max(1, min(MOST_CALLS, round(SAMPLE_SECONDS / once)))

    def sample(self, calls: int = 0) -> float:
        """Seconds per call of one run over fresh events."""
        events = self.events(calls or self._calls)
        handler, clock = self.handler, time.process_time
        start = clock()
        for event in events:
            handler(event, None)
        return (clock() - start) / len(events)

    @property
    def median(self) -> float:
        """Seconds per call."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """Seconds per call, of the round that was disturbed least."""
        return min(self.seconds)


def run(tasks: Sequence[Task], rounds: int) -> None:
    """Sample every task once a round."""
    for task in tasks:
        task.calibrate()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for _ in range(rounds):
            for task in tasks:
                task.seconds.append(task.sample())
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def ratio(task: Task, base: Task) -> float:
    """The median of the rounds' ratios: what disturbed one of the two disturbed the other as well."""
    return statistics.median(own / theirs for own, theirs in zip(task.seconds, base.seconds, strict=True))


def least_ratio(task: Task, base: Task) -> float:
    """The ratio of the two least disturbed rounds."""
    return task.least / base.least

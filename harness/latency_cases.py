"""Cases of the latency harness, and what is measured of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from harness.simulated_network import NEVER

SITE = "shop"
APP, REVOKED = "https://app.example.com", "https://revoked.example"
IDLE = 5.0
"""Idle seconds after which the other side closes: the least that AWS waits."""
CONNECTIONS = {"kept": (NEVER, False), "closed": (IDLE, False), "lost": (IDLE, True)}
"""What becomes of an idle connection: idle seconds after which it ends, and whether nobody hears of that."""
HANDSHAKE_CPU = {"full": 0.003, "128 MB": 0.045}
"""Seconds of a TLS handshake: of a whole core, and of 128/1769 of one."""
CYCLES = 4
"""Changes in one case: the requests meet them at different points of the refresh time."""
MOST_REQUESTS = 100_000
ROUND_TRIPS = (0.0, 0.05, 0.11, 0.22, 0.3)


@dataclass(frozen=True)
class LatencyCase:
    """One container: its distance, its connection, its CPU, and how requests come.

    Attributes:
        interval: seconds between requests; the container is frozen meanwhile.
        lists: lists that the policy names.
        near: whether there is a near Region, which has no copy.
        throttled: the share of reads that Parameter Store refuses.
    """

    round_trip: float
    connection: str = "kept"
    cpu: str = "full"
    interval: float = 1.0
    refresh: int = 60
    lists: int = 0
    near: bool = False
    throttled: float = 0.0


@dataclass(frozen=True)
class LatencyOutcome:
    """The results of a case, in seconds.

    Attributes:
        first: from the first request until the first policy, as a visitor waits for it.
        stale: from a change to the last request that used the old policy, at worst.
        seen: from a change to the first request that used the new policy, at worst.
        wait: the longest wait of a request while the policy was not overdue.
        overdue_wait: the longest wait of any request with a policy.
        pause: the shortest time between two requests that waited, while the policy was not overdue.
        failures: failures in the log.
        alarms: alarms in the log.
    """

    first: float
    stale: float
    seen: float
    wait: float
    overdue_wait: float
    pause: float
    failures: int
    alarms: int


def policy(origins: Iterable[str], refresh: int, lists: Iterable[str] = ()) -> str:
    """A policy's document."""
    rules = [{"allow_origins": [*origins, *(f"@{name}" for name in lists)]}]
    return json.dumps({"version": 1, "refresh_seconds": refresh, "rules": rules})

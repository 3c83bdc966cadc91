"""Reading policies, value bombs, and hostile headers: all have to take time in proportion to their length, or less."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from edgecors.decision import Request, decide
from edgecors.document import load_policy
from edgecors.policy import Policy

from bench import samples
from harness import bombs

COUNTS = (10, 1_000, 10_000, 100_000)
PLAIN, EXACT, PATTERNS = "plain list", "JSON, exact", "JSON, wildcards"
LENGTHS = (1_000, 10_000, 1_000_000)


def least(action: Callable[[], object], runs: int) -> float:
    """Seconds of processor time of the fastest run: what others do on the machine only ever adds."""
    times = []
    gc.collect()
    # A function holds a policy and little else: what this process holds of the peers is out of the collector's sight.
    gc.freeze()
    for _ in range(runs):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    gc.unfreeze()
    return min(times)


def documents(count: int) -> dict[str, str]:
    """The same list in the three forms in which it can stand."""
    exact = samples.exact_origins(count)
    return {
        PLAIN: "\n".join(exact),
        EXACT: samples.policy(exact),
        PATTERNS: samples.policy(samples.wildcard_origins(count)),
    }


def reading(counts: tuple[int, ...] = COUNTS, seconds: float = 1.0) -> dict[str, dict[int, float]]:
    """Seconds to parse and compile, by form and number of origins."""
    times: dict[str, dict[int, float]] = {}
    for count in counts:
        for form, text in documents(count).items():
            once = least(lambda text=text: load_policy(text), 1)  # type: ignore[misc]
            runs = max(4, min(50, int(seconds / once)))
            times.setdefault(form, {})[count] = least(lambda text=text: load_policy(text), runs)  # type: ignore[misc]
    return times


def value_bombs() -> dict[tuple[str, str], bombs.ReadingCost]:
    """The cost of the bombs harness's values, by name and reader: as much of each as edgecors reads, packed.

    Each is read in a process of its own, one after the other: two at once slow each other down.
    """
    values = bombs.OTHERS | {name: bombs.readable(family) for name, family in bombs.FAMILIES.items()}
    places = [(name, reader) for name in values for reader in ("list", "site")]
    return {(name, reader): bombs.measure(reader, values[name]) for name, reader in places}


def hostile(length: int) -> dict[str, Callable[[], Request]]:
    """What makes requests with one value of about this many bytes, each of them to be refused.

    Each is a new string, as with real requests: what Python remembers of a string it has seen is not there.
    """

    def asking(value: str) -> Callable[[], Request]:
        origin = samples.exact_origins(1)[0]
        return lambda: Request("OPTIONS", "/", None, None, origin, "PUT", _copy(value))

    def coming_from(value: str) -> Callable[[], Request]:
        return lambda: Request("GET", "/", "www.example.com", "https", _copy(value))

    return {
        "Access-Control-Request-Headers: names": asking("x-a," * (length // 4)),
        "Access-Control-Request-Headers: commas": asking("," * length),
        "Access-Control-Request-Headers: blanks": asking("a" + " " * length + "b"),
        "Access-Control-Request-Headers: one name": asking("a" * length),
        "Origin: labels": coming_from("https://" + "a." * (length // 2) + "com"),
        "Origin: one label": coming_from("https://" + "a" * length + ".com"),
        "Origin: hyphens": coming_from("https://a" + "-" * length),
        "Origin: digits": coming_from("https://" + "1." * (length // 2)),
        "Origin: colons": coming_from("https://[" + ":" * length + "]"),
        "Origin: several": coming_from(", ".join(["https://a.example"] * (length // 19 + 1))),
    }


def _copy(text: str) -> str:
    return text.encode().decode()


def hostility(lengths: tuple[int, ...] = LENGTHS, runs: int = 20) -> dict[str, dict[int, float]]:
    """Seconds to refuse, by kind and length."""
    policy = load_policy(samples.policy(samples.exact_origins(100) + samples.wildcard_origins(100)))
    times: dict[str, dict[int, float]] = {}
    for length in lengths:
        for kind, make in hostile(length).items():
            times.setdefault(kind, {})[length] = _refusing(policy, [make() for _ in range(runs)])
    return times


def _refusing(policy: Policy, requests: list[Request]) -> float:
    times = []
    for request in requests:
        start = time.process_time()
        decide(policy, request)
        times.append(time.process_time() - start)
    return min(times)

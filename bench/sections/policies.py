"""Reading policies, value bombs, hostile headers."""

from __future__ import annotations

from collections.abc import Mapping

from bench import policies
from bench.goals import Goal, Part, table, worst
from harness.bombs import MAX_CPU, MAX_MEMORY, ReadingCost


def reading(*, quick: bool) -> Part:
    """Policies, and hostile headers."""
    counts = policies.COUNTS[:3] if quick else policies.COUNTS
    read = policies.reading(counts, seconds=0.3 if quick else 1.5)
    hostile = policies.hostility()
    most = counts[-1]
    growth = [(each[most] / most / (each[1_000] / 1_000), form) for form, each in read.items()]
    grown, at = worst(growth)
    patterns = read[policies.PATTERNS][10_000] * 1000
    tenfold, tenfold_at = worst((each[1_000_000] / each[10_000], kind) for kind, each in hostile.items())
    goals = [
        Goal("policy", "10,000 patterns read and compiled within 40 ms", patterns, 40),
        Goal("policy", f"linear: an origin of {most:,} costs at most twice one of 1,000", grown, 2, at=at),
        Goal("policy", "refused early: 1 MB takes at most 3 times as long as 10 KB", tenfold, 3, at=tenfold_at),
    ]
    bombs = {} if quick else policies.value_bombs()
    if not quick:
        exact, exact_at = worst((read[form][100_000] * 1000, form) for form in (policies.PLAIN, policies.EXACT))
        cpu, cpu_at = worst((cost.cpu, f"{name}, as a {reader}") for (name, reader), cost in bombs.items())
        most_memory, memory_at = worst((cost.memory / 2**20, f"{n}, as a {r}") for (n, r), cost in bombs.items())
        goals += [
            Goal("policy", "100,000 origins read and compiled within 300 ms", exact, 300, at=exact_at),
            Goal("policy", "no value of 8 KB costs more than 1 s of CPU", cpu, MAX_CPU, at=cpu_at),
            Goal("policy", "no value of 8 KB costs more than 64 MB", most_memory, MAX_MEMORY / 2**20, at=memory_at),
        ]
    read_rows = [[form, *(f"{each[count] * 1000:,.2f}" for count in counts)] for form, each in read.items()]
    hostile_rows = [[kind, *(f"{seconds * 1e6:,.1f}" for seconds in each.values())] for kind, each in hostile.items()]
    text = f"""Milliseconds of processor time to read and compile a policy, by number of origins (the fastest of
several runs):

{table(["form", *(f"{count:,}" for count in counts)], read_rows)}

{_bombs_text(bombs)}
Microseconds to refuse a request with one hostile value, by the value's length:

{table(["value", "1 KB", "10 KB", "1 MB"], hostile_rows)}
"""
    data = {
        "reading_ms": {form: {str(n): round(s * 1e3, 3) for n, s in each.items()} for form, each in read.items()},
        "hostile_us": {kind: {str(n): round(s * 1e6, 2) for n, s in each.items()} for kind, each in hostile.items()},
    }
    return Part("Policies and hostile headers", text, goals, data)


SHOWN = 6


def _bombs_text(bombs: Mapping[tuple[str, str], ReadingCost]) -> str:
    if not bombs:
        return ""
    slowest = sorted(bombs.items(), key=lambda item: -item[1].cpu)[:SHOWN]
    rows = [
        [name, reader, cost.outcome, f"{cost.cpu * 1000:,.0f}", f"{cost.memory / 2**20:.1f}"]
        for (name, reader), cost in slowest
    ]
    return f"""What the {SHOWN} costliest of {len(bombs)} hostile values take. Each is at most 8 KB in Parameter Store,
and as much of its kind as edgecors reads after unpacking (`python -m harness bombs` measures more, and the linter):

{table(["value", "as a", "outcome", "CPU ms", "MB"], rows)}
"""

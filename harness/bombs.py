"""What the worst values of Parameter Store, and the worst paths, cost: `python -m harness bombs`.

Every value is at most 8 KB, as Parameter Store holds it; most are compressed. Each is read as a list, as a site and by
the linter, in a process of its own, which reports its processor time and how far its memory grew. Limits: at most
1 second and 64 MB, whether the value is accepted or refused, and findings that stay short. Then requests are decided by
the slowest policies: the time per request must grow no faster than the path.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from harness.generate import pick
from harness.summary import Summary

ROOT = Path(__file__).resolve().parent.parent
MAX_VALUE = 8192
"""Characters of an advanced parameter."""
MAX_TEXT = 4 * 1024 * 1024
MAX_JSON_MARKS = 250_000
"""What edgecors reads at most; tests hold these to the library's own."""
MAX_CPU = 1.0
MAX_MEMORY = 64 * 1024 * 1024
MAX_FINDINGS = 5 * 101
"""A hundred of each severity, and a count of the others."""
MAX_FINDING = 1000
"""Characters of one finding as it is logged."""
MAX_REQUEST = 0.01
"""Seconds of processor time for one request."""
REQUESTS = 20


class Family(NamedTuple):
    """Values that repeat one unit. `unit` may be made of the number of its repetition."""

    unit: str | Callable[[int], str]
    head: str = ""
    tail: str = ""

    def text(self, count: int) -> str:
        """The value before it is compressed."""
        unit = self.unit
        return self.head + (unit * count if isinstance(unit, str) else "".join(map(unit, range(count)))) + self.tail

    def largest(self, fits: Callable[[str], bool]) -> str:
        """The value of the most repetitions that fit, to one in a hundred."""
        low, high = 1, 2
        while fits(self.text(high)):
            low, high = high, high * 2
        while high - low > max(1, low // 100):
            middle = (low + high) // 2
            low, high = (middle, high) if fits(self.text(middle)) else (low, middle)
        return self.text(low)


def packed(text: str) -> str:
    """The compressed form of a value."""
    return "gz:" + base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), 6)).decode()


def _fits(text: str) -> bool:
    return len(packed(text)) <= MAX_VALUE


def _fits_and_is_readable(text: str) -> bool:
    """Within what edgecors reads at all: the worst of what it does not refuse at a glance."""
    marks = sum(map(text.count, "{}[],:")) if text.startswith("{") else 0
    return len(text) <= MAX_TEXT and marks <= MAX_JSON_MARKS and _fits(text)


_RULES = '{"rules": ['
_RULE = '{"rules": [{"allow_origins": "*", '
_ORIGINS = '{"rules": [{"allow_origins": ['

FAMILIES: dict[str, Family] = {
    **{
        repr(unit): Family(unit)
        for unit in (
            *("x ", "@ ", "* ", "https://A.b ", "https://a*.b ", "https://a.example ", "@a ", ", ", "\n", "null ", "a"),
            *(
                "\u00e9 ",
                "https://*. ",
                "https://a:99999 ",
                "chrome-extension://* ",
                "http://a.b ",
                "@x,",
                "[",
                '{"a":',
            ),
        )
    },
    "one long origin": Family("a.", "https://"),
    "different origins": Family(lambda number: f"https://{number:x}.b "),
    "different invalid entries": Family(lambda number: f"{number:x} "),
    "different wildcards": Family(lambda number: f"https://{number:x}*.b "),
    "different subdomains": Family(lambda number: f"https://*.{number:x}.b "),
    "different upper-case origins": Family(lambda number: f"https://A{number:x}.b "),
    "different list names": Family(lambda number: f"@{number:x} "),
    "rules of {}": Family("{},", _RULES, "{}]}"),
    "rules": Family('{"allow_origins":["https://a.b"]},', _RULES, '{"allow_origins":"*"}]}'),
    "grants": Family('{"allow_origins":["https://a.b"]},', '{"rules": [{"grants": [', '{"allow_origins":"*"}]}]}'),
    "numbers as origins": Family("1,", _ORIGINS, "1]}]}"),
    "empty strings as origins": Family('"",', _ORIGINS, '""]}]}'),
    "nested lists as origins": Family("[[]],", _ORIGINS, "1]}]}"),
    "one origin in JSON": Family('"https://a.b",', _ORIGINS, '"https://a.b"]}]}'),
    "one unsafe origin in JSON": Family(
        '"http://a.b",', '{"rules": [{"allow_credentials": true, "allow_origins": [', '""]}]}'
    ),
    "one unsafe origin to repair in JSON": Family(
        '"HTTP://a.b:80/",', '{"rules": [{"allow_credentials": true, "allow_origins": [', '""]}]}'
    ),
    "different unsafe origins in JSON": Family(
        lambda number: f'"http://{number:x}.b",', '{"rules": [{"allow_credentials": true, "allow_origins": [', '""]}]}'
    ),
    "different origins in JSON": Family(lambda number: f'"https://{number:x}.b",', _ORIGINS, '"https://a.b"]}]}'),
    "list names in JSON": Family(lambda number: f'"@{number:x}",', _ORIGINS, '"https://a.b"]}]}'),
    "globs": Family('"/*a*a*a*b",', _RULE + '"paths": [', '"/x"]}]}'),
    "different globs": Family(lambda number: f'"/{number:x}*",', _RULE + '"paths": [', '"/x"]}]}'),
    "one long glob": Family("*a", _RULE + '"paths": ["/', '"]}]}'),
    "globs of dots": Family("/..", _RULE + '"paths": ["/', '"]}]}'),
    "methods": Family('"A",', _RULE + '"allow_methods": [', '"GET"]}]}'),
    "header names": Family('"a b",', _RULE + '"allow_headers": [', '"a"]}]}'),
    "different header names": Family(lambda number: f'"x-{number:x}",', _RULE + '"expose_headers": [', '"x-a"]}]}'),
    "tolerate": Family('"a",', _RULE + '"tolerate": [', '"a"]}]}'),
    "unknown fields": Family(lambda number: f'"{number:x}":0,', "{", '"rules":[]}'),
    "similar fields": Family(lambda number: f'"allow_origin{number:x}":0,', '{"rules":[{', '"a":0}]}'),
    "one field again and again": Family('"rules":[],', "{", '"rules":[]}'),
    "objects of one field twice": Family('{"a":0,"a":0},', _ORIGINS, "0]}]}"),
    "one long field": Family("a", '{"', '": 0, "rules": []}'),
    # The last character makes Python take four bytes for each.
    "one long header name": Family("A", _RULE + '"allow_headers": ["', '\U0001f600"]}]}'),
    "one long wildcard": Family("A", _ORIGINS + '"https://*.', '\U0001f600"]}]}'),
    "one long string": Family("a", '{"rules": "', '"}'),
    "escapes": Family("\\u0000", '{"rules": "', '"}'),
    "a long number": Family("9", '{"version": ', "}"),
    "blanks": Family(" ", "{", "}"),
    "nesting in an unknown field": Family("[", '{"x":', "}"),
    "YAML aliases": Family("- *a\n", "rules: &a\n"),
}
"""Each is measured twice: as much of it as fits into a parameter, and as much as edgecors reads."""

OTHERS: dict[str, str] = {
    "a gz in a gz": packed("gz:" + "A" * 4_000_000),
    "not gzip": "gz:" + "A" * (MAX_VALUE - 3),
    "gzip with a broken end": packed("x " * 1_000_000)[:-8],
    "an exponent": '{"version": 1e' + "9" * 4000 + "}",
    "1990 globs of escapes": packed(Family('"/' + "%25" * 340 + '",', _RULE + '"paths": [', '"/x"]}]}').text(1990)),
    "globs of 20 stars": Family('"/' + "*a" * 20 + '",', _RULE + '"paths": [', '"/x"]}]}').largest(
        lambda text: len(text) <= MAX_VALUE
    ),
}

TOKENS = (
    *("x", " ", "@", "*", "https://", "http://", "a", ".", "b", ":", ",", "\n", "[", "]", "{", "}", '"', "null", "A"),
    *("\u00e9", "\\", "9", "%", "/", "-", "_", "]:", '"rules":', '"allow_origins":', "true", "xn--", "[::", "0x", "@a"),
)
"""What random values are made of."""


def whole(family: Family) -> str:
    """As much of a family as fits into a parameter, packed."""
    return packed(family.largest(_fits))


def readable(family: Family) -> str:
    """As much of a family as edgecors reads, packed."""
    return packed(family.largest(_fits_and_is_readable))


def values(random: Random, count: int) -> Iterator[tuple[str, str]]:
    """Every value by name, and `count` more of random units."""
    yield from OTHERS.items()
    units = ("".join(pick(random, TOKENS) for _ in range(random.randrange(1, 9))) for _ in range(count))
    for name, family in [*FAMILIES.items(), *((repr(unit), Family(unit)) for unit in units)]:
        largest, less = whole(family), readable(family)
        yield f"gz of {name}", largest
        if less != largest:
            yield f"less of {name}", less


def read_as_list(text: str) -> tuple[str, Iterable[Any]]:
    """The value of a list."""
    from edgecors.allowlist import read_list

    try:
        allowlist = read_list("team", text)
    except ValueError:
        return "refused", ()
    return "read", allowlist.findings


def read_as_site(text: str) -> tuple[str, Iterable[Any]]:
    """The value of a site, with one list beside it that is as bad."""
    from edgecors.document import PolicyError, load_policy

    try:
        policy = load_policy(text, {})
    except PolicyError as error:
        return "refused", error.findings
    return "read", policy.findings


def lint_as_site(text: str) -> tuple[str, Iterable[Any]]:
    """The linter over the value of a site."""
    from edgecors_admin.lint import lint

    return "linted", lint(text, {})


def lint_as_list(text: str) -> tuple[str, Iterable[Any]]:
    """The linter over the value of a list."""
    from edgecors_admin.lint import lint_list

    return "linted", lint_list("team", text)


READERS: dict[str, Callable[[str], tuple[str, Iterable[Any]]]] = {
    "list": read_as_list,
    "site": read_as_site,
    "lint a list": lint_as_list,
    "lint a site": lint_as_site,
}


class ReadingCost(NamedTuple):
    """What reading one value cost, and the result."""

    outcome: str
    findings: int
    longest_finding: int
    cpu: float
    memory: int


def measure(reader: str, text: str) -> ReadingCost:
    """Read a value in a process of its own.

    Raises:
        RuntimeError: the process ended without an answer; the message is its error output.
    """
    command = [sys.executable, "-m", "harness.bombs", reader]
    done = subprocess.run(command, input=text.encode(), capture_output=True, env=_environment(), check=False)
    if done.returncode != 0:
        raise RuntimeError(f"status {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-300:]}")
    return ReadingCost(*json.loads(done.stdout))


def _environment() -> dict[str, str]:
    paths = [ROOT, ROOT / "layers" / "edgecors", *(ROOT / name for name in ("admin", "cli", "local"))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONHASHSEED": "0"}


def main() -> None:
    """What runs in the process of its own: read standard input, print the cost as JSON."""
    read = READERS[sys.argv[1]]
    text = sys.stdin.buffer.read().decode()
    read("https://warm.example")
    _reset_peak_memory()
    memory, cpu = _peak_memory(), time.process_time()
    outcome, findings = read(text)
    lengths = [len(str(finding)) for finding in findings]
    cpu = time.process_time() - cpu
    print(json.dumps(ReadingCost(outcome, len(lengths), max(lengths, default=0), cpu, _peak_memory() - memory)))


def _reset_peak_memory() -> None:
    """Start measuring the peak anew (Linux, proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_memory() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


MATCHING: dict[str, tuple[list[str], str]] = {
    "150 globs of stars": ([f"/*{'a*' * number}b" for number in range(1, 151)], "a"),
    "100 question marks": ([f"/*{'a?*' * 10}b"] * 10, "a"),
    "2,000 globs that nearly match": ([f"/a*{number}" for number in range(2000)], "a"),
    "200 globs of 500 stars": (["/" + "*a" * 500 + "b"] * 200, "a"),
    "a path of ;": (["/a*;*b"], ";"),
    "a path of %2F": (["/a*b"], "%2F"),
    "a path of %25": (["/a*b"], "%25"),
    "a path of //": (["/a*b"], "//"),
    "a path of /..": (["/a*b"], "/.."),
    "a path of \u00fc": (["/a*b"], "%C3%BC"),
    "a path of bad escapes": (["/a*b"], "%"),
    "a path of overlong UTF-8": (["/a*b"], "%C0%AF"),
    "a path of NUL": (["/a*b"], "%00"),
    "a path of every kind": (["/a*b"], "%2F;%00//%25%C0%AF"),
}
"""Path globs, and what the path consists of."""
LENGTHS = (1000, 4000, 8000)


def request_cost(globs: list[str], unit: str, length: int) -> float:
    """Seconds of processor time to decide about one request for a path of this length."""
    from edgecors.decision import Request, decide
    from edgecors.document import load_policy

    rules = [{"paths": globs, "allow_origins": ["https://a.example"]}, {"allow_origins": ["https://b.example"]}]
    policy = load_policy(json.dumps({"rules": rules}), {})
    paths = ["/" + (unit * (length // len(unit)))[number:] + "c" for number in range(REQUESTS)]
    started = time.process_time()
    for path in paths:
        decide(policy, Request("GET", path, origin="https://a.example", host="cdn.example.com"))
    return (time.process_time() - started) / REQUESTS


def check(name: str, reader: str, cost: ReadingCost) -> list[str]:
    """The limits that a cost is beyond, the processor time aside."""
    failures = []
    if cost.memory > MAX_MEMORY:
        failures.append(f"{name}, {reader}: {cost.memory / 2**20:.0f} MB")
    if cost.findings > MAX_FINDINGS:
        failures.append(f"{name}, {reader}: {cost.findings} findings")
    if cost.longest_finding > MAX_FINDING:
        failures.append(f"{name}, {reader}: a finding of {cost.longest_finding} characters")
    return failures


def run(seed: int, seconds: float, cases: int, readers: Iterable[str] = READERS) -> Summary:
    """Measure every value with every reader, then the slowest requests; prints a table of each."""
    summary = Summary("bombs", seconds, seed=seed)
    print(f"{'value':42}{'reader':13}{'outcome':>8}{'findings':>9}{'CPU ms':>8}{'MB':>7}")
    trials = ((name, text, reader) for name, text in values(Random(seed), cases) for reader in readers)
    for name, text, reader in trials:
        if summary.over:
            break
        summary.counts["values"] += 1
        try:
            cost = measure(reader, text)
        except RuntimeError as error:
            summary.fail(f"{name}, {reader}: {error}")
            continue
        for failure in check(name, reader, cost):
            summary.fail(failure)
        if cost.cpu > MAX_CPU:
            summary.fail(f"{name}, {reader}: {cost.cpu:.2f} s of CPU")
        summary.counts["worst_ms"] = max(summary.counts["worst_ms"], round(cost.cpu * 1000))
        summary.counts["worst_kib"] = max(summary.counts["worst_kib"], cost.memory // 1024)
        figures = f"{cost.findings:>9}{cost.cpu * 1000:>8.0f}{cost.memory / 2**20:>7.1f}"
        print(f"{name[:41]:42}{reader:13}{cost.outcome:>8}{figures}", flush=True)
    print(f"\n{'requests':42}" + "".join(f"{f'{length} ch., ms':>14}" for length in LENGTHS))
    for name, (globs, unit) in MATCHING.items():
        if summary.over:
            break
        summary.counts["policies"] += 1
        costs = [request_cost(globs, unit, length) for length in LENGTHS]
        print(f"{name:42}" + "".join(f"{cost * 1000:>14.2f}" for cost in costs), flush=True)
        if costs[-1] > MAX_REQUEST:
            summary.fail(f"{name}: {costs[-1] * 1000:.1f} ms a request")
    return summary


if __name__ == "__main__":
    main()

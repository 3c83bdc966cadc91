"""The CloudFront Functions: bytes, reads and time in njs, beside Lambda@Edge's handler. `python -m bench.functions`.

The time is that of one event on this machine, without starting the engine and reading events. What CloudFront counts
(ComputeUtilization) is known to CloudFront only: `edgecors functions check`.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgecors.document import load_policy
from edgecors.edge import Edge
from edgecors.policy import Policy
from edgecors.telemetry import Telemetry
from edgecors_admin.function_check import check_events
from edgecors_admin.key_value_store import compile_policy
from edgecors_local.functions_front import build_functions, require_engine
from edgecors_local.javascript import Engine

from harness.policy_store import OnePolicyStore

SITE = "EDFDVBD6EXAMPLE"
ORIGIN = "https://app1.example.com"
EVENTS = 1000
ROUNDS = 3
POLICIES = {
    "3 origins": " ".join(f"https://app{number}.example.com" for number in range(3)),
    "1,000 origins": " ".join(f"https://app{number}.example.com" for number in range(1000)),
    "50,000 origins": " ".join(f"https://app{number}.example.com" for number in range(50_000)),
    "rules by path": json.dumps({"rules": [{"paths": [f"/{n}/*"], "allow_origins": [ORIGIN]} for n in range(20)]}),
}
SIZES = {
    **{f"{count:,} origins": f"https://app{{}}.example{count}.com" for count in (3, 30, 100, 1_000, 10_000, 50_000)},
    "1,000 origins and 100 patterns": "https://app{}.example1000.com",
}
"""Policies of the table of sizes: the form of their origins. The number is the first word of the name."""
_EMPTY = "import cf from 'cloudfront';\nasync function handler(event){return event.response||event.request}\n"


def size_rows() -> list[str]:
    """The lines of docs/functions.md about policies of different sizes."""
    rows = []
    for name, form in SIZES.items():
        count = int(name.partition(" ")[0].replace(",", ""))
        entries = [form.format(number) for number in range(count)]
        if "patterns" in name:
            entries += [f"https://*.partner{number}.example" for number in range(100)]
        compiled = compile_policy(load_policy(" ".join(entries)), SITE)
        content = compiled.content()
        size = sum(len(key) + len(value) for key, value in content.items())
        rows.append(f"| {name} | {len(content):,} | {size:,} | {compiled.reads} |")
    return rows


def main() -> None:
    """Print the tables."""
    engine = require_engine(print)
    print("| policy | keys | bytes | reads a request, at most |\n|---|--:|--:|--:|")
    print("\n".join(size_rows()), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="edgecors-bench-") as name:
        directory = build_functions(Path(name))
        (directory / "empty.js").write_text(_EMPTY, "utf-8")
        for path in sorted(directory.glob("viewer-*.js")):
            print(f"{path.name}: {path.stat().st_size:,} of 10,240 bytes")
        print(f"\n| policy | event | keys | reads | µs in {engine.name} | µs in Lambda's handler |")
        print("|---|---|--:|--:|--:|--:|")
        for title, text in POLICIES.items():
            policy = load_policy(text)
            keys = compile_policy(policy, SITE).content()
            events = dict(check_events(SITE, policy))
            for event in (f"preflight of {ORIGIN}", f"response for {ORIGIN}", "preflight of a costly path"):
                chosen = events.get(event) or next(iter(events.values()))
                reads, micros = _in_engine(engine, directory, keys, chosen)
                print(
                    f"| {title} | {event} | {len(keys)} | {reads} | {micros:,.0f} | {_in_python(policy, chosen):,.0f} |"
                )


def _in_engine(engine: Engine, directory: Path, keys: dict[str, str], event: Any) -> tuple[int, float]:
    function = directory / f"{event['context']['eventType']}.js"
    lines: list[dict[str, Any]] = [{"keys": keys}, *[{"event": event}] * EVENTS]
    outputs = engine.run(function, lines)
    took = _median(lambda: engine.run(function, lines)) - _median(lambda: engine.run(directory / "empty.js", lines))
    return outputs[0].reads, max(0.0, took) / EVENTS * 1e6


def _in_python(policy: Policy, event: Any) -> float:
    store: Any = OnePolicyStore(policy)
    edge = Edge(store, Telemetry(lambda line: None))
    request, response = event["request"], event.get("response")
    cf: dict[str, Any] = {
        "config": {"distributionId": SITE, "eventType": event["context"]["eventType"]},
        "request": {"method": request["method"], "uri": request["uri"], "headers": _lambda_headers(request)},
    }
    if response is not None:
        cf["response"] = {"status": "200", "headers": _lambda_headers(response)}
    texts = [json.dumps({"Records": [{"cf": cf}]})] * EVENTS
    parsing = _median(lambda: [json.loads(text) for text in texts])
    return max(0.0, _median(lambda: [edge.viewer(json.loads(text)) for text in texts]) - parsing) / EVENTS * 1e6


def _lambda_headers(message: Any) -> dict[str, list[dict[str, str]]]:
    return {name: [{"key": name, "value": header["value"]}] for name, header in message["headers"].items()}


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()

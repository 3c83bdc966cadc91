"""The same decision: CloudFront Functions in njs beside the edge function's Python, whole answers compared.

First come the limits of `harness.boundaries`. Then random policies and requests go through Lambda@Edge's events
(`edgecors.edge`) and through the built functions, with random layouts of the KeyValueStore: a policy inside its pointer
or in parts, sets of origins in the policy or in buckets, the first pointer or a key below it missing while the second
one names the policy before.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from edgecors.document import PolicyError, load_policy
from edgecors.edge import Edge
from edgecors.policy import Policy
from edgecors_admin.key_value_store import CompiledPolicy, Limits, PolicyTooLargeError, compile_policy, pointer_keys
from edgecors_local.javascript import Engine, EngineError, find_engine

from harness import boundaries, generate
from harness.generate import chance, pick
from harness.policy_store import OnePolicyStore
from harness.summary import Summary

SITE = "EDFDVBD6EXAMPLE"
ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "build" / "functions"
REQUESTS = 40
"""Requests for each policy."""
MAX_EVENTS = 2_000
"""Events of one batch: njs frees no memory before it ends, and gets slower with each."""

Event = dict[str, Any]
Header = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Answer:
    """A response, in a form that both kinds of events can be brought into."""

    status: str
    headers: frozenset[Header]
    body: str | None = None

    def __str__(self) -> str:
        headers = {name: list(values) for name, values in sorted(self.headers)}
        return f"{self.status} {headers}" + ("" if self.body is None else f" {self.body!r}")


PASSED_ON = Answer("passed on", frozenset())


@dataclass
class _Telemetry:
    """Takes an exception in a handler, which `Edge` logs and survives."""

    errors: list[str] = field(default_factory=list)

    def record_decision(self, *_: object) -> None:
        pass

    def log(self, _level: str, message: str, **fields: Any) -> None:
        self.errors.append(f"{message}: {fields}")


@dataclass(frozen=True)
class Layout:
    """A content of the store, the policies of which one may decide, and whether the first of them certainly does."""

    keys: Mapping[str, str]
    policies: tuple[Policy | None, ...]
    name: str


@dataclass(frozen=True)
class FunctionCase:
    """One request, in both forms, and the content of the store."""

    function: str
    event: Event
    lambda_event: Event
    layout: Layout
    about: str


def run(seed: int, cases: int, seconds: float, engine: Engine | None = None, functions: Path = FUNCTIONS) -> Summary:
    """Compare until the cases or the time are used up."""
    engine = engine or find_engine("njs")
    if engine is None:
        raise EngineError("njs is missing: on Debian and Ubuntu, apt install njs")
    summary = Summary("functions", seconds, seed=seed, engine=engine.version)
    run_boundaries(engine, functions, summary)
    run_random(seed, cases, engine, functions, summary)
    return summary


def run_boundaries(engine: Engine, functions: Path, summary: Summary) -> None:
    """Compare the cases that are always the same."""
    cases = boundary_cases()
    for start in range(0, len(cases), MAX_EVENTS):
        if not summary.over:
            _run_batch(cases[start : start + MAX_EVENTS], engine, functions, summary)
    summary.counts["boundaries"] = summary.counts["cases"]


def run_random(seed: int, cases: int, engine: Engine, functions: Path, summary: Summary) -> None:
    """Compare random cases until all cases together are as many, or the time is used up."""
    random = Random(seed)
    policies = _policies(random, summary)
    while summary.counts["cases"] < cases and not summary.over:
        most = min(MAX_EVENTS, cases - summary.counts["cases"])
        _run_batch(_batch(random, policies, most), engine, functions, summary)


def random_cases(seed: int, count: int) -> list[FunctionCase]:
    """Fixed random cases for a seed."""
    random = Random(seed)
    return _batch(random, _policies(random, Summary("cases", 0)), count)


def boundary_cases() -> list[FunctionCase]:
    """The cases of `harness.boundaries`, with origins in the policy and with origins in buckets."""
    cases = []
    varies = itertools.cycle(VARY)
    for text, requests, keyed in boundaries.boundaries():
        policy = load_policy(text)
        for limits in (Limits(), KEYED) if keyed else (Limits(),):
            layout = Layout(compile_policy(policy, SITE, 1, limits).content(), (policy,), "whole")
            for request in requests:
                headers = request_headers(request)
                about = f"[boundary] {text} {request}"
                # What a preflight asks for is nothing to viewer-response.
                if request["request_method"] is None:
                    response = dict(RESPONSE) | {"vary": list(next(varies))}
                    cases.append(_case("viewer-response", request, headers, response, layout, about))
                cases.append(_case("viewer-request", request, headers, None, layout, about))
    return cases


def lines_of(cases: list[FunctionCase]) -> list[Mapping[str, Any]]:
    """What `Engine.run` takes: each case's event, and the store's content where it changes."""
    lines: list[Mapping[str, Any]] = []
    layout = None
    for case in cases:
        if case.layout is not layout:
            layout = case.layout
            lines.append({"keys": layout.keys})
        lines.append({"event": case.event})
    return lines


def build() -> None:
    """Build the functions from the sources as they are now."""
    subprocess.run([sys.executable, ROOT / "scripts" / "build_functions.py", FUNCTIONS], check=True, timeout=60)


def _policies(random: Random, summary: Summary) -> Iterator[tuple[generate.GeneratedCase, Policy, CompiledPolicy]]:
    """Random policies that fit, each with a random layout."""
    sequence = 0
    while True:
        case = long_list(random) if chance(random, 0.05) else generate.policy(random)
        try:
            policy = load_policy(case.text, case.lists)
        except PolicyError as error:
            summary.fail(f"a valid policy was rejected: {error}; {case}")
            continue
        sequence += 1
        try:
            compiled = compile_policy(policy, SITE, sequence, pick(random, LIMITS))
        except PolicyTooLargeError:
            summary.counts["too_large"] += 1
            continue
        summary.counts["policies"] += 1
        summary.counts["in-parts"] += any("/p" in key for key in compiled.keys)
        buckets = sum("/p" not in key for key in compiled.keys)
        summary.counts["in-one-bucket"] += buckets == 1
        summary.counts["in-buckets"] += buckets > 1
        yield case, policy, compiled


def long_list(random: Random) -> generate.GeneratedCase:
    """A policy with so many origins that they take several buckets."""
    entries = {generate.entry(random, credentials=False): None for _ in range(random.randrange(30, 400))}
    return generate.GeneratedCase(" ".join(entries), {}, {"version": 1, "rules": [{"allow_origins": list(entries)}]})


LIMITS = (
    Limits(),
    Limits(),
    Limits(value_bytes=700, inline_patterns=0, reads=1000),
    Limits(value_bytes=600, inline_patterns=40, reads=1000),
    Limits(value_bytes=600, reserved=600, reads=1000),
    Limits(reserved=1024, inline_patterns=0, reads=1000),
    Limits(inline_patterns=0, reads=1000, prefer_buckets=True),
    Limits(value_bytes=600, reads=1000, prefer_buckets=True),
)
"""With smaller values policies take more parts, and more sets of origins go to buckets."""
KEYED = Limits(value_bytes=600, inline_patterns=0, reads=1000, prefer_buckets=True)


def _batch(
    random: Random, policies: Iterator[tuple[generate.GeneratedCase, Policy, CompiledPolicy]], most: int
) -> list[FunctionCase]:
    cases: list[FunctionCase] = []
    previous: tuple[generate.GeneratedCase, Policy, CompiledPolicy] | None = None
    while len(cases) < most:
        case, policy, compiled = current = next(policies)
        layout = make_layout(random, (policy, compiled), (previous[1], previous[2]) if previous else None)
        previous = current
        for _ in range(min(REQUESTS, most - len(cases))):
            request, how = generate.request(random, case.meant)
            if chance(random, 0.1):
                request["path"] = boundaries.composed_path(random)
            # An event is JSON in UTF-8, which has no lone surrogates.
            request = {name: value and value.replace("\ud800", "\ufffd") for name, value in request.items()}
            about = f"[{how}; {layout.name}] {case.text!r} {case.lists!r} {request}"
            headers = repeat_some(random, request_headers(request))
            function = pick(random, ("viewer-request", "viewer-response"))
            response = response_headers(random, request) if function == "viewer-response" else None
            cases.append(_case(function, request, headers, response, layout, about))
    return cases


def _case(
    function: str,
    request: generate.Fields,
    headers: Mapping[str, list[str]],
    response: Mapping[str, list[str]] | None,
    layout: Layout,
    about: str,
) -> FunctionCase:
    return FunctionCase(
        function,
        function_event(function, request, headers, response),
        lambda_event(function, request, headers, response),
        layout,
        about,
    )


def make_layout(
    random: Random, current: tuple[Policy, CompiledPolicy], previous: tuple[Policy, CompiledPolicy] | None
) -> Layout:
    """A state of the store while it changes from the previous policy to the current one."""
    policy, compiled = current
    first, second = pointer_keys(SITE)
    if previous is None or chance(random, 0.5):
        return Layout(compiled.content(), (policy,), "whole")
    before, old = previous
    keys = {**old.keys, **compiled.keys, first: compiled.pointer, second: old.pointer}
    kind = random.random()
    if kind < 0.3:
        return Layout(keys, (policy,), "second pointer behind")
    if kind < 0.6:
        missing = pick(random, (first, *(key for key in compiled.keys if key not in old.keys)))
        del keys[missing]
        # Not each request needs each bucket. Every part of a policy is needed, and so is the pointer.
        name = "pointer" if missing == first else "part" if "/p" in missing else "bucket"
        return Layout(keys, (policy, before) if name == "bucket" else (before,), f"{name} missing")
    if kind < 0.75:
        keys[first] = json.dumps([0, *json.loads(compiled.pointer)[1:]])
        return Layout(keys, (before,), "first pointer of another format")
    if kind < 0.9:
        del keys[second]
        return Layout(keys, (policy,), "second pointer missing")
    return Layout({**old.keys, **compiled.keys}, (None,), "no pointer")


def _run_batch(cases: list[FunctionCase], engine: Engine, functions: Path, summary: Summary) -> None:
    for function in ("viewer-request", "viewer-response"):
        own = [case for case in cases if case.function == function]
        outputs = engine.run(functions / f"{function}.js", lines_of(own))
        for case, output in zip(own, outputs, strict=True):
            summary.counts["cases"] += 1
            summary.counts["reads"] += output.reads
            summary.counts[function] += 1
            summary.counts[case.layout.name.replace(" ", "-")] += 1
            answer = output.error or function_answer(case.function, case.event, output.result)
            expected = [python_answer(policy, case.lambda_event) for policy in case.layout.policies]
            if isinstance(answer, Answer) and answer.status != "passed on":
                summary.counts["answers"] += 1
            if answer not in expected:
                wanted = " or ".join(map(str, expected))
                summary.fail(f"{function}: Python {wanted}; JavaScript {answer}; {case.about}")


def python_answer(policy: Policy | None, event: Event) -> Answer:
    """What the edge function makes of an event."""
    telemetry: Any = _Telemetry()
    store: Any = OnePolicyStore(policy)
    event = json.loads(json.dumps(event))
    result = Edge(store, telemetry).viewer(event)
    if telemetry.errors:
        return Answer(f"the edge function failed: {telemetry.errors}", frozenset())
    if "status" not in result:
        return PASSED_ON
    headers = frozenset(
        (name, tuple(entry["value"] for entry in entries)) for name, entries in result["headers"].items()
    )
    return Answer(result["status"] + result.get("statusDescription", ""), headers, result.get("body"))


def function_answer(function: str, event: Event, result: Any) -> Answer | str:
    """What a CloudFront Function returned; a sentence for what CloudFront would not take."""
    if not isinstance(result, dict):
        return f"the function returned {result!r}"
    if "statusCode" not in result:
        return PASSED_ON if result == event["request"] else f"the request was changed: {result}"
    headers: set[Header] = set()
    for name, header in result["headers"].items():
        values = [item["value"] for item in header.get("multiValue") or [header]]
        if name != name.lower() or not all(isinstance(value, str) for value in values):
            return f"the function returned the header {name!r}: {header!r}"
        headers.add((name, tuple(values)))
    if function == "viewer-response" and result["cookies"] != event["response"]["cookies"]:
        return f"the cookies were changed: {result['cookies']}"
    body = result.get("body")
    text = body["data"] if isinstance(body, dict) else body
    return Answer(f"{result['statusCode']}{result.get('statusDescription', '')}", frozenset(headers), text)


# Events: one request and one response, in the forms of both.


def request_headers(request: generate.Fields) -> dict[str, list[str]]:
    """The headers of a generated request, lower-case names with their values."""
    names = {
        "host": "host",
        "origin": "origin",
        "access-control-request-method": "request_method",
        "access-control-request-headers": "request_headers",
        "access-control-request-private-network": "private_network",
        "sec-fetch-site": "fetch_site",
    }
    return {name: [request[key]] for name, key in names.items() if request[key] is not None}


def repeat_some(random: Random, headers: dict[str, list[str]]) -> dict[str, list[str]]:
    """The headers, a few of them with several values."""
    for name, values in headers.items():
        if chance(random, 0.03):
            values.append(pick(random, (values[0], "", "https://a.example", "x-a")))
        elif name == "access-control-request-headers" and chance(random, 0.1):
            headers[name] = values[0].split(",", 1)
    return headers


VARY = (
    ("Origin",),
    ("accept-encoding", "ORIGIN"),
    ("Accept-Encoding, Cookie",),
    ("Accept-Encoding", "Cookie"),
    ("*",),
    ("Accept , *",),
    ("",),
    (" ,\t,", ""),
    ("Accept-Encoding", "", " , "),
    ("Accept-Encoding", ""),
    ("Accept\x01, Cookie",),
    ("Accept,\tCookie",),
    ("\x7f",),
    ("Original, X-Origin",),
    ("Access-Control-Request-Method",),
    ("Accept",) * 3,
)


RESPONSE = {
    "content-type": ["text/plain"],
    "access-control-allow-origin": ["*"],
    "access-control-expose-headers": ["x-a", "x-b"],
    "timing-allow-origin": ["*"],
    "cross-origin-resource-policy": ["cross-origin"],
}


def response_headers(random: Random, request: generate.Fields) -> dict[str, list[str]]:
    """The headers of an upstream's response, often with CORS headers of its own."""
    headers = {"content-type": ["text/plain"]}
    if chance(random, 0.5):
        headers["vary"] = list(pick(random, VARY))
    if chance(random, 0.4):
        headers["access-control-allow-origin"] = [
            pick(random, ("*", "null", str(request["origin"]), "https://evil.example"))
        ]
    for name, value in (
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "*"),
        ("access-control-unknown", "x"),
        ("timing-allow-origin", "*"),
        ("cross-origin-resource-policy", "same-site"),
        ("cache-control", "max-age=60"),
    ):
        if chance(random, 0.25):
            headers[name] = [value, value] if chance(random, 0.1) else [value]
    return headers


def function_event(
    function: str, request: generate.Fields, headers: Mapping[str, list[str]], response: Mapping[str, list[str]] | None
) -> Event:
    """The event of a CloudFront Function."""
    event: Event = {
        "version": "1.0",
        "context": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": SITE,
            "eventType": function,
            "requestId": "EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE==",
        },
        "viewer": {"ip": "198.51.100.11"},
        "request": {
            "method": request["method"] or "GET",
            "uri": request["path"],
            "querystring": {},
            "headers": _function_headers(headers),
            "cookies": {},
        },
    }
    if response is not None:
        event["response"] = {
            "statusCode": 200,
            "statusDescription": "OK",
            "headers": _function_headers(response),
            "cookies": {"id": {"value": "a", "attributes": "Secure; HttpOnly"}},
        }
    return event


def _function_headers(headers: Mapping[str, list[str]]) -> dict[str, Any]:
    forms: dict[str, Any] = {}
    for name, values in headers.items():
        forms[name] = {"value": values[0]}
        if len(values) > 1:
            forms[name]["multiValue"] = [{"value": value} for value in values]
    return forms


def lambda_event(
    function: str, request: generate.Fields, headers: Mapping[str, list[str]], response: Mapping[str, list[str]] | None
) -> Event:
    """The event of Lambda@Edge for the same request and response."""
    cf: Event = {
        "config": {"distributionId": SITE, "eventType": function},
        "request": {
            "clientIp": "198.51.100.11",
            "method": request["method"] or "GET",
            "uri": request["path"],
            "querystring": "",
            "headers": _lambda_headers(headers),
        },
    }
    if response is not None:
        cf["response"] = {"status": "200", "statusDescription": "OK", "headers": _lambda_headers(response)}
    return {"Records": [{"cf": cf}]}


def _lambda_headers(headers: Mapping[str, list[str]]) -> dict[str, Any]:
    return {name: [{"key": name, "value": value} for value in values] for name, values in headers.items()}

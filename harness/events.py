"""Send mutated and random events of every source through every handler.

No handler may raise. Each answer must come in time and be JSON, must break no rule of its front that the event did not
break already, and may grant only an origin that is the request's and that the policy lists.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from edgecors.decorator import cors
from edgecors.document import PolicyError, load_policy
from edgecors.edge import Edge
from edgecors.events.api import parse_event
from edgecors.telemetry import Telemetry
from edgecors_local import edge_rules

from harness import answers, generate
from harness.gateway import Proxy, UpstreamRequest, UpstreamResponse, read_upstreams
from harness.generate import chance, pick
from harness.oracle import origins
from harness.policy_store import OnePolicyStore
from harness.summary import Summary

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "events"
SECONDS = 1.0
"""Processor time for one event. The edge's shortest deadline is 5 s of wall time on a slower machine."""
HEADER = re.compile(r"Header '?([^ ']+)")
NUMBER = re.compile(r"[0-9]+")
ACAO = "access-control-allow-origin"
CLOUDFRONT_SAMPLES = (
    "ab-test",
    "access-request-in-response",
    "http-redirect",
    "modify-querystring",
    "modify-response-header",
    "multiple-remote-calls-aggregate-response",
    "normalize-querystring-to-improve-cache-hit",
    "redirect-on-viewer-country",
    "redirect-unauthenticated-users",
    "response-generation",
    "serve-object-on-viewer-device",
    "simple-remote-call",
)
"""The samples of `sam local generate-event cloudfront`."""
SCRIBBLE = "x-scribbled"
UPSTREAM = "https://upstream.example"
"""The origin that the upstream itself allows; it shows where the upstream's header is passed on."""

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 204, 1e308, "", " ", "null", "true", "204", "a\r\nSet-Cookie: a=b", "\0", "\u2028"),
    *(
        "\ud800",
        "\u00e9",
        "x" * 5000,
        "https://app.example.com",
        "OPTIONS",
        "CONNECT",
        "G T",
        "2.0",
        "1.0",
        "99",
        "abc",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        {"a": None},
        [{"key": "Origin", "value": None}],
        [{"value": "https://app.example.com"}],
    ),
    *({"http": None}, {"elb": None}, ["https://app.example.com", "https://app.example.com"]),
)
HEADERS = (
    *(
        "origin",
        "Origin",
        "ORIGIN",
        "access-control-request-method",
        "Access-Control-Request-Headers",
        "host",
        "vary",
        "Vary",
    ),
    *(
        "sec-fetch-site",
        "cookie",
        "x-forwarded-proto",
        "access-control-allow-origin",
        "Timing-Allow-Origin",
        "content-length",
    ),
    *("x-\u017f", "a b", "", "access-control-allow-origin ", "set-cookie", "access-control-request-private-network"),
)
HANDLER_RESPONSES: tuple[Any, ...] = (
    {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": UPSTREAM, "Vary": "Accept"}, "body": "{}"},
    {
        "statusCode": 200,
        "multiValueHeaders": {"access-control-allow-origin": [UPSTREAM], "vary": ["A", "B"]},
        "body": "x",
    },
    {"statusCode": 404, "headers": None, "body": "x"},
    {"statusCode": 204},
    {"statusCode": 200, "headers": {"vary": "*", "VARY": "x"}, "isBase64Encoded": True, "body": "AAAA"},
    {"statusCode": "200", "headers": {"a": 1}, "body": {}},
    *(
        None,
        "text",
        7,
        [],
        {},
        {"message": "x"},
        {"statusCode": None, "headers": [], "multiValueHeaders": 3, "cookies": "x"},
    ),
)


class AllFronts:
    """Every handler, all with one store."""

    def __init__(self) -> None:
        self.store = OnePolicyStore()
        self.lines: list[str] = []
        telemetry = Telemetry(self.lines.append)
        edge = Edge(self.store, telemetry)  # type: ignore[arg-type]
        self.response: Any = None
        around = cors(site="shop", store=self.store, telemetry=telemetry)
        self.handlers: dict[str, Callable[[Any], Any]] = {
            "viewer": edge.viewer,
            "origin": edge.origin,
            "decorator": lambda event: around(lambda _event, _context: copy.deepcopy(self.response))(event, None),
            "gateway": _gateway(telemetry, around),
        }


def _gateway(telemetry: Telemetry, around: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gateway with an upstream that responds at once; `harness.faults` has real ones."""
    fields = [
        ("Access-Control-Allow-Origin", UPSTREAM),
        ("Vary", "Accept"),
        ("Set-Cookie", "a=b"),
        ("Set-Cookie", "c=d"),
    ]

    class Immediate(Proxy):
        """A proxy without a network."""

        def _exchange(self, request: UpstreamRequest, deadline: float, limit: int) -> UpstreamResponse:
            return UpstreamResponse(200, [*fields, ("X-Request-Length", str(len(request.data)))], b"\xff{}")

    application = Immediate(read_upstreams("http://127.0.0.1:9/base"), telemetry, site="shop")
    handler = around(application)
    return lambda event: handler(event, None)


def seeds(sam: bool = False) -> list[Any]:
    """The sample events, and with ``sam`` those of the SAM CLI if it is installed."""
    samples = [
        json.loads(path.read_text("utf-8"))
        for path in sorted(SAMPLES.rglob("*.json"))
        if not path.name.endswith((".expected.json", ".response.json"))
    ]
    program = ROOT / ".venv-sam" / "bin" / "sam"
    if sam and program.exists():
        samples += list(_sam_samples(program))
    return samples


def _sam_samples(program: Path) -> Iterator[Any]:
    services = (
        "alb request",
        "apigateway authorizer",
        "apigateway aws-proxy",
        "apigateway http-api-proxy",
        "apigateway request-authorizer",
    )
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    for name in [*services, *(f"cloudfront {sample}" for sample in CLOUDFRONT_SAMPLES)]:
        command = [str(program), "local", "generate-event", *name.split()]
        process = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
        yield json.loads(process.stdout)


# Mutations of JSON


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every item of a JSON value."""
    yield at
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def mutate(random: Random, event: Any, others: list[Any]) -> Any:
    """A copy of an event, changed in one place or a few."""
    changed = copy.deepcopy(event)
    for _ in range(pick(random, (1, 1, 1, 2, 2, 4, 8))):
        ways = list(places(changed))
        way = pick(random, ways)
        if not way:
            if chance(random, 0.03):
                return pick(random, ODD_VALUES)
            continue
        container = changed
        for key in way[:-1]:
            container = container[key]
        _spoil(random, container, way[-1], others)
    return changed


def _spoil(random: Random, container: Any, key: Any, others: list[Any]) -> None:
    value = container[key]
    kind = random.randrange(9)
    if kind == 0:
        del container[key]
    elif kind == 1:
        container[key] = None
    elif kind <= 3:
        container[key] = copy.deepcopy(pick(random, ODD_VALUES))
    elif kind == 4 and isinstance(value, list):
        container[key] = value * pick(random, (2, 3, 300))
    elif kind == 5 and isinstance(container, dict):
        del container[key]
        container[pick(random, (str(key).upper(), str(key).title(), f" {key}", f"{key}\n", pick(random, HEADERS)))] = (
            value
        )
    elif kind == 6 and isinstance(value, str):
        container[key] = pick(random, tuple(generate.MUTATIONS.values()))(random, value)
    elif kind == 7:
        other = pick(random, others)
        for step in pick(random, list(places(other))):
            other = other[step]
        container[key] = copy.deepcopy(other)
    elif isinstance(value, str):
        container[key] = value * pick(random, (2, 100)) if len(value) < 10_000 else ""


def with_headers(random: Random, event: Any, fields: generate.Fields) -> Any:
    """A copy of an event with the method, path and headers of a generated request, where its source has them."""
    copied = copy.deepcopy(event)
    pairs = {
        "Origin": fields["origin"],
        "Access-Control-Request-Method": fields["request_method"],
        "Access-Control-Request-Headers": fields["request_headers"],
        "Access-Control-Request-Private-Network": fields["private_network"],
        "Sec-Fetch-Site": fields["fetch_site"],
        "Host": fields["host"],
    }
    pairs = {name: value for name, value in pairs.items() if value is not None}
    if "Records" in copied:
        request = copied["Records"][0]["cf"].setdefault("request", {})
        request |= {"method": fields["method"] or "GET", "uri": fields["path"]}
        headers = request.setdefault("headers", {})
        for name, value in pairs.items():
            headers[name.lower()] = [{"key": name, "value": value}] * (2 if chance(random, 0.03) else 1)
        return copied
    if "http" in (copied.get("requestContext") or {}):
        copied["requestContext"]["http"]["method"] = fields["method"]
        copied["rawPath"] = fields["path"]
    else:
        copied |= {"httpMethod": fields["method"], "path": fields["path"]}
    for field, many in (("headers", False), ("multiValueHeaders", True)):
        if copied.get(field) is not None:
            other_headers = {
                name: value for name, value in copied[field].items() if name.lower() not in {n.lower() for n in pairs}
            }
            copied[field] = other_headers | {name: [value] if many else value for name, value in pairs.items()}
    return copied


# Judging


def run(seed: int, cases: int, seconds: float, sam: bool = False) -> Summary:
    """Mutate events and check the answers until the cases or the time are used up."""
    summary = Summary("events", seconds, seed=seed)
    random = Random(seed)
    fronts = AllFronts()
    samples = seeds(sam)
    meant: generate.Document | None = None
    while summary.counts["events"] < cases and not summary.over:
        if summary.counts["events"] % 50 == 0:
            meant = _next_policy(random, fronts.store)
        sample = pick(random, samples)
        if meant is not None and _is_request(sample) and chance(random, 0.7):
            sample = with_headers(random, sample, generate.request(random, meant)[0])
        intact = chance(random, 0.1)
        event = sample if intact else mutate(random, sample, samples)
        summary.counts["events"] += 1
        fronts.response = pick(random, HANDLER_RESPONSES)
        for name, handler in fronts.handlers.items():
            for violation in judge(name, handler, event, meant, summary, fronts, intact):
                summary.fail(f"{name}: {violation[:300]} {json.dumps(event)[:1500]}")
    if summary.counts["events"] and not summary.counts["gateway_successes"]:
        summary.fail("the gateway never answered with 200")
    return summary


def _is_request(sample: Any) -> bool:
    return "requestContext" in sample or "cf" in (sample.get("Records") or [{}])[0]


def _next_policy(random: Random, store: OnePolicyStore) -> generate.Document | None:
    if chance(random, 0.1):
        store.policy = None
        return None
    case = generate.policy(random)
    try:
        store.policy = load_policy(case.text, case.lists)
    except PolicyError:  # `harness.grants` reports these
        store.policy = None
        return None
    return case.meant


def judge(
    name: str,
    handler: Callable[[Any], Any],
    event: Any,
    meant: generate.Document | None,
    summary: Summary,
    fronts: AllFronts,
    intact: bool = False,
) -> Iterator[str]:
    """Every rule that a handler's answer to an event breaks. An intact event must not lead to an error either."""
    fronts.lines.clear()
    event_copy = copy.deepcopy(event)
    started = time.process_time()
    try:
        answer = handler(event_copy)
    except Exception as error:
        if name == "gateway" and isinstance(error, ValueError) and "accepts requests from" in str(error):
            summary.counts["no_requests"] += 1  # the gateway refuses events that no front sends
            return
        yield f"raised {error!r}"
        return
    took = time.process_time() - started
    if took > SECONDS:
        yield f"took {took:.1f} s"
    try:
        written = json.dumps(answer)
    except (TypeError, ValueError) as error:
        yield f"the answer is not JSON: {error}"
        return
    if SCRIBBLE in written:
        yield "a change to an earlier answer is in this one"
    edge = name in ("viewer", "origin")
    yield from _edge_rules(name, event, answer, summary) if edge else _api_rules(name, event, answer, summary, fronts)
    if edge or name == "gateway" or source_or_none(event) is not None:
        yield from _grants(event, answer, meant, summary)
    if name == "gateway":
        summary.counts["gateway_successes"] += answer.get("statusCode") == 200
    for line in fronts.lines:
        if "\n" in line or "\r" in line:
            yield f"wrote a log line of several lines: {line!r}"
        if intact and (not edge or _edge_trigger(event)[0]):
            yield from _errors(name, json.loads(line))
    _scribble(answer)


def _errors(name: str, record: dict[str, Any]) -> Iterator[str]:
    """An error although the upstream always responds and the event is one that its front sends."""
    # The responses of the decorated handler are often invalid.
    if record.get("level") == "ERROR" and (name, record["message"]) != ("decorator", "the handler failed"):
        yield f"logged an error: {record}"


def _scribble(value: Any) -> None:
    """Write something into every part of an answer, as a caller may; no later answer may contain it."""
    if isinstance(value, dict):
        for item in value.values():
            _scribble(item)
        value[SCRIBBLE] = SCRIBBLE
    elif isinstance(value, list):
        for item in value:
            _scribble(item)
        value.append(SCRIBBLE)


def _edge_rules(name: str, event: Any, answer: Any, summary: Summary) -> Iterator[str]:
    trigger, plain = _edge_trigger(event)
    if trigger is None:
        summary.counts["no_edge_events"] += 1
        return
    before = edge_rules.violations(trigger, event, plain)
    known = {NUMBER.sub("0", violation) for violation in before}
    # A header that was malformed in the event may break another rule in the answer.
    malformed = {match[1].lower() for match in map(HEADER.match, before) if match}
    summary.counts["edge_answers"] += 1
    for violation in edge_rules.violations(trigger, event, answer):
        match = HEADER.match(violation)
        if NUMBER.sub("0", violation) not in known and not (match and match[1].lower() in malformed):
            yield violation


def _edge_trigger(event: Any) -> tuple[str | None, Any]:
    """The trigger of an event that CloudFront could send, and the answer that changes nothing."""
    try:
        cf = event["Records"][0]["cf"]
        trigger = cf["config"]["eventType"]
        message = cf["response" if trigger.endswith("response") else "request"]
        if trigger not in edge_rules.TRIGGERS or not isinstance(message, dict) or not isinstance(cf["request"], dict):
            return None, None
        return trigger, message
    except (LookupError, TypeError, AttributeError):
        return None, None


def source_or_none(event: Any) -> Any:
    """The parsed event; None if it can't be parsed."""
    try:
        return parse_event(event)
    except Exception:
        return None


def _api_rules(name: str, event: Any, answer: Any, summary: Summary, fronts: AllFronts) -> Iterator[str]:
    source = source_or_none(event)
    if source is None:
        summary.counts["no_api_events"] += 1
        return
    kind = source.kind
    multi_value = kind == "alb" and event.get("multiValueHeaders") is not None
    before: set[str] = set()
    if name == "decorator":
        # Violations in the wrapped handler's own response are not the decorator's.
        before = set(answers.violations(kind, fronts.response, multi_value=multi_value))
    summary.counts[f"{kind}_answers"] += 1
    for violation in answers.violations(kind, answer, multi_value=multi_value):
        if (
            violation not in before
            and not (kind == "alb" and "statusDescription" in violation)
            and "the response is a" not in violation
        ):
            yield violation


def _grants(event: Any, answer: Any, meant: generate.Document | None, summary: Summary) -> Iterator[str]:
    requested = _header_values(event, lambda name: name == "origin")
    received = _header_values(event, lambda name: name.strip() == ACAO)
    for value in answers.values(answer, ACAO):
        if value == UPSTREAM or value in received:
            continue  # not managed, or shadow
        summary.counts["grants"] += 1
        grants = [grant for rule in (meant["rules"] if meant else []) for grant in rule.get("grants", [rule])]
        if value == "*":
            if not any(grant["allow_origins"] in ("*", ["*"]) for grant in grants):
                yield "granted * that no rule allows"
        elif value not in requested or not any(
            isinstance(grant["allow_origins"], list) and origins.matches_any(grant["allow_origins"], value)
            for grant in grants
        ):
            yield f"granted {value!r}"


def _header_values(event: Any, is_wanted: Callable[[str], bool]) -> set[str]:
    """The values of all headers in an event whose names fit."""
    values: set[str] = set()
    for headers in _maps(event):
        for name, value in headers.items():
            if is_wanted(str(name).lower()):
                for item in value if isinstance(value, list) else [value]:
                    values.add(str(item.get("value")) if isinstance(item, Mapping) else str(item))
    return values


def _maps(event: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(event, dict):
        yield event
        for value in event.values():
            yield from _maps(value)
    elif isinstance(event, list):
        for value in event:
            yield from _maps(value)

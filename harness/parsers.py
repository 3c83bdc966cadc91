"""Coverage-guided fuzzing of whatever reads a stranger's or an author's text (https://github.com/google/atheris).

Each target holds properties that need no oracle, and several are held to the oracle's too. The corpus
stays small: only what takes a step that no other input takes is added to harness/corpus (`KEEP_CORPUS=1`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from harness import generate
from harness.summary import Summary

Step = tuple[str, int, int]
"""A function, and two lines of it that were run one after the other."""
TraceFunction = Callable[[FrameType, str, Any], Any]
CORPUS = Path(__file__).with_name("corpus")


def origin(data: bytes) -> None:
    """`parse_origin`: what the oracle reads, and nothing else; what is read is put together again byte for byte."""
    from edgecors.origin import parse_origin

    from harness.oracle import origins

    text = _text(data)
    parts = parse_origin(text)
    assert (parts is not None) == (origins.parse(text) is not None), f"the oracle thinks otherwise of {text!r}"
    if parts is not None:
        scheme, host, port = parts
        assert f"{scheme}://{host}{':' if port else ''}{port}" == text


def pattern(data: bytes) -> None:
    """`parse_pattern`: a pattern or an error; its text reads as itself; it never matches a malformed origin."""
    from edgecors.origin import OriginIndex, OriginSet, parse_origin, parse_pattern

    text = _text(data)
    entry, rest = text.partition("\n")[::2]
    entry_pattern, findings = parse_pattern(entry)
    assert (entry_pattern is None) == any(f.severity == "error" for f in findings)
    if entry_pattern is None:
        return
    again, repairs = parse_pattern(entry_pattern.text)
    assert again is not None
    assert (again.text, repairs) == (entry_pattern.text, [])
    if entry_pattern.kind not in ("any", "null"):
        listed = OriginSet([(OriginIndex([entry_pattern]), frozenset())])
        if listed.match(rest) is not None:
            assert parse_origin(rest) is not None


def document(data: bytes) -> None:
    """`read_document`: a document or `PolicyError`; what it compiles to decides without raising, safely."""
    from edgecors.allowlist import read_list
    from edgecors.decision import Request, decide
    from edgecors.document import PolicyError, read_document

    try:
        read = read_document(_text(data))
    except PolicyError as error:
        if not error.errors:
            raise AssertionError("rejected without an error") from error
        return
    policy = read.compile({name: read_list(name, "https://a.example null") for name in read.lists[:1]})
    for rule in policy.rules:
        for grant in rule.grants:
            if grant.allow_credentials:
                assert grant.allow_origins is not None, "* with credentials"
                assert grant.allow_origins.match("null") is None, "null with credentials"
    for asked in ("https://a.example", "null", "https://a.example\n", None):
        decision = decide(policy, Request("OPTIONS", "/", "a.example", "https", asked, "GET", "x-a"))
        assert all("\n" not in value and "\r" not in value for _, value in decision.headers), decision


def path(data: bytes) -> None:
    """`readings`: the oracle's, in any order."""
    from edgecors.paths import readings

    from harness.oracle.decision import all_readings

    text = _text(data)
    forms, expected = readings(text), all_readings(text)
    assert (forms is None) == (expected is None), text
    assert forms is None or set(forms) == set(expected or ()), f"the oracle has {expected!r}, not {forms!r}"


def headers(data: bytes) -> None:
    """`parse_header_names`: the oracle's names, each a token."""
    from edgecors.decision import parse_header_names

    from harness.oracle.decision import requested_names

    text = _text(data)
    names, wanted = parse_header_names(text), requested_names(text)
    assert (names is None) == (wanted is None), text
    assert names is None or list(dict.fromkeys(names)) == wanted


def event(data: bytes) -> None:
    """Every handler bears any JSON, and answers with JSON."""
    from edgecors.decorator import cors
    from edgecors.document import load_policy
    from edgecors.edge import Edge
    from edgecors.telemetry import Telemetry

    from harness.policy_store import OnePolicyStore

    try:
        json.loads(_text(data))
    except (ValueError, RecursionError):
        return

    rules = [{"allow_origins": ["https://*.a.example"], "on_refused": "block"}]
    store = OnePolicyStore(load_policy(json.dumps({"rules": rules})))
    telemetry = Telemetry(lambda line: None)
    edge = Edge(store, telemetry)  # type: ignore[arg-type]
    around = cors(site="shop", store=store, telemetry=telemetry)(lambda event, context: {"statusCode": 200})
    for handler in (edge.viewer, edge.origin, around):
        json.dumps(handler(json.loads(_text(data)), None))


def response(data: bytes) -> None:
    """The parser of HTTP responses: a message, the same for bytes in two pieces, or an error that it promises."""
    from edgecors.aws import ReadError
    from edgecors.aws.http_response import ResponseParser
    from edgecors.aws.parameters import _parameters, _result

    def parse(*pieces: bytes) -> tuple[int, dict[str, str], bytes] | None:
        parser = ResponseParser()
        with contextlib.suppress(ConnectionError, ValueError):
            for piece in (*filter(None, pieces), b""):
                if message := parser.feed(piece):
                    return message
        return None

    whole, half = parse(data), len(data) // 2
    # A line may be within its limit only if its end comes with its beginning.
    assert parse(data[:half], data[half:]) in (whole, None)
    if whole is not None:
        with contextlib.suppress(ReadError):
            _parameters(_result(*whole))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (origin, pattern, document, path, headers, event, response)
}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def run(seed: int, seconds: float, target: str = "") -> Summary:
    """Fuzz each target in a process of its own (libFuzzer ends with `exit`), or one."""
    summary = Summary("parsers", seconds, seed=seed)
    names = [target] if target else list(TARGETS)
    for name in names:
        share = max(1, int(seconds / len(names)))
        with tempfile.TemporaryDirectory() as directory:
            plant(name, Path(directory), seed)
            command = [sys.executable, "-m", "harness.parsers", name, f"-seed={seed}", f"-max_total_time={share}"]
            command += [
                "-max_len=4096",
                "-timeout=10",
                "-print_final_stats=1",
                f"-artifact_prefix={directory}/crash-",
                directory,
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", env=_environment(), check=False
            )
            _read(name, done, Path(directory), summary)
    return summary


def plant(name: str, directory: Path, seed: int) -> None:
    """Generated inputs to begin with: from nothing a fuzzer is long in finding so much as ``https://``."""
    for number, data in enumerate(corpus_inputs(name)):
        (directory / f"seed-kept-{number}").write_bytes(data)
    random = Random(seed)
    for number in range(40):
        case = generate.policy(random)
        fields, _ = generate.request(random, case.meant)
        listed = case.meant["rules"][0]["allow_origins"]
        entry = listed if listed == "*" else listed[0]
        texts = {
            "origin": fields["origin"] or generate.instance(random, entry),
            "pattern": f"{entry}\n{generate.instance(random, entry)}",
            "document": case.text,
            "path": fields["path"],
            "headers": fields["request_headers"] or "",
            "event": _small_event(fields, number),
            "response": ANSWERS[number % len(ANSWERS)],
        }
        (directory / f"seed-{number}").write_bytes(texts[name].encode("utf-8", "surrogatepass"))


def _small_event(fields: generate.Fields, number: int) -> str:
    headers = {
        "origin": fields["origin"],
        "access-control-request-method": fields["request_method"],
        "host": fields["host"],
    }
    present = {name: value for name, value in headers.items() if value is not None}
    lists = {name: [{"key": name, "value": value}] for name, value in present.items()}
    request = {"method": fields["method"], "uri": fields["path"], "headers": lists}
    multi_value = {name: [value] for name, value in present.items()}
    context: dict[str, object] = {"elb": {}} if number % 2 else {"stage": "live"}
    http = {"http": {"method": fields["method"], "path": fields["path"]}}
    events: tuple[dict[str, object], ...] = (
        {"Records": [{"cf": {"config": {"distributionId": "E1", "eventType": "viewer-request"}, "request": request}}]},
        {"Records": [{"cf": {"config": {}, "request": request, "response": {"status": "404", "headers": {}}}}]},
        {
            "httpMethod": fields["method"],
            "path": fields["path"],
            "multiValueHeaders": multi_value,
            "requestContext": context,
        },
        {
            "httpMethod": fields["method"],
            "path": fields["path"],
            "headers": present,
            "requestContext": context,
            "version": "1.0",
        },
        {"version": "2.0", "rawPath": fields["path"], "headers": present, "requestContext": http, "cookies": ["a=b"]},
    )
    return json.dumps(events[number % len(events)])


ANSWERS = (
    'HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n{"Parameters":[{"Name":"a","Value":"https://a"}]}',
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n",
    'HTTP/1.1 400 Bad Request\r\nx-amzn-errortype: A#B:http://x\r\nContent-Length: 15\r\n\r\n{"__type":"A#B"}',
    "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n{}",
)


def _environment() -> dict[str, str]:
    root = Path(__file__).resolve().parent.parent
    paths = [root, root / "layers" / "edgecors", root / "cli"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def _read(name: str, done: subprocess.CompletedProcess[str], directory: Path, summary: Summary) -> None:
    executed = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    covered = re.findall(r"\bcov: (\d+)", done.stderr)
    summary.counts[f"{name}_runs"] = int(executed[1]) if executed else 0
    summary.counts[f"{name}_covered"] = int(covered[-1]) if covered else 0
    crashes = [path for path in directory.iterdir() if path.name.startswith("crash-")]
    for crash in crashes:
        summary.fail(f"{name}: {crash.read_bytes()[:300]!r}: {_last_error(done.stderr)}")
    if done.returncode != 0 and not crashes:
        summary.fail(f"{name}: ended with {done.returncode}: {done.stderr[-500:]}")
    if os.environ.get("KEEP_CORPUS") and not crashes:
        _keep(name, directory)


def _keep(name: str, directory: Path) -> None:
    """Add the inputs, shortest first, that take a step through the library which none before them took."""
    inputs = corpus_inputs(name)
    known = {step for data in inputs for step in _steps(TARGETS[name], data)}
    for data in sorted({path.read_bytes() for path in directory.iterdir()}, key=lambda data: (len(data), data)):
        steps = _steps(TARGETS[name], data)
        if not steps <= known:
            known |= steps
            inputs.append(data)
    inputs.sort(key=lambda data: (len(data), data))
    CORPUS.mkdir(exist_ok=True)
    lines = [json.dumps(data.decode("latin-1")) for data in inputs]
    (CORPUS / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "ascii")


def _steps(target: Callable[[bytes], None], data: bytes) -> set[Step]:
    """The library's lines that a target runs, each with the one before it."""
    steps: set[Step] = set()

    def trace(frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        if f"{os.sep}edgecors{os.sep}" not in frame.f_code.co_filename:
            return None
        before = 0

        def line(frame: FrameType, event: str, argument: object) -> TraceFunction:
            nonlocal before
            steps.add((frame.f_code.co_qualname, before, frame.f_lineno))
            before = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps


def corpus_inputs(name: str) -> list[bytes]:
    """The corpus of a target: a line each, the bytes as characters."""
    path = CORPUS / f"{name}.jsonl"
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [json.loads(line).encode("latin-1") for line in lines]


def _last_error(text: str) -> str:
    lines = [line for line in text.splitlines() if re.match(r"^(\w+Error|\w+Exception|AssertionError)\b", line)]
    return lines[-1] if lines else text[-300:]


def main() -> None:
    """What runs in the process of its own: one target under libFuzzer."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    name = sys.argv.pop(1)
    # The library's branches are what guides the search; the oracle's would only lead it astray.
    with atheris.instrument_imports(include=["edgecors"], enable_loader_override=False):
        pass
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

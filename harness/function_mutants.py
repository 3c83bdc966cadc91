"""Small changes of the CloudFront Functions' sources: each must be noticed, or explained in function_survivors.txt.

A mutant is built and run in njs. It is killed by the first answer that differs from the unchanged functions', which
`harness functions` compares with the edge function's; by a different number of reads; or by a script that does not run.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from edgecors_local.javascript import Engine, EngineError, Output, find_engine

from harness import functions
from harness.mutants import explained
from harness.summary import Summary

SURVIVORS = Path(__file__).with_name("function_survivors.txt")
RANDOM_CASES = 4000
CHUNKS = (150, 850)
"""The first cases kill most mutants, so they run alone first; then chunks of the largest size."""
LARGEST_CHUNK = 1500
SECONDS = 30
"""Time for a chunk, which takes about one second: a mutant that loops is noticed too."""
_SWAPS = (
    (r"===", "!=="),
    (r"!==", "==="),
    (r"(?<=\s)<(?=\s)", "<="),
    (r"(?<=\s)>(?=\s)", ">="),
    (r"<=", "<"),
    (r">=", ">"),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"(?<=[\s(])!(?=[\w(])", ""),
    (r"\bsome\b", "every"),
    (r"\bevery\b", "some"),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"(?<=\s)\+(?=\s\d)", "-"),
    (r"(?<=\s)-(?=\s\w)", "+"),
    (r"(?<![\w\\{,.x-])(\d+)(?![\w\-.}\\,])", "NUMBER"),
    (r"continue;|break;", ""),
)
_COMMENT = re.compile(r"//[^\n]*")

Line = Mapping[str, Any]


@dataclass(frozen=True)
class FunctionMutant:
    """One change.

    Attributes:
        module: where it is, without ``.js``.
        line: its number.
        key: names the change without that number, so that the name outlives edits elsewhere.
        text: the module's text with it.
    """

    module: str
    line: int
    key: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """Input of one process, and what the unchanged function makes of it."""

    function: str
    lines: Sequence[Line]
    outputs: Sequence[Output]


def mutants(sources: Mapping[str, str]) -> Iterator[FunctionMutant]:
    """All mutants, in the order of the sources."""
    seen: Counter[str] = Counter()
    for module, text in sources.items():
        code = _COMMENT.sub(lambda match: " " * len(match[0]), text)
        lines = text.splitlines()
        for pattern, replacement in _SWAPS:
            for match in re.finditer(pattern, code):
                changed = str(int(match[1]) + 1) if replacement == "NUMBER" else replacement
                line = text.count("\n", 0, match.start()) + 1
                key = f"{module}.js: {match[0]} -> {changed or 'nothing'} in `{lines[line - 1].strip()}`"
                seen[key] += 1
                if seen[key] > 1:
                    key += f" ({seen[key]})"
                yield FunctionMutant(module, line, key, text[: match.start()] + changed + text[match.end() :])


def run(seed: int, seconds: float, sample: int | None, engine: Engine | None = None) -> Summary:
    """Run all mutants, or a sample of them."""
    engine = engine or find_engine("njs")
    if engine is None:
        raise EngineError("njs is missing: on Debian and Ubuntu, apt install njs")
    summary = Summary("function-mutants", seconds, seed=seed, engine=engine.version)
    builder = _builder()
    modules = dict.fromkeys(module for names in builder.FUNCTIONS.values() for module in names)
    sources = {module: (builder.SOURCES / f"{module}.js").read_text("utf-8") for module in modules}
    known = explained(SURVIVORS)
    every = list(mutants(sources))
    for key in known.keys() - {mutant.key for mutant in every}:
        summary.fail(f"explained, but there is no such mutant any more: {key}")
    chosen = every if sample is None or sample >= len(every) else Random(seed).sample(every, sample)
    with tempfile.TemporaryDirectory(prefix="edgecors-mutants-") as name:
        directory = Path(name)
        chunks = _chunks(engine, builder, sources, directory, seed)
        for mutant in chosen:
            if summary.over:
                summary.counts["untried"] += 1
                continue
            summary.counts["mutants"] += 1
            if _is_killed(engine, builder, {**sources, mutant.module: mutant.text}, mutant.module, directory, chunks):
                summary.counts["killed"] += 1
            elif mutant.key in known:
                summary.counts["explained"] += 1
            else:
                summary.fail(f"survived: {mutant.key} (line {mutant.line})")
                print(summary.failures[-1], flush=True)  # It takes long: whoever waits may begin with these.
    return summary


def _chunks(
    engine: Engine, builder: ModuleType, sources: Mapping[str, str], directory: Path, seed: int
) -> Sequence[Chunk]:
    """All cases, those first that kill most."""
    every = functions.random_cases(seed, RANDOM_CASES)
    sizes = iter(CHUNKS)
    parts: list[list[functions.FunctionCase]] = []
    while every:
        size = next(sizes, LARGEST_CHUNK)
        parts.append(every[:size])
        every = every[size:]
    limits = functions.boundary_cases()
    parts += [limits[start : start + LARGEST_CHUNK] for start in range(0, len(limits), LARGEST_CHUNK)]
    paths = {function: _build(builder, sources, function, directory) for function in builder.FUNCTIONS}
    chunks = []
    for function, path in paths.items():
        inputs = [functions.lines_of([case for case in part if case.function == function]) for part in parts]
        inputs.insert(1, _broken(function))
        chunks += [(number, Chunk(function, lines, engine.run(path, lines))) for number, lines in enumerate(inputs)]
    return [chunk for _, chunk in sorted(chunks, key=lambda numbered: numbered[0])]


def _broken(function: str) -> list[Line]:
    """Events and stores that are not as they should be: a function must not fail there either."""
    origin: dict[str, Any] = {"origin": {"value": "https://app.example.com"}}
    preflight = {
        "method": "OPTIONS",
        "uri": "/",
        "headers": {**origin, "access-control-request-method": {"value": "PUT"}},
    }
    requests: list[Any] = [preflight, {"method": "GET", "uri": "/", "headers": origin}, {"method": "GET"}, {}, None]
    broken: tuple[Any, ...] = (None, {"origin": {}}, {"origin": None}, {"origin": {"value": "a", "multiValue": []}})
    requests += [{"method": "GET", "uri": "/", "headers": headers} for headers in broken]
    cors = {"value": "*"}
    response_headers: dict[str, Any] = {
        "Access-Control-Allow-Origin": cors,
        "xaccess-control-a": cors,
        "Timing-Allow-Origin": cors,
    }
    response_headers |= {"timing-allow-origins": cors, "x-timing-allow-origin": cors, "access-control": cors}
    responses: list[Any] = [{"statusCode": 200, "headers": response_headers}, {"statusCode": 200}, None]
    pointers = (
        "",
        "{",
        "null",
        "[]",
        '[1,1,"",[]]',
        '[1,1,"",null]',
        '[2,1,"",[[],0,[]]]',
        '[1,1,"x",1]',
        '[1,1,"x",0]',
    )
    keys = {f"{functions.SITE}/x/p0": "[[],0,[]]"}
    lines: list[Line] = []
    for pointer in pointers:
        lines.append({"keys": {**keys, f"{functions.SITE}/0": pointer, f"{functions.SITE}/1": pointers[-2]}})
        for request in requests:
            for response in responses if function == "viewer-response" else (None,):
                event: dict[str, Any] = {"context": {"distributionId": functions.SITE}, "request": request}
                lines.append({"event": {**event, "response": response} if response else event})
    return [*lines, {"event": {}}, {"event": {"context": None, "request": preflight, "response": responses[0]}}]


def _is_killed(
    engine: Engine,
    builder: ModuleType,
    sources: Mapping[str, str],
    module: str,
    directory: Path,
    chunks: Sequence[Chunk],
) -> bool:
    try:
        users = [function for function, names in builder.FUNCTIONS.items() if module in names]
        paths = {function: _build(builder, sources, function, directory) for function in users}
        return any(
            engine.run(paths[chunk.function], chunk.lines, SECONDS) != chunk.outputs
            for chunk in chunks
            if chunk.function in users
        )
    except (EngineError, OSError, ValueError, TimeoutError):
        return True


def _builder() -> ModuleType:
    path = functions.ROOT / "scripts" / "build_functions.py"
    spec = importlib.util.spec_from_file_location("build_functions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(builder: Any, sources: Mapping[str, str], function: str, directory: Path) -> Path:
    path = directory / f"{function}.js"
    path.write_text(builder.minify("".join(sources[module] for module in builder.FUNCTIONS[function])), "utf-8")
    return path

"""Small changes of the CloudFront Functions' sources, each of which the comparison with the edge function must notice.

A mutant is built and run in njs on a fixed set of cases; it is killed by the first answer that differs from the edge
function's, by a different number of reads, or by a script that does not run. Survivors are listed with their place.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from edgecors_local.javascript import Engine, EngineError, Output, find_engine

from harness import functions
from harness.summary import Summary

CASES = 3000
CHUNKS = (150, 600, CASES)
"""The first cases kill most mutants, so they run alone first."""
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


@dataclass(frozen=True)
class FunctionMutant:
    """One change: the module, the line, and the module's text with it."""

    module: str
    line: int
    about: str
    text: str


def mutants(sources: Mapping[str, str]) -> Iterator[FunctionMutant]:
    """All mutants, in the order of the sources."""
    for module, text in sources.items():
        code = _COMMENT.sub(lambda match: " " * len(match[0]), text)
        for pattern, replacement in _SWAPS:
            for match in re.finditer(pattern, code):
                changed = str(int(match[1]) + 1) if replacement == "NUMBER" else replacement
                line = text.count("\n", 0, match.start()) + 1
                about = f"{match[0]} -> {changed or 'nothing'}: {text.splitlines()[line - 1].strip()[:80]}"
                yield FunctionMutant(module, line, about, text[: match.start()] + changed + text[match.end() :])


def run(seed: int, seconds: float, sample: int | None, engine: Engine | None = None) -> Summary:
    """Run all mutants, or a sample of them."""
    engine = engine or find_engine("njs")
    if engine is None:
        raise EngineError("njs is missing: on Debian and Ubuntu, apt install njs")
    summary = Summary("function-mutants", seconds, seed=seed, engine=engine.name)
    builder = _builder()
    modules = dict.fromkeys(module for names in builder.FUNCTIONS.values() for module in names)
    sources = {module: (builder.SOURCES / f"{module}.js").read_text("utf-8") for module in modules}
    chosen = list(mutants(sources))
    if sample is not None and sample < len(chosen):
        chosen = Random(seed).sample(chosen, sample)
    cases = functions.cases(seed, CASES)
    with tempfile.TemporaryDirectory(prefix="edgecors-mutants-") as name:
        directory = Path(name)
        expected = {function: _build(builder, sources, function, directory) for function in builder.FUNCTIONS}
        baseline = {function: _outputs(engine, path, cases, function, CASES) for function, path in expected.items()}
        for mutant in chosen:
            if summary.over:
                break
            changed = {**sources, mutant.module: mutant.text}
            users = [function for function, names in builder.FUNCTIONS.items() if mutant.module in names]
            summary.counts["mutants"] += 1
            if any(_is_killed(engine, builder, changed, function, directory, cases, baseline) for function in users):
                summary.counts["killed"] += 1
            else:
                summary.fail(f"{mutant.module}.js:{mutant.line}: {mutant.about}")
    return summary


def _is_killed(
    engine: Engine,
    builder: ModuleType,
    sources: Mapping[str, str],
    function: str,
    directory: Path,
    cases: list[functions.FunctionCase],
    baseline: Mapping[str, list[Output]],
) -> bool:
    try:
        path = _build(builder, sources, function, directory)
        for size in CHUNKS:
            outputs = _outputs(engine, path, cases, function, size)
            if outputs != baseline[function][: len(outputs)]:
                return True
    except (EngineError, OSError, ValueError, TimeoutError):
        return True
    return False


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


def _outputs(engine: Engine, path: Path, cases: list[functions.FunctionCase], function: str, size: int) -> list[Output]:
    """The answers to the cases of one function among the first ``size``."""
    return engine.run(path, functions.lines_of([case for case in cases[:size] if case.function == function]), 60)

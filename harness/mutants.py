"""Mutation testing: each small change of the engine must be noticed, or explained in survivors.txt.

A mutant is one change of one expression or statement. Each runs in a process of its own, forked from one that has
imported everything but the library: first a thousand cases beside the oracle, which kill most, then the engine's tests.
"""

from __future__ import annotations

import ast
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from random import Random
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from harness.summary import Summary

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "layers" / "edgecors" / "edgecors"
SURVIVORS = Path(__file__).with_name("survivors.txt")
TARGETS = (
    *("origin", "allowlist", "document", "fields", "paths", "decision"),
    *("policy", "memory", "packing", "findings", "characters"),
)
SECONDS = 20
"""The most processor time that one mutant may take; one that loops is noticed too."""
CASES = 3000
BEST = {
    "origin": ("origin", "patterns"),
    "allowlist": ("allowlist", "policy", "policy_errors"),
    "document": ("document", "policy", "policy_errors", "grants"),
    "fields": ("fields", "policy", "policy_errors"),
    "paths": ("paths", "candidates"),
    "decision": ("decision", "candidates", "grants", "request_headers"),
    "policy": ("policy", "grants", "decision"),
    "memory": ("memory", "decision"),
    "packing": ("packing", "policy"),
    "findings": ("findings", "policy_errors"),
    "characters": ("origin", "request_headers"),
}
"""Each module's own tests, which run first."""
# What is not about the engine, starts an interpreter of its own, or needs a server.
ELSEWHERE = (
    "purity",
    "parameters",
    "signature",
    "store",
    "telemetry",
    "decorator",
    "powertools",
    "http",
    "credentials",
    "endpoints",
    "package",
    "typing",
)

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
METHODS = {
    "startswith": "endswith",
    "endswith": "startswith",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
    "partition": "rpartition",
    "rpartition": "partition",
    "lower": "upper",
    "upper": "lower",
    "find": "rfind",
    "append": "count",
    "issuperset": "issubset",
    "fullmatch": "match",
}
FUNCTIONS = {"any": "all", "all": "any", "max": "min", "min": "max"}
# Their arguments are sentences for people; how they are worded decides nothing.
SPEAKING = ("refuse", "repaired", "error", "Finding", "_skipped", "_unreadable", "ValueError", "PolicyError", "_shown")

DOCUMENTATION = {"Field": 3, "Objects": 1}
"""From which argument on a call is about descriptions and examples, which the tests of the documentation read."""


class Mutant(NamedTuple):
    """One change. `key` names it without a line number, so that it outlives edits elsewhere."""

    module: str
    key: str
    line: int
    path: tuple[int, ...]
    change: Callable[[Any], Any]

    def code(self) -> CodeType:
        """The changed module."""
        path = LIBRARY / f"{self.module}.py"
        return compile(_changed(ast.parse(path.read_text("utf-8")), self.path, self.change), str(path), "exec")


class _Sites(ast.NodeVisitor):
    """Finds what can be changed: pairs of a description and a function that makes the change in a tree like it."""

    def __init__(self) -> None:
        self.places: list[tuple[str, int, list[int], Callable[[Any], Any]]] = []
        self._names: list[str] = []
        self._path: list[int] = []
        self._silent = 0

    def walk(self, tree: ast.Module) -> None:
        """Visit every node, knowing the way to it."""
        self._step(tree)

    def _step(self, node: ast.AST) -> None:
        if self._is_for_types_only(node):
            return
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        if named:
            self._names.append(node.name)  # type: ignore[attr-defined]
        speaking = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SPEAKING
        table = isinstance(node, (ast.Assign, ast.AnnAssign)) and _target(node) in ("CODES", "REASONS", "__slots__")
        self._silent += speaking or table or isinstance(node, ast.JoinedStr)
        for description, change in changes(node):
            if not (self._silent and isinstance(node, ast.Constant) and isinstance(node.value, str)):
                key = f"{'.'.join(self._names) or '-'}: {description}"
                self.places.append((key, getattr(node, "lineno", 0), list(self._path), change))
        for number, (field, child) in enumerate(_children(node)):
            if field in ("annotation", "returns", "decorator_list", "type_params") or _is_docstring(node, child):
                continue
            if _is_documentation(node, child):
                continue
            self._path.append(number)
            self._step(child)
            self._path.pop()
        self._silent -= speaking or table or isinstance(node, ast.JoinedStr)
        if named:
            self._names.pop()

    @staticmethod
    def _is_for_types_only(node: ast.AST) -> bool:
        return (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING") or (
            isinstance(node, ast.Assign) and _target(node) == "TYPE_CHECKING"
        )


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else ""


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for field, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield field, item


def _is_docstring(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str)


def _is_documentation(parent: ast.AST, child: ast.AST) -> bool:
    name = parent.func.id if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) else ""
    return name in DOCUMENTATION and child in parent.args[DOCUMENTATION[name] :]  # type: ignore[attr-defined]


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """All that can be done to one node; each change returns the node that takes its place."""
    text = ast.unparse(node).split("\n")[0] if isinstance(node, (ast.expr, ast.stmt, ast.comprehension)) else ""
    text = text if len(text) <= 100 else text[:97] + "..."

    def says(what: str) -> str:
        return f"`{text}` -> {what}"

    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), ()):
                yield (
                    says(f"{other.__name__} at {number}"),
                    _compared(number, other),
                )
    elif isinstance(node, ast.BoolOp):
        other_word = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield says(other_word.__name__), _with(lambda n: setattr(n, "op", other_word()))
        for number in range(len(node.values)):
            yield says(f"without operand {number}"), _without("values", number)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield says("without not"), lambda n: n.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        swapped = OPERATORS[type(node.op)]
        yield says(swapped.__name__), _with(lambda n: setattr(n, "op", swapped()))
    elif isinstance(node, ast.Constant):
        yield from _constants(node, says)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield says("the condition negated"), _with(lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test)))
    elif isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            yield says(f"without its condition {number}"), _without("ifs", number)
    # `return False` is left out: as a condition None is the same, and its constant is changed anyway.
    elif isinstance(node, ast.Return) and not (node.value is None or isinstance(node.value, ast.Constant)):
        yield says("return None"), _with(lambda n: setattr(n, "value", ast.Constant(None)))
    elif isinstance(node, (ast.Continue, ast.Break, ast.Raise, ast.Delete, ast.AugAssign)) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Yield, ast.YieldFrom))
    ):
        yield says("removed"), lambda n: ast.Pass()
    elif isinstance(node, ast.Call):
        yield from _calls(node, says)


def _constants(node: ast.Constant, says: Callable[[str], str]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    value = node.value
    others: list[object] = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1]
    elif isinstance(value, str) and value.count(" ") < 3:  # a sentence for people decides nothing
        others = [value + "~", value[:-1]] if value else ["~"]
    for other in others:
        yield says(repr(other)), _replaced(other)


def _calls(node: ast.Call, says: Callable[[str], str]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        other = METHODS[node.func.attr]
        yield says(other), _with(lambda n: setattr(n.func, "attr", other))
    if isinstance(node.func, ast.Attribute) and node.func.attr in (
        "strip",
        "lower",
        "removesuffix",
        "removeprefix",
        "lstrip",
    ):
        yield says(f"without {node.func.attr}"), lambda n: n.func.value
    if isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        swapped = FUNCTIONS[node.func.id]
        yield says(swapped), _with(lambda n: setattr(n.func, "id", swapped))


def _with(act: Callable[[Any], object]) -> Callable[[Any], Any]:
    def change(node: Any) -> Any:
        act(node)
        if isinstance(node, ast.BoolOp) and len(node.values) == 1:
            return node.values[0]
        return node

    return change


def _compared(number: int, operator: type[ast.cmpop]) -> Callable[[Any], Any]:
    return _with(lambda node: node.ops.__setitem__(number, operator()))


def _without(field: str, number: int) -> Callable[[Any], Any]:
    return _with(lambda node: getattr(node, field).pop(number))


def _replaced(value: Any) -> Callable[[Any], Any]:
    return lambda node: ast.Constant(value)


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module of the engine."""
    tree = ast.parse((LIBRARY / f"{module}.py").read_text("utf-8"))
    sites = _Sites()
    sites.walk(tree)
    seen: Counter[str] = Counter()
    changed = []
    for description, line, path, change in sites.places:
        key = f"{module}.{description}"
        seen[key] += 1
        if seen[key] > 1:
            key += f" ({seen[key]})"
        changed.append(Mutant(module, key, line, tuple(path), change))
    return changed


def _changed(tree: ast.Module, path: tuple[int, ...], change: Callable[[Any], Any]) -> ast.Module:
    """The tree with the change made at the end of the path."""
    node: ast.AST = tree
    parent, place = node, 0
    for place in path:
        parent, node = node, list(_children(node))[place][1]
    changed = change(node)
    if changed is not node:
        for field, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, field, changed)
            elif isinstance(value, list):
                value[:] = [changed if item is node else item for item in value]
    return ast.fix_missing_locations(tree)


class _Replaced(MetaPathFinder, Loader):
    """Hands out one mutated module in the place of the real one."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)


def tests(module: str) -> tuple[list[str], list[str]]:
    """The test files that are about the engine: first those that know this module best."""
    first: list[str] = []
    others: list[str] = []
    for path in sorted((ROOT / "tests" / "unit").glob("test_*.py")):
        name = path.stem.removeprefix("test_")
        if not name.startswith(ELSEWHERE):
            (first if name.startswith(BEST[module]) else others).append(str(path))
    return first, others


def killed_by(mutant: Mutant) -> str:
    """What noticed the mutant: ``oracle``, ``tests``, ``time``; empty when nothing did. In a process of its own."""
    path = LIBRARY / f"{mutant.module}.py"
    code = mutant.code()
    child = os.fork()
    if child == 0:
        # os._exit: nothing of the parent's is to be flushed or cleaned up twice.
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            # Processor time: how busy the machine is decides nothing. The alarm is for one that waits.
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            signal.alarm(20 * SECONDS)
            sys.meta_path.insert(0, _Replaced(f"edgecors.{mutant.module}", path, code))
            os._exit(_judge(mutant.module))
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "time"
    return {0: "", 1: "oracle"}.get(os.WEXITSTATUS(status), "tests")


def _judge(module: str) -> int:
    from harness import grants

    if grants.run(7, CASES, 20 * SECONDS).failures:
        return 1
    import pytest

    # Generated cases were had above, and a list of a hundred thousand says nothing here.
    options = ["-q", "-x", "--assert=plain", "-p", "no:cacheprovider", "-m", "not hypothesis", "-k", "not thousand"]
    return 2 if any(pytest.main([*options, *files]) for files in tests(module) if files) else 0


def explained(path: Path = SURVIVORS) -> dict[str, str]:
    """The survivors that change nothing that anybody promised, each with the reason: a key a line, indented why."""
    reasons: dict[str, str] = {}
    key = ""
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        if line.startswith(" "):
            reasons[key] = f"{reasons[key]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            key = line
            reasons[key] = ""
    return reasons


def run(
    seed: int,
    seconds: float,
    modules: tuple[str, ...] = TARGETS,
    sample: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> Summary:
    """Try the mutants: all, or a sample; or one part of several, for as many processes."""
    # What every child would otherwise import again.
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401

    loaded = [name for name in sys.modules if name.partition(".")[0] in ("edgecors", "edgecors_cli")]
    if loaded:
        raise RuntimeError(f"the library is loaded already, mutants would not be seen: {loaded[0]}")
    summary = Summary("mutants", seconds, seed=seed, modules=",".join(modules))
    known = explained()
    chosen = [mutant for module in modules for mutant in mutants(module)][part[0] :: part[1]]
    if sample is not None:
        chosen = Random(seed).sample(chosen, min(sample, len(chosen)))
    for mutant in chosen:
        if summary.over:
            summary.counts["untried"] += 1
            continue
        summary.counts["mutants"] += 1
        killer = killed_by(mutant)
        if killer:
            summary.counts[f"killed_by_{killer}"] += 1
        elif mutant.key in known:
            summary.counts["explained"] += 1
        else:
            summary.fail(f"survived: {mutant.key} (line {mutant.line})")
            print(summary.failures[-1], flush=True)  # it takes long: whoever waits may begin with these
    if sample is None and part == (0, 1) and not summary.counts["untried"]:
        keys = {mutant.key for mutant in chosen}
        for key in known:
            if key not in keys and key.partition(".")[0] in modules:
                summary.fail(f"explained, but there is no such mutant any more: {key}")
    return summary

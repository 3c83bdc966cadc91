"""The engine does no I/O and the library needs nothing but the standard library's cheap part."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import edgecors
import pytest

LIBRARY = Path(edgecors.__file__).parent
ENGINE = (
    *("allowlist", "characters", "decision", "document", "fetch", "fields", "findings", "memory", "origin", "packing"),
    *("paths", "policy", "events/vary"),
)
IMPURE = {
    *("os", "time", "socket", "logging", "random", "secrets", "datetime", "io", "pathlib", "subprocess", "threading"),
    *("urllib", "http", "ssl", "select", "selectors", "asyncio", "tempfile", "shutil", "sys", "locale", "warnings"),
}
# The face for other people's handlers is the one module that may know another package, and only when it is asked for.
FOREIGN = {"powertools.py": {"aws_lambda_powertools"}}


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    """Everything below `if TYPE_CHECKING:`, which never runs."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(source: Path) -> Iterator[str]:
    """The absolute modules that a source imports anywhere, in functions too."""
    tree = ast.parse(source.read_text())
    never = type_checking_only(tree)
    for node in ast.walk(tree):
        if node in never:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_imports_nothing_that_reads_or_tells(module: str) -> None:
    used = {name.partition(".")[0] for name in imports(LIBRARY / f"{module}.py")}
    assert used & IMPURE == set()


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_calls_nothing_that_reads_or_tells(module: str) -> None:
    tree = ast.parse((LIBRARY / f"{module}.py").read_text())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "input", "exec", "eval", "compile", "__import__", "globals", "setattr"} == set()
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


def test_the_engine_s_modules_import_only_each_other() -> None:
    engine = {module.rpartition("/")[2] for module in ENGINE}
    for module in ENGINE:
        for node in ast.walk(ast.parse((LIBRARY / f"{module}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.module in engine, (module, node.module)


def test_the_library_imports_the_standard_library_only() -> None:
    for source in LIBRARY.rglob("*.py"):
        others = {name.partition(".")[0] for name in imports(source)} - sys.stdlib_module_names - {"edgecors"}
        assert others <= FOREIGN.get(source.name, set()), source


# Lambda's runtime client has these loaded before the handler's module is imported.
RUNTIME = "import json, re, logging, enum, random, os, sys, time, traceback, types, importlib, warnings"
EXPENSIVE = {
    *("dataclasses", "inspect", "typing", "http.client", "urllib.parse", "urllib.request", "ipaddress", "gzip", "ssl"),
    *("datetime", "asyncio", "email", "tempfile", "subprocess", "concurrent.futures", "difflib", "uuid", "decimal"),
    *("boto3", "botocore", "aws_lambda_powertools"),
}
DATA_PATH = """
import sys
sys.path.insert(0, sys.argv[1])
{runtime}
before = set(sys.modules)
import edgecors.edge, edgecors.store, edgecors.aws.parameters, edgecors.telemetry
from edgecors.decision import Request, decide
from edgecors.document import load_policy
text = '{{"rules": [{{"allow_origins": ["https://a.example", "https://*.b.example", "@l"], "paths": ["/*b", "/*"]}}]}}'
policy = load_policy(text, {{"l": "https://c.example http://[::1]:*"}})
for origin in ("https://a.example", "https://x.b.example", "http://[::1]:3000", "x", "null", None):
    decide(policy, Request("OPTIONS", "/%61/../b", "h:1", "https", origin, "GET", "x-a, x-b"))
    decide(policy, Request("GET", "/", "h", "https", origin))
print(*sorted(set(sys.modules) - before), sep="\\n")
"""


def loaded_by_the_data_path() -> set[str]:
    code = DATA_PATH.format(runtime=RUNTIME)
    command = [sys.executable, "-I", "-S", "-c", code, str(LIBRARY.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_the_data_path_loads_nothing_expensive_beside_the_runtime() -> None:
    loaded = loaded_by_the_data_path()
    assert {"edgecors.decision", "edgecors.edge", "edgecors.store"} <= loaded
    assert loaded & EXPENSIVE == set()


def test_the_data_path_s_modules_are_these() -> None:
    """A new one is a new cost of every cold start: add it here when it is worth that."""
    others = {name for name in loaded_by_the_data_path() if name.partition(".")[0] != "edgecors"}
    assert others <= {
        *("binascii", "hashlib", "_hashlib", "_blake2", "_sha2", "hmac", "socket", "_socket", "select", "selectors"),
        *("zlib", "array", "errno", "__future__"),
    }

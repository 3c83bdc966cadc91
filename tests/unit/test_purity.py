"""The structure: what may import what, what does no I/O, and where events are looked into."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import edgecors
import pytest
from edgecors import fetch

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
def test_engine_imports_nothing_that_does_io(module: str) -> None:
    used = {name.partition(".")[0] for name in imports(LIBRARY / f"{module}.py")}
    assert used & IMPURE == set()


@pytest.mark.parametrize("module", ENGINE)
def test_engine_calls_nothing_that_does_io(module: str) -> None:
    tree = ast.parse((LIBRARY / f"{module}.py").read_text())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "input", "exec", "eval", "compile", "__import__", "globals", "setattr"} == set()
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


def test_engine_imports_of_the_library_only_itself() -> None:
    engine = {module.rpartition("/")[2] for module in ENGINE}
    for module in ENGINE:
        for node in ast.walk(ast.parse((LIBRARY / f"{module}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.module in engine, (module, node.module)


def test_library_imports_the_standard_library_only() -> None:
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
REQUEST_PATH = """
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


def loaded_by_the_request_path() -> set[str]:
    code = REQUEST_PATH.format(runtime=RUNTIME)
    command = [sys.executable, "-I", "-S", "-c", code, str(LIBRARY.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_request_path_loads_no_slow_module() -> None:
    loaded = loaded_by_the_request_path()
    assert {"edgecors.decision", "edgecors.edge", "edgecors.store"} <= loaded
    assert loaded & EXPENSIVE == set()


def test_request_path_loads_these_modules_only() -> None:
    """A new one is a new cost of every cold start: add it here when it is worth that."""
    others = {name for name in loaded_by_the_request_path() if name.partition(".")[0] != "edgecors"}
    assert others <= {
        *(
            "binascii",
            "hashlib",
            "_hashlib",
            "_blake2",
            "_sha2",
            "hmac",
            "_hmac",
            "socket",
            "_socket",
            "select",
            "selectors",
        ),
        *("zlib", "array", "errno", "__future__"),
    }


ROOT = LIBRARY.parents[2]
PACKAGES = ("edgecors", "edgecors_admin", "edgecors_cli", "edgecors_local", "edgecors_guard", "tests")
TERMINAL = {"typer", "rich"}
# Each part with the packages of ours, and the terminal libraries, that it must not import.
FORBIDDEN = {
    "layers/edgecors": {"edgecors_admin", "edgecors_cli", "edgecors_local", "tests", *TERMINAL},
    "admin": {"edgecors_cli", "edgecors_local", "tests", *TERMINAL},
    "local": {"edgecors_cli", "tests", *TERMINAL},
    "cli": {"tests"},
    "functions": {"edgecors_cli", "edgecors_local", "tests", *TERMINAL},
    "harness": {"tests"},
    "bench": {"tests"},
}


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_run_downwards_only(part: str) -> None:
    sources = list((ROOT / part).rglob("*.py"))
    assert sources
    for source in sources:
        used = {name.partition(".")[0] for name in imports(source)}
        assert used & FORBIDDEN[part] == set(), source


def modules_of(package: Path) -> dict[str, set[str]]:
    """Each module of a package with the modules of the same package that it imports when it runs."""
    paths = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text())
        never = type_checking_only(tree)
        location = [package.name, *name.split("."), *(["__init__"] if path.name == "__init__.py" else [])]
        graph[name] = set()
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node in never:
                continue
            base = list(filter(None, location))[: -node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names if f"{module}.".startswith(f"{package.name}.") else ():
                inside = f"{module}.{alias.name}".partition(".")[2]
                graph[name].add(inside if inside in paths else module.partition(".")[2])
        graph[name] -= {name, ""}
    return graph


ALL_PACKAGES = (
    *("layers/edgecors/edgecors", "admin/edgecors_admin", "cli/edgecors_cli", "local/edgecors_local"),
    *("functions/guard/edgecors_guard", "harness", "bench"),
)


@pytest.mark.parametrize("package", ALL_PACKAGES)
def test_package_has_no_import_circle(package: str) -> None:
    remaining = modules_of(ROOT / package)
    assert any(remaining.values()), "no import was recognised"
    while remaining:
        leaves = {name for name, imported in remaining.items() if not imported & remaining.keys()}
        assert leaves, f"a circle among {sorted(remaining)}"
        remaining = {name: imported for name, imported in remaining.items() if name not in leaves}


def test_import_circle_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "edgecors_admin"
    (package / "importing").mkdir(parents=True)
    (package / "importing" / "__init__.py").write_text("from .live import x")
    (package / "importing" / "live.py").write_text("def f():\n    from edgecors_admin import files")
    (package / "files.py").write_text("from edgecors_admin.importing import x")
    assert modules_of(package) == {"importing": {"importing.live"}, "importing.live": {"files"}, "files": {"importing"}}


def test_policy_knows_nothing_of_decisions() -> None:
    assert not modules_of(LIBRARY)["policy"] & {"decision", "memory"}


def test_only_adapters_look_into_events() -> None:
    for source in LIBRARY.rglob("*.py"):
        if source.parent.name != "events":
            assert not any(mark in source.read_text() for mark in ("event[", "event.get(", '["Records"]')), source


def test_only_the_decision_puts_cors_headers_together() -> None:
    for source in LIBRARY.rglob("*.py"):
        if source.name != "decision.py":
            for node in ast.walk(ast.parse(source.read_text())):
                text = node.value if isinstance(node, ast.Constant) else None
                assert not (isinstance(text, str) and text.startswith("Access-Control-Allow-")), source


def test_class_name_of_a_module_is_used_once_in_the_repository() -> None:
    # Contenders of the bench are written as they would be on their own.
    contenders = ROOT / "bench" / "handlers"
    locations: dict[str, list[str]] = {}
    for part in ("layers", "admin", "cli", "local", "functions", "harness", "bench", "scripts", "deploy", "tests"):
        for source in (ROOT / part).rglob("*.py"):
            if contenders not in source.parents:
                for node in ast.parse(source.read_text("utf-8")).body:
                    if isinstance(node, ast.ClassDef):
                        locations.setdefault(node.name, []).append(f"{source.relative_to(ROOT)}:{node.lineno}")
    assert {name: used for name, used in locations.items() if len(used) > 1} == {}


ROOT = LIBRARY.parents[2]
FETCH_TABLES = {name: frozenset(table) for name, table in vars(fetch).items() if isinstance(table, frozenset)}


def literal_strings(node: ast.expr) -> frozenset[str]:
    """The strings of a literal tuple, list or set, also those of starred ones in it."""
    if isinstance(node, ast.Starred):
        return literal_strings(node.value)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return frozenset().union(*(literal_strings(element) for element in node.elts))
    return frozenset((node.value,)) if isinstance(node, ast.Constant) and isinstance(node.value, str) else frozenset()


def copied_tables(source: str) -> list[str]:
    """The tables of `edgecors.fetch` that a source writes out again."""
    literals = {literal_strings(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.expr)}
    return [name for name, table in FETCH_TABLES.items() if table in literals]


def test_fetch_tables_are_written_once() -> None:
    own = LIBRARY / "fetch.py"
    sources = [
        path for part in ("layers", "admin", "cli", "local", "functions") for path in (ROOT / part).rglob("*.py")
    ]
    copies = {str(path): names for path in sources if path != own and (names := copied_tables(path.read_text()))}
    assert copies == {}
    assert sorted(copied_tables(own.read_text())) == sorted(FETCH_TABLES)


TEXTS = {"why", "message", "summary", "remedy", "because", "fault", "meaning", "problem"}
READING = {
    "startswith",
    "endswith",
    "partition",
    "rpartition",
    "split",
    "removeprefix",
    "removesuffix",
    "find",
    "index",
}


def is_message(node: ast.expr) -> bool:
    """Whether an expression is the text of a message, as far as its name says, or of an error."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return [ast.unparse(argument) for argument in node.args] in (["error"], ["exception"])
    return (isinstance(node, ast.Attribute) and node.attr in TEXTS) or (isinstance(node, ast.Name) and node.id in TEXTS)


def reads_message(node: ast.AST) -> bool:
    """Whether a node looks for a text in a message."""
    if isinstance(node, ast.Compare):
        sides = zip(node.ops, node.comparators, strict=True)
        return isinstance(node.left, ast.Constant | ast.JoinedStr) and any(
            isinstance(operator, ast.In | ast.NotIn) and is_message(side) for operator, side in sides
        )
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READING
    return is_method and is_message(node.func.value)  # type: ignore[attr-defined]


def test_logic_does_not_depend_on_the_texts_of_messages() -> None:
    """They may change at any time, as SECURITY.md says: codes and types say what happened."""
    sources = [
        path for part in ("layers", "admin", "cli", "local", "functions") for path in (ROOT / part).rglob("*.py")
    ]
    readers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if reads_message(node)
    ]
    assert readers == []

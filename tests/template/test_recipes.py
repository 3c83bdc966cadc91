"""The recipes put into an artifact what belongs there, and the same sources give the same bytes."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.lambda_runtime import lambda_python
from tests.template.document import ROOT

LEFTOVERS = ("__pycache__/app.cpython-311.pyc", ".DS_Store", "app.py~", "tests/test_app.py", "stale.pyc")
LIBRARY = ROOT / "layers" / "edgecors" / "edgecors"
DATA_AT_THE_EDGE = {"roots.pem"}


def imports(source: Path) -> Iterator[str]:
    """The modules of the library that a source imports anywhere, as paths without a suffix; not for types alone."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    inside = source.is_relative_to(LIBRARY)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            package = source.parents[node.level - 1].relative_to(LIBRARY) if node.level and inside else Path()
            parts = (node.module or "").split(".") if node.module else []
            if not node.level and (not parts or parts.pop(0) != "edgecors"):
                continue
            base = package.joinpath(*parts)
            yield from (str(base), *(str(base / alias.name) for alias in node.names))
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from ("/".join(name[1:]) for name in names if name[0] == "edgecors")


def needed_by(source: Path) -> set[str]:
    """The library's files that a source imports, and those that these import."""
    needed: set[str] = set()
    waiting = [source]
    while waiting:
        for name in imports(waiting.pop()):
            path = Path(name)
            for candidate in (*(parent / "__init__.py" for parent in (path, *path.parents)), path.with_suffix(".py")):
                if str(candidate) not in needed and (LIBRARY / candidate).is_file():
                    needed.add(str(candidate))
                    waiting.append(LIBRARY / candidate)
    return needed


@pytest.fixture(params=["project", "a project"], ids=["plain path", "path with a blank"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what the recipes read, with what running, testing and editing leave behind."""
    root = tmp_path / str(request.param)
    clean = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("functions", "layers", "scripts"):
        shutil.copytree(ROOT / name, root / name, ignore=clean)
    for directory in (root / "functions" / "edge", root / "layers" / "edgecors" / "edgecors"):
        for leftover in LEFTOVERS:
            (directory / leftover).parent.mkdir(exist_ok=True)
            (directory / leftover).write_bytes(b"left behind")
    return root


def build(root: Path, target: str) -> Path:
    """Runs a recipe as `sam build` does: from a directory of its own, with the artifact's place in a variable."""
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    artifact = root / ".aws-sam" / "build" / target
    artifact.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--makefile", str(root / "functions" / "Makefile"), f"build-{target}"],
        cwd=scratch,
        env={**environment, "ARTIFACTS_DIR": str(artifact), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return artifact


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def sources(directory: Path) -> set[str]:
    """What is written there by people, as the repository has it."""
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def without_bytecode(names: set[str]) -> set[str]:
    """Bytecode is made where Lambda's own interpreter is at hand, and for that one only."""
    compiled = {name for name in names if "__pycache__" in name}
    assert all(name.endswith(".cpython-313.pyc") for name in compiled)
    return names - compiled


def unbundled(files: Mapping[str, bytes]) -> set[str]:
    """The names of an edge artifact's files. With Lambda's interpreter at hand an archive holds the sources."""
    archive = files.get("edgecors/sources.zip")
    if archive is None:
        return set(files)
    with zipfile.ZipFile(io.BytesIO(archive)) as sources:
        inside = {f"edgecors/{name}" for name in sources.namelist()}
    return files.keys() - {"edgecors/sources.zip"} | inside


def test_edge(project: Path) -> None:
    files = contents(build(project, "EdgeFunction"))
    library = needed_by(ROOT / "functions" / "edge" / "app.py") | DATA_AT_THE_EDGE
    assert without_bytecode(unbundled(files)) == {"app.py", *(f"edgecors/{name}" for name in library)}
    assert [name for name, data in files.items() if str(project).encode() in data] == []
    assert sum(map(len, files.values())) < 1024 * 1024, "viewer triggers once took 1 MB at most, and still may"


def test_edge_starts_with_nothing_else_on_the_path(project: Path) -> None:
    artifact = build(project, "EdgeFunction")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import app; app.viewer_handler, app.origin_handler"
    environment = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    command = [str(lambda_python()), "-I", "-S", "-B", "-c", program, str(artifact)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_layer(project: Path) -> None:
    files = contents(build(project, "CorsLayer"))
    library = sources(ROOT / "layers" / "edgecors" / "edgecors")
    assert without_bytecode(set(files)) == {f"python/edgecors/{name}" for name in library}


@pytest.mark.parametrize("target", ["EdgeFunction", "CorsLayer"])
def test_same_sources_same_bytes(target: str, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(project, other)
    for path in other.rglob("*"):
        # A clone has other times, and another umask other modes.
        os.utime(path)
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
    first, second = build(project, target), build(other, target)
    assert digest(first) == digest(second)


def digest(artifact: Path) -> str:
    """Of names, modes, times and contents: what a zip file has of them."""
    whole = hashlib.sha256()
    for path in sorted(artifact.rglob("*")):
        about = path.stat()
        whole.update(f"{path.relative_to(artifact)} {about.st_mode:o} {about.st_mtime}\n".encode())
        if path.is_file():
            whole.update(path.read_bytes())
    return whole.hexdigest()

"""The public names of the package, and the modules that importing it loads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import edgecors
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_public_names_can_be_imported() -> None:
    assert sorted(edgecors.__all__) == list(edgecors.__all__)
    for name in edgecors.__all__:
        assert getattr(edgecors, name).__name__ == name
        assert name in dir(edgecors)


def test_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'edgecors' has no attribute 'cor'"):
        edgecors.cor  # noqa: B018 - the look-up is the test


def imported_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_no_module() -> None:
    assert {name for name in imported_by("import edgecors") if name.startswith("edgecors.")} == set()


def test_edge_does_not_import_the_decorator() -> None:
    loaded = imported_by("import edgecors.edge, edgecors.store, edgecors.telemetry")
    decorator_modules = {
        "decorator",
        "powertools",
        "testing",
        "events.http_event",
        "events.api_gateway_v1",
        "events.api_gateway_v2",
        "events.message",
        "events.alb",
    }
    assert loaded.isdisjoint(f"edgecors.{name}" for name in decorator_modules)


@pytest.mark.parametrize("name", ["typing", "dataclasses", "urllib.parse", "http.client", "ssl", "boto3"])
def test_decorator_imports_no_slow_module(name: str) -> None:
    # Modules that the interpreter loads at its start don't count (an editable install may load some).
    if name not in imported_by("pass"):
        assert name not in imported_by("from edgecors import cors")


def test_powertools_module_does_not_import_powertools() -> None:
    assert "aws_lambda_powertools" not in imported_by("import edgecors.powertools")


def test_wheel_contains_the_files_of_the_local_pages(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    for name in ("admin", "cli", "layers", "local"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, sources)
    program = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=sources, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    package = sources / "local" / "edgecors_local"
    files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*.*") if path.is_file()}
    assert {
        "edgecors_local/ui/page.js",
        "edgecors_local/web/style.css",
        "edgecors_local/playground/cases.json",
    } <= files
    assert files - packed == set()

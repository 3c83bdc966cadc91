"""What the package shows, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import edgecors
import pytest


def test_all_that_is_promised_can_be_imported() -> None:
    assert sorted(edgecors.__all__) == list(edgecors.__all__)
    for name in edgecors.__all__:
        assert getattr(edgecors, name).__name__ == name
        assert name in dir(edgecors)


def test_nothing_else_can() -> None:
    with pytest.raises(AttributeError, match="module 'edgecors' has no attribute 'cor'"):
        edgecors.cor  # noqa: B018 - the look-up is the test


def imported_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_imports_nothing() -> None:
    assert {name for name in imported_by("import edgecors") if name.startswith("edgecors.")} == set()


def test_the_edge_does_not_import_the_layers_face() -> None:
    loaded = imported_by("import edgecors.edge, edgecors.store, edgecors.telemetry")
    face = {
        "decorator",
        "powertools",
        "testing",
        "events.http_event",
        "events.api_gateway_v1",
        "events.http",
        "events.alb",
    }
    assert loaded.isdisjoint(f"edgecors.{name}" for name in face)


@pytest.mark.parametrize("name", ["typing", "dataclasses", "urllib.parse", "http.client", "ssl", "boto3"])
def test_the_decorator_does_without_what_is_slow_to_import(name: str) -> None:
    # What the interpreter loads by itself (an editable install may) is not the decorator's.
    if name not in imported_by("pass"):
        assert name not in imported_by("from edgecors import cors")


def test_the_face_for_powertools_does_not_import_it() -> None:
    assert "aws_lambda_powertools" not in imported_by("import edgecors.powertools")

"""The registry of finding codes is complete, and its codes are stable words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from edgecors_admin.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("layers/edgecors/edgecors", "admin/edgecors_admin", "functions/guard")
    for path in (ROOT / folder).rglob("*.py")
)


def reported(source: Path) -> Iterator[str]:
    """The literal codes of the findings that a module makes: ``Finding(SEVERITY, "code", ...)``."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and len(node.args) > 1:
            code = node.args[1]
            if isinstance(code, ast.Constant):
                yield str(code.value)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_codes_reported_by_a_module_are_registered(source: Path) -> None:
    assert set(reported(source)) <= set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_codes_entry_is_a_word_with_a_meaning(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert len(CODES[code]) > 10
    assert not CODES[code].endswith(".")

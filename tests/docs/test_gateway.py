"""docs/gateway.md against the gateway's sources."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.markdown import by_first, read, section

TEXT = read("gateway.md")
SOURCES = sorted((Path(__file__).parents[2] / "functions" / "gateway").glob("*.py"))


def test_every_environment_variable_is_documented() -> None:
    used = {name for source in SOURCES for name in re.findall(r'"(EDGECORS_\w+)"', source.read_text("utf-8"))}
    # The library reads the root.
    assert set(by_first(section(TEXT, "Environment variables"))) == used | {"EDGECORS_ROOT"}


def test_every_error_status_is_documented() -> None:
    raised = {status for source in SOURCES for status in re.findall(r"Problem\((\d{3}),", source.read_text("utf-8"))}
    assert set(re.findall(r"^\| (\d{3}) \|", section(TEXT, "Errors"), re.MULTILINE)) == raised

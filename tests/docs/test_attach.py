"""docs/attach.md against the checks."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import edgecors_admin.attach
import edgecors_admin.attach_api
import pytest

from tests.docs.markdown import by_first, read, section

TEXT = read("attach.md")


@pytest.mark.parametrize(
    ("module", "title"),
    [(edgecors_admin.attach, "What is checked"), (edgecors_admin.attach_api, "An API or a function URL")],
)
def test_every_check_is_documented(module: ModuleType, title: str) -> None:
    source = Path(str(module.__file__)).read_text("utf-8")
    raised = re.findall(r'Check\(\s*(ERROR|WARNING),\s*"([a-z-]+)"', source)
    documented = {code: cells[0] for code, cells in by_first(section(TEXT, title)).items()}
    assert {code: set(severities.split(", ")) for code, severities in documented.items()} == {
        code: {severity.lower() for severity, other in raised if other == code} for _, code in raised
    }

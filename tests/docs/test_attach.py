"""docs/attach.md against the checks."""

from __future__ import annotations

import re
from pathlib import Path

import edgecors_admin.attach

from tests.docs.markdown import by_first, read, section

TEXT = read("attach.md")


def test_every_check_is_documented() -> None:
    source = Path(edgecors_admin.attach.__file__).read_text("utf-8")
    raised = re.findall(r'Check\(\s*(ERROR|WARNING),\s*"([a-z-]+)"', source)
    documented = {code: cells[0] for code, cells in by_first(section(TEXT, "What is checked")).items()}
    assert {code: set(severities.split(", ")) for code, severities in documented.items()} == {
        code: {severity.lower() for severity, other in raised if other == code} for _, code in raised
    }

"""``docs/import.md`` names every format and every permission."""

from __future__ import annotations

import re
from pathlib import Path

from edgecors_admin.importing import FORMATS
from edgecors_admin.importing.account import SERVICES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "import.md").read_text("utf-8")


def test_page_lists_every_format() -> None:
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) == set(FORMATS)


def test_page_lists_every_permission_of_from_aws() -> None:
    assert set(re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", PAGE)) == {action for s in SERVICES for action in s.actions}

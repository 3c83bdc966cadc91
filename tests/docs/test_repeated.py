"""What several pages and messages repeat is the same everywhere, and what the code does."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest
from edgecors.fields import SITE_FIELDS
from edgecors.paths import MAX_READINGS, MAX_READINGS_LENGTH
from edgecors.store import OVERDUE

ROOT: Final = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> dict[str, str]:
    """The repository's files that match, by path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    paths = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {path: " ".join((ROOT / path).read_text("utf-8").split()) for path in paths if (ROOT / path).exists()}


PAGES: Final = {path: text for path, text in tracked("*.md").items() if path != "CHANGELOG.md"}


@pytest.mark.parametrize("path", ["docs/security.md", "docs/decisions.md"])
def test_page_names_the_bounds_of_an_ambiguous_path(path: str) -> None:
    assert f"{MAX_READINGS} readings" in PAGES[path]
    assert f"{MAX_READINGS_LENGTH:,} characters" in PAGES[path]


@pytest.mark.parametrize("path", PAGES)
def test_page_promises_no_change_earlier_than_the_store_does(path: str) -> None:
    # A container that reads slowly, or was frozen, sees a change only in its second refresh time.
    assert (
        re.findall(r"within `refresh_seconds`|within (?:one|a|its|their) refresh time|counts? at once", PAGES[path])
        == []
    )
    assert re.findall(r"counts? within (?:a|one) minute|`refresh_seconds` later", PAGES[path]) == []


@pytest.mark.parametrize("path", ["docs/functions.md", "docs/operations.md", "docs/security.md"])
def test_page_says_when_a_change_counts(path: str) -> None:
    assert "within two refresh times" in PAGES[path]
    (seconds,) = (field.default for field in SITE_FIELDS if field.name == "refresh_seconds")
    assert f"{OVERDUE * seconds // 60} minutes by default" in PAGES[path]


@pytest.mark.parametrize("path", [path for path, text in PAGES.items() if "--root /edgecors-" in text])
def test_page_that_advises_another_root_says_that_the_edge_has_none(path: str) -> None:
    # tests/template holds that the template refuses another root at the edge.
    assert "edge functions and CloudFront Functions read `/edgecors` only" in PAGES[path]


INSTALLED: Final = re.compile(r"pip install (?:-\S+ )*(['\"]?)([^\s'\"`]+)\1")


def test_every_install_command_of_edgecors_works_in_a_checkout() -> None:
    """The package is in no registry: `pip install edgecors` would install what somebody else puts there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    texts = PAGES | tracked("admin/*.py", "cli/*.py", "local/*.py", "functions/*.py")
    targets = {
        (path, target)
        for path, text in texts.items()
        for _, target in INSTALLED.findall(text)
        if "edgecors" in target or target[0] == "."
    }
    assert {target for _, target in targets} >= {".", ".[cli]", ".[local]", ".[terraform]"}
    known = {".", "./deploy/cdk", *(f".[{name}]" for name in extras)}
    assert [(path, target) for path, target in targets if target not in known] == []


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_page_that_says_what_make_needs_names_the_minifier_of_macos(path: str) -> None:
    message = (ROOT / "scripts" / "build_functions.py").read_text("utf-8")
    (command,) = re.findall(r"brew install [\w-]+", message)
    assert command in (ROOT / path).read_text("utf-8")

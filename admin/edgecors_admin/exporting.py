"""Policies of Parameter Store as files that ``plan`` and ``apply`` read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecors.document import is_json

from edgecors_admin.errors import UsageError
from edgecors_admin.plan import is_rejected, same
from edgecors_admin.policy_files import formatted, read_single, read_text

NOBODY_LINE = "# nobody is allowed\n"
"""The file of a value without entries: an empty file is more likely a mistake, and is refused."""


@dataclass(frozen=True)
class ExportedFile:
    """One file to write.

    Attributes:
        path: Where its text belongs; an existing file that says the same, whatever its ending and layout.
        text: Its content; None for a file that stays as it is.
        replaced: Existing files that say something else: the file itself, and others of the same name.
    """

    path: Path
    text: str | None
    replaced: tuple[Path, ...] = ()


def export_file(directory: Path, name: str, stored: str, existing: Sequence[Path]) -> ExportedFile:
    """The file for a site or list.

    Args:
        directory: Where it is written; a directory called ``sites`` holds policies, others hold lists.
        name: The site's or list's name.
        stored: The value, unpacked.
        existing: The files of that name in the directory.

    Raises:
        UsageError: No file can hold the value.
    """
    ending, text = _content(directory, name, stored)
    same_files = [file for file in existing if _says(file, stored)]
    path = same_files[0] if same_files else directory / f"{name}{ending}"
    replaced = tuple(file for file in existing if file != path or not same_files)
    return ExportedFile(path, None if same_files else text, replaced)


def export_bundle(sites: Mapping[str, str], lists: Mapping[str, str]) -> dict[str, object]:
    """All sites and lists as one JSON document."""
    return {
        "sites": {name: _value(text) for name, text in sites.items()},
        "lists": {name: _entries(text) for name, text in lists.items()},
    }


def _content(directory: Path, name: str, stored: str) -> tuple[str, str]:
    """The ending and text of a file: the first form that can be read as what it is meant to be."""
    problem = UsageError("")
    for ending, text in _forms(stored):
        try:
            read_single(text, directory / f"{name}{ending}")
        except UsageError as error:
            problem = error
        else:
            return ending, text
    raise problem


def _forms(stored: str) -> Iterator[tuple[str, str]]:
    if is_json(stored):
        yield ".json", _document(stored)
        return
    entries = _entries(stored)
    yield ".txt", "\n".join(entries) + "\n" if entries else NOBODY_LINE
    if is_rejected(stored):
        yield ".yaml", stored + "\n"  # somebody wrote YAML to Parameter Store, which has to be JSON there
    yield ".txt", ",".join(entries) + "\n"  # an entry such as `x:` on a line of its own looks like YAML


def _document(stored: str) -> str:
    """A JSON document on several lines; a rejected one stays what it is."""
    return stored if "\n" in stored.strip() or is_rejected(stored) else formatted(json.loads(stored)) + "\n"


def _says(file: Path, stored: str) -> bool:
    """Whether an existing file holds the stored value."""
    try:
        return same(read_single(read_text(str(file)), file), stored)
    except UsageError:
        return False


def _value(text: str) -> object:
    """A policy as a value of a bundle; a rejected document stays text, and so what it is."""
    if not is_json(text):
        return _entries(text)
    return text if is_rejected(text) else json.loads(text)


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").split()

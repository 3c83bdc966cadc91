"""Files that commands write. ``-`` is standard output, as it is standard input for commands that read."""

from __future__ import annotations

from pathlib import Path

from edgecors_admin.errors import UsageError

STDOUT = "-"


def write_file(file: Path, text: str) -> None:
    """Write a file and the directories above it. Raises `UsageError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be written: {getattr(error, 'strerror', None) or error}.") from None

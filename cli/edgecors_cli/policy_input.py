"""Policies that a command reads from files or from Parameter Store."""

from __future__ import annotations

import os
from collections.abc import Iterable

from edgecors_admin.errors import UsageError
from edgecors_admin.policy_files import ENDINGS, PolicyFiles
from edgecors_admin.sites import names_of_lists

from edgecors_cli.context import Context


def names_file(source: str) -> bool:
    """Whether an argument names a file, a directory or standard input (``-``), rather than a site or list.

    Raises:
        UsageError: it can only be a file, and there is no such file.
    """
    if source == "-":
        return True
    is_path = not source.startswith("@") and ("/" in source or source.endswith(ENDINGS))
    try:
        os.stat(source)
    except (FileNotFoundError, NotADirectoryError):
        if is_path:
            raise UsageError(f"There is no file {source}.") from None
        return False
    except (OSError, ValueError):
        return is_path  # its reader says what is wrong with it
    return True


def lists_of(context: Context, files: PolicyFiles, policies: Iterable[str]) -> dict[str, str | None]:
    """The lists of files, and from Parameter Store those that only the policies name (None: there is no such list)."""
    names = dict.fromkeys(name for text in policies for name in names_of_lists(text))
    stored = tuple(name for name in names if name not in files.lists)
    return {**(context.parameters.get_lists(stored) if stored else {}), **files.lists}

"""The entry point of ``edgecors``. It imports nothing that the package without extras does not bring."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper

REQUIRED = ("boto3", "idna", "publicsuffixlist", "rich", "typer", "yaml")
"""Packages of the extra ``cli``."""


def main() -> None:
    """Run the command, or say what to install."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        print(
            f"The edgecors command needs packages that are not installed ({', '.join(missing)}).\n"
            "Install edgecors with its extra `cli`: pip install '.[cli]' in a checkout of edgecors.",
            file=sys.stderr,
        )
        sys.exit(2)
    from edgecors_cli.app import app

    if isinstance(sys.stdout, TextIOWrapper):
        # Where the encoding is not UTF-8, a character that it lacks is written as an escape, as on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    app()

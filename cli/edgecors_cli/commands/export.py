"""``edgecors export``: what is in Parameter Store, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from edgecors.document import is_json
from edgecors_admin.errors import UsageError
from edgecors_admin.plan import same
from rich.console import Console

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import as_json, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors export policies/", "edgecors export - > all.json"]
    command(app, "export", rich_help_panel="Policy as code", examples=examples)(export)


def export(
    context: Context,
    directory: Annotated[
        str,
        typer.Argument(metavar="DIRECTORY|-", help="Where sites/ and lists/ are written. -: one JSON file on stdout."),
    ],
    yes: Yes = False,
) -> None:
    """Write all sites and lists to files that `plan` and `apply` read, packed values unpacked."""
    sites = {name: stored.text for name, stored in context.parameters.below("sites").items()}
    lists = {name: stored.text for name, stored in context.parameters.below("lists").items()}
    if directory == "-":
        as_json(
            {"sites": {n: _value(t) for n, t in sites.items()}, "lists": {n: _entries(t) for n, t in lists.items()}}
        )
        return
    files = {
        Path("sites", f"{name}{'.json' if is_json(text) else '.txt'}"): _file(text) for name, text in sites.items()
    }
    files |= {Path("lists", f"{name}.txt"): _file(text) for name, text in lists.items()}
    root = Path(directory)
    _write(context, root, files, yes)
    written = [str(root / path) for path in files]

    def say(out: Console) -> None:
        line(out, ("written: ", "bold green"), f"{len(sites)} sites and {len(lists)} lists below {directory}")

    context.answer({"files": written}, say)


def _write(context: Context, root: Path, files: dict[Path, str], yes: bool) -> None:
    try:
        changed = [
            p for p, text in files.items() if (root / p).exists() and not same((root / p).read_text("utf-8"), text)
        ]
        if changed:
            names = ", ".join(str(root / path) for path in changed[:5])
            context.confirm(f"Overwrite {len(changed)} files that say something else ({names})?", yes=yes)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{directory_name(root)} can't be written: {error}.") from None


def directory_name(root: Path) -> str:
    """The directory as it is called in messages."""
    return str(root)


def _value(text: str) -> object:
    """A policy as a value of a bundle; a document that is not valid JSON stays text."""
    if not is_json(text):
        return _entries(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _file(text: str) -> str:
    """A JSON document as it is, on several lines; a plain list with one entry a line."""
    if not is_json(text):
        return "\n".join(_entries(text)) + "\n"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if "\n" in text.strip() else json.dumps(data, indent=2, ensure_ascii=False) + "\n"

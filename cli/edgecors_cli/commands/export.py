"""``edgecors export``: what is in Parameter Store, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from edgecors_admin.errors import UsageError
from edgecors_admin.exporting import ExportedFile, export_bundle, export_file
from edgecors_admin.parameter_store import Kind
from edgecors_admin.policy_files import files_by_name
from rich.console import Console

from edgecors_cli.context import Context, Yes, command
from edgecors_cli.output_file import STDOUT, write_file
from edgecors_cli.render import as_json, line

KINDS: tuple[Kind, ...] = ("sites", "lists")


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
    """Write all sites and lists to files that `plan` and `apply` read, packed values unpacked.

    A file that says the same as Parameter Store stays as it is.
    """
    if not directory:
        raise UsageError("The name of the directory is empty.")
    texts: dict[str, dict[str, str]] = {}
    reasons: list[str] = []
    for kind in KINDS:
        stored, unreadable = context.parameters.below(kind)
        texts[kind] = {name: parameter.text for name, parameter in stored.items()}
        reasons += [parameter.reason for parameter in unreadable.values()]
    if directory == STDOUT:
        as_json(export_bundle(texts["sites"], texts["lists"]))
        context.report_unreadable(reasons)
        return
    files: list[ExportedFile] = []
    problems: list[str] = []
    for folder, values in texts.items():
        existing = files_by_name(Path(directory, folder))
        for name, text in values.items():
            try:
                files.append(export_file(Path(directory, folder), name, text, existing.get(name, ())))
            except UsageError as error:
                problems.append(str(error))
    _write(context, files, yes)

    def say(out: Console) -> None:
        counts = [sum(file.path.parent.name == kind for file in files) for kind in texts]
        line(out, ("written: ", "bold green"), f"{counts[0]} sites and {counts[1]} lists below {directory}")
        for problem in problems:
            line(out, ("not exported: ", "bold red"), problem)

    context.answer({"files": [str(file.path) for file in files], "not_exported": [*problems, *reasons]}, say)
    context.fail_if(problems)
    context.report_unreadable(reasons)


def _write(context: Context, files: list[ExportedFile], yes: bool) -> None:
    replaced = [path for file in files for path in file.replaced]
    if replaced:
        names = ", ".join(map(str, replaced[:5]))
        which = "1 file that says" if len(replaced) == 1 else f"{len(replaced)} files that say"
        context.confirm(f"Replace {which} something else ({names})?", yes=yes)
    for file in files:
        if file.text is not None:
            write_file(file.path, file.text)
        for path in file.replaced:
            if path != file.path:
                _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"{path} can't be removed: {error.strerror}.") from None

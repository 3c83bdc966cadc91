"""``history``, ``diff`` and ``rollback``: what was, and bringing it back."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from edgecors_admin.access import Difference, compare
from edgecors_admin.conditional_write import replace
from edgecors_admin.errors import CommandError
from edgecors_admin.lint import has_errors, lint, lint_list
from edgecors_admin.parameter_store import Stored
from edgecors_admin.sites import names_of_lists
from rich.console import Console

from edgecors_cli.commands.arguments import Target, checked_target
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, findings, line, table, text_difference, text_difference_lines

Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="As edgecors history shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "history")(history)
    command(app, "diff")(diff)
    command(app, "rollback")(rollback)


def history(context: Context, target: Target) -> None:
    """The versions that Parameter Store keeps, with what each changed."""
    versions = _history(context, target)
    rows = []
    for stored in versions:
        before = next((v for v in versions if v.version == stored.version - 1), None)
        lines = text_difference_lines(before.text if before is not None else "", stored.text)
        added = sum(text.startswith("+") for text in lines)
        removed = sum(text.startswith("-") for text in lines)
        known = before is not None or stored.version == 1
        rows.append(
            {
                "version": stored.version,
                "modified": stored.modified.isoformat(timespec="seconds") if stored.modified is not None else None,
                "user": stored.user,
                "labels": list(stored.labels),
                "added_lines": added if known else None,
                "removed_lines": removed if known else None,
                "errors": has_errors(_problems(context, target, stored.text)),
            }
        )

    def say(out: Console) -> None:
        head = ("VERSION", "WHEN", "CHANGE", "BY", "")
        table(out, head, [(r["version"], r["modified"], _change_word(r), _who(r["user"]), _notes(r)) for r in rows])

    context.answer(rows, say)


def _change_word(row: dict[str, Any]) -> str:
    return "?" if row["added_lines"] is None else f"+{row['added_lines']} -{row['removed_lines']}"


def _who(arn: object) -> str:
    """The end of an ARN: the user or the role and its session."""
    return str(arn).rpartition(":")[2]


def _notes(row: dict[str, Any]) -> str:
    return ", ".join([*(["rejected"] if row["errors"] else []), *row["labels"]])


def diff(
    context: Context,
    target: Target,
    first: Annotated[int, typer.Argument(metavar="V1", min=1)],
    second: Annotated[int | None, typer.Argument(metavar="V2", min=1, help="Without it: the newest.")] = None,
) -> None:
    """What changed between two versions: who gained, who lost, and the text. Lists count as they are now."""
    old = _version(context, target, first)
    new = _version(context, target, second)
    found = _compare(context, target, old.text, new.text)
    data = {
        "from": old.version,
        "to": new.version,
        "access": found.as_dict() if found is not None else None,
        "text": text_difference_lines(old.text, new.text),
    }

    def say(out: Console) -> None:
        line(out, (f"{target}, version {old.version} to {new.version}", "bold"))
        if old.text == new.text:
            line(out, "no difference")
        if found is not None:
            difference(out, found)
        if old.text != new.text:
            out.print()
        text_difference(out, old.text, new.text)

    context.answer(data, say)


def rollback(context: Context, target: Target, version: Version, yes: Yes = False) -> None:
    """Write an older version again, as a new one."""
    name = context.parameters.name_of(checked_target(target))
    wanted = _version(context, target, version)
    now = context.parameters.get(name)
    if now is not None and now.value == wanted.value:
        context.answer(
            {"parameter": name, "written": False, "version": now.version},
            lambda out: line(out, f"Version {now.version} is the same as version {version}: nothing to do."),
        )
        return
    text = now.text if now is not None else ""
    found = _compare(context, target, text, wanted.text)
    problems = _problems(context, target, wanted.text)
    if found is not None:
        difference(context.out, found)
    text_difference(context.out, text, wanted.text)
    if has_errors(problems):
        findings(context.out, problems)
        raise CommandError(f"Version {version} is rejected: writing it would help nobody. Nothing was written.")
    context.confirm(f"Write version {version} again?", yes=yes)
    written = replace(context.parameters, name, wanted.text, now, wanted.type)
    context.answer(
        {"parameter": name, "written": True, "version": written.version, "same_as": version},
        lambda out: line(out, ("written: ", "bold green"), f"{name} version {written.version}, same as {version}"),
    )


def _history(context: Context, target: str) -> list[Stored]:
    versions = context.parameters.history(context.parameters.name_of(checked_target(target)))
    if not versions:
        raise CommandError(f"There is no {target} ({context.parameters.name_of(target)}).")
    return versions


def _version(context: Context, target: str, version: int | None) -> Stored:
    found = context.parameters.get(context.parameters.name_of(checked_target(target)), version)
    if found is None:
        what = f"version {version} of {target}" if version is not None else target
        raise CommandError(f"There is no {what}. Those that there are: edgecors history {target}")
    return found


def _compare(context: Context, target: str, old: str, new: str) -> Difference | None:
    """None for a list: who gains and loses by it depends on the sites that use it."""
    if target.startswith("@"):
        return None
    lists = context.parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(old), *names_of_lists(new)))))
    return compare(old, new, lists, lists)


def _problems(context: Context, target: str, text: str) -> list[Any]:
    if target.startswith("@"):
        return list(lint_list(target[1:], text))
    return list(lint(text, {}))

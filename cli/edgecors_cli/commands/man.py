"""``edgecors man``: the manual page, made from the commands' own help."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib.metadata import version
from typing import Any

import typer
from typer.main import get_command

from edgecors_cli.context import COMMON_OPTIONS

SUMMARY = "CORS for CloudFront and API Gateway from an allowlist in Parameter Store"


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "\n\n".join(("Examples:", "edgecors man > ~/.local/share/man/man1/edgecors.1", "edgecors man | man -l -"))

    @app.command("man", rich_help_panel="Try and plan", epilog=epilog)
    def man() -> None:
        """Print the manual page, so that `man edgecors` shows it when it is stored where man looks."""
        print(page(app), end="")


def page(app: typer.Typer) -> str:
    """The manual page in roff (the man macros), with every command and option."""
    root: Any = get_command(app)
    rows = [
        f'.TH EDGECORS 1 "" "edgecors {version("edgecors")}" "User Commands"',
        ".SH NAME",
        f"edgecors \\- {SUMMARY}",
        ".SH SYNOPSIS",
        _bold("edgecors") + " [OPTION]... COMMAND [ARGUMENT]...",
        ".SH DESCRIPTION",
        *_paragraphs(root.help),
        ".SH OPTIONS",
        *_parameters(root.params),
    ]
    commands = list(_commands(root, "edgecors"))
    common = {p.name: p for _, command in commands for p in command.params if p.name in COMMON_OPTIONS}
    rows += [".SH OPTIONS OF MOST COMMANDS", *_parameters(common.values()), ".SH COMMANDS"]
    for name, command in commands:
        arguments = [_metavar(p) for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(["[OPTION]...", *arguments])
        rows += [f".SS {_escaped(name)}", f"{_bold(name)} {_escaped(usage)}", ".PP"]
        own = [p for p in command.params if p.name not in COMMON_OPTIONS]
        rows += [*_paragraphs(command.help), *_parameters(own), *_examples(command.epilog)]
    return "\n".join(rows) + "\n"


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    for part, command in group.commands.items():
        path = f"{name} {part}"
        if hasattr(command, "commands"):
            yield from _commands(command, path)
        else:
            yield path, command


def _metavar(parameter: Any) -> str:
    """The argument as the usage line has it: in brackets where it may be left out."""
    name = str(parameter.metavar or parameter.name.upper()).strip("[]")
    name = f"{name}..." if parameter.nargs == -1 else name
    return name if parameter.required else f"[{name}]"


def _parameters(parameters: Iterable[Any]) -> Iterator[str]:
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            head = _bold(_metavar(parameter).strip("[]"))
        else:
            head = ", ".join(_bold(option) for option in (*parameter.opts, *parameter.secondary_opts))
            if not parameter.is_flag:
                head += f" {_escaped(parameter.metavar or _choices(parameter))}"
        yield from (".TP", head, _escaped(f"{parameter.help or ''}{_default(parameter)}").strip() or "\\&")


def _choices(parameter: Any) -> str:
    if isinstance(parameter.default, Enum):
        return "|".join(str(choice.value) for choice in type(parameter.default))
    return str(parameter.name).upper()


def _default(parameter: Any) -> str:
    if parameter.default in (None, False, "", ()) or not parameter.show_default:
        return ""
    return f" Default: {getattr(parameter.default, 'value', parameter.default)}."


def _examples(epilog: str | None) -> Iterator[str]:
    lines = [line for line in (epilog or "").splitlines() if line.strip()]
    if lines:
        yield from (".PP", _escaped(lines[0]), ".PP", ".nf", ".RS 4", *map(_escaped, lines[1:]), ".RE", ".fi")


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", (text or "").strip()):
        yield from (_escaped(" ".join(paragraph.split())), ".PP")


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _escaped(text: str) -> str:
    """Text that roff prints as it is. A plain - would become a hyphen, which can't be pasted into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith((".", "'")) else text

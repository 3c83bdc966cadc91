"""``compile``: a policy as CloudFront Functions read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from edgecors.document import PolicyError, load_policy
from edgecors_admin.errors import UsageError
from edgecors_admin.key_value_store import TooLargeError, compile_policy
from edgecors_admin.policy_files import load_data, plain
from edgecors_admin.sites import load_site, names_of_lists, with_lists
from rich.console import Console

from edgecors_cli.commands.arguments import checked_site
from edgecors_cli.context import Context, command
from edgecors_cli.render import findings, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "compile")(compile_site)


def compile_site(
    context: Context,
    what: Annotated[str, typer.Argument(metavar="SITE|FILE", help="A site in Parameter Store, or a file.")],
    id: Annotated[str, typer.Option(metavar="ID", help="The distribution's id: all keys start with it.")],
    sequence: Annotated[int, typer.Option(min=1, metavar="N", help="The number of the change.")] = 1,
) -> None:
    """The content of a KeyValueStore for CloudFront Functions: with --json one object of keys and values."""
    text, lists = _read(context, what)
    try:
        policy = load_policy(text, lists)
        compiled = compile_policy(policy, checked_site(id), sequence)
    except (PolicyError, TooLargeError) as error:
        findings(context.out, error.findings)
        context.found(True)
        return

    def say(out: Console) -> None:
        content = compiled.content()
        size = sum(len(key) + len(value) for key, value in content.items())
        line(out, f"{len(content)} keys, {size:,} bytes, at most {compiled.reads} reads for a request.")
        findings(out, compiled.findings)

    context.answer(compiled.content(), say)


def _read(context: Context, what: str) -> tuple[str, dict[str, str | None]]:
    """The policy's text and the lists that it names. They are looked up only if it names any."""
    path = Path(what)
    if not path.is_file():
        if "/" in what or path.suffix in (".json", ".txt", ".yaml", ".yml"):
            raise UsageError(f"There is no file {what}.")
        site = load_site(context.parameters, checked_site(what))
        return site.text, dict(site.lists)
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{what} is not UTF-8.") from None
    if path.suffix in (".yaml", ".yml"):
        text = json.dumps(load_data(path))
    elif path.suffix == ".txt":
        text = plain(text.splitlines())
    if not names_of_lists(text):
        return text, {}
    return text, dict(with_lists(context.parameters, what, text).lists)

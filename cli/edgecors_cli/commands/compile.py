"""``edgecors compile``: a policy as CloudFront Functions read it."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors.document import PolicyError, load_policy
from edgecors_admin.errors import UsageError
from edgecors_admin.key_value_store import PolicyTooLargeError, compile_policy
from edgecors_admin.policy_files import read_policies
from edgecors_admin.sites import checked_site, load_site
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.planning import EnvironmentOption
from edgecors_cli.policy_input import lists_of, names_file
from edgecors_cli.render import findings, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors compile shop --id EDFDVBD6EXAMPLE --json",
        "edgecors compile policy.json --id EDFDVBD6EXAMPLE",
    ]
    command(app, "compile", rich_help_panel="Policy as code", examples=examples)(compile_site)


def compile_site(
    context: Context,
    source: Annotated[str, typer.Argument(metavar="SITE|FILE|-", help="A site in Parameter Store, or a file.")],
    id: Annotated[str, typer.Option(metavar="ID", help="The distribution's id: all keys start with it.")],
    sequence: Annotated[int, typer.Option(min=1, metavar="N", help="The number of the change.")] = 1,
    environment: EnvironmentOption = None,
) -> None:
    """Compile a policy for the KeyValueStore of CloudFront Functions. Writes nothing.

    With --json: the store's content as one object of keys and string values.
    """
    text, lists = _read(context, source, checked_site(id), environment)
    try:
        compiled = compile_policy(load_policy(text, lists), id, sequence)
    except (PolicyError, PolicyTooLargeError) as error:
        findings(context.out, error.findings)
        context.fail_if(True)
        return

    def say(out: Console) -> None:
        content = compiled.content()
        size = sum(len(key) + len(value) for key, value in content.items())
        line(out, f"{len(content)} keys, {size:,} bytes, at most {compiled.reads} reads for a request.")

    context.answer(compiled.content(), say)
    findings(context.out, compiled.findings)


def _read(context: Context, source: str, site: str, environment: str | None) -> tuple[str, dict[str, str | None]]:
    """The policy's text and the lists that it names. Lists that a file does not hold are read from Parameter Store."""
    if not names_file(source):
        if environment is not None:
            raise UsageError(f"--environment is for a directory of policies, and there is no directory {source}.")
        stored = load_site(context.parameters, checked_site(source))
        return stored.text, dict(stored.lists)
    files = read_policies(source, environment)
    text = files.policy_of(site)
    return text, lists_of(context, files, [text])

"""``edgecors split``: spread origins over several lists, when one parameter can't hold them."""

from __future__ import annotations

from collections.abc import Mapping

import typer
from edgecors_admin.conditional_write import is_unchanged
from edgecors_admin.errors import CommandError
from edgecors_admin.parameter_store import Stored
from edgecors_admin.plan import make_plan
from edgecors_admin.policy_files import PolicyFiles
from edgecors_admin.sites import missing, names_of_lists, refuse_alias, users_of
from edgecors_admin.splitting import split_list, split_site

from edgecors_cli.commands.arguments import Target
from edgecors_cli.context import AWS_FAILED, Context, Yes, command
from edgecors_cli.editing import (
    FromFile,
    GrantNumberOption,
    HostOption,
    Origins,
    PathOption,
    RuleNumber,
    read_origins,
    read_selection,
)
from edgecors_cli.planning import rejected, say, write_steps


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors split @partners --from partners.txt", "edgecors split shop"]
    command(app, "split", rich_help_panel="Change", examples=examples)(split)


def split(
    context: Context,
    target: Target,
    origins: Origins = None,
    file: FromFile = None,
    rule: RuleNumber = None,
    grant: GrantNumberOption = None,
    path: PathOption = None,
    host: HostOption = None,
    yes: Yes = False,
) -> None:
    """Spread the origins of a list or site, and further ones, over several lists that the policies name.

    A list keeps its name and its first origins; @LIST-2, @LIST-3 ... get the rest, and every site that names the list
    names them all. The origins of a site move to @SITE-1, @SITE-2 ... .
    """
    selection = read_selection(target, rule, grant, path, host)
    entries = [p.entry for p in read_origins(origins, file)] if origins or file else []
    stored = context.parameters.get(context.parameters.name_of(target))
    if stored is None and not entries:
        raise missing(context.parameters, target, "split")
    if stored is None:
        refuse_alias(context.parameters, target, "split")
    text = stored.text if stored is not None else ""
    taken = context.parameters.types_below("lists")
    context.progress.step(f"spreading {len(entries):,} origins over lists")
    read: dict[str, Stored | None] = {target: stored}
    if target.startswith("@"):
        users, unreadable = users_of(context.parameters, target[1:])
        if unreadable:
            why = "\n".join(parameter.reason for parameter in unreadable.values())
            message = f"Nothing was written: a site that can't be read ({', '.join(unreadable)}) may name {target}, and"
            message += " would lose the origins that move to other lists."
            raise CommandError(f"{message}\n{why}", AWS_FAILED)
        read.update(users)
        files = split_list(target[1:], text, entries, {site: user.text for site, user in users.items()}, taken)
    else:
        lists = context.parameters.get_lists(names_of_lists(text))
        files = split_site(target, text, entries, selection, lists, taken)
    _write(context, target, files, read, yes)


def _write(context: Context, target: str, files: PolicyFiles, read: Mapping[str, Stored | None], yes: bool) -> None:
    """Write new lists, then policies, then the list that gets shorter: no origin is missing in between."""
    plan = make_plan(files, context.parameters)
    # The new texts were made from what was read; the plan compares them with what it has read itself.
    changed = [step.target for step in plan.steps if not is_unchanged(read.get(step.target), step.before)]
    if changed:
        raise CommandError(f"{', '.join(changed)} was changed meanwhile. Nothing was written; look again.")
    if not context.json:
        say(context.out, plan, others=False)
    if names := rejected(plan):
        raise CommandError(f"Rejected: {', '.join(names)}. Nothing was written.")
    steps = sorted(plan.steps, key=lambda step: 2 if step.target == target else not step.target.startswith("@"))
    if steps:
        context.confirm(f"Write {len(steps)} parameters?", yes=yes)
    write_steps(context, plan, steps)

"""``edgecors detach``: undo ``edgecors attach``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from edgecors_admin.attach import ConfigChange, apply_changes, find_behavior, undo
from edgecors_admin.distribution import Distribution
from edgecors_admin.errors import CommandError

from edgecors_cli.commands.attach import (
    EVERY_PATH,
    Behavior,
    Name,
    Target,
    refuse_drift,
    refuse_options_of_distributions,
    resource_of,
    say_changes,
)
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import line


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "detach", rich_help_panel="Set up", examples=["edgecors detach EDFDVBD6EXAMPLE --behavior '/api/*'"])(
        detach
    )


def detach(
    context: Context,
    target: Target,
    name: Name = None,
    behavior: Behavior = EVERY_PATH,
    force: Annotated[
        bool, typer.Option("--force", help="Restore the earlier values even where somebody changed them since.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Restore everything that attach has changed."""
    refuse_options_of_distributions(target, {"--behavior": behavior != EVERY_PATH, "--force": force})
    if (resource := resource_of(context, target, name)) is not None:
        context.confirm(f"Restore the CORS settings of {resource.name}?", yes=yes)
        resource.detach()
        restored: dict[str, Any] = {"resource": resource.name, "applied": True}
        context.answer(restored, lambda out: line(out, (f"Detached from {resource.name}.", "bold green")))
        return
    distribution = target
    context.progress.step(f"reading distribution {distribution}")
    live = Distribution(context.account, distribution)
    record = live.record()
    if behavior not in record:
        known = ", ".join(record) or "none"
        raise CommandError(
            f"Nothing is recorded as attached to {distribution}, behavior {behavior} (recorded: {known})."
        )
    changes, drifted = undo(live.config, behavior, record)
    if force:
        present = find_behavior(live.config, behavior)
        changes += tuple(
            ConfigChange(
                field, present.get(field), record[behavior][field]["before"], "restore the value from before attaching"
            )
            for field in drifted
        )
    else:
        refuse_drift(drifted, distribution)
    say_changes(context.out, live, behavior, changes)
    if changes:
        context.confirm(f"Change the distribution {distribution}?", yes=yes)
        live.update(apply_changes(live.config, behavior, changes))
    # Read again: another behavior may have been attached while the question was open.
    live.write_record({pattern: fields for pattern, fields in live.record().items() if pattern != behavior})
    result = {
        "distribution": distribution,
        "behavior": behavior,
        "changes": [change.as_dict() for change in changes],
        "applied": bool(changes),
    }
    context.answer(result, lambda out: line(out, (f"Detached from {distribution}, behavior {behavior}.", "bold green")))

"""``probe``: does a live endpoint do what the policy says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.probe import HttpSender, Probed, place_of
from edgecors_admin.probe import probe as send_all
from edgecors_admin.sites import load_site, with_lists
from rich.console import Console

from edgecors_cli.commands.arguments import checked_site
from edgecors_cli.context import Context, command
from edgecors_cli.render import line


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "probe")(probe)


def probe(
    context: Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Asked with GET and OPTIONS only.")],
    site: Annotated[str | None, typer.Option(metavar="SITE", help="The site whose policy should hold there.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="A policy instead of a site.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="Sent with every request that is no preflight.")
    ] = None,
) -> None:
    """Send real preflights and requests, and compare every header with what the policy says."""
    location = place_of(url)
    if (site is None) == (file is None):
        raise UsageError("Say --site SITE, or --file FILE.")
    if file is not None:
        loaded = with_lists(context.parameters, "file", file.read_text("utf-8"))
    else:
        loaded = load_site(context.parameters, checked_site(site or ""))
    policy = loaded.policy()
    if policy is None:
        raise CommandError("The policy is rejected, so the one that serves is not known: edgecors lint.")
    found = send_all(policy, location, HttpSender(url, _extra(header or [])))
    context.answer([probed.as_dict() for probed in found], lambda out: _say(out, url, found))
    context.found(any(probed.differences for probed in found))


def _extra(headers: list[str]) -> dict[str, str]:
    pairs = [header.partition(":") for header in headers]
    if wrong := [name for name, colon, _ in pairs if not colon]:
        raise UsageError(f"{wrong[0]!r} is no header: write name: value.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _say(out: Console, url: str, found: list[Probed]) -> None:
    line(out, (url, "bold"))
    for probed in found:
        mark = ("as decided", "green") if not probed.differences else ("differs", "bold red")
        line(out, probed.case.title, "  ", mark, (f"  {probed.reply.status}, {probed.decision.reason}", "dim"))
        for difference in probed.differences:
            line(out, (difference.what, "bold"), indent=4)
            line(out, f"expected {difference.expected}", indent=6)
            line(out, f"got      {difference.got}", indent=6)
            line(out, (difference.because, "yellow"), indent=6)
    wrong = sum(bool(probed.differences) for probed in found)
    out.print()
    if wrong:
        line(out, (f"{wrong} of {len(found)} answers are not what the policy says.", "bold red"))
    else:
        line(out, (f"All {len(found)} answers are what the policy says.", "bold green"))

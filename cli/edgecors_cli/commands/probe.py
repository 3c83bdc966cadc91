"""``edgecors probe``: whether a live endpoint does what the policy says."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.policy_files import read_policies
from edgecors_admin.probe import Case, HttpSender, Probed, Reply, place_of
from edgecors_admin.probe import probe as send_all
from edgecors_admin.sites import Site, checked_site, load_site, names_of_lists
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.render import line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors probe https://api.example.com/orders --site shop"]
    command(app, "probe", rich_help_panel="Check", examples=examples)(probe)


def probe(
    context: Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The endpoint; only GET and OPTIONS are sent.")],
    site: Annotated[str | None, typer.Option(metavar="SITE", help="The site whose policy should hold there.")] = None,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="A policy instead of a site; - is stdin.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="Sent with every request except preflights.")
    ] = None,
) -> None:
    """Send real preflights and requests, and compare every header with what the policy says."""
    location = place_of(url)
    if site is None and file is None:
        raise UsageError("Add --site SITE or --file FILE.")
    if file is not None:
        files = read_policies(file)
        text = files.policy_of(checked_site(site) if site is not None else "")
        names = tuple(name for name in names_of_lists(text) if name not in files.lists)
        lists = {**(context.parameters.get_lists(names) if names else {}), **files.lists}
        loaded = Site(files.name, text, lists)
    else:
        loaded = load_site(context.parameters, checked_site(site or ""))
    policy = loaded.policy
    if policy is None:
        raise CommandError("The policy is rejected, so the one that serves is not known. Run edgecors lint.")
    sender = HttpSender(url, _extra(header or []))

    def send(case: Case) -> Reply:
        context.progress.step(f"sending to {url}: {case.title}")
        return sender(case)

    results = send_all(policy, location, send)
    context.answer([probed.as_dict() for probed in results], lambda out: _say(out, url, results))
    context.fail_if(any(probed.differences for probed in results))


def _extra(headers: list[str]) -> dict[str, str]:
    pairs = [header.partition(":") for header in headers]
    if bad := [name for name, colon, _ in pairs if not colon]:
        raise UsageError(f"{bad[0]!r} is not a header. Write name: value.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _say(out: Console, url: str, results: list[Probed]) -> None:
    line(out, (url, "bold"))
    for probed in results:
        mark = ("as decided", "green") if not probed.differences else ("differs", "bold red")
        line(out, probed.case.title, "  ", mark, (f"  {probed.reply.status}, {probed.decision.reason}", "dim"))
        for difference in probed.differences:
            line(out, (difference.what, "bold"), indent=4)
            line(out, f"expected {difference.expected}", indent=6)
            line(out, f"got      {difference.got}", indent=6)
            line(out, (difference.because, "yellow"), indent=6)
    count = sum(bool(probed.differences) for probed in results)
    line(out)
    if count:
        line(out, (f"{count} of {len(results)} answers are not what the policy says.", "bold red"))
    else:
        line(out, (f"All {len(results)} answers are what the policy says.", "bold green"))

"""``edgecors probe``: whether a live endpoint does what the policy says, or a recording of what it does."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from edgecors.findings import Finding
from edgecors.origin import parse_origin
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.key_value_store import hints_for_functions
from edgecors_admin.policy_files import read_policies
from edgecors_admin.probe import Case, HttpSender, Probed, Reply, place_of
from edgecors_admin.probe import probe as send_all
from edgecors_admin.recording import KNOWN, LiveSite, Recording, questions, record, site_of
from edgecors_admin.sites import Site, checked_site, load_site, names_of_lists
from edgecors_admin.traffic import RecordedTraffic, read_description, read_traffic
from edgecors_admin.urls import is_http_url
from rich.console import Console

from edgecors_cli.context import Context, command
from edgecors_cli.output_file import STDOUT, write_file
from edgecors_cli.planning import EnvironmentOption
from edgecors_cli.render import as_json, console, findings, line

DEFAULT_PATHS = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors probe https://api.example.com/orders --site shop",
        "edgecors probe https://api.example.com --record today.json --from access.log --from origins.txt",
        "edgecors probe https://api.example.com --record today.json --from https://api.example.com/openapi.json"
        " --origin https://app.example.com",
    ]
    command(app, "probe", rich_help_panel="Check", examples=examples)(probe)


def probe(
    context: Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The endpoint; only GET and OPTIONS are sent.")],
    site: Annotated[str | None, typer.Option(metavar="SITE", help="The site whose policy applies there.")] = None,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="A policy instead of a site; - is stdin.")] = None,
    environment: EnvironmentOption = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="Sent with every request except preflights.")
    ] = None,
    record_to: Annotated[
        str | None,
        typer.Option(
            "--record", metavar="FILE|-", help="Write what the site answers today to a file, for import. -: to stdout."
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE|URL",
            help="With --record: access logs (also a directory), an OpenAPI description (also a URL of the site), or"
            " lines such as PUT /api/x and https://app.example.com.",
        ),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(metavar="O", help="With --record: an origin that uses the site.")
    ] = None,
    paths: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help=f"With --record: the maximum number of paths. Default: {DEFAULT_PATHS}."),
    ] = None,
) -> None:
    """Send real preflights and requests, and compare every header with what the policy says.

    With --record no policy is needed: everything that is known about the site's traffic is requested, and the responses
    are written to a file for `edgecors import --from-live`. Only GET and OPTIONS are sent.
    """
    location = place_of(url)
    if environment is not None and file is None:
        raise UsageError("--environment is for a directory of policies. Name it: --file policies/.")
    if record_to is not None:
        if site is not None or file is not None:
            raise UsageError("--record needs no policy. Leave out --site and --file.")
        most = DEFAULT_PATHS if paths is None else paths
        _record(context, url, record_to, sources or [], origin or [], most, _extra(header or []))
        return
    if sources or origin or paths is not None:
        raise UsageError("--from, --origin and --paths belong to --record FILE.")
    if site is None and file is None:
        raise UsageError("Add --site SITE or --file FILE.")
    if file is not None:
        files = read_policies(file, environment)
        text = files.policy_of(checked_site(site) if site is not None else "")
        names = tuple(name for name in names_of_lists(text) if name not in files.lists)
        lists = {**(context.parameters.get_lists(names) if names else {}), **files.lists}
        loaded = Site(files.name, text, lists)
    else:
        loaded = load_site(context.parameters, checked_site(site or ""))
    policy = loaded.policy
    if policy is None:
        raise CommandError("The policy is rejected, so the policy in use is not known. Run edgecors lint.")
    hints = hints_for_functions(policy)
    sender = HttpSender(url, _extra(header or []))

    def send(case: Case) -> Reply:
        context.progress.step(f"sending to {url}: {case.title}")
        return sender(case)

    results = send_all(policy, location, send)
    context.answer([probed.as_dict() for probed in results], lambda out: _say(out, url, results, hints))
    context.fail_if(any(probed.differences for probed in results))


def _record(
    context: Context, url: str, file: str, sources: list[str], origins: list[str], most: int, extra: dict[str, str]
) -> None:
    live = LiveSite(site_of(url), extra)
    traffic = RecordedTraffic()
    for source in sources:
        context.progress.step(f"reading {source}")
        if not is_http_url(source):
            read_traffic(traffic, source)
        elif site_of(source) != live.url:
            raise UsageError(f"{source} is not a URL of {live.url}. Download it and pass the file.")
        else:
            read_description(traffic, live.read(source[len(live.url) :]), source)
    for text in origins:
        if parse_origin(text) is None:
            raise UsageError(f"{text!r} is not an origin. Write one such as https://app.example.com.")
        traffic.add_origin(text)
    path = place_of(url).path
    if path != "/" or not traffic.paths:
        traffic.add_request("GET", path)
    chosen, unasked = traffic.combined(most)
    own = site_of(url)
    asked = questions(chosen, [o for o, _ in traffic.origins.most_common() if o != own], traffic.headers)
    recording = record(live.url, chosen, asked, live, context.progress.step)
    recording.unasked = unasked + len(traffic.left_out)
    summary = _summary(recording, len(asked))
    if file == STDOUT:
        as_json(recording.as_dict())
        _say_recorded(console(error=True), file, recording, summary)
    else:
        write_file(Path(file), json.dumps(recording.as_dict(), indent=1) + "\n")
        context.answer({**summary, "file": file}, lambda out: _say_recorded(out, file, recording, summary))
    context.fail_if(recording.failed)


def _summary(recording: Recording, asked: int) -> dict[str, Any]:
    known = {answer.question.origin for answer in recording.observations if answer.question.role == KNOWN}
    return {
        "url": recording.url,
        "requests": asked,
        "origins": len(known),
        "paths": len(recording.methods),
        "unasked_paths": recording.unasked,
        "failed": len(recording.failed),
    }


def _say_recorded(out: Console, file: str, recording: Recording, summary: dict[str, Any]) -> None:
    line(out, ("recorded: ", "bold green"), f"{summary['requests']} requests to {recording.url}")
    origins, paths = (_counted(summary[name], name) for name in ("origins", "paths"))
    line(out, f"{origins}, {paths}", indent=4)
    if recording.unasked:
        line(out, (f"{recording.unasked} less frequent or unusual paths were not probed", "yellow"), indent=4)
    if recording.failed:
        line(out, (f"{len(recording.failed)} requests got no response: {recording.failed[0]}", "yellow"), indent=4)
    if not summary["origins"]:
        line(out, ("No origin is known. Add those of your pages with --origin or --from.", "yellow"), indent=4)
    line(out, ("next: ", "cyan"), f"edgecors import --from-live {shlex.quote(file)}")


def _counted(count: int, name: str) -> str:
    return f"{count} {name.removesuffix('s') if count == 1 else name}"


def _extra(headers: list[str]) -> dict[str, str]:
    pairs = [header.partition(":") for header in headers]
    if bad := [name for name, colon, _ in pairs if not colon]:
        raise UsageError(f"{bad[0]!r} is not a header. Write name: value.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _say(out: Console, url: str, results: list[Probed], hints: tuple[Finding, ...]) -> None:
    line(out, (url, "bold"))
    for probed in results:
        mark = ("as expected", "green") if not probed.differences else ("differs", "bold red")
        line(out, probed.case.title, "  ", mark, (f"  {probed.reply.status}, {probed.decision.reason}", "dim"))
        for difference in probed.differences:
            line(out, (difference.what, "bold"), indent=4)
            line(out, f"expected {difference.expected}", indent=6)
            line(out, f"got      {difference.got}", indent=6)
            line(out, (difference.because, "yellow"), indent=6)
    count = sum(bool(probed.differences) for probed in results)
    line(out)
    if count:
        line(out, (f"{count} of {len(results)} responses differ from the policy.", "bold red"))
    else:
        line(out, (f"All {len(results)} responses match the policy.", "bold green"))
    if hints:
        line(out)
        findings(out, hints, "With EdgeSetup=functions:")

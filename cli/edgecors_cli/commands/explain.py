"""``edgecors explain``: why a page gets what it gets."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors.findings import ERROR, SKIPPED, WARNING
from edgecors_admin.asked import read_asked
from edgecors_admin.errors import UsageError
from edgecors_admin.explain import ExplainedAnswer, Explanation, explain_request
from edgecors_admin.policy_files import read_policies
from edgecors_admin.sites import checked_site, load_site
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName
from edgecors_cli.context import Context, command
from edgecors_cli.planning import EnvironmentOption
from edgecors_cli.policy_input import lists_of
from edgecors_cli.render import findings, line, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = [
        "edgecors explain shop --origin https://app.example.com --method PUT --path /api/cart",
        "edgecors explain shop --origin null --headers 'content-type: application/json'",
        "edgecors explain shop --origin https://app.example.com --file policy.json",
    ]
    command(app, "explain", rich_help_panel="Check", examples=examples)(explain)


def explain(
    context: Context,
    site: SiteName,
    origin: Annotated[str, typer.Option(metavar="O", help="The page's origin, as the browser sends it, or null.")],
    method: Annotated[str, typer.Option(metavar="M", help="The method the page uses.")] = "GET",
    headers: Annotated[str, typer.Option(metavar="H", help="Header names (or name: value), separated by commas.")] = "",
    path: Annotated[str, typer.Option(metavar="P", help="The path of the request.")] = "/",
    host: Annotated[str | None, typer.Option(metavar="HOST", help="The host of the request.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A policy that is not in Parameter Store yet; - is stdin.")
    ] = None,
    environment: EnvironmentOption = None,
) -> None:
    """Explain a decision: its rule and entry, the headers, the browser's verdict, and what nearly matched."""
    if environment is not None and file is None:
        raise UsageError("--environment is for a directory of policies. Name it: --file policies/.")
    request, notes = read_asked(origin, method, headers, path, host)
    if file is not None:
        files = read_policies(file, environment)
        text = files.policy_of(checked_site(site))
        lists = lists_of(context, files, [text])
    else:
        loaded = load_site(context.parameters, checked_site(site))
        text, lists = loaded.text, dict(loaded.lists)
        if loaded.alias:
            notes.append(f"{loaded.alias} has no policy of its own and uses the policy of {loaded.name}")
    explanation = explain_request(text, lists, request)
    context.answer({**explanation.as_dict(), "notes": notes}, lambda out: _say(out, explanation, notes))
    context.fail_if(not explanation.verdict_without_credentials.ok)


def _say(out: Console, explanation: Explanation, notes: list[str]) -> None:
    asked = explanation.asked
    for note in notes:
        line(out, ("note: ", "yellow"), note)
    line(out, (f"{asked.method} {asked.host or ''}{asked.path}", "bold"), f" from a page of {asked.origin}")
    if explanation.rejected:
        message = "The policy is rejected. The last good version stays in use; this command does not know which one."
        line(out, (message, "bold red"))
        findings(out, explanation.rejected)
    if explanation.ambiguity:
        line(out, (explanation.ambiguity, "yellow"))
    if explanation.preflight is not None:
        _say_answer(out, "preflight", explanation.preflight)
    _say_answer(out, "request", explanation.actual)
    if explanation.preflight is not None and explanation.preflight.status not in (None, 204):
        line(out, ("(The browser does not send this request, because the preflight fails.)", "dim"), indent=2)
    line(out)
    for title, verdict in (
        ("without credentials", explanation.verdict_without_credentials),
        ("with credentials", explanation.verdict_with_credentials),
    ):
        word = ("the page may read it", "bold green") if verdict.ok else ("the browser refuses", "bold red")
        if explanation.upstream_decides:
            word = ("the upstream decides", "bold yellow")
        line(out, f"{title}: ", word, f": {verdict.why}")
    if explanation.near_misses:
        line(out)
        line(out, ("Nearly allowed:", "bold"))
        for near in explanation.near_misses:
            line(out, near.entry, (f"  {near.location}", "dim"), indent=2)
            line(out, near.why, indent=4)
    problems = [f for f in explanation.findings if f.severity in (ERROR, SKIPPED, WARNING)]
    if problems:
        line(out)
        findings(out, problems, "Findings of the policy:")
    if explanation.functions:
        line(out)
        findings(out, explanation.functions, "With EdgeSetup=functions:")


def _say_answer(out: Console, title: str, answer: ExplainedAnswer) -> None:
    line(out)
    style = "green" if answer.reason == "allowed" else "yellow"
    line(out, (title, "bold"), "  ", (answer.reason, style), f"  {answer.meaning}")
    if answer.fault:
        line(out, answer.fault, indent=2)
    if answer.rule is not None:
        entry = f", by {answer.entry} ({answer.entry_location})" if answer.entry else ""
        grant = f", grant {answer.grant}" if answer.grant else ""
        line(out, f"rule {answer.rule}{grant}{entry}", indent=2)
    line(out, answer.outcome, indent=2)
    if answer.headers:
        table(out, ("HEADER", "VALUE"), answer.headers, indent=2)

"""``edgecors explain``: why a page gets what it gets."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

import typer
from edgecors.findings import ERROR, SKIPPED, WARNING
from edgecors_admin.errors import UsageError
from edgecors_admin.explain import Asked, ExplainedAnswer, Explanation, explain_request
from edgecors_admin.pasted import read_pasted, split_pasted
from edgecors_admin.policy_files import read_policies
from edgecors_admin.sites import load_site, names_of_lists
from edgecors_admin.urls import is_http_url
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName, checked_site
from edgecors_cli.context import Context, command
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
    headers: Annotated[str, typer.Option(metavar="H", help="Header names (or name: value), with commas between.")] = "",
    path: Annotated[str, typer.Option(metavar="P", help="The path it asks for.")] = "/",
    host: Annotated[str | None, typer.Option(metavar="HOST", help="The host it asks.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A policy that is not in Parameter Store yet; - is stdin.")
    ] = None,
) -> None:
    """Explain a decision: its rule and entry, the headers, the browser's verdict, and what nearly matched."""
    notes: list[str] = []
    path, host = _resource(path, host, notes)
    request = Asked(_origin(origin, notes), method.strip(), _headers(headers), path, host)
    if file is not None:
        files = read_policies(file)
        text = files.policy_of(checked_site(site))
        missing = tuple(name for name in names_of_lists(text) if name not in files.lists)
        lists = {**(context.parameters.get_lists(missing) if missing else {}), **files.lists}
    else:
        loaded = load_site(context.parameters, checked_site(site))
        text, lists = loaded.text, dict(loaded.lists)
        if loaded.alias:
            notes.append(f"{loaded.alias} has no policy of its own and uses the policy of {loaded.name}")
    explanation = explain_request(text, lists, request)
    context.answer({**explanation.as_dict(), "notes": notes}, lambda out: _say(out, explanation, notes))
    context.fail_if(not explanation.verdict_without_credentials.ok)


def _origin(text: str, notes: list[str]) -> str:
    """The origin as a browser sends it; what was changed goes to the notes. Raises `UsageError` for several or none."""
    if not text.strip():
        raise UsageError("--origin is empty. Write the page's origin, such as https://app.example.com, or null.")
    if len(split_pasted(text)) > 1:
        raise UsageError(f"--origin {text!r} holds several origins. Ask about one at a time.")
    if text == "null":
        return text
    if "*" in text:
        raise UsageError(f"--origin {text!r} is a pattern. Write one origin that it should allow.")
    try:
        pasted = read_pasted(text)
    except ValueError:
        return text  # the decision says what is wrong with it
    if text.startswith("@"):
        raise UsageError(f"--origin {text!r} names a list. Write one origin.")
    if pasted.entry != text:
        notes.append(f"{text} is read as {pasted.entry} ({'; '.join(pasted.notes) or 'repaired'})")
    return pasted.entry


def _resource(path: str, host: str | None, notes: list[str]) -> tuple[str, str | None]:
    """Path and host of the request, also out of a pasted URL; what was changed goes to the notes."""
    url = path.strip()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) or url.startswith("//"):
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise UsageError(f"--path {path!r} is not a path and not a URL: {error}.") from None
        host = host or parts.netloc.rpartition("@")[2] or None
        url = parts.path or "/"
        notes.append(f"{path} is read as the path {url} on {host}")
    elif "?" in url or "#" in url:
        url = re.split(r"[?#]", url, maxsplit=1)[0]
        notes.append(f"the query of {path} is left out: rules match paths only")
    if not url.startswith("/"):
        notes.append(f"the path {url!r} is read as {'/' + url!r}: paths start with a slash")
        url = f"/{url}"
    if host is not None and "://" in host:
        if not is_http_url(host):
            raise UsageError(f"--host {host!r} is not a host name.")
        host = urlsplit(host).netloc
        notes.append(f"the host is read as {host}")
    return url, host


def _headers(text: str) -> dict[str, str | None]:
    headers: dict[str, str | None] = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if name.strip():
            headers[name.strip()] = value.strip() if colon else None
    return headers


def _say(out: Console, explanation: Explanation, notes: list[str]) -> None:
    asked = explanation.asked
    for note in notes:
        line(out, ("note: ", "yellow"), note)
    line(out, (f"{asked.method} {asked.host or ''}{asked.path}", "bold"), f" from a page of {asked.origin}")
    if explanation.rejected:
        message = "The policy is rejected. The last good one keeps serving; this command does not know it."
        line(out, (message, "bold red"))
        findings(out, explanation.rejected)
    if explanation.preflight is not None:
        _say_answer(out, "preflight", explanation.preflight)
    _say_answer(out, "request", explanation.actual)
    if explanation.preflight is not None and explanation.preflight.status not in (None, 204):
        line(out, ("(The browser does not send it: it stops at the preflight.)", "dim"), indent=2)
    line(out)
    for title, verdict in (
        ("without credentials", explanation.verdict_without_credentials),
        ("with credentials", explanation.verdict_with_credentials),
    ):
        word = ("the page may read it", "bold green") if verdict.ok else ("the browser refuses", "bold red")
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
        table(out, ("  HEADER", "VALUE"), [(f"  {name}", value) for name, value in answer.headers])

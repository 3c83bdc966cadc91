"""``lint`` and ``explain``: what is wrong with a policy, and why a page gets what it gets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from edgecors.findings import WARNING, Finding
from edgecors_admin.errors import CommandError, UsageError
from edgecors_admin.explain import Answer, Asked, Explanation, explain_request
from edgecors_admin.lint import FINDINGS, is_clean, lint_list
from edgecors_admin.lint import lint as lint_policy
from edgecors_admin.pasted import read_pasted
from edgecors_admin.policy_files import read_directory
from edgecors_admin.sites import load_site, names_of_lists
from rich.console import Console

from edgecors_cli.commands.arguments import SiteName, checked_site
from edgecors_cli.context import Context, command
from edgecors_cli.render import findings, line, table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "lint")(lint)
    command(app, "explain")(explain)


def lint(
    context: Context,
    what: Annotated[
        str | None, typer.Argument(metavar="SITE|@LIST|FILE|-", help="Without it: everything in Parameter Store.")
    ] = None,
) -> None:
    """All errors and warnings, each with code, place and remedy. Changes nothing."""
    found = _lint_all(context) if what is None else _lint_one(context, what)
    rows = [{"policy": name, "findings": [f.as_dict() for f in problems]} for name, problems in found.items()]

    def say(out: Console) -> None:
        for name, problems in found.items():
            bad = sum(f.severity in FINDINGS for f in problems)
            line(out, (name, "bold"), "  ", ("fine", "green") if not bad else (f"{bad} to look at", "yellow"))
            findings(out, problems)
        if not found:
            line(out, "There is nothing to check.")

    context.answer(rows, say)
    context.found(any(not is_clean(problems) for problems in found.values()))


def _lint_one(context: Context, what: str) -> dict[str, list[Finding]]:
    if what == "-":
        return {"standard input": _lint_text(context, sys.stdin.read())}
    path = Path(what)
    if path.is_dir():
        files = read_directory(path)
        values: Mapping[str, str | None] = files.lists
        return {
            **{name: lint_policy(text, values) for name, text in files.sites.items()},
            **{f"@{name}": lint_list(name, text) for name, text in files.lists.items()},
        }
    if path.is_file():
        try:
            return {what: _lint_text(context, path.read_text("utf-8"))}
        except UnicodeDecodeError:
            raise UsageError(f"{what} is not UTF-8.") from None
    if what.startswith("@"):
        stored = context.parameters.get(context.parameters.name_of(what))
        if stored is None:
            raise CommandError(f"There is no list {what}.")
        return {what: lint_list(what[1:], stored.value)}
    if "/" in what or what.endswith((".json", ".txt")):
        raise UsageError(f"There is no file {what}.")
    return {what: load_site(context.parameters, checked_site(what)).findings()}


def _lint_text(context: Context, text: str) -> list[Finding]:
    """Of a text that may name lists: they are looked up only if it does, so that no account is needed otherwise."""
    names = names_of_lists(text)
    return lint_policy(text, context.parameters.get_lists(names) if names else {})


def _lint_all(context: Context) -> dict[str, list[Finding]]:
    lists: dict[str, str | None] = {name: s.value for name, s in context.parameters.below("lists").items()}
    found = {}
    used: set[str] = set()
    for name, stored in context.parameters.below("sites").items():
        found[name] = lint_policy(stored.value, lists)
        used.update(names_of_lists(stored.text))
    for name, value in lists.items():
        problems = lint_list(name, value or "")
        if name not in used:
            message = "no policy uses the list"
            problems.append(
                Finding(WARNING, "not-referenced", f"@{name}", message, f"Name it: edgecors allow SITE @{name}.")
            )
        found[f"@{name}"] = problems
    return found


def explain(
    context: Context,
    site: SiteName,
    origin: Annotated[str, typer.Option(metavar="O", help="The page's origin, as the browser sends it, or null.")],
    method: Annotated[str, typer.Option(metavar="M", help="The method the page uses.")] = "GET",
    headers: Annotated[str, typer.Option(metavar="H", help="Header names (or name: value), with commas between.")] = "",
    path: Annotated[str, typer.Option(metavar="P", help="The path it asks for.")] = "/",
    host: Annotated[str | None, typer.Option(metavar="HOST", help="The host it asks.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A policy that is not in Parameter Store yet.")
    ] = None,
) -> None:
    """Why a page gets what it gets: the decision, its rule and entry, the headers, and the browser's verdict."""
    if file is not None:
        text = file.read_text("utf-8")
        names = names_of_lists(text)
        lists = context.parameters.get_lists(names) if names else {}
    else:
        loaded = load_site(context.parameters, checked_site(site))
        text, lists = loaded.text, dict(loaded.lists)
    asked = Asked(_origin(context, origin), method, _headers(headers), path, host)
    explanation = explain_request(text, lists, asked)
    context.answer(explanation.as_dict(), lambda out: _say(out, explanation))
    context.found(not explanation.verdict_without_credentials.ok)


def _origin(context: Context, text: str) -> str:
    """As given when a browser could send it; otherwise what was probably meant, and it is said."""
    if text == "null" or "*" in text:
        return text
    try:
        pasted = read_pasted(text)
    except ValueError:
        return text
    if pasted.entry != text and not text.startswith("@"):
        line(context.out, f"{text} is taken for {pasted.entry}", (f" ({'; '.join(pasted.notes)})", "dim"))
        return pasted.entry
    return text


def _headers(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if name.strip():
            found[name.strip()] = value.strip() if colon else None
    return found


def _say(out: Console, found: Explanation) -> None:
    asked = found.asked
    line(out, (f"{asked.method} {asked.host or ''}{asked.path}", "bold"), f" from a page of {asked.origin}")
    for number, problem in enumerate(found.rejected):
        if not number:
            line(
                out, ("The policy is rejected; what serves is the last good one, which is not known here.", "bold red")
            )
        findings(out, [problem])
    if found.preflight is not None:
        _say_answer(out, "preflight", found.preflight)
    _say_answer(out, "request", found.actual)
    if found.preflight is not None and found.preflight.status not in (None, 204):
        line(out, ("(The browser never sends it: it stops at the preflight.)", "dim"), indent=2)
    out.print()
    for title, verdict in (
        ("without credentials", found.verdict_without_credentials),
        ("with credentials", found.verdict_with_credentials),
    ):
        word = ("the page may read it", "bold green") if verdict.ok else ("the browser refuses", "bold red")
        line(out, f"{title}: ", word, f": {verdict.why}")


def _say_answer(out: Console, title: str, answer: Answer) -> None:
    out.print()
    line(
        out,
        (title, "bold"),
        "  ",
        (answer.reason, "green" if answer.reason == "allowed" else "yellow"),
        f"  {answer.meaning}",
    )
    if answer.rule is not None:
        entry = f", by {answer.entry} ({answer.entry_place})" if answer.entry else ""
        line(out, f"rule {answer.rule}{entry}", indent=2)
    line(out, answer.outcome, indent=2)
    table(
        out, ("  HEADER", "VALUE"), [(f"  {name}", value) for name, value in answer.headers]
    ) if answer.headers else None

"""``edgecors lint``: errors and warnings of policies and lists."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from edgecors.findings import WARNING, Finding
from edgecors_admin.errors import UsageError
from edgecors_admin.lint import FINDINGS, has_errors, is_clean, lint_list
from edgecors_admin.lint import lint as lint_policy
from edgecors_admin.policy_files import PolicyFiles, import_hint, read_policies
from edgecors_admin.sites import checked_site, checked_target, load_site, missing, names_of_lists
from rich.console import Console

from edgecors_cli.commands.arguments import complete_target
from edgecors_cli.context import Context, command
from edgecors_cli.planning import EnvironmentOption
from edgecors_cli.policy_input import lists_of, names_file
from edgecors_cli.render import findings, line


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ["edgecors lint", "edgecors lint shop", "edgecors lint policies/", "cat policy.json | edgecors lint -"]
    command(app, "lint", rich_help_panel="Check", examples=examples)(lint)


def lint(
    context: Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SITE|@LIST|FILE|-",
            help="Default: everything in Parameter Store. FILE may be a directory.",
            autocompletion=complete_target,
        ),
    ] = None,
    environment: EnvironmentOption = None,
) -> None:
    """Report all errors and warnings, each with code, location and remedy. Changes nothing."""
    if source is None and environment is not None:
        raise UsageError("--environment is for a directory of policies. Name it: edgecors lint policies/.")
    unreadable: dict[str, str] = {}
    if source is None:
        results, unreadable = _lint_all(context)
    else:
        results = _lint_one(context, source, environment)
    rows: list[dict[str, Any]] = [
        {"policy": name, "findings": [f.as_dict() for f in problems]} for name, problems in results.items()
    ]
    rows += [{"policy": name, "findings": None, "error": reason} for name, reason in unreadable.items()]

    def say(out: Console) -> None:
        for name, problems in results.items():
            bad = sum(f.severity in FINDINGS for f in problems)
            line(out, (name, "bold"), "  ", ("ok", "green") if not bad else (f"findings: {bad}", "yellow"))
            findings(out, problems)
        if not rows:
            line(out, "There is nothing to check.")

    context.answer(rows, say)
    context.fail_if(any(not is_clean(problems) for problems in results.values()))
    context.report_unreadable(unreadable.values())


def _lint_one(context: Context, source: str, environment: str | None) -> dict[str, list[Finding]]:
    if names_file(source):
        files = read_policies(source, environment)
        results = lint_files(context, files)
        if files.single is not None and has_errors(results[files.name]):
            hint = import_hint(files.source, source)
            if hint:
                context.warn(hint)
        return results
    if environment is not None:
        raise UsageError(f"--environment is for a directory of policies, and there is no directory {source}.")
    if source.startswith("@"):
        stored = context.parameters.get(context.parameters.name_of(checked_target(source)))
        if stored is None:
            raise missing(context.parameters, source)
        return {source: lint_list(source[1:], stored.value)}
    return {source: load_site(context.parameters, checked_site(source)).findings()}


def lint_files(context: Context, files: PolicyFiles) -> dict[str, list[Finding]]:
    """The findings of each policy and list of files. Lists that they do not hold are read from Parameter Store."""
    policies = {files.name: files.single} if files.single is not None else files.sites
    context.progress.step(f"checking {len(policies) + len(files.lists)} policies and lists")
    values = lists_of(context, files, policies.values())
    return {
        **{name: lint_policy(text, values) for name, text in policies.items()},
        **{f"@{name}": lint_list(name, text) for name, text in files.lists.items()},
    }


def _lint_all(context: Context) -> tuple[dict[str, list[Finding]], dict[str, str]]:
    """The findings of everything that can be read, and why the other sites and lists can't be read."""
    stored_lists, unreadable_lists = context.parameters.below("lists")
    stored_sites, unreadable_sites = context.parameters.below("sites")
    lists: dict[str, str | None] = {name: stored.value for name, stored in stored_lists.items()}
    results = {}
    used: set[str] = set()
    for name, stored in stored_sites.items():
        context.progress.step(f"checking site {name}")
        results[name] = lint_policy(stored.value, lists, unreadable_lists)
        used.update(names_of_lists(stored.text))
    for name, value in lists.items():
        context.progress.step(f"checking list @{name}")
        problems = lint_list(name, value or "")
        if name not in used and not unreadable_sites:
            remedy = f"Name it: edgecors allow SITE @{name}."
            problems.append(Finding(WARNING, "not-referenced", f"@{name}", "no policy uses the list", remedy))
        results[f"@{name}"] = problems
    unreadable = {name: site.reason for name, site in unreadable_sites.items()}
    return results, unreadable | {f"@{name}": list_.reason for name, list_ in unreadable_lists.items()}

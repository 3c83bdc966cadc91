"""What ``plan`` and ``apply`` share."""

from __future__ import annotations

from typing import Annotated

import typer
from edgecors_admin.lint import FINDINGS, has_errors
from edgecors_admin.plan import PolicyPlan, make_plan
from edgecors_admin.policy_files import read_policies
from edgecors_admin.sites import checked_site
from rich.console import Console

from edgecors_cli.context import Context
from edgecors_cli.render import difference, findings, line, text_difference

Files = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-",
        help="A directory with sites/* and lists/* (.json, .yaml, .txt), or one JSON or YAML file with both.",
    ),
]
SiteOption = Annotated[str | None, typer.Option("--site", metavar="SITE", help="The site of a file with one policy.")]
EnvironmentOption = Annotated[
    str | None,
    typer.Option(
        "--environment",
        metavar="NAME",
        help="The environment of a directory: its own lists are in environments/NAME/lists.",
    ),
]


def make(context: Context, file: str, site: str | None, environment: str | None = None) -> PolicyPlan:
    """The plan for a file or directory."""
    files = read_policies(file, environment).named(None if site is None else checked_site(site))
    stored = context.parameters
    context.progress.step(f"comparing {len(files.sites)} sites and {len(files.lists)} lists")
    return make_plan(files, stored)


def rejected(result: PolicyPlan) -> list[str]:
    """The sites and lists that must not be written."""
    return [target for target, problems in result.findings.items() if has_errors(problems)]


def say(out: Console, result: PolicyPlan, *, others: bool = True) -> None:
    """Print a plan; with ``others`` also what is not in the files."""
    for step in result.steps:
        line(out, (f"{'change' if step.before is not None else 'create'} {step.target}", "bold"))
        text_difference(out, step.old_text, step.text, indent=2)
    for target, problems in result.findings.items():
        findings(out, [f for f in problems if f.severity in FINDINGS], target)
    for site, access in result.access.items():
        if access:
            line(out, (f"site {site}", "bold"))
            difference(out, access, indent=2)
    if not result.steps:
        line(out, "No changes: Parameter Store already has the content of the files.")
    if result.only_stored and others:
        line(out, ("Not in the files, and left alone: ", "dim"), ", ".join(result.only_stored))
    if result.ignored:
        line(out, ("Files that were not read: ", "dim"), ", ".join(result.ignored))

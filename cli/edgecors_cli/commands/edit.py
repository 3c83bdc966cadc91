"""``allow`` and ``revoke``: one origin more, one origin less."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from edgecors.findings import ERROR, SKIPPED, Finding
from edgecors_admin.access import Difference, compare
from edgecors_admin.allow import EditOutcome, Selection, allow_in_list, allow_in_site, revoke_in_list, revoke_in_site
from edgecors_admin.conditional_write import ChangeResult, change
from edgecors_admin.edit import is_json
from edgecors_admin.errors import CommandError, NotPermittedError, UsageError
from edgecors_admin.lint import lint, lint_list
from edgecors_admin.parameter_store import Parameters
from edgecors_admin.pasted import Pasted, read_pasted
from edgecors_admin.sites import names_of_lists, users_of
from rich.console import Console

from edgecors_cli.commands.arguments import Target, checked_target
from edgecors_cli.context import Context, Yes, command
from edgecors_cli.render import difference, findings, line, text_difference

Origins = Annotated[
    list[str], typer.Argument(metavar="ORIGIN", help="Origins, patterns, @lists; also URLs as they are pasted.")
]
RuleNumber = Annotated[int | None, typer.Option("--rule", metavar="N", help="The rule of a JSON policy, from 0.")]
Path = Annotated[str | None, typer.Option(metavar="PATH", help="The rule that decides for this path.")]
Host = Annotated[str | None, typer.Option(metavar="HOST", help="The rule that decides for this host.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")]

RISKS = ("public-suffix", "insecure-origin", "null-origin", "allows-nobody")
"""Findings that a change is not made for without a yes."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "allow")(allow)
    command(app, "revoke")(revoke)


def allow(
    context: Context,
    target: Target,
    origins: Origins,
    rule: RuleNumber = None,
    path: Path = None,
    host: Host = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Let origins read. Creates the parameter when there is none yet."""
    selection = _selection(target, rule, path, host)

    def edit(text: str, entries: tuple[str, ...], lists: dict[str, str | None]) -> EditOutcome:
        if target.startswith("@"):
            return allow_in_list(text, entries)
        return allow_in_site(text, entries, lists, selection)

    _Edit(context, target, _pasted(origins), edit, dry_run, yes, "allowed").run()


def revoke(
    context: Context,
    target: Target,
    origins: Origins,
    rule: RuleNumber = None,
    path: Path = None,
    host: Host = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Take entries away: from all rules, or from the one that --rule or --path names."""
    selection = _selection(target, rule, path, host)

    def edit(text: str, entries: tuple[str, ...], lists: dict[str, str | None]) -> EditOutcome:
        if target.startswith("@"):
            return revoke_in_list(text, entries)
        return revoke_in_site(text, entries, lists, selection)

    _Edit(context, target, _pasted(origins), edit, dry_run, yes, "revoked", must_exist=True).run()


def _selection(target: str, rule: int | None, path: str | None, host: str | None) -> Selection:
    selection = Selection(rule, path, host)
    if checked_target(target).startswith("@") and selection:
        raise UsageError("A list has no rules: leave out --rule, --path and --host.")
    return selection


def _pasted(origins: list[str]) -> list[Pasted]:
    read, wrong = [], []
    for text in origins:
        try:
            read.append(read_pasted(text))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError("\n".join(wrong))
    return read


class _DryRun(Exception):
    """Ends a change before it is written."""


@dataclass
class _Edit:
    """One call of ``allow`` or ``revoke``."""

    context: Context
    target: str
    pasted: list[Pasted]
    edit: Callable[[str, tuple[str, ...], dict[str, str | None]], EditOutcome]
    dry_run: bool
    yes: bool
    verb: str
    must_exist: bool = False
    outcome: EditOutcome = field(default_factory=lambda: EditOutcome(""))
    new_findings: list[Finding] = field(default_factory=list)
    differences: dict[str, Difference] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    before: str = ""

    @property
    def parameters(self) -> Parameters:
        return self.context.parameters

    def run(self) -> None:
        """Do it, and say what was done."""
        name = self.parameters.name_of(self.target)
        written: ChangeResult | None = None
        with contextlib.suppress(_DryRun):
            written = change(self.parameters, name, self._apply, self._agree, new_type="StringList")
        self.context.answer(self._as_dict(name, written), lambda out: self._say(out, name, written))
        self.context.found(not self.outcome.done and self.verb == "revoked")
        self.context.found(any("still allowed" in why for _, why in self.outcome.others))

    def _apply(self, text: str) -> str:
        if not text and self.must_exist:
            raise CommandError(f"There is no {self.target} ({self.parameters.name_of(self.target)}).")
        lists = {} if self.target.startswith("@") else self.parameters.get_lists(names_of_lists(text))
        self.outcome = self.edit(text, tuple(p.entry for p in self.pasted), lists)
        return self.outcome.text

    def _agree(self, old: str, new: str) -> None:
        self.before = old
        self._examine(old, new)
        wrong = [f for f in self.new_findings if f.severity in (ERROR, SKIPPED) and f.code != "list-missing"]
        if wrong:
            findings(self.context.out, wrong)
            raise CommandError("Nothing was written.")
        if self.dry_run:
            raise _DryRun
        risks = [f for f in self.new_findings if f.code in RISKS]
        if risks and not self.yes:
            self._say_changes(self.context.out, old, new)
            findings(self.context.out, risks)
        if risks:
            self.context.confirm("Write it?", yes=self.yes)

    def _examine(self, old: str, new: str) -> None:
        """What the linter says of the new text and not of the old one, and who gains and who loses."""
        if not self.target.startswith("@"):
            lists = self.parameters.get_lists(tuple(dict.fromkeys((*names_of_lists(old), *names_of_lists(new)))))
            known = {(f.code, f.message) for f in lint(old, lists)} if old else set()
            self.new_findings = [f for f in lint(new, lists) if (f.code, f.message) not in known]
            self.differences = {self.target: compare(old or None, new, lists, lists)}
            return
        name, self.notes = self.target[1:], []
        known = {(f.code, f.message) for f in lint_list(name, old)}
        self.new_findings = [f for f in lint_list(name, new) if (f.code, f.message) not in known]
        try:
            self._examine_users(name, new)
        except NotPermittedError as error:
            # A team that may write its list alone: all that is not told is who gains access where.
            self.notes.append(f"the sites that use {self.target} were not looked at: {error}")

    def _examine_users(self, name: str, new: str) -> None:
        for site in users_of(self.parameters, name):
            stored = self.parameters.get(self.parameters.name_of(site))
            text = stored.text if stored is not None else ""
            before = self.parameters.get_lists(names_of_lists(text))
            after = {**before, name: new}
            self.differences[site] = compare(text, text, before, after)
            known = {(f.code, f.message) for f in lint(text, before)}
            for finding in lint(text, after):
                if (finding.code, finding.message) not in known and finding not in self.new_findings:
                    self.new_findings.append(finding)

    def _as_dict(self, name: str, written: ChangeResult | None) -> dict[str, Any]:
        after = written.after if written is not None else None
        return {
            "parameter": name,
            "written": after is not None,
            "version": after.version if after is not None else None,
            self.verb: list(self.outcome.done),
            "others": [{"entry": entry, "why": why} for entry, why in self.outcome.others],
            "read_as": [{"given": p.given, "entry": p.entry, "notes": p.notes} for p in self.pasted],
            "notes": [*(written.notes if written is not None else ()), *self.notes],
            "access": {site: found.as_dict() for site, found in self.differences.items()},
            "findings": [f.as_dict() for f in self.new_findings],
        }

    def _say(self, out: Console, name: str, written: ChangeResult | None) -> None:
        for pasted in self.pasted:
            if pasted.notes:
                line(out, f"{pasted.given} is {pasted.entry} ", (f"({'; '.join(pasted.notes)})", "dim"))
        for note in (*(written.notes if written is not None else ()), *self.notes):
            line(out, ("note: ", "yellow"), note)
        self._say_changes(out, self.before, self.outcome.text)
        findings(out, self.new_findings)
        for entry, why in self.outcome.others:
            line(out, entry, (f"  {why}", "yellow"))
        if written is None:
            line(out, "Nothing was written (--dry-run).")
        elif written.after is None:
            line(out, "Nothing to write.")
        else:
            made = "created" if written.before is None else "written"
            line(out, (f"{made}: ", "bold green"), f"{name} version {written.after.version}, {written.after.type}")

    def _say_changes(self, out: Console, old: str, new: str) -> None:
        if not self.outcome.done:
            return
        # In a plain list the entries say it all; in a document it matters where they went.
        if is_json(new) or not self.differences:
            text_difference(out, old, new, indent=2)
        for site, found in self.differences.items():
            if self.target.startswith("@"):
                line(out, (f"site {site}", "bold"))
            difference(out, found)

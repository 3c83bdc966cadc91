"""What ``allow`` and ``revoke`` share: read the entries, edit the text, show what changes, ask, write."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from edgecors.document import is_json
from edgecors_admin.allow import EditFunction, EditOutcome, RuleSelection
from edgecors_admin.conditional_write import ChangeResult, change
from edgecors_admin.edit_review import EditReview, review_edit
from edgecors_admin.errors import CommandError, NotPermittedError, UsageError, ValueTooLargeError
from edgecors_admin.parameter_store import Parameters
from edgecors_admin.pasted import Pasted, read_all_pasted, split_pasted
from edgecors_admin.policy_files import read_entries
from edgecors_admin.sites import checked_target, missing, names_of_lists, refuse_alias, similar
from rich.console import Console

from edgecors_cli.context import Context
from edgecors_cli.render import SHOWN, difference, findings, line, text_difference

Origins = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ORIGIN", help="Origins, patterns, @lists; also pasted URLs. - reads them from standard input."
    ),
]
FromFile = Annotated[str | None, typer.Option("--from", metavar="FILE", help="Read origins from a file as well.")]
RuleNumber = Annotated[int | None, typer.Option("--rule", metavar="N", help="The rule of a JSON policy, from 0.")]
GrantNumberOption = Annotated[int | None, typer.Option("--grant", metavar="N", help="The grant of the rule, from 0.")]
PathOption = Annotated[str | None, typer.Option("--path", metavar="PATH", help="The rule that decides for this path.")]
HostOption = Annotated[str | None, typer.Option("--host", metavar="HOST", help="The rule that decides for this host.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")]


def read_selection(
    target: str, rule: int | None, grant: int | None, path: str | None, host: str | None
) -> RuleSelection:
    """Which rule is meant. Raises `UsageError` for a list, which has no rules."""
    selection = RuleSelection(rule, grant, path, host)
    if checked_target(target).startswith("@") and selection:
        raise UsageError("A list has no rules. Leave out --rule, --grant, --path and --host.")
    return selection


def read_origins(arguments: list[str] | None, file: str | None) -> list[Pasted]:
    """The entries of the command line, of standard input (``-``) and of a file. Raises `UsageError` for bad ones."""
    texts: list[str] = []
    for argument in arguments or ():
        texts += read_entries("-") if argument == "-" else split_pasted(argument)
    if file is not None:
        texts += read_entries(file)
    if not texts:
        raise UsageError("No origins given. Write them as arguments, or use - or --from FILE.")
    return read_all_pasted(texts)


class _DryRun(Exception):
    """Ends a change before anything is written."""


@dataclass
class Editing:
    """One call of ``allow`` or ``revoke``."""

    context: Context
    target: str
    selection: RuleSelection
    pasted: list[Pasted]
    edit: EditFunction
    dry_run: bool
    yes: bool
    verb: str
    must_exist: bool = False
    create: bool = False
    outcome: EditOutcome = field(default_factory=lambda: EditOutcome(""))
    review: EditReview = field(default_factory=EditReview)
    before: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> Parameters:
        """The Parameter Store of this call."""
        return self.context.parameters

    def run(self) -> None:
        """Edit, ask, write, and print what was done."""
        name = self.parameters.name_of(self.target)
        result: ChangeResult | None = None
        try:
            with contextlib.suppress(_DryRun):
                result = change(self.parameters, name, self._apply, self._agree, new_type="StringList")
        except ValueTooLargeError as error:
            raise ValueTooLargeError(f"{error} {self._how_to_split()}") from None
        self.context.answer(self._as_dict(name, result), lambda out: self._say(out, name, result))
        self.context.fail_if(not self.outcome.done and self.verb == "revoked")
        self.context.fail_if(bool(self.outcome.still_allowed))

    def _how_to_split(self) -> str:
        return f"Nothing was written. Spread the origins over several lists: edgecors split {self.target} --from FILE"

    def _apply(self, text: str) -> str:
        if not text and self.must_exist:
            raise missing(self.parameters, self.target, "revoke")
        if not text:
            self._check_alias()
            self._confirm_creation()
        self.context.progress.step(f"editing {len(self.pasted):,} entries of {self.target}")
        lists = {} if self.target.startswith("@") else self.parameters.get_lists(names_of_lists(text))
        self.outcome = self.edit(self.target, text, (p.entry for p in self.pasted), lists, self.selection)
        return self.outcome.text

    def _check_alias(self) -> None:
        """Refuse to create a policy that would replace a shared one; ask where that can't be known."""
        try:
            refuse_alias(self.parameters, self.target, "allow")
        except NotPermittedError as error:
            self.notes = [
                f"whether {self.target} is an alias, whose site's policy this replaces, is not known: {error}"
            ]
            if self.dry_run:
                return
            question = f"Whether {self.target} is an alias of a site can't be read. Create a policy of its own?"
            self.context.confirm(question, yes=self.yes or self.create, flag="--create")

    def _confirm_creation(self) -> None:
        """Ask before a site or list is created whose name is nearly that of an existing one."""
        if self.create or self.yes or self.dry_run:
            return
        near = similar(self.parameters, self.target)
        if near is not None:
            question = f"There is no {self.target} yet, but there is {near}. Create {self.target}?"
            self.context.confirm(question, yes=False, flag="--create")
            self.create = True

    def _agree(self, old: str, new: str) -> None:
        self.before = old
        self.context.progress.step(f"comparing access to {self.target}")
        self.review = review_edit(self.parameters, self.target, old, new)
        errors = self.review.errors
        if too_large := [f for f in errors if f.code == "too-large"]:
            raise ValueTooLargeError(f"{self.parameters.name_of(self.target)}: {too_large[0].message}.")
        if errors:
            findings(self.context.out, errors)
            raise CommandError("Nothing was written.")
        if self.dry_run:
            raise _DryRun
        risks = self.review.risks
        if risks and not self.yes:
            self._say_changes(self.context.out, old, new)
            findings(self.context.out, risks)
        if risks:
            self.context.confirm("Write it despite these findings?", yes=self.yes)

    def _as_dict(self, name: str, result: ChangeResult | None) -> dict[str, Any]:
        after = result.after if result is not None else None
        return {
            "parameter": name,
            "written": after is not None,
            "version": after.version if after is not None else None,
            self.verb: list(self.outcome.done),
            "others": [{"entry": entry, "why": why} for entry, why in self.outcome.others],
            "still_allowed": list(self.outcome.still_allowed),
            "read_as": [{"given": p.received, "entry": p.entry, "notes": p.notes} for p in self.pasted],
            "notes": self._all_notes(result),
            "access": {site: changes.as_dict() for site, changes in self.review.access.items()},
            "findings": [f.as_dict() for f in self.review.findings],
        }

    def _all_notes(self, result: ChangeResult | None) -> list[str]:
        return [*self.notes, *(result.notes if result is not None else ()), *self.review.notes]

    def _say(self, out: Console, name: str, result: ChangeResult | None) -> None:
        for pasted in [p for p in self.pasted if p.notes][:SHOWN]:
            line(out, f"{pasted.received} is {pasted.entry} ", (f"({'; '.join(pasted.notes)})", "dim"))
        for note in self._all_notes(result):
            line(out, ("note: ", "yellow"), note)
        self._say_changes(out, self.before, self.outcome.text)
        findings(out, self.review.findings)
        for entry, why in self.outcome.others[:SHOWN]:
            line(out, entry, (f"  {why}", "yellow"))
        if len(self.outcome.others) > SHOWN:
            line(out, (f"... and {len(self.outcome.others) - SHOWN:,} more unchanged; use --json to see all", "dim"))
        if result is None:
            line(out, "Nothing was written (--dry-run).")
        elif result.after is None:
            line(out, "Nothing to write.")
        else:
            verb = "created" if result.before is None else "written"
            line(out, (f"{verb}: ", "bold green"), f"{name} version {result.after.version}, {result.after.type}")

    def _say_changes(self, out: Console, old: str, new: str) -> None:
        if not self.outcome.done:
            return
        # The entries of a plain list say everything; in a document it matters where they went.
        if is_json(new) or not self.review.access:
            text_difference(out, old, new, indent=2)
        for site, changes in self.review.access.items():
            if self.target.startswith("@"):
                line(out, (f"site {site}", "bold"))
            difference(out, changes)

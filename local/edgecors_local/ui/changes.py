"""Changes that the page asks for: what each would do, and writing exactly what was shown.

A change is made in two steps. `propose` computes the new text and its consequences and writes nothing. `write`
computes them again, and refuses if anything differs from what the page showed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgecors.document import is_json
from edgecors.findings import Finding
from edgecors_admin.allow import EditFunction, EditOutcome, RuleSelection, allow_entries, revoke_entries
from edgecors_admin.conditional_write import delete, replace
from edgecors_admin.edit_review import EditReview, review_deletion, review_edit
from edgecors_admin.errors import CommandError, NotPermittedError, UsageError
from edgecors_admin.parameter_store import Parameters, ParameterType, Stored
from edgecors_admin.pasted import Pasted, read_all_pasted, split_pasted
from edgecors_admin.plan import same
from edgecors_admin.policy_files import read_policy_text, without_surrogates
from edgecors_admin.sites import checked_target, missing, names_of_lists, refuse_alias, similar
from edgecors_admin.text_difference import text_difference_lines
from edgecors_admin.versions import new_errors, one_version
from edgecors_admin.widening import widened

CREATE: Final = "similar-name"
DELETE: Final = "deletion"
ALIAS: Final = "alias-unknown"


class Outdated(Exception):
    """The change would do something else than the page showed. ``proposal`` is what it would do now."""

    def __init__(self, message: str, proposal: Proposal) -> None:
        super().__init__(message)
        self.proposal = proposal


@dataclass
class Proposal:
    """What a change would do.

    Attributes:
        target: The site or ``@list``.
        name: The parameter.
        before: The present version; None where there is none.
        text: The new text; None for a deletion.
        type: The type of a parameter that does not exist yet.
        review: The consequences.
        refused: The findings because of which the change can't be written.
        consents: What somebody has to agree to first: a code and a sentence each.
        outcome: The entries that an edit added or removed, and the reasons for the other entries.
        pasted: How the entries were read.
    """

    target: str
    name: str
    before: Stored | None
    text: str | None
    type: ParameterType = "String"
    review: EditReview = field(default_factory=EditReview)
    refused: list[Finding] = field(default_factory=list)
    consents: dict[str, str] = field(default_factory=dict)
    outcome: EditOutcome = field(default_factory=lambda: EditOutcome(""))
    pasted: list[Pasted] = field(default_factory=list)

    @property
    def old_text(self) -> str:
        """The present text; empty where there is none."""
        return self.before.text if self.before is not None else ""

    @property
    def version(self) -> int:
        """The present version; 0 where there is none."""
        return self.before.version if self.before is not None else 0

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to write."""
        return self.text is not None and self.text == self.old_text

    @property
    def id(self) -> str:
        """The present version, and a digest of the new text and of everything that is shown of the change."""
        modified = self.before.modified if self.before is not None else None
        content = json.dumps([str(modified), self.text, self.as_dict()], sort_keys=True)
        return f"{self.version}.{hashlib.sha256(content.encode()).hexdigest()}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the id."""
        return {
            "target": self.target,
            "parameter": self.name,
            "version": self.version,
            "creates": self.before is None,
            "deletes": self.text is None,
            "changes_nothing": self.changes_nothing,
            "text": text_difference_lines(self.old_text, self.text or ""),
            "access": {site: difference.as_dict() for site, difference in self.review.access.items() if difference},
            "notes": self.review.notes,
            "findings": [f.as_dict() for f in self.review.findings],
            "refused": [f.as_dict() for f in self.refused],
            "consents": [{"code": code, "sentence": sentence} for code, sentence in self.consents.items()],
            "done": list(self.outcome.done),
            "others": [{"entry": entry, "why": why} for entry, why in self.outcome.others],
            "read_as": [{"given": p.received, "entry": p.entry, "notes": p.notes} for p in self.pasted if p.notes],
        }


def propose(parameters: Parameters, change: Mapping[str, Any]) -> Proposal:
    """What a change would do. Writes nothing.

    Args:
        parameters: The Parameter Store.
        change: The ``kind`` (``allow``, ``revoke``, ``replace``, ``rollback`` or ``delete``), the ``target``, and the
            fields of the kind: ``origins``, ``rule`` and ``grant``; ``text``; ``version``.

    Raises:
        CommandError: The change can't be made; the message says why.
    """
    kind = _KINDS.get(_text(change, "kind"))
    if kind is None:
        raise UsageError(f"kind {change['kind']!r} is unknown. Use one of {', '.join(_KINDS)}.")
    target = checked_target(_text(change, "target"))
    name = parameters.name_of(target)
    before = parameters.get(name)
    if before is None and change["kind"] in ("revoke", "delete"):
        raise missing(parameters, target)
    proposal = Proposal(target, name, before, "")
    if before is None:
        _check_alias(parameters, proposal)
    kind(parameters, proposal, change)
    if proposal.text is not None and not proposal.changes_nothing:
        _add_consents(parameters, proposal)
    return proposal


def _check_alias(parameters: Parameters, proposal: Proposal) -> None:
    """Refuse to create a policy that would replace a shared one; ask for consent where that can't be known."""
    try:
        refuse_alias(parameters, proposal.target, "")
    except NotPermittedError:
        proposal.consents[ALIAS] = (
            f"Whether {proposal.target} is an alias of a site can't be read. Create a policy of its own."
        )


def write(parameters: Parameters, change: Mapping[str, Any], shown: str, accepted: Collection[str]) -> int | None:
    """Make a change, if it does what was shown.

    Args:
        parameters: The Parameter Store.
        change: As for `propose`.
        shown: The id of the proposal that the page showed.
        accepted: The codes of `Proposal.consents` that somebody agreed to.

    Returns:
        The version that was written; None after a deletion.

    Raises:
        Outdated: The change would do something else by now. Nothing was written.
        CommandError: The change is refused, or somebody else wrote in the same moment.
    """
    proposal = propose(parameters, change)
    if proposal.id != shown:
        raise Outdated(_what_changed(proposal, shown), proposal)
    if proposal.refused:
        raise CommandError(f"{proposal.refused[0].message}. Nothing was written.")
    open_questions = [sentence for code, sentence in proposal.consents.items() if code not in accepted]
    if open_questions:
        raise UsageError(f"Confirm this first: {open_questions[0]}")
    if proposal.changes_nothing:
        raise UsageError("There is nothing to write.")
    if proposal.text is not None:
        return replace(parameters, proposal.name, proposal.text, proposal.before, proposal.type).version
    assert proposal.before is not None
    delete(parameters, proposal.before)
    return None


def _what_changed(proposal: Proposal, shown: str) -> str:
    version = shown.partition(".")[0]
    if version == str(proposal.version):
        what = "what this change does depends on another site or list, which was changed since you looked at it"
    elif proposal.before is None:
        what = f"{proposal.name} was deleted since you looked at it"
    elif version == "0":
        what = f"{proposal.name} was created by somebody else since you looked at it"
    else:
        what = f"version {proposal.version} of {proposal.name} was written since you looked at version {version}"
    return f"Nothing was written: {what}. Check what the change does now."


def _allow(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any]) -> None:
    proposal.type = "StringList"
    _edit(parameters, proposal, change, allow_entries)


def _revoke(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any]) -> None:
    _edit(parameters, proposal, change, revoke_entries)


def _edit(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any], edit: EditFunction) -> None:
    lines = [line.strip() for line in _text(change, "origins").splitlines()]
    proposal.pasted = read_all_pasted(entry for line in lines if line for entry in split_pasted(line))
    if not proposal.pasted:
        raise UsageError("No origins given. Write one a line, such as https://app.example.com.")
    old = proposal.old_text
    lists = {} if proposal.target.startswith("@") else parameters.get_lists(names_of_lists(old))
    entries = (p.entry for p in proposal.pasted)
    proposal.outcome = edit(proposal.target, old, entries, lists, _selection(change))
    proposal.text = proposal.outcome.text
    _review(parameters, proposal)


def _replace(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any]) -> None:
    files = read_policy_text(_text(change, "text"), proposal.target)
    if files.single is None or files.error:
        raise UsageError(files.error or f"Write the policy of {proposal.target} alone, without `sites` and `lists`.")
    proposal.text = _laid_out_like(proposal.old_text, files.single)
    _review(parameters, proposal)


def _laid_out_like(old: str, new: str) -> str:
    """The new text; the old one if both say the same, and on one line where the old one is, which keeps it small."""
    if same(old, new):
        return old
    if is_json(old) and is_json(new) and "\n" not in old:
        with contextlib.suppress(ValueError, RecursionError):
            return without_surrogates(json.dumps(json.loads(new), ensure_ascii=False))
    return new


def _rollback(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any]) -> None:
    number = _number(change, "version")
    if number is None:
        raise UsageError("version is missing.")
    version = one_version(parameters, proposal.target, number)
    proposal.text, proposal.type = version.text, version.type
    proposal.review = review_edit(parameters, proposal.target, proposal.old_text, version.text)
    proposal.refused = new_errors(parameters, proposal.target, proposal.old_text, version.text)


def _delete(parameters: Parameters, proposal: Proposal, change: Mapping[str, Any]) -> None:
    proposal.text = None
    proposal.review = review_deletion(parameters, proposal.target, proposal.old_text)
    proposal.consents[DELETE] = f"Delete {proposal.name} with its history. This can't be undone."


_KINDS: Final[Mapping[str, Callable[[Parameters, Proposal, Mapping[str, Any]], None]]] = {
    "allow": _allow,
    "revoke": _revoke,
    "replace": _replace,
    "rollback": _rollback,
    "delete": _delete,
}


def _review(parameters: Parameters, proposal: Proposal) -> None:
    assert proposal.text is not None
    proposal.review = review_edit(parameters, proposal.target, proposal.old_text, proposal.text)
    proposal.refused = proposal.review.errors


def _add_consents(parameters: Parameters, proposal: Proposal) -> None:
    near = similar(parameters, proposal.target) if proposal.before is None else None
    if near is not None:
        proposal.consents[CREATE] = f"There is no {proposal.target} yet, but there is {near}. Create {proposal.target}."
    opened = [] if proposal.target.startswith("@") else widened(proposal.old_text or None, proposal.text)
    for finding in (*opened, *proposal.review.risks):
        where = f" ({finding.location})" if finding.location else ""
        sentence = f"{finding.message}{where}. {finding.remedy}"
        known = proposal.consents.get(finding.code)
        proposal.consents[finding.code] = f"{known} {sentence}" if known else sentence


def _selection(change: Mapping[str, Any]) -> RuleSelection:
    return RuleSelection(_number(change, "rule"), _number(change, "grant"))


def _text(change: Mapping[str, Any], field: str) -> str:
    value = change.get(field)
    if not isinstance(value, str):
        raise UsageError(f"{field} has to be a text.")
    return value


def _number(change: Mapping[str, Any], field: str) -> int | None:
    value = change.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise UsageError(f"{field} has to be a whole number.")
    return value

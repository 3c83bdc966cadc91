"""The notices that people get, with what they can do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecors.findings import Finding
    from edgecors_admin.parameter_store import Stored

    from .change import Change
    from .review import ParameterFinding

_MAX_SUBJECT = 100
_MAX_FINDINGS = 20
_MAX_NAMES = 20
_MAX_LINE = 1000
"""Characters of one finding: SNS takes messages of at most 256 KB."""


@dataclass(frozen=True)
class Notice:
    """An e-mail: SNS takes subjects of at most 100 ASCII characters."""

    subject: str
    text: str


def invalid(change: Change, version: Stored, errors: tuple[ParameterFinding, ...], end: str) -> Notice:
    """An invalid value that stays, and why."""
    return _notice(
        f"invalid: {change.short_name}", f"Version {version.version} of {change.name} is invalid:", errors, end
    )


def reverted(change: Change, bad: int, good: int, written: int, errors: tuple[ParameterFinding, ...]) -> Notice:
    """An invalid value that was replaced by the last good version."""
    head = f"Version {bad} of {change.name} was invalid. The guard wrote version {good} again, as version {written}."
    head += " The errors were:" if errors else f" Parameter Store no longer has version {bad}."
    end = (
        f"Version {bad} is still in the parameter's history. If you write the same value once more, the guard does not"
        " revert it; other Regions keep the good version."
    )
    return _notice(f"reverted: {change.short_name}", head, errors, end)


def skipped(change: Change, version: Stored, findings: tuple[ParameterFinding, ...]) -> Notice:
    """Entries that are skipped in a value that is valid otherwise."""
    head = f"Version {version.version} of {change.name} is in use without these entries:"
    return _notice(f"entries skipped: {change.short_name}", head, findings, "Correct or remove these entries.")


def together(change: Change, version: Stored, findings: tuple[ParameterFinding, ...]) -> Notice:
    """A value that is valid, but wrong together with other parameters."""
    head = f"Version {version.version} of {change.name} is in use, but is inconsistent with other parameters:"
    end = "Nothing was reverted, as these parameters may have different owners. Correct one of them."
    return _notice(f"inconsistent: {change.short_name}", head, findings, end)


def too_large(change: Change, distribution: str, reasons: Iterable[Finding], left_out: Iterable[str]) -> Notice:
    """A policy that CloudFront Functions can't hold, or not with all its lists."""
    lists = [f"@{name}" for name in left_out]
    head = f"After a change of {change.name}, CloudFront Functions of {distribution} can't hold the policy:"
    effect = (
        f"These lists were left out, and allow nobody there: {_join(lists)}."
        if lists
        else "The functions keep the previous policy: origins that you removed are still allowed there."
    )
    lines = [head, *(f"  - {reason}"[:_MAX_LINE] for reason in reasons), "", effect]
    return Notice(f"edgecors too large for functions: {distribution}"[:_MAX_SUBJECT], "\n".join(lines))


def opened(change: Change, version: Stored, findings: tuple[ParameterFinding, ...]) -> Notice:
    """A site that is now open to everyone."""
    head = f"Version {version.version} of {change.name} opens the site to everyone:"
    name = change.short_name
    end = f"If this was not intended: edgecors history {name}, then edgecors rollback {name} VERSION."
    return _notice(f"open to everyone: {name}", head, findings, end)


def list_deleted(change: Change, sites: Iterable[str]) -> Notice:
    """A list that was deleted although policies use it."""
    head = (
        f"{change.name} was deleted, but policies still use @{change.short_name}: {_join(sites)}."
        " The list allows nobody there."
    )
    end = "Create the list again, or remove it from these policies."
    return _notice(f"list deleted: {change.short_name}", head, (), end)


def site_deleted(change: Change, aliases: Iterable[str]) -> Notice:
    """A site that was deleted although aliases name it."""
    head = f"{change.name} was deleted, but aliases still name it: {_join(aliases)}. Nobody is allowed there."
    end = "Create the site again, or change these aliases."
    return _notice(f"site deleted: {change.short_name}", head, (), end)


def _join(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_MAX_NAMES]) + (" ..." if len(listed) > _MAX_NAMES else "")


def _notice(subject: str, head: str, findings: tuple[ParameterFinding, ...], end: str) -> Notice:
    lines = [head, *(f"  - {finding}"[:_MAX_LINE] for finding in findings[:_MAX_FINDINGS])]
    if len(findings) > _MAX_FINDINGS:
        lines.append(f"  - and {len(findings) - _MAX_FINDINGS} more")
    return Notice(f"edgecors {subject}"[:_MAX_SUBJECT], "\n".join((*lines, "", end)))


def why_invalid_stays(change: Change, why: str) -> str:
    """The end of a notice about an invalid value that stays."""
    text = (
        f"{why} Replicas in other Regions have the last good version. Functions that have loaded a good version keep"
        " using it; new ones may have none.\n"
    )
    if change.kind == "aliases":
        return f"{text}What to do: write the name of a site."
    name = f"@{change.short_name}" if change.kind == "lists" else change.short_name
    return f"{text}What to do: edgecors lint {name}, edgecors history {name}, edgecors rollback {name} VERSION."

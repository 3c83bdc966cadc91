"""Whether a change of a policy opens something to everyone."""

from __future__ import annotations

from collections.abc import Iterator

from edgecors.document import PolicyError
from edgecors.findings import WARNING, Finding
from edgecors.policy import Policy, Rule

from edgecors_admin.globs import rule_covers, rules_meet, texts
from edgecors_admin.loading import load


def widened(old: str | None, new: str | None) -> list[Finding]:
    """Each rule of the new value that allows every origin (``*``) where the old value did not.

    The lists' values are not needed: a list cannot contain ``*``. A missing or rejected value allows nobody. Where
    it is unknown whether the old rules were as open, this assumes that they were not.
    """
    before, after = _policy(old), _policy(new)
    return [_finding(rule, after) for rule in _newly_open(before, after)]


def _policy(text: str | None) -> Policy | None:
    try:
        return None if text is None else load(text)
    except PolicyError:
        return None


def _newly_open(before: Policy | None, after: Policy | None) -> Iterator[Rule]:
    for rule in after.rules if after is not None else ():
        if _decides(after, rule) and rule.open_grant is not None and not _was_open(before, after, rule):
            yield rule


def _decides(policy: Policy | None, rule: Rule) -> bool:
    """Whether anything is left for a rule by those before it."""
    return policy is not None and not any(rule_covers(r, rule) for r in policy.rules[: rule.index])


def _was_open(before: Policy | None, after: Policy | None, rule: Rule) -> bool:
    if before is None or after is None or (before.shadow and not after.shadow):
        return False
    ahead = after.rules[: rule.index]
    for old in before.rules:
        if old.open_grant is not None:
            if rule_covers(old, rule):
                return True
        # A narrower rule that stood before the open one must still be there, or its resources are open now.
        elif rules_meet(old, rule) and not any(r.open_grant is None and rule_covers(r, old) for r in ahead):
            return False
    return False


def _finding(rule: Rule, policy: Policy | None) -> Finding:
    plain = policy is not None and len(policy.rules) == 1 and rule.paths is None and rule.hosts is None
    location = "" if plain else f"rules[{rule.index}]"
    about = f"{', '.join(texts(rule.paths))} on {', '.join(texts(rule.hosts))}"
    message = f"this change lets every website read {about}"
    return Finding(
        WARNING, "widens-to-everyone", location, message, "If this is not intended, list the origins instead."
    )

"""What a policy in shadow mode would have refused, from the log lines of every Region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgecors.decision import (
    HEADERS_NOT_ALLOWED,
    METHOD_NOT_ALLOWED,
    ORIGIN_NOT_ALLOWED,
    find_grant,
    parse_header_names,
)
from edgecors.policy import Policy, Rule

from edgecors_admin.denied import Refused


@dataclass(frozen=True)
class ShadowReport:
    """What would be refused, by rule, and what the policy has come to allow since it was logged."""

    refused: tuple[Refused, ...]
    allowed_since: tuple[Refused, ...]

    def by_rule(self) -> dict[int | None, list[Refused]]:
        """What would be refused by each rule, in the order of the rules; None where the rule is not known."""
        numbers = sorted({refused.rule for refused in self.refused}, key=lambda n: (n is None, n))
        return {number: [r for r in self.refused if r.rule == number] for number in numbers}


def shadow_report(policy: Policy, logged: Iterable[Refused]) -> ShadowReport:
    """Compare what was logged with the policy as it is now."""
    refused: list[Refused] = []
    since: list[Refused] = []
    for item in logged:
        (since if _is_allowed_now(policy.rules, item) else refused).append(item)
    return ShadowReport(tuple(refused), tuple(since))


def _is_allowed_now(rules: Sequence[Rule], refused: Refused) -> bool:
    """Whether the rule that refused would allow the same now. What can't be known from the line counts as refused."""
    if refused.rule is None or refused.rule >= len(rules):
        return False
    if refused.reason not in (ORIGIN_NOT_ALLOWED, METHOD_NOT_ALLOWED, HEADERS_NOT_ALLOWED):
        return False
    _, grant, _ = find_grant(rules[refused.rule], refused.origin)
    if grant is None:
        return False
    if refused.request_method and grant.allow_methods is not None and refused.request_method not in grant.allow_methods:
        return False
    names = parse_header_names(refused.request_headers)
    return names is not None and (grant.allow_headers is None or set(names) <= set(grant.allow_headers))

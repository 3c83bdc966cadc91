"""What globs have in common: whether one covers another, and whether two can meet at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from edgecors.decision import Request, candidates
from edgecors.paths import Globs
from edgecors.policy import Policy, Rule

UNNAMED_HOST = "0q0z0j0.invalid"
"""Stands for every host that no rule names."""


def rule_for(policy: Policy, host: str | None, path: str) -> Rule | None:
    """The rule that decides about a resource; None when no rule matches. An unknown host is one that no rule names."""
    return candidates(policy, Request("GET", path, host or UNNAMED_HOST))[0]


def rule_covers(wide: Rule, narrow: Rule) -> bool:
    """Whether every resource that ``narrow`` is about is one that ``wide`` is about too. Never wrongly True."""
    return _covers(wide.hosts, narrow.hosts) and _covers(wide.paths, narrow.paths)


def rules_meet(one: Rule, other: Rule) -> bool:
    """Whether a resource may be what both are about. Never wrongly False."""
    return _meet(one.hosts, other.hosts) and _meet(one.paths, other.paths)


def _covers(wide: Globs | None, narrow: Globs | None) -> bool:
    if wide is None:
        return True
    if narrow is None:
        return False
    return all(any(glob_covers(w, n) for w in wide.texts) for n in narrow.texts)


def _meet(one: Globs | None, other: Globs | None) -> bool:
    return one is None or other is None or any(_may_meet(a, b) for a in one.texts for b in other.texts)


def glob_covers(wide: str, narrow: str) -> bool:
    """Whether ``wide`` matches everything that ``narrow`` matches, decided by matching the text of ``narrow`` itself.

    A ``*`` of the wide one takes any piece of the narrow one, stars included; a ``?`` any one character but a star; a
    letter only itself.
    """
    return _covering_regex(wide).fullmatch(narrow) is not None


@lru_cache(maxsize=4096)
def _covering_regex(wide: str) -> re.Pattern[str]:
    head, *runs = (_literal(run) for run in re.split(r"\*+", wide))
    if not runs:
        return re.compile(head, re.DOTALL)
    *middle, tail = runs
    # Atomic groups: each run is matched at its leftmost position only, so the time is linear.
    return re.compile(head + "".join(f"(?>.*?{run})" for run in middle) + f".*{tail}", re.DOTALL)


def _literal(run: str) -> str:
    return "".join("[^*]" if character == "?" else re.escape(character) for character in run)


def _may_meet(one: str, other: str) -> bool:
    """False only where the characters before the first wildcards, or those after the last, already differ."""
    return _agree(one, other) and _agree(one[::-1], other[::-1])


def _agree(one: str, other: str) -> bool:
    for a, b in zip(one, other, strict=False):
        if a == "*" or b == "*":
            return True
        if a != b and "?" not in (a, b):
            return False
    return _rest_may_be_empty(one, other) and _rest_may_be_empty(other, one)


def _rest_may_be_empty(long: str, short: str) -> bool:
    return not long[len(short) :].strip("*")


def texts(globs: Globs | None, everything: str = "*") -> Iterable[str]:
    """The globs as texts; ``everything`` where everything matches."""
    return (everything,) if globs is None else globs.texts

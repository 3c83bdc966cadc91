"""Writing the last good version over an invalid one, without ever overwriting a person's later decision.

Parameter Store does not tell which principal wrote a version in a way that the guard could rely on, so the guard marks
its own writes in their descriptions. A mark names the version that it creates: a mark that a later write carries along
with the description is not the guard's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .review import review

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind, Parameters, Stored

    from .home import History

MAX_REVIEWED = 25
"""Distinct earlier values that are reviewed at most: a hostile history must not use up the guard's time."""
_MARK = re.compile(r"edgecors guard: version (\d+) is invalid, version (\d+) put back as version (\d+)(?: \| )?")
_MAX_DESCRIPTION = 1024


@dataclass(frozen=True)
class Mark:
    """The mark of one of the guard's writes: the numbers of the invalid, the good and the written version."""

    bad: int
    good: int
    written: int

    def __str__(self) -> str:
        return f"edgecors guard: version {self.bad} is invalid, version {self.good} put back as version {self.written}"


def read_mark(version: Stored) -> Mark | None:
    """The mark in a version's description, whether the version's own or carried along."""
    match = _MARK.match(version.description)
    return Mark(*map(int, match.groups())) if match else None


def own_mark(history: History) -> Mark | None:
    """The mark of the current version if the guard wrote it; None otherwise.

    Anyone who may write the parameter may write such a description, so the value has to agree with it.
    """
    mark = read_mark(history.current)
    if mark is None or mark.written != history.current.version:
        return None
    good = history.version(mark.good)
    return mark if good is None or good.value == history.current.value else None


def was_reverted_before(history: History) -> bool:
    """Whether the guard has reverted the same value before, so that it must not do so again."""
    versions = (*history.earlier, history.current)
    reverted = {mark.bad for version in versions if (mark := read_mark(version)) is not None}
    return any(v.version in reverted and v.value == history.current.value for v in history.earlier)


def last_good(kind: Kind, history: History) -> Stored | None:
    """The newest earlier version that is valid; None where there is none among the latest values."""
    reviewed = {history.current.value}
    for version in reversed(history.earlier):
        if version.value in reviewed:
            continue
        if len(reviewed) > MAX_REVIEWED:
            return None
        reviewed.add(version.value)
        if review(kind, version).valid:
            return version
    return None


def put_back(home: Parameters, bad: Stored, good: Stored) -> bool:
    """Write a good version over an invalid one; False, and nothing is written, if somebody has written meanwhile."""
    # Parameter Store has no conditional write. This read narrows the gap, and `overtaken` repairs what falls into it.
    if not bad.is_same_write(home.get(bad.name)):
        return False
    mark = Mark(bad.version, good.version, bad.version + 1)
    original = _MARK.sub("", good.description)
    description = f"{mark} | {original}" if original else str(mark)
    home.write_version(good, tier=bad.tier, description=description[:_MAX_DESCRIPTION])
    return True


def overtaken(history: History) -> Stored | None:
    """A person's version that one of the guard's writes has replaced by accident; None where there is none."""
    mark = read_mark(history.current)
    if mark is None or mark.written >= history.current.version:
        return None
    # Either the guard meant to write version `mark.written`, which turned out to be somebody else's; or a person wrote
    # the current version, and the description was carried along from the version before.
    before = history.version(history.current.version - 1)
    return None if before is None or read_mark(before) == mark else before


def give_back(home: Parameters, replaced: Stored, current: Stored) -> bool:
    """Write a replaced version of a person again; False if somebody has written meanwhile."""
    if not current.is_same_write(home.get(current.name)):
        return False
    # Without a mark that it carried along: that would make this write look like one of the guard's by accident.
    home.write_version(replaced, tier=current.tier, description=_MARK.sub("", replaced.description))
    return True

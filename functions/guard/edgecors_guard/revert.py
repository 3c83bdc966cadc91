"""Putting the last good version back, without ever fighting a person.

Parameter Store keeps no author of a version that the guard could ask for, so it marks its own writes in their
descriptions. A mark names the version that it makes: a description that a later write carries along is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .change import LISTS
from .parameters import History, Home, Version, read, write
from .review import review

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_MARK = re.compile(r"edgecors guard: version (\d+) is invalid, version (\d+) put back as version (\d+)(?: \| )?")
_MOST_DESCRIPTION = 1024
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Mark:
    """What the guard says of a write of its own: the numbers of the bad, the good and the written version."""

    bad: int
    good: int
    written: int

    def __str__(self) -> str:
        return f"edgecors guard: version {self.bad} is invalid, version {self.good} put back as version {self.written}"


def read_mark(version: Version) -> Mark | None:
    """The mark in a version's description, be it the version's own or one carried along."""
    found = _MARK.match(version.description)
    return Mark(*map(int, found.groups())) if found else None


def own_mark(version: Version) -> Mark | None:
    """The mark of a version that the guard wrote itself; None for every other."""
    mark = read_mark(version)
    return mark if mark is not None and mark.written == version.number else None


def was_put_back(history: History) -> bool:
    """Whether the current value is one that the guard took away before: somebody means it."""
    versions = (*history.earlier, history.current)
    taken = {mark.bad for version in versions if (mark := read_mark(version)) is not None}
    return any(v.number in taken and v.value == history.current.value for v in history.earlier)


def last_good(kind: str, history: History, home: Home) -> Version | None:
    """The newest earlier version that would be valid now; None when none is kept."""
    # A list put back is newer than every site, so all that it would break is its fault.
    written = _END_OF_TIME if kind == LISTS else history.current.modified
    for version in reversed(history.earlier):
        if version.value != history.current.value and review(kind, version, home, written=written).valid:
            return version
    return None


def put_back(client: SSMClient, bad: Version, good: Version) -> bool:
    """Writes a good version over a bad one; False when somebody has written in the meantime, and nothing was done."""
    # Parameter Store has no conditional write. This look narrows the gap, `overtaken` heals what falls into it.
    if not bad.is_same_write(read(client, bad.name)):
        return False
    mark = Mark(bad.number, good.number, bad.number + 1)
    theirs = _MARK.sub("", good.description)
    description = f"{mark} | {theirs}" if theirs else str(mark)
    write(client, good, value=good.value, tier=bad.tier, description=description[:_MOST_DESCRIPTION])
    return True


def overtaken(history: History) -> Version | None:
    """The version of a person that a write of the guard's covered up by accident; None when there is none."""
    mark = read_mark(history.current)
    if mark is None or mark.written >= history.current.number:
        return None
    # Either the guard wrote it in the belief to make version `mark.written`, and that one is somebody else's; or a
    # person did, and the description was carried along from the version before.
    before = history.version(history.current.number - 1)
    return None if before is None or read_mark(before) == mark else before


def give_back(client: SSMClient, covered: Version, current: Version) -> bool:
    """Writes a person's version again that was covered up; False when somebody has written in the meantime."""
    if not current.is_same_write(read(client, current.name)):
        return False
    write(client, covered, value=covered.value, tier=current.tier, description=covered.description)
    return True

"""The home Region's parameters as they are now.

Every parameter has its own owner, who may store it as a SecureString under a key that the guard may not use. Reading
one parameter therefore never fails because of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgecors.allowlist import is_name
from edgecors.packing import unpack
from edgecors_admin.errors import AwsError
from edgecors_admin.sites import names_of_lists
from edgecors_admin.size import STANDARD, size

if TYPE_CHECKING:
    from edgecors_admin.parameter_store import Kind, Parameters, Stored

EXAMINATION_SECONDS = 20.0
"""Time for examining other owners' parameters. Only notices and invalidations depend on it."""


@dataclass(frozen=True)
class History:
    """A parameter now, and the earlier versions that Parameter Store still has (100 at most), oldest first."""

    current: Stored
    earlier: tuple[Stored, ...]

    def version(self, number: int) -> Stored | None:
        """A version by its number; None where Parameter Store no longer has it."""
        return next((v for v in (*self.earlier, self.current) if v.version == number), None)


@dataclass(frozen=True)
class ListUsers:
    """The sites that use a list.

    Attributes:
        sites: the sites whose policies name the list.
        unknown: names of sites that could not be examined: unreadable, or not within `EXAMINATION_SECONDS`.
    """

    sites: tuple[Stored, ...] = ()
    unknown: tuple[str, ...] = ()


class HomeParameters:
    """The home Region's parameters. Remembers what it has read: create a new one to look again."""

    def __init__(self, parameters: Parameters, clock: Callable[[], float]) -> None:
        self._parameters = parameters
        self._clock = clock
        self._read: dict[str, Stored | None] = {}
        self._examined_until: float | None = None

    def current(self, name: str) -> Stored | None:
        """A parameter's value now, never a remembered one; None for a missing parameter."""
        return self._parameters.get(name)

    def history(self, name: str) -> History | None:
        """A parameter with its versions; None for a missing parameter."""
        now = self.current(name)
        if now is None:
            return None
        versions = {version.version: version for version in self._parameters.history(name)}
        # A later write has an event of its own.
        earlier = sorted((v for v in versions.values() if v.version < now.version), key=lambda v: v.version)
        # GetParameter returns neither tier, description nor key, and the history may lag behind it.
        details = versions.get(now.version, now)
        tier = details.tier or ("Advanced" if size(now.value) > STANDARD else "Standard")
        return History(replace(details, value=now.value, modified=now.modified, tier=tier), tuple(earlier))

    def history_of(self, kind: Kind, name: str) -> History | None:
        """A site, list or alias with its versions; None for a missing one or an invalid name."""
        return self.history(f"{self._parameters.root}/{kind}/{name}") if is_name(name) else None

    def readable(self, kind: Kind, names: Iterable[str]) -> Mapping[str, Stored | None]:
        """Sites, lists or aliases by their names; None for those that do not exist.

        A name that can't be read, or that Parameter Store would reject, is left out.
        """
        valid = [name for name in names if is_name(name)]
        full = {f"{self._parameters.root}/{kind}/{name}": name for name in valid}
        missing = [name for name in full if name not in self._read]
        try:
            self._read.update(self._parameters.get_many(missing))
        except AwsError:
            for name in missing:
                self._read_alone(name)
        return {short: self._read[name] for name, short in full.items() if name in self._read}

    def _read_alone(self, name: str) -> None:
        try:
            self._read[name] = self._parameters.get(name)
        except AwsError:
            self._read.pop(name, None)

    def may_examine(self) -> bool:
        """Whether there is time left to examine another owner's parameter. The time starts with the first question."""
        now = self._clock()
        if self._examined_until is None:
            self._examined_until = now + EXAMINATION_SECONDS
        return now <= self._examined_until

    def aliases(self) -> Mapping[str, str]:
        """The site that each alias names; empty, which is the name of no site, for an alias that can't be read."""
        readable, unreadable = self._parameters.below("aliases")
        return {**dict.fromkeys(unreadable, ""), **{name: site_of_alias(alias) for name, alias in readable.items()}}

    def users_of(self, list_name: str) -> ListUsers:
        """The sites whose policies name a list."""
        readable, unreadable = self._parameters.below("sites")
        sites, unknown = [], list(unreadable)
        for name, site in readable.items():
            if not self.may_examine():
                unknown.append(name)
            elif uses_list(site.value, list_name):
                sites.append(site)
        return ListUsers(tuple(sites), tuple(unknown))


def site_of_alias(alias: Stored) -> str:
    """The site that an alias names."""
    return alias.value.strip()


def uses_list(policy: str, list_name: str) -> bool:
    """Whether a policy, also an invalid one, names a list."""
    try:
        text = unpack(policy)
    except ValueError:
        return False
    # Most policies are dismissed without parsing them. JSON may write the name with escapes.
    if f"@{list_name}" not in text and "\\u" not in text:
        return False
    return list_name in names_of_lists(policy)

"""A site as it stands in Parameter Store: its policy with the lists it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgecors.document import PolicyError, load_policy, read_document
from edgecors.findings import Finding
from edgecors.policy import Policy

from edgecors_admin.errors import CommandError
from edgecors_admin.lint import lint
from edgecors_admin.parameter_store import Parameters, Stored
from edgecors_admin.source_map import PolicySource, read_written


@dataclass(frozen=True)
class Site:
    """One site. ``text`` is its policy, unpacked; ``stored`` is None for one that is not in Parameter Store (yet)."""

    name: str
    text: str
    lists: Mapping[str, str | None] = field(default_factory=dict)
    stored: Stored | None = None

    def policy(self) -> Policy | None:
        """The compiled policy; None when it is rejected."""
        try:
            return load_policy(self.text, self.lists)
        except PolicyError:
            return None

    def written(self) -> PolicySource:
        """Which entry stands where."""
        return read_written(self.text, self.lists)

    def findings(self) -> list[Finding]:
        """All that the linter says."""
        return lint(self.text, self.lists)


def with_lists(parameters: Parameters, name: str, text: str, stored: Stored | None = None) -> Site:
    """A site of this text, with the lists that it names read from Parameter Store."""
    return Site(name, text, parameters.get_lists(names_of_lists(text)), stored)


def load_site(parameters: Parameters, name: str) -> Site:
    """A site from Parameter Store. Raises `CommandError` when there is none."""
    stored = parameters.get(parameters.name_of(name))
    if stored is None:
        raise CommandError(
            f"There is no site {name!r} in {parameters.client.meta.region_name}"
            f" ({parameters.name_of(name)}). Make one: edgecors allow {name} https://app.example.com"
        )
    return with_lists(parameters, name, stored.text, stored)


def names_of_lists(text: str) -> tuple[str, ...]:
    """The lists that a policy names, also where it is rejected."""
    try:
        return read_document(text).lists
    except PolicyError:
        return tuple(dict.fromkeys(name for rule in read_written(text).rules for name in rule.lists))


def users_of(parameters: Parameters, name: str) -> list[str]:
    """The sites whose policies name a list."""
    found = parameters.below("sites")
    return [site for site, stored in found.items() if name in names_of_lists(stored.text)]

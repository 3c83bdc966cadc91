"""Sites in Parameter Store: each policy with the lists it names, and the aliases that use it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from edgecors.allowlist import is_name
from edgecors.document import PolicyError, read_document
from edgecors.findings import Finding
from edgecors.policy import Policy

from edgecors_admin.errors import AwsError, CommandError, NotPermittedError, UsageError
from edgecors_admin.lint import lint
from edgecors_admin.loading import load
from edgecors_admin.parameter_store import Parameters, Stored, Unreadable
from edgecors_admin.source_map import PolicySource, read_written

_NAMES = "Names have letters, digits, '_', '.' and '-'."


@dataclass(frozen=True)
class Site:
    """One site.

    Attributes:
        name: The site's name.
        text: Its policy, unpacked.
        lists: The values of the lists that the policy names; None for those that do not exist.
        stored: The parameter; None for a policy that is not in Parameter Store (yet).
        alias: The distribution that was asked for, when it uses the policy of this site.
        unreadable: Names of lists that exist and can't be read, which are not in ``lists``.
    """

    name: str
    text: str
    lists: Mapping[str, str | None] = field(default_factory=dict)
    stored: Stored | None = None
    alias: str = ""
    unreadable: Collection[str] = ()

    @cached_property
    def policy(self) -> Policy | None:
        """The compiled policy; None when it is rejected."""
        try:
            return load(self.text, self.lists)
        except PolicyError:
            return None

    @cached_property
    def source(self) -> PolicySource:
        """Where each entry is."""
        return read_written(self.text, self.lists)

    def findings(self) -> list[Finding]:
        """Everything that the linter reports."""
        return lint(self.text, self.lists, self.unreadable)


def with_lists(parameters: Parameters, name: str, text: str, stored: Stored | None = None, alias: str = "") -> Site:
    """A site with this text, and the lists that it names read from Parameter Store."""
    names = names_of_lists(text)
    return Site(name, text, parameters.get_lists(names) if names else {}, stored, alias)


def load_site(parameters: Parameters, name: str) -> Site:
    """A site from Parameter Store, or the one that a distribution of this name uses. Raises `CommandError`."""
    stored = parameters.get(parameters.name_of(name))
    if stored is not None:
        return with_lists(parameters, name, stored.text, stored)
    target = alias_target(parameters, name)
    stored = parameters.get(parameters.name_of(target)) if target else None
    if stored is None:
        raise missing(parameters, name)
    return with_lists(parameters, target, stored.text, stored, name)


def alias_target(parameters: Parameters, name: str) -> str:
    """The site whose policy a distribution without a policy of its own uses; empty where it has no alias."""
    alias = parameters.get(f"{parameters.root}/aliases/{name}")
    return alias.text.strip() if alias is not None else ""


def site_to_read(parameters: Parameters, target: str) -> tuple[str, str]:
    """The site or ``@list`` to read, and the alias: ``target``, if it has no policy of its own, otherwise empty."""
    if checked_target(target).startswith("@") or parameters.get(parameters.name_of(target)) is not None:
        return target, ""
    site = alias_target(parameters, target)
    return (site, target) if site else (target, "")


def refuse_alias(parameters: Parameters, target: str, command: str) -> None:
    """Refuse to create a policy for a distribution that uses that of another site: it would replace that policy.

    Args:
        parameters: Where the aliases are.
        target: The site or ``@list`` that does not exist yet.
        command: The command that the message names, with the site instead of the alias.

    Raises:
        CommandError: The target is an alias.
        NotPermittedError: The caller may not read whether it is one.
    """
    site = "" if target.startswith("@") else alias_target(parameters, target)
    if site:
        raise _only_an_alias(parameters, target, site, command)


def missing(parameters: Parameters, target: str, command: str = "") -> CommandError:
    """The error for a site or ``@list`` that does not exist, with the nearest that does.

    Args:
        parameters: Where it was looked for.
        target: The name.
        command: The command to name where the name is an alias.
    """
    unknown = ""
    if not target.startswith("@"):
        try:
            refuse_alias(parameters, target, command)
        except NotPermittedError as error:
            unknown = f" It may be an alias, which could not be read: {error}"
        except AwsError:
            raise
        except CommandError as error:
            return error
    near = similar(parameters, target)
    hint = f" Did you mean {near}?" if near else ""
    create = f"edgecors allow {target} https://app.example.com"
    what = f"list {target}" if target.startswith("@") else f"site {target!r}"
    where = f"{parameters.region} ({parameters.name_of(target)})"
    return CommandError(f"There is no {what} in {where}.{hint}{unknown} To create it: {create}")


def _only_an_alias(parameters: Parameters, alias: str, site: str, command: str) -> CommandError:
    if parameters.get(parameters.name_of(site)) is None:
        return CommandError(
            f"{alias} is an alias of {site}, and there is no site {site!r} in {parameters.region}"
            f" ({parameters.name_of(site)}). To create it: edgecors allow {site} https://app.example.com"
        )
    instead = f"edgecors {command} {site} ..." if command else f"write {site} instead of {alias}"
    return CommandError(
        f"{alias} has no policy of its own: it is an alias of {site}, and uses the policy of {site}."
        f"\nTo change that policy: {instead}"
        f"\nTo give {alias} one of its own, which replaces that of {site} there: edgecors alias remove {alias}"
    )


def similar(parameters: Parameters, target: str) -> str | None:
    """The existing site or ``@list`` whose name is nearest to a name that does not exist; None when none is near."""
    try:
        names = parameters.types_below("lists" if target.startswith("@") else "sites")
    except NotPermittedError:
        return None  # the caller may be allowed to use one parameter only
    name = nearest(target.removeprefix("@"), names)
    return None if name is None else f"@{name}" if target.startswith("@") else name


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that is most like ``name``, without regard to case; None when none is."""
    by_lower = {candidate.lower(): candidate for candidate in names if candidate != name}
    near = difflib.get_close_matches(name.lower(), by_lower, 1, 0.7)
    return by_lower[near[0]] if near else None


def names_of_lists(text: str) -> tuple[str, ...]:
    """The lists that a policy names, also where it is rejected."""
    try:
        return read_document(text).lists
    except PolicyError:
        return tuple(dict.fromkeys(name for rule in read_written(text).rules for name in rule.lists))


def users_of(parameters: Parameters, name: str) -> tuple[dict[str, Stored], dict[str, Unreadable]]:
    """The sites whose policies name a list, and those that can't be read and may name it."""
    sites, unreadable = parameters.below("sites")
    return {site: stored for site, stored in sites.items() if name in names_of_lists(stored.text)}, unreadable


def checked_site(name: str) -> str:
    """The name. Raises `UsageError` when it is not a valid site name."""
    if not is_name(name):
        raise UsageError(f"{name!r} is not a valid site name. {_NAMES}")
    return name


def checked_target(target: str) -> str:
    """``SITE`` or ``@LIST``. Raises `UsageError` when it is neither."""
    if not is_name(target.removeprefix("@")):
        raise UsageError(f"{target!r} is not a valid name. {_NAMES} A list has @ before its name.")
    return target

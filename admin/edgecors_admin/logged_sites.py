"""Under which names the log lines of a site are: an edge function logs the id of its distribution."""

from __future__ import annotations

from dataclasses import dataclass

from edgecors_admin.errors import NotPermittedError
from edgecors_admin.overview import aliases_by_site, reasons
from edgecors_admin.parameter_store import Parameters
from edgecors_admin.sites import site_to_read


@dataclass(frozen=True)
class LoggedSites:
    """The log lines of a site.

    Attributes:
        site: The site whose policy decides.
        names: The names in the log lines: the site's own, and those of the distributions that use its policy.
        alias: The name that was asked for, where it is an alias of the site; its log lines alone are meant.
        unread: Why the aliases could not be read, so that names may be missing; empty where they were read.
    """

    site: str
    names: tuple[str, ...]
    alias: str = ""
    unread: str = ""


def logged_sites(parameters: Parameters, name: str) -> LoggedSites:
    """The log lines of a site, or of one distribution that uses its policy."""
    try:
        site, alias = site_to_read(parameters, name)
        if alias:
            return LoggedSites(site, (alias,), alias)
        by_site, unreadable = aliases_by_site(parameters)
        aliases = by_site.get(site, [])
        own = parameters.types_below("sites") if aliases else {}
    except NotPermittedError as error:
        return LoggedSites(name, (name,), unread=str(error))
    # A policy of its own counts before an alias.
    names = (site, *(alias for alias in aliases if alias not in own))
    return LoggedSites(site, names, unread=" ".join(reasons(unreadable).values()))

"""Spreading the origins of an overfull list or policy over several lists, each of which fits a parameter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from edgecors.document import is_json
from edgecors.fields import MAX_LISTS

from edgecors_admin.allow import RuleSelection, allow_in_list, choose_grant
from edgecors_admin.edit import add_to_grant, add_to_plain, remove_from_grants
from edgecors_admin.errors import CommandError
from edgecors_admin.loading import load
from edgecors_admin.policy_files import PolicyFiles
from edgecors_admin.size import ADVANCED, fitted, size
from edgecors_admin.source_map import read_written

_ROOM = 0.9
"""Each piece fills at most this part of a parameter, so that the next origins fit as well."""


def pieces(entries: list[str]) -> list[str]:
    """The entries as plain lists that each fit a parameter, packed where needed."""
    text = ",".join(entries)
    if len(entries) < 2 or size(fitted(text)) <= _ROOM * ADVANCED:
        return [text]
    half = len(entries) // 2
    return [*pieces(entries[:half]), *pieces(entries[half:])]


def split_list(
    name: str, text: str, entries: Iterable[str], sites: Mapping[str, str], taken: Collection[str]
) -> PolicyFiles:
    """A list with further entries as several lists; every site that names the list names them all.

    Args:
        name: The list's name.
        text: Its entries now.
        entries: The entries to add.
        sites: The policies that name the list.
        taken: The names of all lists.
    """
    first, *others = pieces(_all(text, entries))
    names = _free_names(f"{name}-", len(others), taken, 2)
    files = PolicyFiles(f"@{name}", lists=dict(zip(names, others, strict=True)))
    references = [f"@{one}" for one in names]
    for site, policy in sites.items():
        files.sites[site] = _named_beside(policy, name, references)
        _check_count(files.sites[site])
    files.lists[name] = first  # last: until then no origin is missing anywhere
    return files


def split_site(
    name: str,
    text: str,
    entries: Iterable[str],
    selection: RuleSelection,
    lists: Mapping[str, str | None],
    taken: Collection[str],
) -> PolicyFiles:
    """The origins of one grant of a policy, and further entries, moved to lists that the grant names.

    Args:
        name: The site's name.
        text: Its policy; empty for a new one.
        entries: The entries to add.
        selection: Which grant.
        lists: The lists that the policy names.
        taken: The names of all lists.
    """
    number = choose_grant(load(text, lists), selection)
    grant = read_written(text, lists).rules[number[0]].grants[number[1]]
    own = [entry.canonical for entry in grant.own if entry.pattern is not None]
    if "*" in own:
        raise CommandError("Everyone is allowed there already, so there is nothing to split.")
    parts = pieces(_all(",".join(own), entries))
    names = _free_names(f"{name}-", len(parts), taken, 1)
    references = [f"@{one}" for one in names]
    if is_json(text):
        policy = add_to_grant(remove_from_grants(text, {number}, own), number, references)
    else:
        policy = ",".join([*(f"@{one}" for one in grant.lists), *references])
    _check_count(policy)
    return PolicyFiles(name, sites={name: policy}, lists=dict(zip(names, parts, strict=True)))


def _all(text: str, entries: Iterable[str]) -> list[str]:
    return allow_in_list(text, entries).text.replace(",", " ").split()


def _free_names(start: str, count: int, taken: Collection[str], first: int) -> list[str]:
    names: list[str] = []
    number = first
    while len(names) < count:
        if f"{start}{number}" not in taken:
            names.append(f"{start}{number}")
        number += 1
    return names


def _named_beside(text: str, name: str, references: list[str]) -> str:
    """The policy with further lists wherever it names a list."""
    if not is_json(text):
        return add_to_plain(text, references)
    for rule in read_written(text).rules:
        for grant in rule.grants:
            if name in grant.lists:
                text = add_to_grant(text, (grant.rule, grant.index), references)
    return text


def _check_count(text: str) -> None:
    count = len({name for rule in read_written(text).rules for name in rule.lists})
    if count > MAX_LISTS:
        raise CommandError(f"The policy would name {count} lists, and {MAX_LISTS} is the most. Nothing was written.")

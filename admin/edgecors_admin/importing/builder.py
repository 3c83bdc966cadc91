"""Source rules to policies. A policy never allows what the source did not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgecors.document import PolicyError, load_policy
from edgecors.fetch import SAFELISTED_METHODS
from edgecors.findings import Finding
from edgecors.origin import parse_pattern

from edgecors_admin.errors import UsageError
from edgecors_admin.importing.report import ImportReport, shown
from edgecors_admin.importing.routes import glob_rules
from edgecors_admin.importing.rules import MAX_ORIGINS, SIMPLE_METHODS, ImportedRule, Resource
from edgecors_admin.lint import CHROMIUM_MAX_AGE
from edgecors_admin.public_suffixes import open_to_registrants

_ENTRY = re.compile(r"^rules\[(\d+)\](?:\.grants\[(\d+)\])?\.([a-z_]+)(?:\[(\d+)\])?")
MAX_RULES = 200
"""Rules of one path; S3 has at most 100."""
CLOSED: list[dict[str, Any]] = [{"allow_origins": []}]
"""The grants of paths that are closed to everyone."""
_NARROWEST: Mapping[str, tuple[str, ...]] = {
    "allow_origins": (),
    "allow_methods": SIMPLE_METHODS,
    "allow_headers": (),
}
"""What fields become that can't be written as they are; without them their defaults would allow more."""
_MANY = 1000
"""How many names ``*`` counts for, when two settings are compared."""


@dataclass(frozen=True)
class _Capability:
    """What one origin may do."""

    methods: tuple[str, ...] | None
    headers: tuple[str, ...] | None
    expose: tuple[str, ...] | None
    credentials: bool
    max_age: int

    def fields(self, origins: list[str] | str) -> dict[str, Any]:
        """The fields of a grant; defaults are left out."""
        data: dict[str, Any] = {"allow_origins": origins}
        data["allow_methods"] = "*" if self.methods is None else list(self.methods)
        data["allow_headers"] = "*" if self.headers is None else list(self.headers)
        if self.expose != ():
            data["expose_headers"] = "*" if self.expose is None else list(self.expose)
        if self.credentials and origins != "*":
            data["allow_credentials"] = True
        if self.max_age != CHROMIUM_MAX_AGE:
            data["max_age"] = self.max_age
        return data


def build_policy(resource: Resource, report: ImportReport) -> dict[str, Any] | None:
    """The policy of a resource as a document; None if nothing is left that a policy can have."""
    _check_size(resource)
    by_path: dict[str, list[ImportedRule]] = {}
    for rule in resource.rules:
        for path in rule.paths or ("/{proxy+}",):
            by_path.setdefault(path, []).append(rule)
    grants = {path: build_grants(source_rules, report) for path, source_rules in by_path.items()}
    rules: list[dict[str, Any]] = []
    for item in glob_rules(by_path, resource.uncovered):
        own = grants[item.path] if item.path is not None else CLOSED
        if rules and rules[-1]["grants"] == own:
            rules[-1]["paths"].append(item.glob)
        else:
            rules.append({"paths": [item.glob], "grants": own})
    _report_globs(by_path, rules, resource, report)
    document = {"version": 1, "rules": [_written(rule) for rule in rules]}
    return _accepted(document, resource, report)


def _check_size(resource: Resource) -> None:
    """Raise `UsageError` for more origins than any platform has."""
    count = sum(len(rule.origins or ()) for rule in resource.rules)
    if count > MAX_ORIGINS:
        name = f"{resource.kind} {shown(resource.name)}"
        raise UsageError(f"{name} has {count} origins. At most {MAX_ORIGINS} can be imported.")


def _report_globs(
    paths: Iterable[str], rules: Iterable[dict[str, Any]], resource: Resource, report: ImportReport
) -> None:
    """Say where globs match more or less than the API's paths."""
    parameters = [path for path in paths if "{" in path and not path.endswith("+}")]
    if parameters:
        message = f"a * also matches longer paths than {', '.join(map(shown, parameters[:5]))}"
        report.note("import-default", resource.name, message)
    closed = [glob for rule in rules if rule["grants"] == CLOSED for glob in rule["paths"]]
    if closed:
        message = f"{', '.join(map(shown, closed[:5]))}: paths without CORS settings that another rule would match"
        report.warn("import-narrower", resource.name, message, "They get a rule that allows nobody.")


def _written(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as it is written: without paths if it has all, and without grants if it has one."""
    paths = {} if rule["paths"] == ["/*"] else {"paths": rule["paths"]}
    grants = rule["grants"]
    return {**paths, **grants[0]} if len(grants) == 1 else {**paths, "grants": grants}


def build_grants(rules: Sequence[ImportedRule], report: ImportReport) -> list[dict[str, Any]]:
    """The grants that allow what these rules of one path allow together, or less.

    The platform allows a request if any of the rules has its origin, method and headers; in a policy the first grant
    that has the origin decides. So each pattern gets the best of what the rules that cover it allow, and a pattern
    that lies within another one comes first.
    """
    if len(rules) > MAX_RULES:
        raise UsageError(f"There are {len(rules)} CORS rules for one path. At most {MAX_RULES} can be imported.")
    coverages = [_Coverage(rule) for rule in rules]
    capabilities: dict[tuple[int, ...], _Capability] = {}
    groups: dict[_Capability, list[str]] = {}
    for pattern in dict.fromkeys(pattern for rule in rules for pattern in rule.origins or ()):
        covering = tuple(index for index, coverage in enumerate(coverages) if coverage.has(pattern))
        if covering not in capabilities:
            capabilities[covering] = _best([rules[index] for index in covering], pattern, report)
        capability = capabilities[covering]
        if capability.credentials and (reason := _unsafe_with_credentials(pattern)):
            message = f"{shown(pattern)} {reason}, so it gets a grant without credentials"
            report.warn("import-narrower", rules[covering[0]].location, message)
            capability = replace(capability, credentials=False)
        groups.setdefault(capability, []).append(pattern)
    everyone = [rule for rule in rules if rule.origins is None]
    best = _best(everyone, "every other origin", report) if everyone else None
    if best is not None and list(groups) == [best]:
        groups.clear()  # The listed origins may do no more than all others.
    grants = [capability.fields(patterns) for capability, patterns in _ordered(groups)]
    if best is not None:
        grants.append(best.fields("*"))
    return grants


def _unsafe_with_credentials(text: str) -> str:
    """Why an origin must not get credentials; empty if it may."""
    pattern, _ = parse_pattern(text)
    if pattern is None or pattern.kind == "null":
        return "is what any sandboxed page sends"
    if pattern.insecure:
        return "is not encrypted"
    if pattern.kind == "extension":
        return "stands for every extension"
    return "covers names that anybody can register" if open_to_registrants(pattern) is not None else ""


class _Wildcards:
    """Patterns with a ``*``, by what follows it: looking one up takes time that grows with the text, not the list."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._by_suffix: dict[str, list[str]] = {}
        for pattern in patterns:
            if "*" in pattern:
                self._by_suffix.setdefault(pattern.partition("*")[2], []).append(pattern)

    def covering(self, text: str) -> Iterator[str]:
        """The patterns that match all that a text with at most one ``*`` does."""
        if self._by_suffix:
            for start in range(len(text) + 1):
                for pattern in self._by_suffix.get(text[start:], ()):
                    if _covers(pattern, text):
                        yield pattern


class _Coverage:
    """Which patterns a rule allows whole."""

    def __init__(self, rule: ImportedRule) -> None:
        self._everyone = rule.origins is None
        self._origins = frozenset(rule.origins or ())
        self._wildcards = _Wildcards(rule.origins or ())

    def has(self, pattern: str) -> bool:
        return self._everyone or pattern in self._origins or any(self._wildcards.covering(pattern))


def _covers(glob: str, text: str) -> bool:
    """Whether a text with at most one ``*`` matches all that another one does, ``*`` being any characters."""
    if glob == text:
        return True
    prefix, star, suffix = glob.partition("*")
    return bool(star) and len(text) > len(prefix) + len(suffix) and text.startswith(prefix) and text.endswith(suffix)


def _ordered(groups: dict[_Capability, list[str]]) -> list[tuple[_Capability, list[str]]]:
    """Groups in the order of grants: a pattern around one of another group comes after all groups, by itself."""
    capabilities = {pattern: capability for capability, patterns in groups.items() for pattern in patterns}
    wildcards = _Wildcards(capabilities)
    spreading = {
        wildcard
        for pattern, capability in capabilities.items()
        for wildcard in wildcards.covering(pattern)
        if capabilities[wildcard] != capability
    }
    ordered = [
        (capability, [pattern for pattern in patterns if pattern not in spreading])
        for capability, patterns in groups.items()
        if not spreading.issuperset(patterns)
    ]
    # What lies within a pattern is longer than it, so longer patterns come first.
    ordered += [
        (capabilities[wildcard], [wildcard]) for wildcard in sorted(spreading, key=lambda text: (-len(text), text))
    ]
    return ordered


def _best(rules: Sequence[ImportedRule], who: str, report: ImportReport) -> _Capability:
    """One list of methods and one of headers, of which every combination is allowed by one of the rules."""
    choices = []
    for headers in dict.fromkeys(rule.headers for rule in rules):
        parts = [rule for rule in rules if _includes(rule.headers, headers)]
        choices.append((_union([rule.methods for rule in parts]), headers))
    methods, headers = max(choices, key=lambda choice: _rank(choice, rules))
    for rule in rules:
        if not _contains((methods, headers), rule):
            message = (
                f"for {shown(who)} this rule also allows {_words(rule.methods)} with {_words(rule.headers) or 'no'} "
                f"headers; a grant has one list of methods and one of headers, {_words(methods)} with "
                f"{_words(headers) or 'no'} headers"
            )
            report.warn("import-narrower", rule.location, message)
    exposed = [rule.expose for rule in rules]
    expose = _intersection(exposed)
    for rule in rules:
        if rule.expose != expose and (rule.expose is None or set(rule.expose) - set(expose or ())):
            lost = tuple(name for name in rule.expose or ("*",) if name not in (expose or ()))
            message = f"for {shown(who)} this rule also exposes {_words(lost)}, which another rule for it does not"
            report.warn("import-narrower", rule.location, message)
    credentials = any(rule.credentials for rule in rules if rule.origins is not None)
    return _Capability(methods, headers, expose, credentials, min(rule.max_age for rule in rules))


def _rank(
    choice: tuple[tuple[str, ...] | None, tuple[str, ...] | None], rules: Sequence[ImportedRule]
) -> tuple[int, ...]:
    """Better is what keeps more whole rules, those with listed origins first, and then what has more names."""
    methods, headers = choice
    whole = [rule for rule in rules if _contains(choice, rule)]
    listed = sum(rule.origins is not None for rule in whole)
    size = (_MANY if methods is None else len(methods)) * (_MANY if headers is None else len(headers) + 1)
    return (listed, len(whole), size)


def _contains(choice: tuple[tuple[str, ...] | None, tuple[str, ...] | None], rule: ImportedRule) -> bool:
    """Whether all that a rule allows is in a choice. What browsers send without asking always is."""
    methods, headers = choice
    if rule.headers == () and rule.methods is not None and set(rule.methods) <= SAFELISTED_METHODS:
        return True
    return _includes(methods, rule.methods) and _includes(headers, rule.headers)


def _includes(outer: tuple[str, ...] | None, inner: tuple[str, ...] | None) -> bool:
    return outer is None or (inner is not None and set(inner) <= set(outer))


def _union(values: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    if any(value is None for value in values):
        return None
    return tuple(dict.fromkeys(name for value in values for name in value or ()))


def _intersection(values: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    lists = [value for value in values if value is not None]
    if not lists:
        return None
    return tuple(name for name in lists[0] if all(name in other for other in lists))


def _words(names: tuple[str, ...] | None) -> str:
    if names is None:
        return "all"
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _accepted(document: dict[str, Any], resource: Resource, report: ImportReport) -> dict[str, Any] | None:
    """The document without what the library or the linter refuses; each refusal is reported."""
    while True:
        document["rules"] = [rule for rule in map(_without_empty, document["rules"]) if rule]
        if not any(_origins_of(rule) for rule in document["rules"]):
            message = "no origin is left that a policy can have, so nothing was imported from it"
            report.error("import-no-origins", resource.rules[0].location, message)
            return None
        # An error of the whole document, such as its size, is for the linter to say: every origin was read.
        errors = [error for error in _errors(document) if _ENTRY.match(error.location)]
        if not errors:
            return document
        before = json.dumps(document)
        _drop(document, errors, resource, report)
        if json.dumps(document) == before:
            raise AssertionError(f"an import wrote a document that is refused: {errors}")


def _errors(document: dict[str, Any]) -> list[Finding]:
    from edgecors_admin.lint import has_errors, lint

    text = json.dumps(document)
    try:
        load_policy(text)
    except PolicyError as error:
        return list(error.errors)
    findings = lint(text)
    return [finding for finding in findings if has_errors([finding])]


def _drop(document: dict[str, Any], errors: Iterable[Finding], resource: Resource, report: ImportReport) -> None:
    """Remove each entry, or the whole field, that an error is about."""
    removed: dict[tuple[int, str], tuple[dict[str, Any], set[int] | None]] = {}
    for error in errors:
        match = _ENTRY.match(error.location)
        if match is None:
            continue
        rule_index, grant_index, name, entry_index = match.groups()
        target = document["rules"][int(rule_index)]
        target = target if grant_index is None else target["grants"][int(grant_index)]
        report.skip("import-value", f"{resource.name}: {name}", error.message, error.remedy)
        _, indices = removed.get((id(target), name), (target, set()))
        if entry_index is None or indices is None or not isinstance(target.get(name), list):
            removed[id(target), name] = (target, None)
        else:
            removed[id(target), name] = (target, indices | {int(entry_index)})
    for (_, name), (target, indices) in removed.items():
        if indices is not None:
            target[name] = [entry for index, entry in enumerate(target[name]) if index not in indices]
        elif name in _NARROWEST:
            target[name] = list(_NARROWEST[name])
        else:
            del target[name]


def _without_empty(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule without grants that allow nobody; empty if none is left. A rule that was closed on purpose stays."""
    if "grants" not in rule:
        return rule
    grants = [grant for grant in rule["grants"] if grant["allow_origins"]]
    if not grants:
        return {}
    return _written({"paths": rule.get("paths", ["/*"]), "grants": grants})


def _origins_of(rule: dict[str, Any]) -> bool:
    return any(grant["allow_origins"] for grant in rule.get("grants", [rule]))

"""The linter: what the library says of a policy and its lists, and what can only be seen where policies are written.

Nothing here decides what is allowed, and nothing changes a document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from edgecors.allowlist import is_name
from edgecors.document import PolicyError
from edgecors.fetch import NORMALIZED_METHODS, SAFELISTED_RESPONSE_HEADERS
from edgecors.findings import ERROR, MAX_FINDINGS, NOTE, REPAIRED, SKIPPED, WARNING, Finding
from edgecors.packing import is_packed
from edgecors.policy import Grant, Policy, Rule

from edgecors_admin.covering import Covering
from edgecors_admin.globs import rule_covers
from edgecors_admin.key_value_store import hints_for_functions
from edgecors_admin.loading import load, read_allowlist
from edgecors_admin.public_suffixes import open_to_registrants
from edgecors_admin.size import ADVANCED, STANDARD, fitted, size
from edgecors_admin.source_map import (
    EntrySource,
    GrantSource,
    PolicySource,
    RuleSource,
    read_written,
    read_written_list,
)

FINDINGS = (ERROR, SKIPPED, WARNING)
"""Severities that make a policy worth an exit status of 1. Repairs and notes do not."""

CHROMIUM_MAX_AGE = 7200
FIREFOX_MAX_AGE = 86400
"""Seconds after which the browser asks again, whatever was answered."""

_METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_NEARLY = 0.9
_WORST_FIRST = (ERROR, SKIPPED, WARNING, REPAIRED, NOTE)


def lint(text: str, lists: Mapping[str, str | None] | None = None, unreadable: Collection[str] = ()) -> list[Finding]:
    """Everything there is to say of a site's policy and the lists it names, the worst first.

    Args:
        text: the parameter's value, plain or JSON, perhaps packed.
        lists: the values of the lists it names; None, or nothing, for those that do not exist.
        unreadable: the lists that exist and can't be read, which are not in ``lists``.
    """
    return _sorted(_with_unreadable(_policy(text, lists or {}), unreadable))


def _with_unreadable(findings: Iterable[Finding], lists: Collection[str]) -> Iterator[Finding]:
    """The findings, in which a list that can't be read is not called missing."""
    message = "the list can't be read, so what it allows was not checked"
    remedy = "It is a SecureString: permit kms:Decrypt on its KMS key."
    for finding in findings:
        if finding.code == "list-missing" and finding.location[1:] in lists:
            yield Finding(WARNING, "list-unreadable", finding.location, message, remedy)
        else:
            yield finding


def _policy(text: str, values: Mapping[str, str | None]) -> Iterator[Finding]:
    written = read_written(text, values)
    try:
        policy = load(text, values)
    except PolicyError as error:
        yield from _without_moot_repairs(error.findings, _unreadable(written))
    else:
        yield from _without_moot_repairs(policy.findings, _unreadable(written))
        yield from _plain(policy, written)
        yield from _rules(policy, written)
        yield from hints_for_functions(policy)
    for rule in written.rules:
        yield from _origins(rule, written)
        for grant in rule.grants:
            yield from _fields(grant)
    if written.data is not None and "version" not in written.data:
        message = "the document has no version"
        yield Finding(NOTE, "missing-version", "version", message, 'Write "version": 1.')
    yield from _size("", text)
    for name in written.lists:
        yield from _list_alone(name, values.get(name) or "", written.lists[name])


def _plain(policy: Policy, written: PolicySource) -> Iterator[Finding]:
    if written.plain and not any(is_name(name) for rule in written.rules for name in rule.lists):
        origins = [grant.allow_origins for rule in policy.rules for grant in rule.grants]
        allows_anybody = any(entries is None or len(entries) for entries in origins)
        yield from nothing_readable("", policy.findings, allows_anybody=allows_anybody)


def nothing_readable(location: str, findings: Iterable[Finding], *, allows_anybody: bool) -> Iterator[Finding]:
    """An error for a plain list without a readable entry: a sentence, half a JSON document, a wrong paste.

    Args:
        location: of the list; empty for a site.
        findings: of reading the list.
        allows_anybody: whether it has an entry that counts.
    """
    if not allows_anybody and any(finding.severity == SKIPPED for finding in findings):
        message = "no entry can be read as an origin, so nobody is allowed"
        remedy = "Write origins separated by commas. To allow nobody, delete the parameter."
        yield Finding(ERROR, "nothing-readable", location, message, remedy)


def lint_list(name: str, text: str) -> list[Finding]:
    """Everything there is to say of a list by itself, the worst first."""
    return _sorted(_list(name, text))


def _list(name: str, text: str) -> Iterator[Finding]:
    allowlist, entries = read_allowlist(name, text), read_written_list(name, text)
    unreadable = {entry.location for entry in entries if entry.pattern is None}
    yield from _without_moot_repairs(allowlist.findings, unreadable)
    yield from nothing_readable(f"@{name}", allowlist.findings, allows_anybody=bool(len(allowlist.index)))
    yield from _list_alone(name, text, entries)
    for entry in entries:
        yield from _risks(entry, credentials=False, tolerated=())
    yield from _covered(entries)


def _unreadable(written: PolicySource) -> set[str]:
    """The locations of the entries that can't be read."""
    own = (grant.own for rule in written.rules for grant in rule.grants)
    return {entry.location for entries in (*own, *written.lists.values()) for entry in entries if entry.pattern is None}


def _without_moot_repairs(findings: Iterable[Finding], unreadable: set[str]) -> Iterator[Finding]:
    """The findings without repairs of entries that can't be read either way: what they advise is not valid."""
    return (f for f in findings if f.severity != REPAIRED or f.location not in unreadable)


def is_clean(findings: Iterable[Finding]) -> bool:
    """Whether there is nothing but repairs and notes."""
    return all(f.severity not in FINDINGS for f in findings)


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether there is anything that must not be written."""
    return any(f.severity == ERROR for f in findings)


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    """The distinct findings, the worst first: at most `MAX_FINDINGS` of each severity, the rest as a count."""
    listed: dict[str, dict[Finding, None]] = {severity: {} for severity in _WORST_FIRST}
    unlisted = dict.fromkeys(_WORST_FIRST, 0)
    for finding in findings:
        same = listed[finding.severity]
        if finding in same or len(same) < MAX_FINDINGS or finding.code == "more-findings":
            same[finding] = None
        else:
            unlisted[finding.severity] += 1
    for severity, count in unlisted.items():
        if count:
            message = f"{count:,} more findings of severity {severity!r} are not listed"
            listed[severity][Finding(severity, "more-findings", "", message, "Fix the listed ones first.")] = None
    return [finding for same in listed.values() for finding in same]


def _origins(rule: RuleSource, written: PolicySource) -> Iterator[Finding]:
    codes: set[str] = set()
    tolerated = rule.tolerated
    for grant in rule.grants:
        entries = tuple(written.entries(grant))
        for entry in entries:
            yield from _risks(entry, credentials=grant.credentials, tolerated=tolerated)
            if tolerated:
                codes.update(_risk_codes(entry))
        if any(e.pattern is not None and e.pattern.kind == "any" for e in grant.own):
            location = grant.own[0].location
            message = "every site may read the resources of this rule"
            yield Finding(NOTE, "everyone", location, message, "List the origins.")
        else:
            yield from _covered(entries)
    for name in tolerated:
        if name not in codes:
            message = f"no entry needs {name!r} to be tolerated"
            yield Finding(WARNING, "needless-tolerate", f"{rule.location}.tolerate", message, "Remove it.")


def _risk_codes(entry: EntrySource) -> Iterator[str]:
    if entry.pattern is not None and open_to_registrants(entry.pattern):
        yield "public-suffix"
    if entry.pattern is not None and entry.pattern.insecure:
        yield "insecure-origin"


def _risks(entry: EntrySource, *, credentials: bool, tolerated: tuple[str, ...]) -> Iterator[Finding]:
    pattern = entry.pattern
    if pattern is None or (pattern.kind == "origin" and pattern.scheme == "https"):
        return  # nothing can be wrong with it
    if (suffix := open_to_registrants(pattern)) and "public-suffix" not in tolerated:
        reach = "is a wildcard over" if pattern.host.endswith(f".{suffix}") else "covers"
        message = f"{pattern.text!r} {reach} {suffix!r}, where anybody can register a name that matches"
        remedy = "Write the domain that is yours, such as https://*.example.com"
        remedy += ', or accept the risk with "tolerate": ["public-suffix"].' if credentials else "."
        yield Finding(ERROR if credentials else WARNING, "public-suffix", entry.location, message, remedy)
    # With credentials these two are the library's.
    if pattern.insecure and not credentials and "insecure-origin" not in tolerated:
        message = f"{pattern.text!r} is not encrypted: anyone on its network can answer as that site"
        yield Finding(WARNING, "insecure-origin", entry.location, message, "Use https.")
    if pattern.kind == "null" and not credentials:
        message = "'null' allows every page: a sandboxed frame has that origin"
        yield Finding(WARNING, "null-origin", entry.location, message, "Remove it, or open the rule with '*'.")


def _covered(entries: Iterable[EntrySource]) -> Iterator[Finding]:
    """Entries that are listed twice, and those that another entry of the same grant already allows."""
    first: dict[str, EntrySource] = {}
    for entry in entries:
        if entry.pattern is None:
            continue
        seen = first.setdefault(entry.pattern.text, entry)
        if seen is not entry:
            message = f"{entry.text!r} is already listed ({seen.location})"
            yield Finding(WARNING, "duplicate-entry", entry.location, message, "Remove one of them.")
    covering = Covering(entry.pattern for entry in first.values() if entry.pattern is not None)
    for text, entry in first.items():
        if entry.pattern is not None and (by := covering.of(entry.pattern)) is not None:
            message = f"{text!r} is already allowed by {by!r} ({first[by].location})"
            yield Finding(WARNING, "covered-entry", entry.location, message, "Remove it, or the wider entry.")


def _rules(policy: Policy, written: PolicySource) -> Iterator[Finding]:
    """What only an accepted policy shows: rules and grants that never decide, that allow nobody, or lack a header."""
    for rule in policy.rules:
        location = written.rules[rule.index].location
        earlier = next((r for r in policy.rules[: rule.index] if rule_covers(r, rule)), None)
        if earlier is not None:
            message = f"rules[{earlier.index}] matches everything that this rule matches, so this rule never applies"
            yield Finding(WARNING, "shadowed-rule", location, message, "Put the narrower rule first, or remove it.")
        for grant in rule.grants:
            if grant.allow_origins is not None and not len(grant.allow_origins):
                at = f"{location}.grants[{grant.index}]" if len(rule.grants) > 1 else location
                message = "no origin is allowed here"
                yield Finding(WARNING, "allows-nobody", at, message, "Add an origin: edgecors allow SITE ORIGIN.")
            yield from _missing_content_type(grant, written.grant(rule.index, grant.index))
        yield from _grants(written.rules[rule.index], written)
        yield from _rule_at_origin_events(rule, location, written)


def _missing_content_type(grant: Grant, source: GrantSource | None) -> Iterator[Finding]:
    """Browsers ask for content-type whenever a request has JSON; it has to be listed although it is safelisted."""
    if source is None or grant.allow_headers is None or "content-type" in grant.allow_headers:
        return
    if grant.allow_methods is None or not grant.allow_methods.isdisjoint(_METHODS_WITH_BODY):
        message = "requests with JSON are refused: a method with a body is allowed, and the header content-type is not"
        remedy = "Add 'content-type', or allow only methods without a body."
        yield Finding(WARNING, "missing-content-type", f"{source.location}.allow_headers", message, remedy)


def _grants(rule: RuleSource, written: PolicySource) -> Iterator[Finding]:
    """Entries that an earlier grant of the rule has or covers: the first grant that has an origin decides."""
    if len(rule.grants) < 2:
        return
    earlier: dict[str, EntrySource] = {}
    covering = Covering(())
    for grant in rule.grants:
        entries = [(e, e.pattern) for e in written.by_text(grant).values() if e.pattern is not None]
        reached = 0
        for entry, pattern in entries:
            by = pattern.text if pattern.text in earlier else covering.of(pattern)
            if by is None:
                reached += 1
                continue
            where, remedy = earlier[by].location, "Remove one of them, or change the order of the grants."
            if by == pattern.text:
                message = f"{pattern.text!r} is also in an earlier grant ({where}), which decides"
                yield Finding(WARNING, "origin-in-two-grants", entry.location, message, remedy)
            else:
                message = f"{by!r} in an earlier grant ({where}) covers {pattern.text!r}, and decides"
                yield Finding(WARNING, "grants-overlap", entry.location, message, remedy)
        if entries and not reached:
            message = "earlier grants match every origin of this grant, so it never applies"
            yield Finding(WARNING, "shadowed-grant", grant.location, message, "Remove it, or put it first.")
        for entry, pattern in entries:
            earlier.setdefault(pattern.text, entry)
            covering.add(pattern)


def _rule_at_origin_events(rule: Rule, location: str, written: PolicySource) -> Iterator[Finding]:
    data = written.rules[rule.index].data
    if rule.hosts is not None:
        message = "CloudFront's origin events show the viewer's Host only if it is forwarded"
        remedy = "In the origin set-up forward Host, or use paths instead of hosts."
        yield Finding(NOTE, "hosts-at-origin-events", f"{location}.hosts", message, remedy)
    if data.get("on_refused") == "block":
        at = f"{location}.on_refused"
        if rule.blocks:
            message = "CloudFront's origin events do not always show same-origin requests, so less is blocked there"
            remedy = "In the origin set-up forward Host or Sec-Fetch-Site."
            yield Finding(NOTE, "block-at-origin-events", at, message, remedy)
        else:
            message = "the rule is open to everyone, so nothing is ever blocked"
            yield Finding(WARNING, "block-without-effect", at, message, "Remove it, or list the origins.")


def _fields(grant: GrantSource) -> Iterator[Finding]:
    data, location = grant.data, grant.location
    age = data.get("max_age")
    if isinstance(age, int | float) and CHROMIUM_MAX_AGE < age <= FIREFOX_MAX_AGE:
        message = (
            f"Chromium and Safari ask again after {CHROMIUM_MAX_AGE} s or sooner, Firefox after {FIREFOX_MAX_AGE} s"
        )
        remedy = f"Write {CHROMIUM_MAX_AGE}, or leave it out."
        yield Finding(WARNING, "max-age-over-ceiling", f"{location}.max_age", message, remedy)
    for name, at in _strings(data, location, "expose_headers"):
        if name.lower() in SAFELISTED_RESPONSE_HEADERS:
            yield Finding(WARNING, "needless-expose", at, f"every page may read {name!r} anyway", "Remove it.")
    for name, at in _strings(data, location, "allow_methods"):
        if name != name.upper() and name.upper() in (*NORMALIZED_METHODS, "PATCH"):
            # Browsers put all but PATCH in upper case, and methods are compared with regard to case.
            message = f"methods are case-sensitive, and {name!r} is not {name.upper()!r}"
            yield Finding(WARNING, "method-case", at, message, f"Write {name.upper()!r}.")


def _strings(data: Mapping[str, object], location: str, field: str) -> Iterator[tuple[str, str]]:
    value = data.get(field)
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield item, f"{location}.{field}[{number}]"


def _list_alone(name: str, text: str, entries: tuple[EntrySource, ...]) -> Iterator[Finding]:
    if not entries:
        message = "the list allows nobody"
        yield Finding(WARNING, "allows-nobody", f"@{name}", message, f"Add an origin: edgecors allow @{name} ORIGIN.")
    yield from _size(f"@{name}", text)


def _size(location: str, text: str) -> Iterator[Finding]:
    value = fitted(text)
    length = size(value)
    packed = "packed " if is_packed(value) else ""
    split = "Move origins to lists of their own, and name them as @list."
    if length > ADVANCED:
        message = f"{packed}{length} bytes; a parameter holds {ADVANCED}"
        yield Finding(ERROR, "too-large", location, message, split)
    elif length > _NEARLY * ADVANCED:
        message = f"{packed}{length} of {ADVANCED} bytes"
        yield Finding(WARNING, "nearly-full", location, message, split)
    elif length > _NEARLY * STANDARD:
        message = f"{packed}{length} bytes; the standard tier ends at {STANDARD}, and the advanced tier is not free"
        yield Finding(NOTE, "large", location, message, split)

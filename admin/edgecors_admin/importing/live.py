"""A recording of a live site to the narrowest policy that grants what the site grants.

An origin that the site granted only because it grants any origin is copied if it is a known origin of the site's
traffic. That the site allows any origin is reported, not copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from edgecors.characters import is_token
from edgecors.fetch import SAFELISTED_RESPONSE_HEADERS, is_forbidden_method

from edgecors_admin.browser import cors_check, preflight_check
from edgecors_admin.errors import UsageError
from edgecors_admin.importing.importer import Imported, finish
from edgecors_admin.importing.report import ImportReport, shown
from edgecors_admin.importing.rules import BROWSERS_MAX_AGE, MAX_MAX_AGE, ImportedRule, start_resource
from edgecors_admin.probe import UNKNOWN_METHOD
from edgecors_admin.recording import (
    ANYBODY,
    KNOWN,
    LOOKALIKE,
    NULL,
    SUBDOMAIN,
    UNKNOWN_HEADER,
    Observation,
    Question,
    Recording,
)
from edgecors_admin.traffic import METHODS

_ALLOW_ORIGIN = "access-control-allow-origin"
_ALLOW_CREDENTIALS = "access-control-allow-credentials"
SHOWN_PATHS = 3


def import_recording(recording: Recording) -> Imported:
    """The policy of a recorded site, in shadow mode. Raises `UsageError` for a site that grants nothing."""
    host = urlsplit(recording.url).hostname or "site"
    report = ImportReport()
    resource = start_resource(report, host, "live site", "Write the policy before the function is attached.")
    problems = _Problems(report)
    uncovered = []
    for path in recording.methods:
        answers = [answer for answer in recording.observations if answer.question.path == path]
        rules = _rules_of(path, answers, problems)
        resource.rules += rules
        uncovered += [] if rules else [path]
    resource.uncovered = tuple(uncovered)
    problems.report()
    if recording.unasked:
        message = f"{recording.unasked} less frequent paths were not probed, and the policy does not manage them"
        report.note("live-not-asked", "", message, "Record more with --paths, or write templates such as /items/{id}.")
    if recording.failed:
        message = f"{len(recording.failed)} requests got no response: {recording.failed[0]}"
        report.warn("live-not-asked", "", message, "Record again.")
    if not resource.rules and not report.findings():
        raise UsageError(f"{recording.url} granted nothing to any probed origin, so there is no policy.")
    imported = finish("live", [resource], report)
    sites = tuple(
        replace(site, policy={"version": 1, "mode": "shadow", **site.policy}) if site.policy is not None else site
        for site in imported.sites
    )
    return replace(imported, sites=sites)


class _Problems:
    """Findings about many paths, each reported once with the paths."""

    def __init__(self, report: ImportReport) -> None:
        self._report = report
        self._paths: dict[tuple[str, str, str], list[str]] = defaultdict(list)

    def add(self, code: str, path: str, message: str, remedy: str = "") -> None:
        """Note a problem of a path."""
        paths = self._paths[code, message, remedy]
        if path not in paths:
            paths.append(path)

    def report(self) -> None:
        """Report all."""
        for (code, message, remedy), paths in self._paths.items():
            more = f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else ""
            self._report.warn(code, ", ".join(paths[:SHOWN_PATHS]) + more, message, remedy)


def _rules_of(path: str, answers: Sequence[Observation], problems: _Problems) -> list[ImportedRule]:
    by_origin: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for answer in answers:
        by_origin[answer.question.role, answer.question.origin].append(answer)
    known = {origin: _rule(path, origin, own, problems) for (role, origin), own in by_origin.items() if role == KNOWN}
    rules = [rule for rule in known.values() if rule is not None]
    strangers = [answer for (role, _), own in by_origin.items() if role == ANYBODY for answer in own]
    if (everyone := _rule_for_everyone(path, strangers, answers, known.values(), problems)) is not None:
        rules.append(everyone)
    _report_openness(path, by_origin, strangers, problems)
    return rules


def _rule_for_everyone(
    path: str,
    strangers: Sequence[Observation],
    answers: Sequence[Observation],
    known: Iterable[ImportedRule | None],
    problems: _Problems,
) -> ImportedRule | None:
    """What a stranger is granted by ``*``, if nobody who was asked is granted less; None for nothing."""
    public = [answer for answer in strangers if _allow_origin(answer) == "*"]
    others = [answer for answer in answers if answer.question.role in (NULL, SUBDOMAIN, LOOKALIKE)]
    if not public or _has_credentials(strangers) or any(_allow_origin(answer) not in ("*", "") for answer in strangers):
        return None
    rule = _rule(path, public[0].question.origin, strangers, problems)
    named = list(known)
    if rule is None or None in named or any(_allow_origin(answer) != "*" for answer in others):
        return None
    methods, headers = set(rule.methods or ()), set(rule.headers or ())
    for other in named:
        if other is not None:
            methods &= set(other.methods or ())
            headers &= set(other.headers or ())
    if not methods:
        return None
    return replace(
        rule,
        origins=None,
        methods=tuple(m for m in rule.methods or () if m in methods),
        headers=tuple(h for h in rule.headers or () if h in headers),
        credentials=False,
    )


def _rule(path: str, origin: str, answers: Sequence[Observation], problems: _Problems) -> ImportedRule | None:
    """What the answers grant to one origin; None for nothing."""
    actual = [answer for answer in answers if answer.question.request_method is None]
    preflights = [answer for answer in answers if answer.question.request_method is not None]
    reads = [answer for answer in actual if cors_check(answer.reply.headers, origin, False).ok]
    granted = [answer for answer in preflights if _passes(answer, origin, False)]
    if not reads and not granted:
        return None
    if actual and not reads:
        status = actual[0].reply.status
        error = f", which was an error ({status})," if status >= 400 else ""
        message = f"preflights are granted, but the response{error} has no header that lets a page read it: not copied"
        remedy = "Record again with what the site asks for: --header 'Authorization: ...'." if error else ""
        problems.add("live-responses-without-headers", path, message, remedy)
        return None
    credentials = [cors_check(answer.reply.headers, origin, True).ok for answer in (*reads, *granted)]
    if any(credentials) and not all(credentials):
        message = "some answers allow credentials and others do not; the policy does not"
        problems.add("import-narrower", path, message)
    if all(credentials) and (lost := [answer for answer in granted if not _passes(answer, origin, True)]):
        message = "in a preflight response, * applies without credentials only; the policy has what applies with them"
        problems.add("import-narrower", path, message)
        granted = [answer for answer in granted if answer not in lost]
    refused = [answer.question for answer in preflights if answer not in granted]
    capability = _Granted(path, granted, refused, problems)
    granted_methods = {*(("GET", "HEAD") if reads else ()), *capability.methods()}
    if not granted_methods:
        return None
    return ImportedRule(
        path,
        (origin,),
        (*(m for m in METHODS if m in granted_methods), *sorted(granted_methods.difference(METHODS))),
        capability.headers(),
        _exposed(path, reads, problems),
        all(credentials),
        min((_max_age(answer) for answer in granted), default=BROWSERS_MAX_AGE),
        (path,),
    )


def _passes(answer: Observation, origin: str, credentials: bool) -> bool:
    question, reply = answer.question, answer.reply
    names = [question.request_header] if question.request_header is not None else []
    return preflight_check(reply.status, reply.headers, origin, question.request_method or "", names, credentials).ok


@dataclass
class _Granted:
    """The granted preflights of one origin at one path."""

    path: str
    answers: Sequence[Observation]
    refused: Sequence[Question]
    problems: _Problems

    def methods(self) -> list[str]:
        """The methods that were asked for and granted, and those that the site lists for everyone to see."""
        asked = [
            answer.question.request_method
            for answer in self.answers
            if answer.question.request_header is None
            and answer.question.request_method is not None
            and answer.question.request_method not in (UNKNOWN_METHOD, "GET", "HEAD")
        ]
        if any(answer.question.request_method == UNKNOWN_METHOD for answer in self.answers):
            message = "any method is allowed; the policy has those that clients use"
            self.problems.add("live-any-method", self.path, message)
            return asked
        refused = [question.request_method for question in self.refused if question.request_header is None]
        listed = self._listed("access-control-allow-methods")
        return [*asked, *(m for m in listed if _is_usable(m) and m not in refused)]

    def headers(self) -> tuple[str, ...]:
        """The same for request headers."""
        asked = (answer.question.request_header for answer in self.answers)
        names = [name for name in asked if name not in (None, UNKNOWN_HEADER)]
        if any(answer.question.request_header == UNKNOWN_HEADER for answer in self.answers):
            message = "any request header is allowed; the policy has those that clients are known to send"
            remedy = "Add others: a header name and a colon on a line of a file for --from, and record again."
            self.problems.add("live-any-header", self.path, message, remedy)
            return tuple(dict.fromkeys(names))
        listed = [name.lower() for name in self._listed("access-control-allow-headers") if is_token(name)]
        refused = [question.request_header for question in self.refused]
        return tuple(dict.fromkeys((*names, *(name for name in listed if name not in ("*", *refused)))))

    def _listed(self, header: str) -> list[str]:
        """Names in every answer: what only one answer has may be an echo."""
        lists = [_names(answer, header) for answer in self.answers]
        return [name for name in lists[0] if all(name in other for other in lists)] if lists else []


def _is_usable(method: str) -> bool:
    return is_token(method) and not is_forbidden_method(method) and method not in ("*", "OPTIONS")


def _report_openness(
    path: str,
    by_origin: dict[tuple[str, str], list[Observation]],
    strangers: Sequence[Observation],
    problems: _Problems,
) -> None:
    values = {value for answer in strangers if (value := _allow_origin(answer))}
    if "*" in values and _has_credentials(strangers):
        message = "* with credentials, which browsers refuse: not copied; known origins get a grant without credentials"
        remedy = "Decide who needs credentials, and set allow_credentials in their grant."
        problems.add("live-wildcard-with-credentials", path, message, remedy)
    if reflected := values - {"*"}:
        with_credentials = ", with credentials" if _has_credentials(strangers) else ""
        message = f"any origin is allowed (for example {shown(min(reflected))}){with_credentials}: not copied"
        remedy = "The policy has the origins that were probed. Add missing origins in shadow mode."
        problems.add("live-any-origin", path, message, remedy)
    if values:
        return  # whoever allows any origin allows these, too
    for (role, origin), answers in by_origin.items():
        if not any(_allow_origin(answer) == origin for answer in answers):
            continue
        if role == NULL:
            message = "null is allowed, an origin that any page can get with a sandboxed frame: not copied"
            problems.add("live-null-origin", path, message)
        elif role == SUBDOMAIN:
            remedy = f"If they are all yours: edgecors allow SITE {origin.replace('edgecors-probe', '*', 1)!r}"
            problems.add("live-subdomains", path, "every subdomain of an origin is allowed: not copied", remedy)
        elif role == LOOKALIKE:
            message = f"a look-alike that a stranger can register is allowed ({shown(origin)}): not copied"
            problems.add("live-lookalike-origin", path, message)


def _exposed(path: str, reads: Iterable[Observation], problems: _Problems) -> tuple[str, ...]:
    lists = [[name.lower() for name in _names(answer, "access-control-expose-headers")] for answer in reads]
    if any("*" in names for names in lists):
        problems.add("import-narrower", path, "every response header is exposed; the policy exposes none of its own")
    names = [name for name in lists[0] if all(name in other for other in lists)] if lists else []
    return tuple(n for n in names if n != "*" and is_token(n) and n not in SAFELISTED_RESPONSE_HEADERS)


def _allow_origin(answer: Observation) -> str:
    return ",".join(value for name, value in answer.reply.headers if name.lower() == _ALLOW_ORIGIN).strip()


def _has_credentials(answers: Iterable[Observation]) -> bool:
    return any("true" in _names(answer, _ALLOW_CREDENTIALS) for answer in answers)


def _names(answer: Observation, header: str) -> list[str]:
    values = [value for name, value in answer.reply.headers if name.lower() == header]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _max_age(answer: Observation) -> int:
    values = _names(answer, "access-control-max-age")
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 9:
        return BROWSERS_MAX_AGE
    return min(int(values[0]), MAX_MAX_AGE)

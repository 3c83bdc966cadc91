"""What every format is read into: source rules with canonical origins, methods and header names.

Each conversion narrows or keeps what the source allows, never widens it. A value that would have to be widened or
repaired is left out and reported with what to add by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from edgecors.characters import is_token
from edgecors.fetch import SAFELISTED_METHODS, SAFELISTED_RESPONSE_HEADERS, is_forbidden_method
from edgecors.findings import ERROR, REPAIRED, Finding
from edgecors.origin import Pattern, parse_pattern

from edgecors_admin.errors import UsageError
from edgecors_admin.importing.report import ImportReport, shown
from edgecors_admin.importing.sections import Section, Text, Value
from edgecors_admin.public_suffixes import open_to_registrants

MAX_ORIGINS = 10_000
"""Origins of one resource. Comparing origins with patterns takes time that grows with both."""
MAX_MAX_AGE = 86400
BROWSERS_MAX_AGE = 5
"""Seconds that browsers keep a preflight's answer without Access-Control-Max-Age: Fetch, "CORS-preflight fetch"."""

ALL_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""What API Gateway's ANY stands for."""
SIMPLE_METHODS = tuple(sorted(SAFELISTED_METHODS))
"""What browsers send without asking."""

_KNOWN_REQUEST_HEADERS = (
    *("accept", "accept-language", "authorization", "cache-control", "content-disposition", "content-encoding"),
    *("content-language", "content-md5", "content-range", "content-type", "if-match", "if-modified-since"),
    *("if-none-match", "if-unmodified-since", "pragma", "range", "x-api-key", "x-csrf-token", "x-requested-with"),
    *("x-xsrf-token", "x-request-id", "x-correlation-id", "x-amz-acl", "x-amz-algorithm", "x-amz-checksum-algorithm"),
    *("x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "x-amz-checksum-mode"),
    *("x-amz-checksum-sha1", "x-amz-checksum-sha256", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-credential"),
    *("x-amz-date", "x-amz-expected-bucket-owner", "x-amz-request-payer", "x-amz-sdk-checksum-algorithm"),
    *("x-amz-security-token", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    *("x-amz-signature", "x-amz-storage-class", "x-amz-tagging", "x-amz-target", "x-amz-user-agent"),
    *("x-amzn-trace-id", "x-goog-resumable", "x-ms-blob-type", "x-ms-version", "x-ms-date"),
)
"""Request headers that pages send to S3, API Gateway and their peers: what a name such as x-amz-* becomes."""


class Matching(Enum):
    """How a platform compares origins."""

    EXACT = "exact"
    """Only whole origins (and ``*``)."""
    GLOB = "glob"
    """A ``*`` stands for any characters: S3, serverless's REST events."""
    SUBDOMAIN = "subdomain"
    """``https://*.example.com``, and names without scheme for both http and https: CloudFront."""


@dataclass(frozen=True)
class ImportedRule:
    """One rule of a source: these origins may use these methods with these headers.

    Attributes:
        location: where the rule stands in the source.
        origins: texts that are canonical patterns of a policy; None for every origin.
        methods: None for all.
        headers: lower-case request header names; None for all.
        expose: lower-case response header names; None for all.
        max_age: seconds.
        paths: paths of the source, such as ``/items/{id}``; empty for all.
    """

    location: str
    origins: tuple[str, ...] | None
    methods: tuple[str, ...] | None
    headers: tuple[str, ...] | None = ()
    expose: tuple[str, ...] | None = ()
    credentials: bool = False
    max_age: int = BROWSERS_MAX_AGE
    paths: tuple[str, ...] = ()


@dataclass
class Resource:
    """A thing with CORS settings of its own: an API, a bucket, a function URL, a response headers policy.

    Attributes:
        name: what its owner calls it.
        kind: what it is, in words, such as "S3 bucket".
        rules: its rules; empty if none could be used.
        uncovered: paths that exist and have no CORS settings.
        next_step: what to do with the source's own settings; empty if nothing.
    """

    name: str
    kind: str
    rules: list[ImportedRule] = field(default_factory=list)
    uncovered: tuple[str, ...] = ()
    next_step: str = ""


def start_resource(report: ImportReport, name: str, kind: str, next_step: str = "") -> Resource:
    """A resource without rules, to which the findings that follow belong."""
    report.resource = name
    return Resource(name, kind, next_step=next_step)


@dataclass(frozen=True)
class ImportedOrigins:
    """Origins that were read: ``texts`` are canonical, None for every origin."""

    texts: tuple[str, ...] | None

    @property
    def nobody(self) -> bool:
        """Whether nothing could be read."""
        return self.texts == ()


def read_origins(value: Value | None, matching: Matching, *, split: bool = False) -> ImportedOrigins:
    """The origins of a value; entries that a policy can't have without allowing more are reported.

    Args:
        value: a list or a string; None if the source has none.
        matching: how the platform compares them.
        split: whether the platform splits a string at commas.
    """
    texts = value.texts(split=split) if value is not None else []
    return to_origins(texts, matching, value.report) if value is not None else ImportedOrigins(())


def to_origins(texts: Iterable[Text], matching: Matching, report: ImportReport) -> ImportedOrigins:
    """As `read_origins`, for texts."""
    texts = list(texts)
    if any(text.text == "*" for text in texts):
        return ImportedOrigins(None)
    if len(texts) > MAX_ORIGINS:
        raise UsageError(
            f"{texts[0].location} has {len(texts)} origins. At most {MAX_ORIGINS} can be imported at once."
        )
    return ImportedOrigins(tuple(dict.fromkeys(p for text in texts for p in _to_patterns(text, matching, report))))


def _to_patterns(entry: Text, matching: Matching, report: ImportReport) -> list[str]:
    """The patterns of one entry: what it says, or what allows less; none if there is nothing safe."""
    pattern, findings = parse_pattern(entry.text)
    if pattern is None or _is_careless(pattern):
        nearest, loss = _nearest(entry.text, matching)
        if nearest:
            report.warn("import-narrower", entry.location, f"{shown(entry.text)} {loss}")
        else:
            message, remedy = _problem(entry.text, findings)
            report.skip("import-origin", entry.location, message, remedy)
        return nearest
    is_repaired = any(finding.severity == REPAIRED for finding in findings)
    if refusal := _refusal(pattern, matching, repaired=is_repaired):
        remedy = f"If you want it: edgecors allow SITE {shown(pattern.text)}."
        report.skip("import-origin", entry.location, f"{shown(entry.text)} {refusal}", remedy)
        return []
    if pattern.kind == "label" and matching is Matching.GLOB:
        message = f"{shown(entry.text)} also matches a dot there; a policy's * matches letters, digits and - only"
        report.warn("import-narrower", entry.location, message)
    return [pattern.text]


def _is_careless(pattern: Pattern) -> bool:
    """Whether a pattern such as ``https://*example.com`` matches sites of strangers, such as ``evilexample.com``."""
    return pattern.kind == "label" and pattern.host.startswith("*") and open_to_registrants(pattern) is not None


def _refusal(pattern: Pattern, matching: Matching, *, repaired: bool) -> str:
    """Why a readable pattern would allow more than the source does; empty if it would not."""
    if repaired:
        return f"is not the spelling that browsers send ({shown(pattern.text)}), so the source never allowed it"
    if pattern.port == "*":
        return "would include the default port, which the source's pattern does not"
    if pattern.kind not in ("origin", "null") and matching is Matching.EXACT:
        return "is compared character by character there, so it never allowed a subdomain"
    return ""


def _nearest(text: str, matching: Matching) -> tuple[list[str], str]:
    """Patterns that allow less than a text which is not one of a policy's, and what they leave out."""
    scheme, separator, rest = text.partition("://")
    if matching is Matching.EXACT or "," in text:
        return [], ""
    if not separator and (matching is Matching.SUBDOMAIN or text.startswith("*.")):
        return _accepted(f"https://{text}"), "is allowed for https only; add the same with http:// if you need it"
    if matching is not Matching.GLOB or "*" not in text:
        return [], ""
    if scheme in ("http*", "*"):
        return _accepted(f"https://{rest}", f"http://{rest}"), "is allowed for https and http only"
    if rest.startswith("*") and not rest.startswith("*."):
        nearest = _accepted(f"{scheme}://*.{rest[1:]}", f"{scheme}://{rest[1:]}")
        return nearest, "also matches other sites whose names end like this; they are left out"
    if rest.endswith("*") and not rest.endswith((".*", ":*")):
        return _accepted(f"{scheme}://{rest[:-1]}"), "also matches other sites whose names start like this; left out"
    return [], ""


def _accepted(*texts: str) -> list[str]:
    """Those of the texts that are canonical patterns of sites with a dot in their name."""
    patterns = [parse_pattern(text) for text in texts]
    return [p.text for p, findings in patterns if p is not None and not findings and p.port != "*" and "." in p.host]


def _problem(text: str, findings: Iterable[Finding]) -> tuple[str, str]:
    """Why nothing can be made of an entry, and what to write instead."""
    if "," in text.strip(","):
        return (
            f"{shown(text)} has several origins in one value, which allowed none of them",
            "Write one entry for each.",
        )
    if "*" in text:
        remedy = "List the origins, or write https://*.example.com with a domain that is yours."
        return f"{shown(text)} is a pattern that policies do not support", remedy
    if "://" not in text:
        return (
            f"{shown(text)} has no scheme, so it never matched the origin of a page",
            f"Write {shown(f'https://{text}')}.",
        )
    error = next(finding for finding in findings if finding.severity == ERROR)
    return error.message, error.remedy


def read_methods(value: Value) -> tuple[str, ...] | None:
    """The methods of a value; without any, those that browsers send without asking."""
    return to_methods(value.texts(split=True), value.report)


def to_methods(texts: Iterable[Text], report: ImportReport) -> tuple[str, ...] | None:
    """As `read_methods`, for texts."""
    methods: list[str] = []
    for text in texts:
        name = text.text.strip("'\" ")
        if name in ("*", "ALL"):
            return None
        if name == "ANY":
            methods += ALL_METHODS
        elif name == "OPTIONS":
            continue  # Preflights are always answered; nobody lists OPTIONS to let pages send it.
        elif is_forbidden_method(name) or not is_token(name):
            report.skip("import-value", text.location, f"{shown(name)} is not a method that pages can send")
        elif name != name.upper() and name.upper() in ALL_METHODS:
            message = f"{shown(name)} never matched: methods are case-sensitive"
            report.skip("import-value", text.location, message, f"Add {name.upper()} by hand if you want it.")
        else:
            methods.append(name)
    return tuple(dict.fromkeys(methods or SIMPLE_METHODS))


def read_headers(value: Value) -> tuple[str, ...] | None:
    """Request header names; those with a ``*`` inside become the names that are known to match."""
    names: list[str] = []
    for text in value.texts(split=True):
        name = text.text.strip("'\" ").lower()
        if name == "*":
            return None
        if "*" in name:
            names += _expand(name, text.location, value.report)
        elif _is_name(name, text, value.report):
            names.append(name)
    return tuple(dict.fromkeys(names))


def _expand(name: str, location: str, report: ImportReport) -> list[str]:
    prefix, _, suffix = name.partition("*")
    names = [
        known
        for known in _KNOWN_REQUEST_HEADERS
        if known.startswith(prefix) and known.endswith(suffix) and len(known) >= len(prefix) + len(suffix)
    ]
    if "*" in suffix:
        names = []
    what = f"became the {len(names)} known names that match" if names else "was left out"
    message = f"{shown(name)}: a policy has no * inside a header name, so it {what}"
    report.warn("import-narrower", location, message, "Add the other names that your pages send.")
    return names


def read_exposed(value: Value | None) -> tuple[str, ...] | None:
    """Response header names, without those that every page may read anyway."""
    if value is None:
        return ()
    names: list[str] = []
    for text in value.texts(split=True):
        name = text.text.strip("'\" ").lower()
        if name == "*":
            return None
        if "*" in name:
            message = f"{shown(name)}: a policy has no * inside a header name, so it was left out"
            value.report.warn("import-narrower", text.location, message, "Add the names that your pages read.")
        elif _is_name(name, text, value.report) and name not in SAFELISTED_RESPONSE_HEADERS:
            names.append(name)
    return tuple(dict.fromkeys(names))


def _is_name(name: str, text: Text, report: ImportReport) -> bool:
    if not is_token(name):
        report.skip("import-value", text.location, f"{shown(name)} is not a header name")
        return False
    return True


def read_max_age(value: Value | None) -> int:
    """Seconds between 0 and a day; a negative number switches caching off."""
    seconds = value.seconds() if value is not None else None
    if value is None or seconds is None:
        return BROWSERS_MAX_AGE
    if seconds > MAX_MAX_AGE:
        message = f"{seconds} seconds became {MAX_MAX_AGE}: no browser keeps an answer longer"
        value.report.warn("import-narrower", value.location, message)
    return min(max(seconds, 0), MAX_MAX_AGE)


def read_credentials(value: Value | None) -> bool:
    """Whether credentials are allowed."""
    return value is not None and value.is_true()


@dataclass(frozen=True)
class CorsSettings:
    """The values of a rule beside its origins, not read yet: None for what the source does not have."""

    methods: Value | None = None
    headers: Value | None = None
    exposed: Value | None = None
    max_age: Value | None = None

    def rule(
        self,
        location: str,
        origins: ImportedOrigins,
        credentials: bool = False,
        *,
        methods: tuple[str, ...] | None = SIMPLE_METHODS,
        headers: tuple[str, ...] | None = (),
        paths: tuple[str, ...] = (),
    ) -> ImportedRule:
        """Read the values.

        Args:
            location: where the rule stands.
            origins: its origins.
            credentials: whether it allows credentials.
            methods: what the platform allows where the source names no methods.
            headers: what the platform allows where the source names no headers.
            paths: the paths it is about.
        """
        return ImportedRule(
            location=location,
            origins=origins.texts,
            methods=methods if self.methods is None else read_methods(self.methods),
            headers=headers if self.headers is None else read_headers(self.headers),
            expose=read_exposed(self.exposed),
            credentials=credentials,
            max_age=read_max_age(self.max_age),
            paths=paths,
        )


def usable(section: Section, origins: ImportedOrigins, credentials: bool, known: Iterable[str]) -> bool:
    """Whether a rule can become part of a policy; if not, the reason is reported.

    Args:
        section: where the rule stands, with everything known taken.
        origins: what was read.
        credentials: whether the rule allows credentials.
        known: the section's own names, to suggest instead of those that were not read.
    """
    section.finish(known)
    return is_usable(section.report, section.location, origins, credentials)


def is_usable(report: ImportReport, location: str, origins: ImportedOrigins, credentials: bool) -> bool:
    """As `usable`, for a rule that is not a section."""
    if origins.nobody:
        message = "no origin could be read here, so nothing was imported from it"
        report.error("import-no-origins", location, message, "Correct the findings of this part and import again.")
        return False
    if origins.texts is None and credentials:
        message = "every origin is allowed with credentials: any site could act as your users"
        remedy = "List the origins that may send credentials, or turn credentials off, and import again."
        report.error("import-wildcard-with-credentials", location, message, remedy)
        return False
    return True

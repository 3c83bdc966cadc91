"""The content of a CloudFront KeyValueStore for one policy, as the functions of `functions/viewer` read it.

Keys of one site, all below ``<site>/``:

- ``0`` and ``1``, the pointers: ``[FORMAT, sequence, version, policy or number of parts]``. The functions read the
  second pointer only when the first one, or a key that it names, is missing.
- ``<version>/p0``, ``p1`` ...: the parts of a policy that does not fit its pointer.
- ``<version>/0``, ``1`` ...: buckets of origins. A bucket holds one line for each set of origins: the set's number,
  then the entries themselves. The bucket of an entry follows from its host, or from what is behind the star of a
  pattern, so that the number of reads follows from the policy, never from the request.

The version is a hash of everything that it names: a key below it never changes its value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgecors.decision import (
    HEADERS_MALFORMED,
    HEADERS_NOT_ALLOWED,
    METHOD_NOT_ALLOWED,
    ORIGIN_MALFORMED,
    ORIGIN_NOT_ALLOWED,
    REASONS,
)
from edgecors.fields import DEFAULT_METHODS, DEFAULT_REFRESH_SECONDS, GRANT_FIELDS, RULE_FIELDS, Boolean, Field
from edgecors.findings import ERROR, NOTE, Finding
from edgecors.policy import Grant, Policy, Rule

FORMAT = 1
"""Of the layout. The functions read a pointer of another format as missing."""

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
MAX_VALUE_BYTES = 1024
MAX_STORE_BYTES = 5_000_000
MAX_VERSION_BYTES = MAX_STORE_BYTES // 2
"""A store holds the current and the previous version of a policy at the same time."""
MAX_BUCKETS = 50_000
"""More can't fit a version: a bucket takes a key of at least 48 bytes and a value."""
MAX_GLOBS = 100
"""Globs that a function compares with up to 12 readings of an ambiguous path."""

# In the order that functions/viewer/preflight.js counts them.
_REFUSALS = (ORIGIN_NOT_ALLOWED, ORIGIN_MALFORMED, METHOD_NOT_ALLOWED, HEADERS_NOT_ALLOWED, HEADERS_MALFORMED)
_BUCKET_FILL = 0.7
_HASH_FACTOR, _HASH_MODULUS = 33, 1000003
_REMEDY = "Use EdgeSetup=viewer or EdgeSetup=origin for this site: Lambda@Edge holds 100,000 origins a list."
_NO_SITE = "E" + 13 * "X"
"""Stands for a distribution's id, which only counts by its length."""


@dataclass(frozen=True)
class Limits:
    """What a layout keeps to. The defaults are CloudFront's; tests make it smaller, so that small policies are spread.

    Attributes:
        value_bytes: of one value.
        reserved: bytes of a pointer beside the policy.
        inline_patterns: bytes of a set's patterns that stay in the policy, so that no bucket is read for them.
        reads: keys that one request may need. Each costs compute time, of which AWS does not publish the limit.
        prefer_buckets: whether every set of origins goes to buckets, even where that costs reads.
    """

    value_bytes: int = MAX_VALUE_BYTES
    reserved: int = 64
    inline_patterns: int = 256
    reads: int = 16
    prefer_buckets: bool = False

    def fits_pointer(self, size: int) -> bool:
        """Whether a policy of this size fits its pointer."""
        return size <= self.value_bytes - self.reserved


class PolicyTooLargeError(ValueError):
    """A policy that the functions can't hold.

    Attributes:
        findings: what is too large, and what to use instead.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(finding) for finding in self.findings))


@dataclass(frozen=True)
class CompiledPolicy:
    """The content of the store for one site.

    Attributes:
        site: the distribution id, the first part of every key.
        version: names the keys that belong together; empty when the pointer holds the whole policy.
        pointer: the pointers' value.
        keys: every other key, with its value.
        reads: keys that one request reads at most, while the first pointer is whole.
        findings: what has no effect in the functions.
    """

    site: str
    version: str
    pointer: str
    keys: Mapping[str, str]
    reads: int
    findings: tuple[Finding, ...] = field(default=())

    def content(self) -> dict[str, str]:
        """All keys and values, in a fixed order."""
        return {f"{self.site}/0": self.pointer, f"{self.site}/1": self.pointer, **self.keys}


def pointer_keys(site: str) -> tuple[str, str]:
    """The keys of a site's two pointers: the functions read the first one, and the second one when that fails."""
    return f"{site}/0", f"{site}/1"


def compile_policy(policy: Policy, site: str, sequence: int = 1, limits: Limits | None = None) -> CompiledPolicy:
    """Make the content of the store for a policy.

    Args:
        policy: with its lists filled in.
        site: the distribution id.
        sequence: counts the changes of the site; the guard adds one for each.
        limits: for tests.

    Raises:
        PolicyTooLargeError: the functions can't hold the policy.
    """
    limits = limits or Limits()
    _check_globs(policy)
    body = _Body(policy, limits)
    layout = body.layout()
    keyed = [body.sets[number] for number in layout.keyed]
    buckets = _fill_buckets(keyed, limits.value_bytes)
    document = body.document(layout.keyed, len(buckets), _depths(keyed))
    text = _dump(document)
    parts = [] if limits.fits_pointer(len(text)) else _split(text, limits.value_bytes)
    values = {f"p{number}": part for number, part in enumerate(parts)}
    values |= {str(number): bucket for number, bucket in enumerate(buckets)}
    version = _version([text, *buckets]) if values else ""
    prefix = f"{site}/{version}/"
    keys = {f"{prefix}{name}": value for name, value in values.items()}
    pointer = _dump([FORMAT, sequence, version, len(parts) if parts else document])
    compiled = CompiledPolicy(site, version, pointer, keys, layout.reads, tuple(_ignored(policy)))
    _check_size(compiled, limits)
    return compiled


def hints_for_functions(policy: Policy) -> tuple[Finding, ...]:
    """What is different about a policy in CloudFront Functions, as notes: most sites do not use them.

    Args:
        policy: with its lists filled in.
    """
    try:
        return compile_policy(policy, _NO_SITE).findings
    except PolicyTooLargeError as error:
        notes = [
            Finding(NOTE, f.code, f.location, f"CloudFront Functions: {f.message}", f.remedy) for f in error.findings
        ]
        return (*notes, *_ignored(policy))


class _OriginEntries:
    """The entries of one grant: those that are written into the policy, and those that can go to buckets."""

    def __init__(self, entries: Sequence[str], inline_patterns: int) -> None:
        patterns = [entry for entry in entries if "*" in entry]
        # A pattern over extensions has no host to find its bucket by. There are three of them at most.
        extensions = [entry for entry in patterns if entry.endswith("://*")]
        inline = patterns if len(" ".join(patterns)) <= inline_patterns else extensions
        self.text = " ".join(entries)
        self.inline = " ".join(inline)
        self.keyed = [entry for entry in entries if entry not in frozenset(inline)]
        self.depths = {_depth(entry) for entry in self.keyed} - {0}

    @property
    def saving(self) -> int:
        """Bytes that the policy loses when the set goes to buckets."""
        return len(self.text) - len(self.inline) - 4


@dataclass(frozen=True)
class _Layout:
    keyed: tuple[int, ...]
    reads: int


class _Body:
    """A policy as the functions read it; equal sets of origins are stored once."""

    def __init__(self, policy: Policy, limits: Limits) -> None:
        self._limits = limits
        self._rules = () if policy.shadow else policy.rules
        self._numbers: dict[tuple[str, ...], int] = {}
        self.sets: list[_OriginEntries] = []
        self._grants: dict[Grant, int] = {}
        for rule in self._rules:
            for grant in rule.grants:
                if grant.allow_origins is not None:
                    self._grants[grant] = self._number(tuple(grant.allow_origins))
        uses = [0] * len(self.sets)
        for number in self._grants.values():
            uses[number] += 1
        self._uses = uses

    def _number(self, entries: tuple[str, ...]) -> int:
        number = self._numbers.get(entries)
        if number is None:
            number = self._numbers[entries] = len(self.sets)
            self.sets.append(_OriginEntries(entries, self._limits.inline_patterns))
        return number

    def layout(self) -> _Layout:
        """Which sets go to buckets: as many of the largest ones as make the fewest reads."""
        order = sorted(range(len(self.sets)), key=lambda number: (-self.sets[number].saving, number))
        order = [number for number in order if self.sets[number].saving > 0 and self.sets[number].keyed]
        size = len(_dump(self.document((), 0, ())))
        best = _Layout((), self._reads(size, None))
        depths: set[int] = set()
        for position, number in enumerate(order):
            size -= self.sets[number].saving * self._uses[number]
            depths |= self.sets[number].depths
            reads = self._reads(size + 3 * len(depths) + 8, depths)
            if reads < best.reads or self._limits.prefer_buckets:
                best = _Layout(tuple(order[: position + 1]), reads)
        return best

    def _reads(self, size: int, depths: set[int] | None) -> int:
        """Keys that a request reads for a policy of this size; ``depths`` is None where there are no buckets."""
        parts = 0 if self._limits.fits_pointer(size) else -(-size // self._limits.value_bytes)
        return 1 + parts + (0 if depths is None else 1 + len(depths))

    def document(self, keyed: Sequence[int], buckets: int, depths: Sequence[int]) -> list[Any]:
        """The policy: rules, number of buckets, depths, and texts around the cause of a refusal, for ``debug``."""
        names = {number: position for position, number in enumerate(keyed, 1)}
        rules = [self._rule(rule, names) for rule in self._rules]
        document: list[Any] = [rules, buckets, list(depths)]
        if any(rule.debug for rule in self._rules):
            document.append([f"edgecors: {reason}" for reason in _REFUSALS])
            document.append([f": {REASONS[reason]} (rule " for reason in _REFUSALS])
        return document

    def _rule(self, rule: Rule, names: Mapping[int, int]) -> list[Any]:
        paths = 0 if rule.paths is None else list(rule.paths.texts)
        hosts = 0 if rule.hosts is None else list(rule.hosts.texts)
        flags = rule.blocks | _flags(rule, RULE_FIELDS) << 1
        return [paths, hosts, [self._grant(grant, names) for grant in rule.grants], flags, rule.resource_policy]

    def _grant(self, grant: Grant, names: Mapping[int, int]) -> list[Any]:
        # The functions read an empty value as the default. For no method at all it is a line break: no request has one.
        methods = grant.allow_methods_value or "\n"
        methods = "" if methods == ", ".join(DEFAULT_METHODS) else methods
        headers = "*" if grant.allow_headers is None else grant.allow_headers_value
        flags = _flags(grant, GRANT_FIELDS)
        return [self._origins(grant, names), methods or 0, headers, grant.expose_headers, grant.max_age, flags]

    def _origins(self, grant: Grant, names: Mapping[int, int]) -> str:
        if grant.allow_origins is None:
            return "*"
        number = self._grants[grant]
        entries = self.sets[number]
        return f"{names[number]} {entries.inline}".rstrip() if number in names else entries.text


def _flags(owner: Rule | Grant, fields: Sequence[Field]) -> int:
    """The Boolean fields as bits in the table's order; functions/viewer/policy.js has their names."""
    names = [field.name for field in fields if isinstance(field.reader, Boolean)]
    return sum(getattr(owner, name) << position for position, name in enumerate(names))


def _fill_buckets(sets: Sequence[_OriginEntries], most: int) -> list[str]:
    """The fewest buckets of which none is larger than a value may be."""
    groups: dict[str, dict[int, list[str]]] = {}
    for number, entries in enumerate(sets, 1):
        for entry in entries.keyed:
            groups.setdefault(_bucket_key(entry), {}).setdefault(number, []).append(entry)
    largest = max(groups, key=lambda key: len(_lines(groups[key])), default="")
    if groups and len(_lines(groups[largest])) > most:
        message = f"the entries for {largest!r} take more than {most:,} bytes, the limit for one key"
        raise PolicyTooLargeError([_too_large(message)])
    hashes = {key: _hash(key) for key in groups}
    count = -(-sum(len(_lines(group)) for group in groups.values()) // int(most * _BUCKET_FILL))
    while groups and count <= MAX_BUCKETS:
        buckets: list[dict[int, list[str]]] = [{} for _ in range(count)]
        for key, group in groups.items():
            for number, texts in group.items():
                buckets[hashes[key] % count].setdefault(number, []).extend(texts)
        values = [_lines(bucket) for bucket in buckets]
        if max(map(len, values)) <= most:
            return values
        count += 1 + count // 20
    if groups:
        # Entries of different hosts may always share a bucket: the functions' hash is short, so that it is quick.
        raise PolicyTooLargeError([_too_large("the entries can't be spread over buckets that each fit one key")])
    return []


def _lines(bucket: Mapping[int, Sequence[str]]) -> str:
    # A value can't be empty; no set has the number 0.
    return "\n".join(f"{number} {' '.join(sorted(bucket[number]))}" for number in sorted(bucket)) or "0"


def _bucket_key(entry: str) -> str:
    """What the bucket of an entry follows from: the host, or what is behind the star of a pattern's host."""
    host = _host(entry)
    return host[host.index(".") :] if "*" in host else host


def _host(entry: str) -> str:
    authority = entry.partition("://")[2] or entry
    bracket = authority.find("]") + 1
    return authority[:bracket] + authority[bracket:].partition(":")[0]


def _depth(entry: str) -> int:
    """Labels behind the star of a pattern's host; 0 for an entry with the whole host."""
    key = _bucket_key(entry)
    return key.count(".") if "*" in _host(entry) else 0


def _depths(sets: Iterable[_OriginEntries]) -> list[int]:
    return sorted({depth for entries in sets for depth in entries.depths})


def _hash(text: str) -> int:
    """Spreads hosts over buckets. Entries are compared whole, so a collision costs nothing."""
    value = 0
    for character in text:
        value = (value * _HASH_FACTOR + ord(character)) % _HASH_MODULUS
    return value


def _split(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _version(values: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(values).encode()).hexdigest()[:32]


def _dump(data: Any) -> str:
    """JSON in ASCII, so that characters are bytes."""
    return json.dumps(data, separators=(",", ":"))


def _check_globs(policy: Policy) -> None:
    count = sum(len(globs.texts) for rule in policy.rules for globs in (rule.hosts, rule.paths) if globs is not None)
    if count > MAX_GLOBS:
        raise PolicyTooLargeError([_too_large(f"the policy has {count:,} hosts and paths, more than {MAX_GLOBS}")])


def _check_size(compiled: CompiledPolicy, limits: Limits) -> None:
    if compiled.reads > limits.reads:
        message = f"a request would have to read {compiled.reads} keys, more than {limits.reads}"
        raise PolicyTooLargeError([_too_large(message)])
    size = sum(len(key) + len(value) for key, value in compiled.content().items())
    if size > MAX_VERSION_BYTES:
        message = f"the policy takes {size:,} bytes of the store, more than half of it, {MAX_VERSION_BYTES:,}"
        raise PolicyTooLargeError([_too_large(message)])


def _too_large(message: str) -> Finding:
    return Finding(ERROR, "too-large-for-functions", "", message, _REMEDY)


def _ignored(policy: Policy) -> Iterable[Finding]:
    if policy.refresh_seconds != DEFAULT_REFRESH_SECONDS:
        message = "refresh_seconds has no effect in CloudFront Functions: the guard writes each change to their store"
        yield Finding(NOTE, "ignored-by-functions", "refresh_seconds", message, "No action is needed.")
    if policy.shadow:
        message = "mode shadow changes nothing, but CloudFront Functions do not log what they would decide"
        remedy = "Use EdgeSetup=viewer while a policy is in shadow mode."
        yield Finding(NOTE, "ignored-by-functions", "mode", message, remedy)

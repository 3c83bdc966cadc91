"""Documents: the value of a site's parameter -> `Policy`, with every error in it.

`read_document` reads the value; `Document.compile` adds the lists that it names. A JSON document with any error is
rejected as a whole (`PolicyError` carries all of them); in a plain list an entry that can't be read is skipped and
reported, which only narrows.
"""

from __future__ import annotations

import json

from .allowlist import Allowlist, find_risk, new_entries, read_list
from .fields import (
    GRANT_FIELDS,
    MAX_GLOBS,
    MAX_LISTS,
    MAX_QUESTION_MARKS,
    RULE_FIELDS,
    SITE_FIELDS,
    show,
)
from .findings import ERROR, SKIPPED, Finding, Findings
from .origin import OriginSet, parse_pattern
from .packing import MAX_TEXT, TooLargeError, unpack
from .policy import Grant, Policy, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from .fields import Field
    from .paths import Globs

MAX_JSON_MARKS = 250_000
"""Brackets, braces, commas and colons of a JSON document: each can become an object of some 60 bytes."""

_YAML_KEYS = frozenset(f"{field.name}:" for field in (*SITE_FIELDS, *RULE_FIELDS, *GRANT_FIELDS)) | {"---"}
_YAML_FINDING = (
    "the value looks like YAML, but a parameter must hold a plain list or JSON",
    'Write {"version": 1, "rules": [...]}, or write the file with the edgecors command, which stores YAML as JSON.',
)
_GRANT_NAMES = frozenset(field.name for field in GRANT_FIELDS)


class PolicyError(ValueError):
    """A document that can't be used.

    Attributes:
        findings: every error in it, and the repairs and warnings beside them.
        errors: the errors alone.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        self.errors = tuple(f for f in self.findings if f.severity == ERROR)
        super().__init__("; ".join(str(error) for error in self.errors))


def load_policy(text: str, lists: Mapping[str, str | None] | None = None) -> Policy:
    """Read a site's parameter and the lists that it names.

    Args:
        text: the parameter's value: a plain list or JSON, perhaps packed.
        lists: the lists' values by name; None, or no item, for a list that does not exist. An unreadable list allows
            nobody and is reported.

    Raises:
        PolicyError: the document has errors.
    """
    document = read_document(text)
    allowlists: dict[str, Allowlist | None] = {}
    for name in document.lists:
        value = (lists or {}).get(name)
        allowlists[name] = None if value is None else read_list_or_report(name, value)
    return document.compile(allowlists)


def read_list_or_report(name: str, text: str) -> Allowlist:
    """As `read_list`; a value that can't be used at all becomes an empty list with a finding."""
    try:
        return read_list(name, text)
    except ValueError as error:
        allowlist = Allowlist()
        allowlist.findings.add(SKIPPED, "unreadable", f"@{name}", str(error), "Write the list again.")
        return allowlist


def read_document(text: str) -> Document:
    """Read a site's parameter: a plain list or JSON, either of them perhaps packed as ``gz:``.

    Raises:
        PolicyError: the document has errors.
    """
    findings = Findings()
    rules: list[_ParsedRule] = []
    values = _defaults(SITE_FIELDS)
    try:
        text = unpack(text)
        if len(text) > MAX_TEXT:
            raise TooLargeError(f"the value is too large: more than {MAX_TEXT:,} characters")
        if is_json(text):
            values, rules = _read_json(text, findings)
        elif _is_yaml(text):
            findings.add(ERROR, "yaml-not-json", "", *_YAML_FINDING)
        else:
            rules = [_read_plain(text, findings)]
    except TooLargeError as error:
        findings.add(ERROR, "too-large", "", str(error), "Move origins to lists of their own, and name them as @list.")
    except ValueError as error:
        findings.add(ERROR, "unreadable", "", str(error), "Write it again, preferably with the edgecors command.")
    _check_totals(rules, findings)
    if findings.has_errors:
        raise PolicyError(findings)
    return Document(rules, values["mode"], values["refresh_seconds"], findings)


class Document:
    """A valid document whose lists have not been filled in yet.

    Attributes:
        lists: the names, in order of appearance.
    """

    __slots__ = ("_findings", "_mode", "_refresh_seconds", "_rules", "lists")

    def __init__(self, rules: list[_ParsedRule], mode: str, refresh_seconds: int, findings: Findings) -> None:
        self._rules = rules
        self._mode = mode
        self._refresh_seconds = refresh_seconds
        self._findings = findings
        self.lists = tuple(_names(rules))

    def compile(self, lists: Mapping[str, Allowlist | None]) -> Policy:
        """The policy with the lists filled in.

        Args:
            lists: the result of `read_list` for each list; None, or no item, for a list that does not exist: it allows
                nobody, and is reported. Nothing that a list holds affects another list, or the document.
        """
        findings = Findings()
        findings.extend(self._findings)
        for name in self.lists:
            allowlist = lists.get(name)
            if allowlist is not None:
                findings.extend(allowlist.findings)
            else:
                message = "there is no such list, so it allows nobody"
                findings.add(SKIPPED, "list-missing", f"@{name}", message, f"Create the list {name!r}.")
        rules = tuple(rule.compile(lists, findings) for rule in self._rules)
        return Policy(rules, mode=self._mode, refresh_seconds=self._refresh_seconds, findings=tuple(findings))


def _names(rules: Iterable[_ParsedRule]) -> Iterable[str]:
    return dict.fromkeys(name for rule in rules for grant in rule.grants for name in grant["allow_origins"].names)


class _ParsedRule:
    """A rule as read: the values of its fields, and those of its grants. Only the lists are missing."""

    __slots__ = ("_index", "_values", "grants")

    def __init__(self, index: int, values: dict[str, Any], grants: list[dict[str, Any]]) -> None:
        self._index = index
        self._values = values
        self.grants = grants

    def count_globs(self) -> int:
        """The number of its hosts and paths."""
        return sum(len(globs.texts) for globs in self._globs())

    def count_question_marks(self) -> int:
        """The number of ``?`` in its hosts and paths."""
        return sum(text.count("?") for globs in self._globs() for text in globs.texts)

    def _globs(self) -> list[Globs]:
        return [globs for name in ("hosts", "paths") if (globs := self._values[name]) is not None]

    def compile(self, lists: Mapping[str, Allowlist | None], findings: Findings) -> Rule:
        """The rule with the lists filled in; findings about entries that are unsafe in it are added."""
        grants = [self._compile_grant(index, lists, findings) for index in range(len(self.grants))]
        return Rule(index=self._index, grants=tuple(grants), **self._values)

    def _compile_grant(self, index: int, lists: Mapping[str, Allowlist | None], findings: Findings) -> Grant:
        values = dict(self.grants[index])
        methods, headers, exposed = (values.pop(name) for name in ("allow_methods", "allow_headers", "expose_headers"))
        origins = values.pop("allow_origins")
        return Grant(
            index=index,
            allow_origins=None if origins.has_star else self._compile_origins(index, origins, lists, findings),
            allow_methods=None if methods == "*" else frozenset(methods),
            allow_methods_value=", ".join(methods),
            allow_headers=None if headers == "*" else frozenset(headers),
            # The wildcard never covers Authorization (Fetch, "CORS non-wildcard request-header name").
            allow_headers_value="*, authorization" if headers == "*" else ", ".join(headers),
            expose_headers=", ".join(exposed),
            **values,
        )

    def _compile_origins(
        self, index: int, origins: Allowlist, lists: Mapping[str, Allowlist | None], findings: Findings
    ) -> OriginSet:
        parts = [(origins.index, frozenset[str]())]
        location = f"rules[{self._index}]" + (f".grants[{index}]" if len(self.grants) > 1 else "")
        for name in origins.names:
            allowlist = lists.get(name)
            if allowlist is None:
                continue
            excluded = frozenset[str]()
            if self.grants[index]["allow_credentials"]:
                unsafe = allowlist.unsafe_with_credentials(self._values["tolerate"])
                excluded = unsafe.texts
                for finding in unsafe.findings:
                    message = f"{finding.message}; the entry is skipped"
                    findings.add(SKIPPED, finding.code, f"{location} @{name}", message, finding.remedy)
            parts.append((allowlist.index, excluded))
        return OriginSet(parts)


def is_json(text: str) -> bool:
    """Whether an unpacked value is a JSON document rather than a plain list, also one with a comment before it."""
    start = text.lstrip()[:2]
    return start[:1] in ("{", "[") or (start in ("//", "/*") and "{" in text)


def _is_yaml(text: str) -> bool:
    """Whether an entry of the supposed list is a field's name with the colon of YAML."""
    return not _YAML_KEYS.isdisjoint(text[:4096].replace('"', "").replace("'", "").split())


def _is_flow_yaml(text: str) -> bool:
    """Whether a document that is not valid JSON has a field's name without quotes, as in ``{version: 1}``."""
    return not _YAML_KEYS.isdisjoint(text[:4096].replace("{", " ").replace(",", " ").split())


def _read_plain(text: str, findings: Findings) -> _ParsedRule:
    """One rule for all resources. Raises TooLargeError when there are too many entries."""
    origins = Allowlist()
    count = 0
    for number, entry in new_entries(origins, text):
        count += 1
        if entry.startswith("@"):
            origins.add_name(entry, f"entries[{number}]", SKIPPED)
        else:
            origins.add(entry, f"entries[{number}]", SKIPPED)
    findings.extend(origins.findings)
    if origins.has_star and (len(origins.index) or count > 1):
        # Also beside an unreadable entry: a typo must not open a list of origins to everyone.
        origins.has_star = False
        message = "'*' is combined with other entries; the entry is skipped"
        findings.add(SKIPPED, "wildcard-not-alone", "entries", message, "Keep '*' alone, or only the origins.")
    values, grant = _defaults(RULE_FIELDS), _defaults(GRANT_FIELDS)
    del values["grants"]
    return _ParsedRule(0, values, [{**grant, "allow_origins": origins}])


def _defaults(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {field.name: field.default for field in fields}


# Reading JSON: https://www.rfc-editor.org/rfc/rfc8259.


def _read_json(text: str, findings: Findings) -> tuple[dict[str, Any], list[_ParsedRule]]:
    """The values of the document's fields and its rules. Raises TooLargeError for a document beyond a bound."""
    data = decode_json(text, findings)
    if data is None:
        return {}, []
    values = _read_fields(data, SITE_FIELDS, "", findings)
    rules = [_read_rule(index, rule, where, findings) for index, (where, rule) in enumerate(values["rules"])]
    return values, rules


def decode_json(text: str, findings: Findings) -> dict[str, Any] | None:
    """The object of a JSON document, before its fields are read; None when it has none, with the errors reported.

    Raises:
        TooLargeError: the document is beyond a bound.
    """
    if sum(map(text.count, "[{,:")) > MAX_JSON_MARKS:
        raise TooLargeError(f"the document is too large: more than {MAX_JSON_MARKS:,} brackets, commas and colons")
    repeated: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    repeated.append((data, name))
                seen.add(name)
        return data

    try:
        data = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if _is_flow_yaml(text):
            findings.add(ERROR, "yaml-not-json", "", *_YAML_FINDING)
        else:
            findings.add(ERROR, "invalid-json", *_json_error(text, error))
        return None
    except RecursionError:
        findings.add(ERROR, "invalid-json", "", "the document is nested too deeply", "Fix the JSON syntax.")
        return None
    except ValueError:
        message = "a number is NaN or Infinity, or has more digits than can be read"
        findings.add(ERROR, "invalid-json", "", message, "Write a plain number, such as 60.")
        return None
    _report_repeated(repeated, data, findings)
    if not isinstance(data, dict):
        message = f"{show(data)} is not an object"
        findings.add(ERROR, "wrong-type", "", message, 'Write {"version": 1, "rules": [...]}.')
        return None
    return data


def _report_repeated(repeated: list[tuple[dict[str, Any], str]], data: Any, findings: Findings) -> None:
    """Report each field that an object has more than once: of a rule or grant at its place, of others at the top."""
    places = {id(item): location for location, item in _objects(data)} if repeated else {}
    for location, name in dict.fromkeys((places.get(id(item), ""), name) for item, name in repeated):
        message = f"{show(name)} appears twice in one object"
        findings.add(ERROR, "duplicate-field", _field_location(location, name), message, "Keep one of them.")


def _objects(data: Any) -> Iterator[tuple[str, Any]]:
    """The rules and grants of a document that need not be valid, with their locations."""
    for index, rule in _numbered(data, "rules"):
        yield f"rules[{index}]", rule
        for number, grant in _numbered(rule, "grants"):
            yield f"rules[{index}].grants[{number}]", grant


def _numbered(item: Any, field: str) -> Iterable[tuple[int, Any]]:
    values = item.get(field) if isinstance(item, dict) else None
    return enumerate(values) if isinstance(values, list) else ()


def _json_error(text: str, error: json.JSONDecodeError) -> tuple[str, str, str]:
    """Location, message and remedy, with the part of the line where the parser stopped."""
    start = text.rfind("\n", 0, error.pos) + 1
    end = text.find("\n", error.pos)
    line = text[max(start, error.pos - 40) : min(end if end >= 0 else len(text), error.pos + 40)].strip()
    message = f"the document starts like JSON but is not valid JSON: {error.msg} in {show(line)}"
    return f"line {error.lineno} column {error.colno}", message, "Fix the JSON syntax at this position."


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_fields(
    data: dict[str, Any], fields: tuple[Field, ...], location: str, findings: Findings, also: Iterable[str] = ()
) -> dict[str, Any]:
    """The value of each field. ``also`` names fields that are read elsewhere."""
    known = [field.name for field in fields]
    for name in data:
        if name not in known and name not in also:
            _report_unknown(name, [*known, *also], location, findings)
    values = {}
    for field in fields:
        where = _field_location(location, field.name)
        if field.name in data:
            values[field.name] = field.reader.read(data[field.name], where, findings)
            continue
        values[field.name] = field.default
        if field.required:
            remedy = f'Write "{field.name}": {json.dumps(field.example)}.'
            findings.add(ERROR, "missing-field", where, f"the field {field.name!r} is missing", remedy)
    return values


def _report_unknown(name: str, known: list[str], location: str, findings: Findings) -> None:
    if findings.is_full(ERROR):
        findings.add(ERROR, "unknown-field", "", "")
        return
    import difflib  # only a document with an error pays for this module

    # No field has so long a name, and for 4 MB of one letter difflib would take 170 MB.
    near = difflib.get_close_matches(name[:80], known, 1, 0.5)
    remedy = f"Did you mean {near[0]!r}?" if near else f"Valid fields: {', '.join(known)}."
    message = f"there is no field {show(name)}"
    findings.add(ERROR, "unknown-field", _field_location(location, name), message, remedy)


def _read_rule(index: int, data: dict[str, Any], location: str, findings: Findings) -> _ParsedRule:
    values = _read_fields(data, RULE_FIELDS, location, findings, _GRANT_NAMES)
    objects = values.pop("grants")
    if objects is None:
        own = {name: value for name, value in data.items() if name in _GRANT_NAMES}
        objects = [(location, own)]
    else:
        for name in sorted(_GRANT_NAMES & data.keys()):
            message = f"the rule has both 'grants' and {name!r}"
            findings.add(ERROR, "grants-beside-fields", f"{location}.{name}", message, "Move it into the grants.")
    grants = []
    for number, (where, grant) in enumerate(objects):
        grants.append(_read_grant(grant, where, values["tolerate"], number == len(objects) - 1, findings))
    return _ParsedRule(index, values, grants)


def _read_grant(
    data: dict[str, Any], location: str, tolerate: tuple[str, ...], is_last: bool, findings: Findings
) -> dict[str, Any]:
    values = _read_fields(data, GRANT_FIELDS, location, findings)
    origins = values["allow_origins"] = values["allow_origins"] or Allowlist()
    where = f"{location}.allow_origins"
    if origins.has_star and not is_last:
        message = "'*' is in a grant before the last one, so the grants after it would never decide"
        findings.add(ERROR, "wildcard-not-last", where, message, "Move this grant to the end.")
    if not values["allow_credentials"]:
        return values
    if origins.has_star:
        message = "'*' with credentials would let every site on the web read as the user"
        remedy = "List the origins, or remove allow_credentials."
        findings.add(ERROR, "wildcard-with-credentials", where, message, remedy)
    if values["expose_headers"] == "*":
        message = "with credentials, browsers read '*' as the literal name of a header"
        where_exposed = f"{location}.expose_headers"
        findings.add(ERROR, "expose-wildcard-with-credentials", where_exposed, message, "List the headers to expose.")
    _check_unsafe(origins, data, where, tolerate, findings)
    return values


def _check_unsafe(
    origins: Allowlist, data: dict[str, Any], location: str, tolerate: tuple[str, ...], findings: Findings
) -> None:
    """Report each entry that must not be in a grant with credentials, at its place in the document."""
    if not origins.unsafe_with_credentials(tolerate).texts:
        return
    risks: dict[str, Finding | None] = {}
    for number, entry in enumerate(data["allow_origins"]):
        if not isinstance(entry, str):
            continue
        if entry not in risks:
            pattern, _ = parse_pattern(entry)
            risks[entry] = None if pattern is None else find_risk(pattern)
        finding = risks[entry]
        if finding is not None and finding.code not in tolerate:
            findings.add(ERROR, finding.code, f"{location}[{number}]", finding.message, finding.remedy)


def _check_totals(rules: list[_ParsedRule], findings: Findings) -> None:
    globs = sum(rule.count_globs() for rule in rules)
    if globs > MAX_GLOBS:
        message = f"the document has {globs:,} hosts and paths, more than {MAX_GLOBS:,}"
        findings.add(ERROR, "too-large", "rules", message, "Merge some of them, with * where that is possible.")
    marks = sum(rule.count_question_marks() for rule in rules)
    if marks > MAX_QUESTION_MARKS:
        message = f"the document has {marks:,} ? in its hosts and paths, more than {MAX_QUESTION_MARKS:,}"
        findings.add(ERROR, "too-large", "rules", message, "Write * where that is possible.")
    names = list(_names(rules))
    if len(names) > MAX_LISTS:
        message = f"the document names {len(names):,} lists, more than {MAX_LISTS:,}"
        findings.add(ERROR, "too-large", "rules", message, "Merge some of the lists.")


def _field_location(location: str, name: str) -> str:
    """The location of a field; a name that is not a plain word is quoted."""
    word = name if name.removeprefix("$").isidentifier() and name.isascii() and len(name) <= 80 else show(name)
    return f"{location}.{word}" if location else word

"""Amazon S3: ``aws s3api get-bucket-cors``, the console's JSON, XML, and ``CorsRules`` of CloudFormation.

S3 takes the first rule that has the request's origin, its method and all headers that a preflight asks for.
"""

from __future__ import annotations

from xml.etree import ElementTree

from edgecors_admin.errors import UsageError
from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.report import ImportReport
from edgecors_admin.importing.rules import (
    CorsSettings,
    ImportedRule,
    Matching,
    Resource,
    read_origins,
    start_resource,
    usable,
)
from edgecors_admin.importing.sections import Section, Value, folded

KEYS = ("AllowedOrigins", "AllowedMethods", "AllowedHeaders", "ExposeHeaders", "MaxAgeSeconds", "ID")
_RULE_LISTS = ("CORSRules", "CorsRules", "CORSRule", "cors_rule", "cors_rules")


def recognise(document: ImportedDocument) -> bool:
    """A list of rules, or an object with a list of rules."""
    if document.syntax == "xml":
        return _local(document.data.tag) == "CORSConfiguration"
    data = document.data
    if isinstance(data, dict) and isinstance(data.get("CORSConfiguration"), dict):
        return True
    if isinstance(data, dict):
        return bool({folded(name) for name in _RULE_LISTS} & {folded(key) for key in data}) or _is_rule(data)
    return isinstance(data, list) and any(_is_rule(item) for item in data)


def _is_rule(data: object) -> bool:
    return isinstance(data, dict) and any(
        folded(key) in ("allowedorigins", "allowedorigin", "allowedmethods", "allowedmethod") for key in data
    )


def read(value: Value) -> list[Resource]:
    """One bucket."""
    if isinstance(value.data, ElementTree.Element):
        value = Value(_xml_rules(value.data), "", value.report)
    # The input of put-bucket-cors has the bucket's name beside the rules.
    return [read_bucket(value.get("CORSConfiguration") or value, value.name("Bucket") or "bucket")]


def read_bucket(value: Value, name: str) -> Resource:
    """A bucket's rules: a list, or an object that has one.

    Raises:
        UsageError: there is no rule.
    """
    resource = start_resource(value.report, name, "S3 bucket")
    rules = value
    if isinstance(value.data, dict) and not _is_rule(value.data):
        section = Section(value)
        rules = section.take(*_RULE_LISTS) or Value([], value.location, value.report)
        value.report.locations.add(value.location)
        section.finish(_RULE_LISTS)
    if rules.data == []:
        raise UsageError("There are no CORS rules in this S3 configuration.")
    if rules.resolved():
        for item in rules.items():
            if (section_of_rule := item.section()) is not None and (rule := read_rule(section_of_rule)) is not None:
                resource.rules.append(rule)
    if any(rule.origins is not None for rule in resource.rules):
        message = "S3 allows credentials to listed origins; they were not imported, because S3 itself uses no cookies"
        remedy = 'Add "allow_credentials": true if your pages need it.'
        value.report.note("import-default", rules.location, message, remedy)
    _note_simple_requests(resource, value.report)
    return resource


def read_rule(section: Section) -> ImportedRule | None:
    """One rule; also of Terraform, which has the same names. None if it can't be used."""
    origins = read_origins(section.take("AllowedOrigins", "AllowedOrigin"), Matching.GLOB)
    settings = CorsSettings(
        methods=section.take("AllowedMethods", "AllowedMethod"),
        headers=section.take("AllowedHeaders", "AllowedHeader"),
        exposed=section.take("ExposeHeaders", "ExposeHeader", "ExposedHeaders", "ExposedHeader"),
        max_age=section.take("MaxAgeSeconds", "MaxAge"),
    )
    section.ignore("ID")
    return settings.rule(section.location, origins) if usable(section, origins, False, KEYS) else None


def _note_simple_requests(resource: Resource, report: ImportReport) -> None:
    """S3 compares the method of actual requests too; Fetch and every CORS service do so in preflights only."""
    open_rules = [rule for rule in resource.rules if rule.methods is None or "GET" in rule.methods]
    if any(rule.origins is None for rule in open_rules):
        return
    for rule in resource.rules:
        if rule in open_rules or (rule.origins is not None and _all_in(rule.origins, open_rules)):
            continue
        message = "S3 refuses GET to these origins; with a policy their pages can read whatever needs no preflight"
        report.warn("import-simple-requests", rule.location, message, "Serve private objects with signed URLs only.")


def _all_in(origins: tuple[str, ...], rules: list[ImportedRule]) -> bool:
    readable = {origin for rule in rules for origin in rule.origins or ()}
    return set(origins) <= readable


def _xml_rules(root: ElementTree.Element) -> list[dict[str, list[str]]]:
    """The rules of an XML document; every child of a rule is a list of texts."""
    rules: list[dict[str, list[str]]] = []
    for element in root.iter():
        if _local(element.tag) != "CORSRule":
            continue
        rule: dict[str, list[str]] = {}
        for child in element:
            rule.setdefault(_local(child.tag), []).append((child.text or "").strip())
        rules.append({name: texts[0] if name == "MaxAgeSeconds" else texts for name, texts in rule.items()})  # type: ignore[misc]
    return rules


def _local(tag: object) -> str:
    """A tag without its namespace."""
    return str(tag).rpartition("}")[2]


FORMAT = Format("s3", "S3 CORS rules (JSON, YAML or XML)", recognise, read)

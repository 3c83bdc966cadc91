"""From a text to policies: recognise the format, read it, build, and list what was not read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecors.allowlist import is_name
from edgecors.findings import Finding

from edgecors_admin.errors import UsageError
from edgecors_admin.importing import (
    api_cors,
    cloudformation,
    openapi,
    response_headers,
    rest_api,
    s3,
    serverless,
    storage,
    terraform,
)
from edgecors_admin.importing.builder import build_policy
from edgecors_admin.importing.documents import ImportedDocument, read_text
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.report import ImportReport
from edgecors_admin.importing.rules import Resource
from edgecors_admin.importing.sections import Value, folded
from edgecors_admin.importing.unsupported import describe_unsupported
from edgecors_admin.lint import has_errors

_ORDER = (
    terraform.FORMAT,
    serverless.FORMAT,
    openapi.FORMAT,
    response_headers.FORMAT,
    api_cors.FUNCTION_URLS,
    cloudformation.FORMAT,
    storage.AZURE,
    storage.GOOGLE,
    s3.FORMAT,
    api_cors.HTTP_APIS,
    rest_api.FORMAT,
)
"""The formats in the order in which they are tried."""

FORMATS: Mapping[str, Format] = {form.name: form for form in _ORDER}
"""Each format by its name."""

_ABOUT_CORS = re.compile(r"cors|accesscontrolallow|alloworigin|allowedorigin")
_SEPARATOR = re.compile(r"[.\[]")
_NOT_SETTINGS = ("Parameters", "Outputs", "Metadata", "Mappings", "Conditions", "Description", "variable", "output")
_POLICY_KEYS = frozenset(("rules", "sites", "lists", "grants", "allow_origins", "allow_methods", "allow_headers"))
MAX_WALKED = 200_000
MAX_LIST = 65536


@dataclass(frozen=True)
class ImportedSite:
    """One resource of the source and its policy; None if there is none."""

    name: str
    resource: str
    kind: str
    policy: dict[str, Any] | None


@dataclass(frozen=True)
class Imported:
    """The result of importing a source.

    Attributes:
        format: the format's name.
        sites: every resource with CORS settings.
        findings: what could not be carried over, and what to know.
        next_steps: sentences about what is left to do.
    """

    format: str
    sites: tuple[ImportedSite, ...]
    findings: tuple[Finding, ...]
    next_steps: tuple[str, ...]

    @property
    def policies(self) -> dict[str, dict[str, Any]]:
        """The policies by the name of their site."""
        return {site.name: site.policy for site in self.sites if site.policy is not None}

    def document(self, site: str | None = None) -> dict[str, Any] | None:
        """What to write: a policy if there is one, a bundle if there are several; None if there is none.

        Args:
            site: make a bundle that has the one policy under this name.

        Raises:
            UsageError: there are several policies, or the name can't be one.
        """
        policies = self.policies
        if site is not None:
            if not is_name(site):
                raise UsageError(f"{site!r} can't be the name of a site: use letters, digits, _ . and - only.")
            if len(policies) > 1:
                names = ", ".join(policies)
                raise UsageError(f"The source has several policies ({names}). Choose one with --resource NAME.")
            return {"sites": {site: next(iter(policies.values()))}} if policies else None
        if len(policies) > 1:
            return {"sites": policies}
        return next(iter(policies.values()), None)


def import_text(text: str, form: str | None = None, resource: str | None = None) -> Imported:
    """Read a CORS configuration of another system.

    Args:
        text: what a command printed, a template, a part of one.
        form: a name of `FORMATS`; recognised if None.
        resource: read only the resource of this name.

    Raises:
        UsageError: the text can't be read, is of no known format, or has no CORS settings.
    """
    document = read_text(text)
    source = _format(document, form)
    report = ImportReport()
    report.hint = source.hint
    value = Value(document.data, "", report)
    resources = source.read(value)
    report.resource = ""
    _report_unread(value)
    return finish(source.name, resources, report, resource)


def recognised_format(text: str) -> str:
    """What a text is, in words, if it is a CORS configuration of another system that can be imported; otherwise empty.

    Args:
        text: the text of a file that is not a valid policy.
    """
    try:
        document = read_text(text)
    except UsageError:
        return ""
    if isinstance(document.data, dict) and not _POLICY_KEYS.isdisjoint(document.data):
        return ""  # a policy with mistakes; get-api prints keys like those of a grant, with capitals
    return next((form.title for form in _ORDER if _recognises(form, document)), "")


def finish(name: str, resources: list[Resource], report: ImportReport, only: str | None = None) -> Imported:
    """Build the policies of the resources that were read.

    Raises:
        UsageError: there is no resource, or none of that name.
    """
    if only is not None:
        names = ", ".join(resource.name for resource in resources)
        resources = [resource for resource in resources if resource.name == only]
        if not resources:
            raise UsageError(f"The source has no resource {only!r}. It has: {names or 'none'}.")
    sites: list[ImportedSite] = []
    used: set[str] = set()
    for resource in resources:
        report.resource = resource.name
        policy = build_policy(resource, report) if resource.rules else None
        if policy is None and not has_errors(report.findings(resource.name)):
            message = f"no rule of this {resource.kind} could be read, so nothing was imported from it"
            report.error("import-no-origins", resource.name, message)
        site = _site_name(resource.name, used)
        sites.append(ImportedSite(site, resource.name, resource.kind, policy))
    if not report.findings() and all(site.policy is None for site in sites):
        title = FORMATS[name].title if name in FORMATS else "what the account has"
        raise UsageError(f"The input was read as {title}: there are no CORS settings in it.")
    steps = (resource.next_step for resource, site in zip(resources, sites, strict=True) if site.policy is not None)
    return Imported(name, tuple(sites), report.findings(only), tuple(dict.fromkeys(step for step in steps if step)))


def _format(document: ImportedDocument, name: str | None) -> Format:
    """The format of a document. Raises `UsageError`."""
    if name is not None and name not in FORMATS:
        raise UsageError(f"There is no format {name!r}. Choose one of {', '.join(FORMATS)}.")
    candidates = [form for form in _ORDER if _recognises(form, document)]
    if name is not None:
        form = FORMATS[name]
        if form not in candidates:
            raise UsageError(f"The input is not {form.title}.")
        return form
    if candidates:
        return candidates[0]
    if (sentence := describe_unsupported(document.text)) is not None:
        raise UsageError(sentence)
    if isinstance(document.data, UsageError):
        raise document.data
    _refuse_policies(document)
    report = ImportReport()
    _report_unread(Value(document.data, "", report))
    keys = ", ".join(finding.location for finding in report.findings()[:3] if finding.location)
    about = f" It has keys that may be about CORS: {keys}." if keys else ""
    titles = "; ".join(form.title for form in _ORDER)
    raise UsageError(f"The format was not recognised.{about} These are read: {titles}.")


def _recognises(form: Format, document: ImportedDocument) -> bool:
    if document.syntax == "text" or (document.syntax == "xml" and form is not s3.FORMAT):
        return False
    return form.recognise(document)


def _refuse_policies(document: ImportedDocument) -> None:
    """Say what to do with edgecors' own files. Raises `UsageError`."""
    data = document.data
    if isinstance(data, dict) and ("sites" in data or any(map(_is_policy_rule, _items(data.get("rules"))))):
        raise UsageError("This is already an edgecors policy. Use edgecors plan or apply.")
    words = document.text[:MAX_LIST].replace(",", " ").split()
    if document.syntax == "text" and any("://" in word for word in words):
        raise UsageError("This looks like a plain list of origins. Use edgecors allow SITE --from FILE, or apply.")


def _items(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _is_policy_rule(data: Any) -> bool:
    return isinstance(data, dict) and ("allow_origins" in data or "grants" in data)


def _site_name(name: str, used: set[str]) -> str:
    """A name that can be a site's, and that no other resource has."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:200] or "site"
    candidate, number = base, 2
    while candidate in used:
        candidate, number = f"{base}-{number}", number + 1
    used.add(candidate)
    return candidate


def _report_unread(value: Value) -> None:
    """List keys about CORS that no reader looked at: the outermost of each place."""
    if not isinstance(value.data, dict | list):
        return
    read = value.report.locations
    around = {outer for location in read for outer in _ancestors(location)}
    stack = [value]
    for _ in range(MAX_WALKED):
        if not stack:
            return
        current = stack.pop()
        if current.location and not read.isdisjoint(_ancestors(current.location)):
            continue
        key = _last_key(current.location)
        if _ABOUT_CORS.search(folded(key)) and current.location not in around and _has_content(current.data):
            value.report.warn("import-unread-key", current.location, "may be about CORS and was not read")
            continue
        children = current.items() if isinstance(current.data, list) else []
        children += [child for name, child in current.members() if current is not value or name not in _NOT_SETTINGS]
        stack += [child for child in reversed(children) if isinstance(child.data, dict | list) or child.data]


def _last_key(location: str) -> str:
    """The last key of a location; nothing for the item of a list, or the type of a Terraform resource."""
    key = location.rpartition(".")[2]
    return "" if key.endswith("]") or key.startswith(("aws_", "google_", "azurerm_")) else key


def _has_content(data: Any) -> bool:
    """Whether anything but empty values and false is there."""
    if isinstance(data, dict | list):
        return any(map(_has_content, data.values() if isinstance(data, dict) else data))
    return bool(data)


def _ancestors(location: str) -> list[str]:
    """A location and all that it lies in."""
    ends = [match.start() for match in _SEPARATOR.finditer(location)]
    return [location, *(location[:end] for end in ends if end)]

"""Google Cloud Storage and Azure: lists of CORS rules with names of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import (
    CorsSettings,
    Matching,
    Resource,
    read_credentials,
    read_origins,
    start_resource,
    usable,
)
from edgecors_admin.importing.sections import Section, Value, folded

GOOGLE_KEYS = ("origin", "method", "responseHeader", "maxAgeSeconds")
AZURE_KEYS = ("AllowedOrigins", "AllowedMethods", "AllowedHeaders", "ExposedHeaders", "MaxAgeInSeconds", "Service")


def recognise_google(document: ImportedDocument) -> bool:
    """``gcloud storage buckets describe --format="default(cors_config)"``, or the file that sets it."""
    return any(_is_google_rule(item) for item in _google_list(document.data))


def _google_list(data: object) -> list[Any]:
    if isinstance(data, dict):
        data = next((value for key, value in data.items() if folded(key) in ("cors", "corsconfig")), None)
    return data if isinstance(data, list) else []


def _is_google_rule(data: object) -> bool:
    return (
        isinstance(data, dict) and "origin" in data and bool({"method", "responseHeader", "maxAgeSeconds"} & set(data))
    )


def read_google(value: Value) -> list[Resource]:
    """One bucket."""
    rules = value
    if isinstance(value.data, dict):
        rules = next(child for key, child in value.members() if folded(key) in ("cors", "corsconfig"))
    return [read_google_bucket(rules, "bucket")]


def read_google_bucket(rules: Value, name: str) -> Resource:
    """A bucket's rules. ``responseHeader`` names headers that pages may send, and that they may read."""
    resource = start_resource(rules.report, name, "Google Cloud Storage bucket")
    for item in rules.items():
        section = item.section()
        if section is None:
            continue
        origins = read_origins(section.take("origin"), Matching.EXACT)
        headers = section.take("responseHeader", "response_header")
        settings = CorsSettings(section.take("method"), headers, headers, section.take("maxAgeSeconds"))
        if usable(section, origins, False, GOOGLE_KEYS):
            resource.rules.append(settings.rule(section.location, origins))
    return resource


def recognise_azure(document: ImportedDocument) -> bool:
    """What ``az storage cors list`` and ``az functionapp cors show`` print, ARM templates, ``local.settings.json``."""
    return _azure_settings(document.data) is not None


def _azure_settings(data: Any) -> str | None:
    """Which of Azure's forms this is: ``storage``, ``app``, ``host`` or ``template``; None for none."""
    if isinstance(data, list) and any(isinstance(item, dict) and "MaxAgeInSeconds" in item for item in data):
        return "storage"
    if isinstance(data, list) and any(isinstance(item, dict) and "maxAgeInSeconds" in item for item in data):
        return "storage"
    if not isinstance(data, dict):
        return None
    if "supportCredentials" in data and "allowedOrigins" in data:
        return "app"
    if isinstance(data.get("Host"), Mapping) and "CORS" in data["Host"]:
        return "host"
    if "deploymentTemplate.json" in str(data.get("$schema")):
        return "template"
    return None


def read_azure(value: Value) -> list[Resource]:
    """The rules of each service or app."""
    match _azure_settings(value.data):
        case "storage":
            return [read_azure_storage(value, "storage")]
        case "host":
            host = value.child("Host")
            return [_azure_app(Section(host), ("CORS",), ("CORSCredentials",), "function-app")]
        case "app":
            return [_azure_app(Section(value), ("allowedOrigins",), ("supportCredentials",), "app")]
        case _:
            return _azure_template(value)


def read_azure_storage(rules: Value, name: str) -> Resource:
    """Rules of a storage service; texts may have commas."""
    resource = start_resource(rules.report, name, "Azure storage")
    for item in rules.items():
        section = item.section()
        if section is None:
            continue
        section.ignore("Service")
        origins = read_origins(section.take("AllowedOrigins"), Matching.EXACT, split=True)
        settings = CorsSettings(
            methods=section.take("AllowedMethods"),
            headers=section.take("AllowedHeaders"),
            exposed=section.take("ExposedHeaders"),
            max_age=section.take("MaxAgeInSeconds"),
        )
        if usable(section, origins, False, AZURE_KEYS):
            resource.rules.append(settings.rule(section.location, origins))
    return resource


def _azure_app(
    section: Section, origin_keys: tuple[str, ...], credentials_keys: tuple[str, ...], name: str
) -> Resource:
    """An app: it allows all methods and headers."""
    resource = start_resource(section.report, name, "Azure app", "Remove the app's own CORS origins.")
    section.report.locations.add(section.location)
    origins = read_origins(section.take(*origin_keys), Matching.EXACT, split=True)
    credentials = read_credentials(section.take(*credentials_keys))
    if name == "function-app":
        section.ignore("LocalHttpPort", "LocalHttpTimeout")
    if usable(section, origins, credentials, (*origin_keys, *credentials_keys)):
        resource.rules.append(CorsSettings().rule(section.location, origins, credentials, methods=None, headers=None))
    return resource


def _azure_template(value: Value) -> list[Resource]:
    """``corsRules`` of storage services and ``siteConfig.cors`` of apps in an ARM template."""
    results: list[Resource] = []
    resources = value.get("resources")
    for resource in resources.items() if resources is not None else []:
        name = resource.name("name") or "resource"
        rules = resource.get("properties", "cors", "corsRules")
        if rules is not None:
            results.append(read_azure_storage(rules, name))
        if (app := resource.get("properties", "siteConfig", "cors")) is not None and (s := app.section()) is not None:
            results.append(_azure_app(s, ("allowedOrigins",), ("supportCredentials",), name))
    return results


GOOGLE = Format("gcs", "Google Cloud Storage CORS rules", recognise_google, read_google)
AZURE = Format("azure", "Azure storage or app CORS rules", recognise_azure, read_azure)

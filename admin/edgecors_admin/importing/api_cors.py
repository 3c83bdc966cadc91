"""API Gateway HTTP APIs and Lambda function URLs: they share one form of CORS settings.

Both compare whole origins and answer with their whole lists; browsers compare methods and headers.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import (
    CorsSettings,
    ImportedOrigins,
    ImportedRule,
    Matching,
    Resource,
    read_credentials,
    read_origins,
    start_resource,
    usable,
)
from edgecors_admin.importing.sections import Section, Value, folded

KEYS = ("AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders", "AllowCredentials", "MaxAge")
HTTP_API = "HTTP API"
FUNCTION_URL = "Lambda function URL"
_NEXT_STEPS = {
    HTTP_API: "Switch the HTTP API's own CORS off: it overrides the headers of an integration.",
    FUNCTION_URL: "Switch the function URL's own CORS off: browsers refuse two Access-Control-Allow-Origin headers.",
}


def read_api(value: Value, name: str, kind: str = HTTP_API) -> Resource:
    """CORS settings: an object, or true for every origin (SAM)."""
    resource = start_resource(value.report, name, kind, _NEXT_STEPS[kind])
    value.report.locations.add(value.location)
    if value.data is True:
        message = "true allows every origin, and the methods that browsers send without asking"
        value.report.note("import-default", value.location, message)
        resource.rules.append(CorsSettings().rule(value.location, ImportedOrigins(None)))
    elif value.data is not False and (section := value.section()) is not None:
        rule = read_settings(section)
        resource.rules += [rule] if rule is not None else []
    return resource


def read_settings(section: Section) -> ImportedRule | None:
    """``AllowOrigins`` and its companions; None if they can't be used."""
    origins = read_origins(section.take("AllowOrigins"), Matching.EXACT)
    settings = CorsSettings(
        methods=section.take("AllowMethods"),
        headers=section.take("AllowHeaders"),
        exposed=section.take("ExposeHeaders"),
        max_age=section.take("MaxAge"),
    )
    credentials = read_credentials(section.take("AllowCredentials"))
    if not usable(section, origins, credentials, KEYS):
        return None
    return settings.rule(section.location, origins, credentials)


def _is_settings(data: object) -> bool:
    return isinstance(data, dict) and any(
        folded(key) in ("alloworigins", "allowmethods", "allowheaders") for key in data
    )


def recognise_api(document: ImportedDocument) -> bool:
    """What ``aws apigatewayv2`` prints, or the settings alone."""
    data = document.data
    if not isinstance(data, dict):
        return False
    if _is_settings(data) or (isinstance(data.get("Items"), list) and any(map(_has_api, data["Items"]))):
        return True
    return _has_api(data) and "Type" not in data


def _has_api(data: object) -> bool:
    return isinstance(data, dict) and (
        _is_settings(data.get("CorsConfiguration")) or ("ApiEndpoint" in data and "ProtocolType" in data)
    )


def read_apis(value: Value) -> list[Resource]:
    """``get-api``, ``get-apis``, or the settings alone."""
    items = value.get("Items")
    apis = items.items() if items is not None else [value]
    resources = []
    for api in apis:
        settings = api.get("CorsConfiguration") or (api if _is_settings(api.data) else None)
        if settings is not None:
            resources.append(read_api(settings, api.name("Name", "ApiId") or "http-api"))
    return resources


def recognise_url(document: ImportedDocument) -> bool:
    """What ``aws lambda`` prints about function URLs."""
    data = document.data
    if not isinstance(data, dict):
        return False
    return (
        "FunctionUrlConfigs" in data
        or "FunctionUrl" in data
        or ("Cors" in data and bool({"FunctionArn", "FunctionName"} & set(data)))
    )


def read_urls(value: Value) -> list[Resource]:
    """``get-``, ``create-`` or ``list-function-url-configs``."""
    configs = value.get("FunctionUrlConfigs")
    urls = configs.items() if configs is not None else [value]
    return [read_api(cors, _function(url), FUNCTION_URL) for url in urls if (cors := url.get("Cors")) is not None]


def _function(url: Value) -> str:
    """The function's name: the seventh part of its ARN, which a qualifier may follow."""
    parts = url.name("FunctionArn").split(":")
    return parts[6] if len(parts) > 6 else url.name("FunctionName") or "function-url"


HTTP_APIS = Format("http-api", "an HTTP API (aws apigatewayv2 get-api)", recognise_api, read_apis)
FUNCTION_URLS = Format("function-url", "a Lambda function URL", recognise_url, read_urls)

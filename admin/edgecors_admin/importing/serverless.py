"""The Serverless Framework: ``provider.httpApi.cors``, ``http`` events with ``cors``, and function URLs.

https://www.serverless.com/framework/docs/providers/aws/events/http-api and .../apigateway
"""

from __future__ import annotations

from collections.abc import Iterable

from edgecors_admin.importing import api_cors, cloudformation, rest_api
from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import (
    ALL_METHODS,
    CorsSettings,
    ImportedOrigins,
    ImportedRule,
    Matching,
    Resource,
    is_usable,
    read_credentials,
    read_origins,
    start_resource,
    to_methods,
    usable,
)
from edgecors_admin.importing.sections import Section, Text, Value, folded

HINT = "Run serverless print --stage STAGE and import its output, which has the values."
DEFAULT_HEADERS = (
    *("content-type", "x-amz-date", "authorization", "x-api-key", "x-amz-security-token", "x-amz-user-agent"),
    "x-amzn-trace-id",
)
"""What the framework allows where ``cors`` names no headers."""

_TRUE = "true allows every origin and the framework's default headers"
_KEYS = (
    *("allowedOrigins", "allowedMethods", "allowedHeaders", "exposedResponseHeaders", "allowCredentials", "maxAge"),
)
_EVENT_KEYS = ("origins", "origin", "methods", "headers", "allowCredentials", "maxAge", "cacheControl")


def recognise(document: ImportedDocument) -> bool:
    """``serverless.yml``, or its ``provider`` or ``functions`` alone."""
    data = document.data
    if document.syntax not in ("json", "yaml") or not isinstance(data, dict):
        return False
    if "service" in data and ("provider" in data or "functions" in data):
        return True
    return isinstance(data.get("functions"), dict) or (
        isinstance(data.get("provider"), dict) and ("httpApi" in data["provider"] or "name" in data["provider"])
    )


def read(value: Value) -> list[Resource]:
    """The HTTP API, the REST API, function URLs, and resources in CloudFormation's form."""
    results: list[Resource] = []
    http_api = value.get("provider", "httpApi", "cors")
    if http_api is not None and http_api.data is not False:
        results.append(_read_http_api(http_api, value))
    results += _read_rest_api(value)
    for name, function in _functions(value):
        cors = function.get("url", "cors")
        if cors is not None and cors.data is not False:
            results.append(_read_url(cors, name))
    resources = value.get("resources")
    for part in resources.items() if resources is not None else []:
        if isinstance(part.data, dict) and "Resources" in part.data:
            results += cloudformation.read(part)
    return results


def _functions(value: Value) -> list[tuple[str, Value]]:
    """The functions by name; ``functions`` may be a list of mappings."""
    functions = value.get("functions")
    return [member for part in functions.items() for member in part.members()] if functions is not None else []


def _events(value: Value, kind: str) -> Iterable[tuple[Value, Value]]:
    """The function and the event, for all events of a kind."""
    for _, function in _functions(value):
        events = function.get("events")
        for event in events.items() if events is not None else []:
            if (trigger := event.get(kind)) is not None:
                yield function, trigger


def _read_http_api(cors: Value, value: Value) -> Resource:
    step = "Remove provider.httpApi.cors: it overrides the service."
    resource = start_resource(value.report, "http-api", api_cors.HTTP_API, step)
    _read_settings(cors, resource, _route_methods(value))
    return resource


def _read_url(cors: Value, name: str) -> Resource:
    resource = start_resource(cors.report, name, api_cors.FUNCTION_URL, "Remove url.cors of the function.")
    _read_settings(cors, resource, None)
    return resource


def _read_settings(cors: Value, resource: Resource, methods: tuple[str, ...] | None) -> None:
    """``cors`` of an HTTP API or a function URL, which is an object or true."""
    cors.report.locations.add(cors.location)
    section = cors.section() if cors.data is not True else None
    origins, credentials = _default_origins(cors, section)
    settings = CorsSettings()
    if section is None:
        is_complete = is_usable(cors.report, cors.location, origins, credentials)
        if is_complete:
            cors.report.note("import-default", cors.location, _TRUE)
    else:
        settings = CorsSettings(
            methods=section.take("allowedMethods"),
            headers=section.take("allowedHeaders"),
            exposed=section.take("exposedResponseHeaders"),
            max_age=section.take("maxAge"),
        )
        is_complete = usable(section, origins, credentials, _KEYS)
    if is_complete:
        rule = settings.rule(cors.location, origins, credentials, methods=methods, headers=DEFAULT_HEADERS)
        resource.rules.append(rule)


def _default_origins(cors: Value, section: Section | None) -> tuple[ImportedOrigins, bool]:
    """The origins, and whether credentials are allowed. No origins are every origin, unless some were meant."""
    if section is None:
        return (ImportedOrigins(None) if cors.data is True else ImportedOrigins(())), False
    allowed = section.take("allowedOrigins")
    credentials = read_credentials(section.take("allowCredentials"))
    if allowed is not None:
        return read_origins(allowed, Matching.EXACT), credentials
    if any("origin" in folded(key) for key in section.unread()):
        return ImportedOrigins(()), credentials
    message = "without allowedOrigins the framework allows every origin"
    section.report.note("import-default", section.location, message, "List the origins if that is not meant.")
    return ImportedOrigins(None), credentials


def _route_methods(value: Value) -> tuple[str, ...] | None:
    """The methods of all ``httpApi`` events, which the framework lists where ``cors`` names none."""
    texts: list[Text] = []
    for _, event in _events(value, "httpApi"):
        if isinstance(event.data, str):
            method = event.data.partition(" ")[0]
        else:
            method = event.name("method") or "*"
        methods = ALL_METHODS if method in ("*", "any", "ANY") else (method.upper(),)
        texts += [Text(name, event.location) for name in methods if "$" not in name]
    return to_methods(texts, value.report)


def _read_rest_api(value: Value) -> list[Resource]:
    """The REST API of all ``http`` events; None of them has CORS settings: no resource."""
    step = f"Remove cors from the http events. {rest_api.NEXT_STEP}"
    resource = start_resource(value.report, "rest-api", "REST API", step)
    uncovered: list[str] = []
    has_settings = False
    for _, event in _events(value, "http"):
        path, method = _route(event)
        cors = event.get("cors")
        if cors is None or cors.data is False:
            uncovered.append(path)
            continue
        has_settings = True
        if "${" in path:
            event.report.unresolved(f"{event.location}.path", path)
            cors.report.locations.add(cors.location)
            continue
        rule = _read_event(cors, path, method)
        if rule is not None:
            resource.rules.append(rule)
        else:
            uncovered.append(path)
    resource.uncovered = tuple(uncovered)
    return [resource] if has_settings else []


def _route(event: Value) -> tuple[str, str]:
    """The path and the method of an ``http`` event, which may be written ``GET path``."""
    if isinstance(event.data, str):
        method, _, path = event.data.partition(" ")
    else:
        method, path = event.name("method") or "any", event.name("path")
    return "/" + path.strip().strip("/"), method.upper()


def _read_event(cors: Value, path: str, method: str) -> ImportedRule | None:
    """The ``cors`` of one event. Its methods are the event's own and those it lists."""
    report = cors.report
    report.locations.add(cors.location)
    own = [Text(method, cors.location)] if "$" not in method else []
    if cors.data is True:
        report.note("import-default", cors.location, _TRUE)
        return ImportedRule(cors.location, None, to_methods(own, report), DEFAULT_HEADERS, paths=(path,))
    section = cors.section()
    if section is None:
        return None
    value = section.take("origins", "origin")
    origins = read_origins(value, Matching.GLOB, split=True)
    if value is None and not any("origin" in folded(key) for key in section.unread()):
        report.note("import-default", cors.location, "without origins the framework allows every origin")
        origins = ImportedOrigins(None)
    listed = section.take("methods")
    settings = CorsSettings(headers=section.take("headers"), max_age=section.take("maxAge"))
    credentials = read_credentials(section.take("allowCredentials"))
    if (cache_control := section.take("cacheControl")) is not None:
        message = "a preflight's answer has no Cache-Control here; browsers keep it for max_age"
        report.note("import-elsewhere", cache_control.location, message)
    if not usable(section, origins, credentials, _EVENT_KEYS):
        return None
    methods = to_methods([*own, *(listed.texts(split=True) if listed is not None else [])], report)
    return settings.rule(cors.location, origins, credentials, methods=methods, headers=DEFAULT_HEADERS, paths=(path,))


FORMAT = Format("serverless", "serverless.yml", recognise, read, HINT)

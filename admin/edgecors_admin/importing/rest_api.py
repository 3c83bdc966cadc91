"""API Gateway REST APIs: SAM's ``Cors``, and OPTIONS methods that answer with static headers.

A static header holds one origin; header values stand in single quotes.
https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html
"""

from __future__ import annotations

from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.report import shown
from edgecors_admin.importing.rules import (
    CorsSettings,
    ImportedOrigins,
    ImportedRule,
    Matching,
    Resource,
    is_usable,
    read_credentials,
    start_resource,
    to_origins,
    usable,
)
from edgecors_admin.importing.sections import Text, Value

KEYS = ("AllowOrigin", "AllowMethods", "AllowHeaders", "ExposeHeaders", "AllowCredentials", "MaxAge")
NEXT_STEP = (
    "Remove the REST API's own CORS settings, and let OPTIONS requests reach the service. "
    "Paths are written without the stage."
)
_PREFIX = "method.response.header."
_HEADERS = {
    "access-control-allow-origin": "origin",
    "access-control-allow-methods": "methods",
    "access-control-allow-headers": "headers",
    "access-control-expose-headers": "exposed",
    "access-control-allow-credentials": "credentials",
    "access-control-max-age": "max_age",
}


def read_sam_cors(value: Value, name: str) -> Resource:
    """``Cors`` of ``AWS::Serverless::Api``: a quoted origin, or an object."""
    report = value.report
    resource = start_resource(report, name, "REST API", NEXT_STEP)
    report.locations.add(value.location)
    if isinstance(value.data, str):
        origins = _static_origin(value)
        if is_usable(report, value.location, origins, False):
            _note_methods(value)
            resource.rules.append(CorsSettings().rule(value.location, origins))
        return resource
    section = value.section()
    if section is None:
        return resource
    origins = _static_origin(section.take("AllowOrigin"))
    settings = CorsSettings(
        methods=section.take("AllowMethods"),
        headers=section.take("AllowHeaders"),
        exposed=section.take("ExposeHeaders"),
        max_age=section.take("MaxAge"),
    )
    credentials = read_credentials(section.take("AllowCredentials"))
    if usable(section, origins, credentials, KEYS):
        if settings.methods is None:
            _note_methods(value)
        resource.rules.append(settings.rule(value.location, origins, credentials))
    return resource


def _note_methods(value: Value) -> None:
    message = "SAM lists the methods of each path; the policy has those that browsers send without asking"
    value.report.warn("import-narrower", value.location, message, "Add the methods that your pages use.")


def _static_origin(value: Value | None) -> ImportedOrigins:
    """The origin of a static header, without its single quotes."""
    if value is None:
        return ImportedOrigins(())
    texts = value.texts(split=False)
    for text in texts:
        if not (text.text.startswith("'") and text.text.endswith("'")) and text.text != "*":
            message = f"{shown(text.text)} has no single quotes around it, which API Gateway refuses"
            value.report.note("import-default", text.location, message)
    return to_origins((Text(t.text.strip("'"), t.location) for t in texts), Matching.EXACT, value.report)


def recognise(document: ImportedDocument) -> bool:
    """What ``aws apigateway`` prints: ``get-resources``, ``get-method``, ``get-integration(-response)``."""
    data = document.data
    if not isinstance(data, dict):
        return False
    items = data.get("items")
    if isinstance(items, list):
        return any(isinstance(item, dict) and "path" in item and "id" in item for item in items)
    return bool({"methodIntegration", "integrationResponses", "responseParameters"} & set(data))


def read(value: Value) -> list[Resource]:
    """One API, or one method of it."""
    if (items := value.get("items")) is not None:
        resource = read_resources(items, "rest-api")
        return [resource] if resource is not None else []
    integration = value.get("methodIntegration") or value
    responses = integration.get("integrationResponses")
    answers = [answer for _, answer in responses.members()] if responses is not None else [integration]
    resource = start_resource(value.report, "rest-api", "REST API", NEXT_STEP)
    resource.rules = [rule for answer in answers if (rule := _read_response(answer, "")) is not None]
    if resource.rules:
        message = "the input does not name the path, so the policy is for all paths"
        value.report.warn("import-default", "", message, 'Add "paths", or import get-resources --embed methods.')
    return [resource]


def read_resources(items: Value, name: str) -> Resource | None:
    """The resources of an API with their methods (``get-resources --embed methods``); None without CORS settings."""
    resource = start_resource(items.report, name, "REST API", NEXT_STEP)
    uncovered: list[str] = []
    has_settings = False
    for item in items.items():
        path = item.name("path")
        responses = item.get("resourceMethods", "OPTIONS", "methodIntegration", "integrationResponses")
        rules: list[ImportedRule] = []
        for _, response in responses.members() if responses is not None else []:
            has_settings = has_settings or "allow-origin" in str(response.raw("responseParameters")).lower()
            rule = _read_response(response, path)
            rules += [rule] if rule is not None else []
        resource.rules += rules
        if not rules and item.raw("resourceMethods"):
            uncovered.append(path)
    resource.uncovered = tuple(uncovered)
    return resource if has_settings else None


def _read_response(response: Value, path: str) -> ImportedRule | None:
    parameters = response.get("responseParameters")
    return read_static_headers(parameters, path, response.get("responseTemplates")) if parameters is not None else None


def read_static_headers(parameters: Value, path: str, templates: Value | None = None) -> ImportedRule | None:
    """The rule of one path's OPTIONS method: ``method.response.header.*`` with quoted values. None without CORS."""
    values: dict[str, Value] = {}
    parameters.report.locations.add(parameters.location)
    for key, value in parameters.members():
        name = key.lower().removeprefix(_PREFIX)
        if name in _HEADERS:
            values[_HEADERS[name]] = value
    if "origin" not in values:
        return None
    report = parameters.report
    for key, template in templates.members() if templates is not None else []:
        if "allow-origin" in str(template.data).lower():
            message = f"the response template for {shown(key)} sets the origin by a program, which was not read"
            report.warn("import-unread-key", template.location, message, "Add its origins by hand.")
    origins = _static_origin(values["origin"])
    credentials = read_credentials(values.get("credentials"))
    if not is_usable(report, parameters.location, origins, credentials):
        return None
    settings = CorsSettings(values.get("methods"), values.get("headers"), values.get("exposed"), values.get("max_age"))
    return settings.rule(parameters.location, origins, credentials, paths=(path,) if path else ())


FORMAT = Format("rest-api", "a REST API (aws apigateway get-resources --embed methods)", recognise, read)

"""OpenAPI documents of API Gateway: ``x-amazon-apigateway-cors``, and OPTIONS operations with static headers."""

from __future__ import annotations

from edgecors_admin.importing import api_cors, rest_api
from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import Resource, start_resource
from edgecors_admin.importing.sections import Value

CORS = "x-amazon-apigateway-cors"
_INTEGRATION = "x-amazon-apigateway-integration"


def recognise(document: ImportedDocument) -> bool:
    """A document with a version of OpenAPI, or the extension alone."""
    return isinstance(document.data, dict) and bool({"openapi", "swagger", CORS} & set(document.data))


def read(value: Value) -> list[Resource]:
    """The API of the document."""
    info = value.get("info")
    return read_api(value, (info.name("title") if info is not None else "") or "api")


def read_api(value: Value, name: str) -> list[Resource]:
    """The API of a document, which may be embedded in a template."""
    if (cors := value.get(CORS)) is not None:
        return [api_cors.read_api(cors, name)]
    resource = start_resource(value.report, name, "REST API", rest_api.NEXT_STEP)
    paths = value.get("paths")
    has_settings = False
    uncovered: list[str] = []
    for path, operations in paths.members() if paths is not None else []:
        responses = operations.get("options", _INTEGRATION, "responses")
        for _, response in responses.members() if responses is not None else []:
            if (parameters := response.get("responseParameters")) is not None:
                has_settings = True
                rule = rest_api.read_static_headers(parameters, path, response.get("responseTemplates"))
                resource.rules += [rule] if rule is not None else []
        if not any(path in rule.paths for rule in resource.rules):
            uncovered.append(path)
    resource.uncovered = tuple(uncovered)
    return [resource] if has_settings else []


FORMAT = Format("openapi", "an OpenAPI document with x-amazon-apigateway-cors", recognise, read)

"""CloudFormation: whole templates, SAM templates with Globals, CDK's output, single resources, parts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgecors_admin.errors import UsageError
from edgecors_admin.importing import api_cors, openapi, response_headers, rest_api, s3
from edgecors_admin.importing.documents import ImportedDocument, read_text
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.report import shown
from edgecors_admin.importing.rules import Resource, start_resource
from edgecors_admin.importing.sections import Value

HINT = (
    "Import what is deployed (edgecors import --from-aws), or write the value in. "
    "aws cloudformation get-template --template-stage Processed shows a template after its transforms."
)
Paths = Mapping[str, tuple[str, str]]
"""The API and the path of resources of REST APIs, by logical id."""
_REST_IMPLICIT, _HTTP_IMPLICIT = "ServerlessRestApi", "ServerlessHttpApi"


def recognise(document: ImportedDocument) -> bool:
    """A template, what ``get-template`` prints, one resource, or a part such as ``CorsConfiguration`` alone."""
    data = document.data
    if document.syntax not in ("json", "yaml") or not isinstance(data, dict):
        return False
    if "TemplateBody" in data or _has_resources(data) or _is_resource(data):
        return True
    if "Globals" in data or "AWSTemplateFormatVersion" in data:
        return True
    return len(data) <= 2 and bool({"CorsConfiguration", "Cors", "Properties"} & set(data))


def _has_resources(data: Mapping[str, Any]) -> bool:
    resources = data.get("Resources", data)
    return isinstance(resources, dict) and any(map(_is_resource, resources.values()))


def _is_resource(data: object) -> bool:
    return (
        isinstance(data, dict) and isinstance(data.get("Type"), str) and data["Type"].startswith(("AWS::", "Custom::"))
    )


def read(value: Value) -> list[Resource]:
    """Every resource with CORS settings."""
    if (body := value.get("TemplateBody")) is not None:
        if isinstance(body.data, str):
            document = read_text(body.data)
            if isinstance(document.data, UsageError):
                raise document.data
            body = Value(document.data, "", value.report)
        if not isinstance(body.data, dict):
            raise UsageError("The TemplateBody of the input is not a template.")
        return read(body)
    if _is_resource(value.data):
        return _read_resource(value, "resource", value, {})
    if not _has_resources(value.data) and "Globals" not in value.data:
        return _read_part(value)
    parameters = value.get("Parameters")
    for name, parameter in parameters.members() if parameters is not None else []:
        if default := parameter.name("Default"):
            value.report.defaults[name] = default
    resources = value.get("Resources") or value
    paths = _rest_paths(resources)
    results: list[Resource] = []
    for name, resource in resources.members():
        if _is_resource(resource.data):
            results += _read_resource(resource, name, value, paths)
    return _merged_rest_apis(results, paths) + _implicit_apis(value, resources)


def _read_part(value: Value) -> list[Resource]:
    """``CorsConfiguration`` of a bucket or an HTTP API, ``Cors`` of a REST API or a function URL, alone."""
    inner = value.get("Properties") or value
    cors = inner.get("CorsConfiguration") or inner.get("Cors")
    if cors is None:
        return []
    if isinstance(cors.data, str) or (isinstance(cors.data, dict) and "AllowOrigin" in cors.data):
        return [rest_api.read_sam_cors(cors, "rest-api")]
    if isinstance(cors.data, list) or (
        isinstance(cors.data, dict) and any("rules" in key.lower() for key in cors.data)
    ):
        return [s3.read_bucket(cors, "bucket")]
    return [api_cors.read_api(cors, "http-api")]


def _read_resource(value: Value, name: str, template: Value, paths: Paths) -> list[Resource]:
    """The resource, if it is of a type with CORS settings and has some."""
    value.report.resource = name
    if value.data["Type"] == "AWS::ApiGateway::Method":
        return _read_method(value, paths)
    reader = _READERS.get(value.data["Type"])
    if reader is not None and (condition := value.name("Condition")):
        value.report.note("import-default", value.location, f"exists only under the condition {shown(condition)}")
    properties = value.get("Properties") or Value({}, f"{value.location}.Properties", value.report)
    return reader(properties, name, template) if reader is not None and properties.resolved() else []


def _bucket(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = properties.get("CorsConfiguration")
    if cors is None or not cors.resolved():
        return []
    return [s3.read_bucket(cors, name)]


def _http_api(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = properties.get("CorsConfiguration")
    return [api_cors.read_api(cors, name)] if cors is not None else _body(properties, name)


def _sam_http_api(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = _with_globals(properties, "CorsConfiguration", template.get("Globals", "HttpApi", "CorsConfiguration"))
    return [api_cors.read_api(cors, name)] if cors is not None else _body(properties, name)


def _sam_rest_api(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = _with_globals(properties, "Cors", template.get("Globals", "Api", "Cors"))
    return [rest_api.read_sam_cors(cors, name)] if cors is not None else _body(properties, name)


def _with_globals(properties: Value, key: str, default: Value | None) -> Value | None:
    """A property with SAM's Globals below it: keys of two objects are joined, anything else replaces the default."""
    own = properties.get(key)
    if own is None or default is None:
        return own or default
    own.report.locations.add(default.location)
    if not (isinstance(own.data, dict) and isinstance(default.data, dict)) or own.unresolved or default.unresolved:
        own.report.warn("import-default", own.location, f"replaces all of {default.location}")
        return own
    return Value({**default.data, **own.data}, own.location, own.report)


def _body(properties: Value, name: str) -> list[Resource]:
    body = properties.get("Body") or properties.get("DefinitionBody")
    return openapi.read_api(body, name) if body is not None and isinstance(body.data, dict) else []


def _function_url(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = properties.get("Cors")
    return [api_cors.read_api(cors, name, api_cors.FUNCTION_URL)] if cors is not None else []


def _sam_function(properties: Value, name: str, template: Value) -> list[Resource]:
    cors = properties.get("FunctionUrlConfig", "Cors")
    return [api_cors.read_api(cors, name, api_cors.FUNCTION_URL)] if cors is not None else []


def _headers_policy(properties: Value, name: str, template: Value) -> list[Resource]:
    config = properties.get("ResponseHeadersPolicyConfig")
    resource = response_headers.read_config(config, name) if config is not None else None
    return [resource] if resource is not None else []


_READERS: Mapping[str, Callable[[Value, str, Value], list[Resource]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::ApiGatewayV2::Api": _http_api,
    "AWS::ApiGateway::RestApi": lambda properties, name, template: _body(properties, name),
    "AWS::Serverless::HttpApi": _sam_http_api,
    "AWS::Serverless::Api": _sam_rest_api,
    "AWS::Lambda::Url": _function_url,
    "AWS::Serverless::Function": _sam_function,
    "AWS::CloudFront::ResponseHeadersPolicy": _headers_policy,
}


def _implicit_apis(template: Value, resources: Value) -> list[Resource]:
    """The APIs that SAM makes from Globals when no API of that type stands in the template."""
    types = [resource.raw("Type") for _, resource in resources.members()]
    http_cors = template.get("Globals", "HttpApi", "CorsConfiguration")
    rest_cors = template.get("Globals", "Api", "Cors")
    results = []
    if http_cors is not None and "AWS::Serverless::HttpApi" not in types:
        results.append(api_cors.read_api(http_cors, _HTTP_IMPLICIT))
    if rest_cors is not None and "AWS::Serverless::Api" not in types:
        results.append(rest_api.read_sam_cors(rest_cors, _REST_IMPLICIT))
    return results


def _read_method(value: Value, paths: Paths) -> list[Resource]:
    """An OPTIONS method with static headers, which is how CDK and serverless write CORS."""
    properties = value.get("Properties")
    if properties is None or properties.raw("HttpMethod") != "OPTIONS":
        return []
    api, resource_id = properties.raw("RestApiId"), properties.raw("ResourceId")
    name = _target(api) or "rest-api"
    _, path = paths.get(_target(resource_id) or "", ("", "/"))
    responses = properties.get("Integration", "IntegrationResponses")
    resource = start_resource(value.report, name, "REST API", rest_api.NEXT_STEP)
    for response in responses.items() if responses is not None else []:
        if (parameters := response.get("ResponseParameters")) is not None:
            rule = rest_api.read_static_headers(parameters, path, response.get("ResponseTemplates"))
            resource.rules += [rule] if rule is not None else []
    return [resource]


def _merged_rest_apis(resources: list[Resource], paths: Paths) -> list[Resource]:
    """One resource for all OPTIONS methods of an API, with the paths of the API that have none."""
    merged: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        first = merged.setdefault((resource.kind, resource.name), resource)
        if first is not resource:
            first.rules += resource.rules
    for resource in merged.values():
        covered = {path for rule in resource.rules for path in rule.paths}
        resource.uncovered += tuple(p for api, p in paths.values() if api == resource.name and p not in covered)
    return list(merged.values())


def _rest_paths(resources: Value) -> Paths:
    """The API and the path of every ``AWS::ApiGateway::Resource`` by logical id."""
    parts: dict[str, tuple[str | None, str]] = {}
    apis: dict[str, str] = {}
    for name, resource in resources.members():
        properties = resource.get("Properties")
        if properties is None or resource.raw("Type") != "AWS::ApiGateway::Resource":
            continue
        parts[name] = (_target(properties.raw("ParentId")), properties.name("PathPart"))
        apis[name] = _target(properties.raw("RestApiId")) or ""
    return {name: (apis[name], _path(name, parts)) for name in parts}


def _path(name: str | None, parts: Mapping[str, tuple[str | None, str]]) -> str:
    segments: list[str] = []
    while name is not None and name in parts and len(segments) <= len(parts):
        name, part = parts[name]
        segments.insert(0, part)
    return "/" + "/".join(segments)


def _target(value: object) -> str | None:
    """The logical id that ``Ref`` or ``Fn::GetAtt`` names."""
    if isinstance(value, str) and value.startswith(("!Ref ", "!GetAtt ")):
        return value.partition(" ")[2].partition(".")[0] or None
    if isinstance(value, dict):
        if isinstance(value.get("Ref"), str):
            return str(value["Ref"])
        attribute = value.get("Fn::GetAtt")
        if isinstance(attribute, list) and attribute:
            return str(attribute[0])
        if isinstance(attribute, str):
            return attribute.partition(".")[0]
    return None


FORMAT = Format("cloudformation", "a CloudFormation, SAM or CDK template", recognise, read, HINT)

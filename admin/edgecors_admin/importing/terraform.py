"""Terraform: state, ``terraform show -json`` of a state or a plan, and configuration in HCL or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgecors_admin.importing import api_cors, response_headers, rest_api, s3, storage
from edgecors_admin.importing.documents import ImportedDocument
from edgecors_admin.importing.formats import Format
from edgecors_admin.importing.rules import Resource, start_resource
from edgecors_admin.importing.sections import Value

HINT = "Run terraform show -json and import its output, which has the values."


def recognise(document: ImportedDocument) -> bool:
    """A file of Terraform, or what ``terraform show -json`` prints."""
    data = document.data
    if document.syntax == "hcl":
        return True
    if not isinstance(data, dict):
        return False
    if "terraform_version" in data or "planned_values" in data or isinstance(data.get("resource"), dict | list):
        return True
    return "values" in data and "format_version" in data


def read(value: Value) -> list[Resource]:
    """Every resource with CORS settings."""
    results: list[Resource] = []
    for kind, name, attributes in _resources(value):
        reader = _READERS.get(kind)
        if reader is not None and isinstance(attributes.data, dict):
            resource = reader(attributes, name)
            results += [resource] if resource is not None else []
    results += _rest_apis(value)
    _report_unknown(value)
    _report_dynamic(value)
    # These repeat planned_values, or are the configuration without values.
    value.report.locations.update(("resource_changes", "prior_state", "configuration", "relevant_attributes"))
    return results


def _resources(value: Value) -> Iterator[tuple[str, str, Value]]:
    """The type, the name and the attributes of every resource, in all of Terraform's forms."""
    state = value.get("resources")
    for resource in state.items() if state is not None else []:
        instances = resource.get("instances")
        kind, name = resource.name("type"), resource.name("name")
        for instance in instances.items() if instances is not None else []:
            if (attributes := instance.get("attributes")) is not None:
                yield kind, name, attributes
    root = value.get("planned_values", "root_module") or value.get("values", "root_module")
    if root is not None:
        yield from _module(root, 0)
    blocks = value.get("resource")
    for part in blocks.items() if blocks is not None else []:
        for kind, named in part.members():
            for group in named.items():
                for name, bodies in group.members():
                    for body in bodies.items():
                        yield kind, name, body


def _rest_apis(value: Value) -> list[Resource]:
    """REST APIs by their OPTIONS answers. Only a state has the paths; without one the answer is not read."""
    paths: dict[str, tuple[str, str]] = {}
    answers: list[Value] = []
    for kind, _, attributes in _resources(value):
        if kind == "aws_api_gateway_resource" and attributes.name("id"):
            paths[attributes.name("id")] = (attributes.name("rest_api_id"), attributes.name("path"))
        elif kind == "aws_api_gateway_integration_response" and attributes.name("http_method") == "OPTIONS":
            answers.append(attributes)
    apis: dict[str, Resource] = {}
    for answer in answers:
        api, path = paths.get(answer.name("resource_id"), ("", ""))
        parameters = answer.get("response_parameters")
        if path and parameters is not None:
            resource = apis.setdefault(api, start_resource(value.report, api, "REST API", rest_api.NEXT_STEP))
            rule = rest_api.read_static_headers(parameters, path, answer.get("response_templates"))
            resource.rules += [rule] if rule is not None else []
    for name, resource in apis.items():
        covered = {path for rule in resource.rules for path in rule.paths}
        resource.uncovered = tuple(path for api, path in paths.values() if api == name and path not in covered)
    return list(apis.values())


def _module(module: Value, depth: int) -> Iterator[tuple[str, str, Value]]:
    resources, children = module.get("resources"), module.get("child_modules")
    for resource in resources.items() if resources is not None else []:
        if (values := resource.get("values")) is not None:
            yield resource.name("type"), resource.name("address", "name"), values
    for child in children.items() if children is not None else []:
        yield from _module(child, depth + 1)


def _block(attributes: Value, *keys: str) -> Value | None:
    """A block that may stand once: a list of one, or the block itself. None if it is missing or empty."""
    value = attributes.get(*keys)
    if value is None or value.data in ([], {}, ""):
        return None
    return value.items()[0] if isinstance(value.data, list) and len(value.data) == 1 else value


def _api(attributes: Value, name: str) -> Resource | None:
    cors = _block(attributes, "cors_configuration")
    return api_cors.read_api(cors, name) if cors is not None else None


def _url(attributes: Value, name: str) -> Resource | None:
    cors = _block(attributes, "cors")
    return api_cors.read_api(cors, name, api_cors.FUNCTION_URL) if cors is not None else None


def _bucket(attributes: Value, name: str) -> Resource | None:
    rules = attributes.get("cors_rule")
    return s3.read_bucket(rules, name) if rules is not None and rules.data != [] else None


def _headers_policy(attributes: Value, name: str) -> Resource | None:
    return response_headers.read_config(attributes, name) if _block(attributes, "cors_config") is not None else None


def _google_bucket(attributes: Value, name: str) -> Resource | None:
    rules = attributes.get("cors")
    return storage.read_google_bucket(rules, name) if rules is not None and rules.data != [] else None


def _azure_storage(attributes: Value, name: str) -> Resource | None:
    properties = _block(attributes, "blob_properties")
    rules = properties.get("cors_rule") if properties is not None else None
    return storage.read_azure_storage(rules, name) if rules is not None and rules.data != [] else None


_READERS: Mapping[str, Callable[[Value, str], Resource | None]] = {
    "aws_apigatewayv2_api": _api,
    "aws_lambda_function_url": _url,
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_cors_configuration": _bucket,
    "aws_cloudfront_response_headers_policy": _headers_policy,
    "google_storage_bucket": _google_bucket,
    "azurerm_storage_account": _azure_storage,
}


def _report_unknown(value: Value) -> None:
    """Values of a plan that are known only after it is applied."""
    changes = value.get("resource_changes")
    for change in changes.items() if changes is not None else []:
        unknown = change.get("change", "after_unknown")
        if unknown is None or change.name("type") not in _READERS:
            continue
        for key, child in unknown.members():
            if "cors" in key and _any_true(child.data):
                location = f"{change.name('address')}.{key}"
                message = "has a value that is known only after terraform apply"
                value.report.skip("import-unresolved", location, message, "Import terraform show -json after it.")


def _any_true(data: Any) -> bool:
    if isinstance(data, dict | list):
        return any(map(_any_true, data.values() if isinstance(data, dict) else data))
    return data is True


def _report_dynamic(value: Value) -> None:
    """Blocks that Terraform generates, and arguments of modules: only Terraform knows what becomes of them."""
    for kind, name, body in _resources(value):
        dynamic = body.get("dynamic") if kind in _READERS else None
        for block in dynamic.items() if dynamic is not None else []:
            for key, generated in block.members():
                if "cors" in key:
                    value.report.locations.add(generated.location)
                    value.report.unresolved(f"{kind}.{name}", f'dynamic "{key}"')
    modules = value.get("module")
    for part in modules.items() if modules is not None else []:
        for _, bodies in part.members():
            for body in bodies.items():
                for key, argument in body.members():
                    if "cors" in key:
                        value.report.locations.add(argument.location)
                        value.report.unresolved(argument.location, f"the module's argument {key}")


FORMAT = Format("terraform", "Terraform (HCL, state, terraform show -json)", recognise, read, HINT)

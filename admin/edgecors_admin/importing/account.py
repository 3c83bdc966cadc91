"""What an AWS account has: HTTP and REST APIs, buckets, function URLs, response headers policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecors_admin.account import aws_errors
from edgecors_admin.errors import AwsError
from edgecors_admin.importing import api_cors, response_headers, rest_api, s3
from edgecors_admin.importing.importer import Imported, finish
from edgecors_admin.importing.report import ImportReport
from edgecors_admin.importing.rules import Resource
from edgecors_admin.importing.sections import Value

if TYPE_CHECKING:
    from edgecors_admin.account import Account


def import_account(account: Account, resource: str | None = None) -> Imported:
    """Read the CORS settings of an account's Region, and of CloudFront. Writes nothing.

    Args:
        account: whose settings.
        resource: read only the resource of this name.

    Raises:
        AwsError: a service could not be read, and the others have no CORS settings.
        UsageError: there are no CORS settings, or no resource of that name.
    """
    report = ImportReport()
    resources: list[Resource] = []
    errors: list[AwsError] = []
    for service in SERVICES:
        report.resource = ""
        try:
            with aws_errors():
                resources += service.read(account, report)
        except AwsError as error:
            errors.append(error)
            remedy = f"Allow {' and '.join(service.actions)}, or import from files."
            report.warn("import-not-permitted", service.title, str(error), remedy)
    if errors and not resources:
        raise errors[0]
    return finish("aws", resources, report, resource)


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key, ())


def _http_apis(account: Account, report: ImportReport) -> Iterator[Resource]:
    for api in _pages(account.client("apigatewayv2"), "get_apis", "Items"):
        if api.get("CorsConfiguration"):
            value = Value(api["CorsConfiguration"], f"HTTP API {api['Name']}", report)
            yield api_cors.read_api(value, api["Name"])


def _rest_apis(account: Account, report: ImportReport) -> Iterator[Resource]:
    client = account.client("apigateway")
    for api in _pages(client, "get_rest_apis", "items"):
        items = list(_pages(client, "get_resources", "items", restApiId=api["id"], embed=["methods"]))
        resource = rest_api.read_resources(Value(items, f"REST API {api['name']}", report), api["name"])
        if resource is not None:
            yield resource


def _buckets(account: Account, report: ImportReport) -> Iterator[Resource]:
    from botocore.exceptions import ClientError

    client = account.client("s3")
    for bucket in client.list_buckets().get("Buckets", ()):
        report.resource = bucket["Name"]
        try:
            rules = client.get_bucket_cors(Bucket=bucket["Name"])["CORSRules"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code != "NoSuchCORSConfiguration":
                report.warn("import-not-permitted", f"S3 bucket {bucket['Name']}", str(error))
            continue
        yield s3.read_bucket(Value(rules, f"S3 bucket {bucket['Name']}", report), bucket["Name"])


def _function_urls(account: Account, report: ImportReport) -> Iterator[Resource]:
    client = account.client("lambda")
    for function in _pages(client, "list_functions", "Functions"):
        name = function["FunctionName"]
        for url in _pages(client, "list_function_url_configs", "FunctionUrlConfigs", FunctionName=name):
            if url.get("Cors"):
                value = Value(url["Cors"], f"function URL of {name}", report)
                yield api_cors.read_api(value, name, api_cors.FUNCTION_URL)


def _headers_policies(account: Account, report: ImportReport) -> Iterator[Resource]:
    client = account.cloudfront
    marker: dict[str, Any] = {}
    while True:
        page = client.list_response_headers_policies(Type="custom", **marker)["ResponseHeadersPolicyList"]
        for item in page.get("Items", ()):
            config = item["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
            value = Value(config, f"response headers policy {config['Name']}", report)
            resource = response_headers.read_config(value, config["Name"])
            if resource is not None:
                yield resource
        if not page.get("NextMarker"):
            return
        marker = {"Marker": page["NextMarker"]}


@dataclass(frozen=True)
class Service:
    """A kind of resource: how it is read, and the IAM actions that this takes."""

    title: str
    read: Callable[[Account, ImportReport], Iterator[Resource]]
    actions: tuple[str, ...]


SERVICES = (
    Service("HTTP APIs", _http_apis, ("apigateway:GET",)),
    Service("REST APIs", _rest_apis, ("apigateway:GET",)),
    Service("S3 buckets", _buckets, ("s3:ListAllMyBuckets", "s3:GetBucketCORS")),
    Service("function URLs", _function_urls, ("lambda:ListFunctions", "lambda:ListFunctionUrlConfigs")),
    Service("response headers policies", _headers_policies, ("cloudfront:ListResponseHeadersPolicies",)),
)

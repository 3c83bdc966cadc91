"""What an account has is read directly, and what may not be read is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from edgecors_admin.account import Account
from edgecors_admin.errors import AwsError, UsageError
from edgecors_admin.importing import import_account
from moto import mock_aws

REGION = "eu-west-1"


class PolicyPages:
    """CloudFront's response headers policies, which the stand-in for AWS does not have: two pages."""

    def list_response_headers_policies(self, **arguments: str) -> Any:
        assert arguments["Type"] == "custom"
        number = 2 if arguments.get("Marker") else 1
        cors = {
            "AccessControlAllowOrigins": {"Quantity": 1, "Items": [f"https://cdn-{number}.example.com"]},
            "AccessControlAllowMethods": {"Quantity": 1, "Items": ["GET"]},
            "AccessControlAllowHeaders": {"Quantity": 1, "Items": ["*"]},
            "AccessControlAllowCredentials": False,
            "OriginOverride": True,
        }
        config = {"Name": f"headers-{number}", "CorsConfig": cors}
        page: dict[str, Any] = {"Items": [{"ResponseHeadersPolicy": {"ResponseHeadersPolicyConfig": config}}]}
        return {"ResponseHeadersPolicyList": page | ({"NextMarker": "2"} if number == 1 else {})}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        account = Account(region=REGION)
        account.__dict__["cloudfront"] = PolicyPages()
        yield account


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def make_rest_api() -> None:
    api = client("apigateway")
    rest = api.create_rest_api(name="legacy")["id"]
    root = api.get_resources(restApiId=rest)["items"][0]["id"]
    items = api.create_resource(restApiId=rest, parentId=root, pathPart="items")["id"]
    method = {"restApiId": rest, "resourceId": items, "httpMethod": "OPTIONS"}
    api.put_method(**method, authorizationType="NONE")
    api.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    names = ("Origin", "Methods", "Headers")
    values = ("'https://app.example.com'", "'GET,OPTIONS'", "'Content-Type'")
    headers = {
        f"method.response.header.Access-Control-Allow-{name}": value for name, value in zip(names, values, strict=True)
    }
    api.put_method_response(**method, statusCode="200", responseParameters=dict.fromkeys(headers, True))
    api.put_integration_response(**method, statusCode="200", responseParameters=headers)


def make_everything() -> None:
    cors = {
        "AllowOrigins": ["https://app.example.com"],
        "AllowMethods": ["GET", "PUT"],
        "AllowCredentials": True,
        "MaxAge": 300,
    }
    client("apigatewayv2").create_api(Name="orders", ProtocolType="HTTP", CorsConfiguration=cors)
    client("apigatewayv2").create_api(Name="plain", ProtocolType="HTTP")
    make_rest_api()
    s3 = client("s3")
    for name in ("files", "private"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    rules: Any = [
        {"AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["PUT", "GET"], "AllowedHeaders": ["*"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
    s3.put_bucket_cors(Bucket="files", CORSConfiguration={"CORSRules": rules})


def test_import_account_reads_apis_buckets_and_response_headers_policies(account: Account) -> None:
    make_everything()
    imported = import_account(account)
    assert imported.policies == {
        "orders": {
            "version": 1,
            "rules": [
                {
                    "allow_origins": ["https://app.example.com"],
                    "allow_methods": ["GET", "PUT"],
                    "allow_headers": [],
                    "allow_credentials": True,
                    "max_age": 300,
                }
            ],
        },
        "legacy": {
            "version": 1,
            "rules": [
                {
                    "paths": ["/items"],
                    "allow_origins": ["https://app.example.com"],
                    "allow_methods": ["GET"],
                    "allow_headers": ["content-type"],
                    "max_age": 5,
                }
            ],
        },
        "files": {
            "version": 1,
            "rules": [
                {
                    "grants": [
                        {
                            "allow_origins": ["https://app.example.com"],
                            "allow_methods": ["PUT", "GET"],
                            "allow_headers": "*",
                            "max_age": 5,
                        },
                        {"allow_origins": "*", "allow_methods": ["GET"], "allow_headers": [], "max_age": 5},
                    ]
                }
            ],
        },
        **{
            f"headers-{number}": {
                "version": 1,
                "rules": [
                    {
                        "allow_origins": [f"https://cdn-{number}.example.com"],
                        "allow_methods": ["GET"],
                        "allow_headers": "*",
                        "max_age": 5,
                    }
                ],
            }
            for number in (1, 2)
        },
    }


def test_import_account_reads_function_urls(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class Functions:
        def get_paginator(self, operation: str) -> Any:
            url = {
                "FunctionUrl": "https://x",
                "Cors": {"AllowOrigins": ["https://app.example.com"], "AllowMethods": ["*"]},
            }
            pages = {
                "list_functions": [
                    {"Functions": [{"FunctionName": "hook"}]},
                    {"Functions": [{"FunctionName": "plain"}]},
                ],
                "list_function_url_configs": [{"FunctionUrlConfigs": [url, {"FunctionUrl": "https://y"}]}],
            }

            class Paginator:
                def paginate(self, **arguments: str) -> Any:
                    return [] if arguments.get("FunctionName") == "plain" else pages[operation]

            return Paginator()

    real = account.client
    monkeypatch.setattr(account, "client", lambda service: Functions() if service == "lambda" else real(service))
    imported = import_account(account, "hook")
    assert imported.document() == {
        "version": 1,
        "rules": [
            {"allow_origins": ["https://app.example.com"], "allow_methods": "*", "allow_headers": [], "max_age": 5}
        ],
    }


def test_import_account_without_permission_reads_the_other_services_and_says_so(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_everything()
    real = account.client

    def refusing(service: str) -> Any:
        if service != "s3":
            return real(service)
        error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "ListBuckets")

    monkeypatch.setattr(account, "client", refusing)
    imported = import_account(account)
    assert sorted(imported.policies) == ["headers-1", "headers-2", "legacy", "orders"]
    assert [(f.severity, f.code, f.location) for f in imported.findings if f.code == "import-not-permitted"] == [
        ("warning", "import-not-permitted", "S3 buckets")
    ]


def test_import_account_without_any_permission_is_an_aws_error(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*arguments: str, **more: str) -> Any:
        error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "Anything")

    monkeypatch.setattr(account, "client", refusing)
    account.__dict__["cloudfront"].list_response_headers_policies = refusing
    with pytest.raises(AwsError):
        import_account(account)


def test_import_account_unknown_resource_lists_what_there_is(account: Account) -> None:
    make_everything()
    with pytest.raises(UsageError, match=r"no resource 'order'\. It has: orders, legacy, files"):
        import_account(account, "order")
    assert json.dumps(import_account(account, "orders").document())

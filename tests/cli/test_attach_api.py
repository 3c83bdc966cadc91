"""``attach``, ``detach`` and ``doctor`` on APIs and function URLs, against moto."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from edgecors_admin.account import Account
from edgecors_admin.attach_api import RestApi, open_resource
from edgecors_cli.app import app
from moto import mock_aws
from moto.awslambda.models import FunctionUrlConfig
from typer.testing import CliRunner

from tests.cli.conftest import Ran

REGION = "eu-west-1"
CORS = {"AllowOrigins": ["https://old.example"], "AllowMethods": ["GET"], "MaxAge": 300}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty account in this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("EDGECORS_DEBUG", "1")
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def run(*arguments: str) -> Ran:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def codes(data: Any, severity: str = "error") -> list[str]:
    return [check["code"] for check in data["checks"] if check["severity"] == severity]


def http_api(*routes: str, cors: bool = False, **guarded: str) -> str:
    """An HTTP API with routes; ``guarded`` is not empty when its routes have an authorizer."""
    api = client("apigatewayv2")
    id: str = api.create_api(Name="shop", ProtocolType="HTTP", **({"CorsConfiguration": CORS} if cors else {}))["ApiId"]
    for key in routes:
        api.create_route(ApiId=id, RouteKey=key, **guarded)
    return id


def test_attach_http_api_turns_its_cors_off_and_detach_restores_it() -> None:
    api = http_api("$default", cors=True)
    result = run("attach", "api", api, "--yes", "--json").data
    assert (result["applied"], codes(result)) == (True, [])
    assert not client("apigatewayv2").get_api(ApiId=api).get("CorsConfiguration")
    assert run("attach", "api", api, "--yes", "--json").data["applied"] is False
    assert run("doctor", "api", api).status == 0
    assert run("detach", "api", api, "--yes").status == 0
    restored = client("apigatewayv2").get_api(ApiId=api)["CorsConfiguration"]
    assert {name: restored[name] for name in CORS} == CORS
    again = run("detach", "api", api, "--yes")
    assert (again.status, f"Nothing is recorded as attached to api-{api}." in again.err) == (1, True)


def test_attach_http_api_dry_run_changes_nothing() -> None:
    api = http_api("$default", cors=True)
    ran = run("attach", "api", api, "--dry-run")
    assert ran.status == 0
    assert "turn its own CORS settings off" in ran.out
    assert "https://old.example" in ran.out
    assert client("apigatewayv2").get_api(ApiId=api)["CorsConfiguration"]
    assert run("doctor", "api", api).status == 1


@pytest.mark.parametrize(
    ("routes", "guarded", "errors"),
    [
        (["$default"], {}, []),
        (["ANY /orders", "ANY /orders/{id}"], {}, []),
        (["GET /orders", "OPTIONS /orders"], {}, []),
        (["GET /orders", "ANY /{proxy+}"], {}, []),
        (["GET /orders", "OPTIONS /{proxy+}", "ANY /{proxy+}"], {}, []),
        (["GET /orders", "$default"], {}, []),
        (["GET /orders", "POST /orders"], {}, ["options-route-missing"]),
        (["GET /orders", "ANY /other/{proxy+}"], {}, ["options-route-missing"]),
        (["$default"], {"AuthorizationType": "AWS_IAM"}, ["options-authorizer"]),
        (["ANY /orders"], {"AuthorizationType": "AWS_IAM"}, ["options-authorizer"]),
    ],
)
def test_attach_http_api_checks_that_preflights_reach_the_function(
    routes: list[str], guarded: dict[str, str], errors: list[str]
) -> None:
    api = http_api(*routes, cors=True, **guarded)
    ran = run("attach", "api", api, "--yes", "--json")
    assert (codes(ran.data), ran.status) == (errors, 1 if errors else 0)
    assert ran.data["applied"] is (not errors)


def rest_api() -> tuple[str, str]:
    api = client("apigateway")
    id = api.create_rest_api(name="shop")["id"]
    (root,) = api.get_resources(restApiId=id)["items"]
    return id, api.create_resource(restApiId=id, parentId=root["id"], pathPart="orders")["id"]


@pytest.mark.parametrize(
    ("methods", "errors"),
    [
        ({"ANY": "NONE"}, []),
        ({"GET": "AWS_IAM", "OPTIONS": "NONE"}, []),
        ({"GET": "NONE"}, ["options-route-missing"]),
        ({"ANY": "AWS_IAM"}, ["options-authorizer"]),
        ({}, []),
    ],
)
def test_attach_rest_api_checks_that_preflights_reach_the_function(methods: dict[str, str], errors: list[str]) -> None:
    id, resource = rest_api()
    api = client("apigateway")
    for method, kind in methods.items():
        api.put_method(restApiId=id, resourceId=resource, httpMethod=method, authorizationType=kind)
    ran = run("attach", "api", id, "--json")
    assert (codes(ran.data), codes(ran.data, "warning")) == (errors, ["gateway-responses"])
    assert ran.data["changes"] == []


def test_attach_rest_api_reports_mocked_preflights() -> None:
    id, resource = rest_api()
    api = client("apigateway")
    api.put_method(restApiId=id, resourceId=resource, httpMethod="OPTIONS", authorizationType="NONE")
    api.put_integration(restApiId=id, resourceId=resource, httpMethod="OPTIONS", type="MOCK")
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        parameters = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://app.example.com'"}
        api.put_gateway_response(restApiId=id, responseType=kind, responseParameters=parameters)
    ran = run("doctor", "api", id)
    assert ran.status == 1
    assert "OPTIONS /orders is answered by a mock integration" in ran.out
    assert "gateway-responses" not in ran.out
    assert isinstance(open_resource(Account(), "api", id), RestApi)


@pytest.fixture
def function() -> str:
    """A function without a URL."""
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({}))["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    name: str = client("lambda").create_function(
        FunctionName="orders",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package.getvalue()},
    )["FunctionName"]
    return name


def clear_empty_cors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty CORS settings clear the earlier ones in Lambda; moto keeps the earlier ones."""
    original = FunctionUrlConfig.update

    def update(config: FunctionUrlConfig, new: dict[str, Any]) -> None:
        original(config, new)
        if "Cors" in new:
            config.config["Cors"] = new["Cors"]

    monkeypatch.setattr(FunctionUrlConfig, "update", update)


def test_attach_function_url_turns_its_cors_off_and_detach_restores_it(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_empty_cors(monkeypatch)
    client("lambda").create_function_url_config(FunctionName=function, AuthType="NONE", Cors=CORS)
    assert run("attach", "function-url", function, "--yes", "--json").data["applied"] is True
    assert not client("lambda").get_function_url_config(FunctionName=function).get("Cors")
    assert run("doctor", "function-url", function).status == 0
    assert run("detach", "function-url", function, "--yes").status == 0
    assert client("lambda").get_function_url_config(FunctionName=function)["Cors"] == CORS


def test_attach_function_url_with_signed_requests_is_reported(function: str) -> None:
    client("lambda").create_function_url_config(FunctionName=function, AuthType="AWS_IAM")
    assert codes(run("attach", "function-url", function, "--json").data) == ["options-authorizer"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["attach", "api"], 2, "Name the resource, for example: edgecors attach api"),
        (["attach", "function-url"], 2, "Name the resource"),
        (["attach", "bucket", "x"], 2, "'bucket' is not a kind of resource. Use one of api, function-url"),
        (["attach", "EDFDVBD6EXAMPLE"], 2, "Add --stack NAME"),
        (["doctor", "api", "nope"], 3, "AWS refused"),
        (["attach", "function-url", "nope"], 3, "AWS refused"),
    ],
)
def test_attach_invalid_argument_is_a_sentence(arguments: list[str], status: int, message: str) -> None:
    ran = run(*arguments)
    assert (ran.status, message in ran.err) == (status, True), ran.err

"""The Terraform module plans what the template deploys.

Terraform itself validates and plans the module, with `aws_provider` in place of the AWS provider. What that can't show
is in the module's README.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from scripts.parameters import NOT_IN_TERRAFORM, snake_case, template_parameters
from tests.deploy import terraform
from tests.deploy.stacks import GATEWAY, STACKS
from tests.support.require import require
from tests.template.document import ResourceReference, Stack

Properties = dict[str, Any]

# The template's resources, without the hashes of SAM, and those of the module.
ADDRESSES: Final = {
    "EdgeFunction": "aws_lambda_function.edge[0]",
    "EdgeFunctionAliaslive": "aws_lambda_alias.edge[0]",
    "EdgeRole": "aws_iam_role.edge[0]",
    "EdgeLogGroup": "aws_cloudwatch_log_group.edge[0]",
    "SiteAlias": "aws_ssm_parameter.alias[0]",
    "ViewerCachePolicy": "aws_cloudfront_cache_policy.viewer[0]",
    "OriginCachePolicy": "aws_cloudfront_cache_policy.origin[0]",
    "RequestPolicy": "aws_cloudfront_origin_request_policy.edge[0]",
    "OriginAccessControl": "aws_cloudfront_origin_access_control.edge[0]",
    "Distribution": "aws_cloudfront_distribution.edge[0]",
    "KeyValueStore": "aws_cloudfront_key_value_store.policies[0]",
    "ViewerRequestFunction": 'aws_cloudfront_function.viewer["request"]',
    "ViewerResponseFunction": 'aws_cloudfront_function.viewer["response"]',
    "GatewayFunction": "aws_lambda_function.gateway[0]",
    "GatewayFunctionAliaslive": "aws_lambda_alias.gateway[0]",
    "GatewayRole": "aws_iam_role.gateway[0]",
    "GatewayPolicy": "aws_iam_policy.gateway[0]",
    "GatewayLogGroup": "aws_cloudwatch_log_group.gateway[0]",
    "ApiLogGroup": "aws_cloudwatch_log_group.access[0]",
    "HttpApi": "aws_apigatewayv2_api.http[0]",
    "HttpApiApiGatewayDefaultStage": "aws_apigatewayv2_stage.http[0]",
    "HttpApiPermission": "aws_lambda_permission.http[0]",
    "RestApi": "aws_api_gateway_rest_api.rest[0]",
    "RestApiDeployment": "aws_api_gateway_deployment.rest[0]",
    "RestApiStage": "aws_api_gateway_stage.rest[0]",
    "RestApiPermission": "aws_lambda_permission.rest[0]",
    "FunctionUrl": "aws_lambda_function_url.gateway[0]",
    "FunctionUrlPermission": "aws_lambda_permission.url[0]",
    "FunctionUrlInvokePermission": "aws_lambda_permission.url_invoke[0]",
    "AlbPermission": "aws_lambda_permission.alb[0]",
    "AlbTargetGroup": "aws_lb_target_group.alb[0]",
    "CorsLayer": "aws_lambda_layer_version.layer",
    "GuardFunction": "aws_lambda_function.guard[0]",
    "GuardFunctionEventInvokeConfig": "aws_lambda_function_event_invoke_config.guard[0]",
    "GuardChanges": "aws_cloudwatch_event_rule.changes[0]",
    "GuardChangesPermission": "aws_lambda_permission.changes[0]",
    "GuardSchedule": "aws_cloudwatch_event_rule.schedule[0]",
    "GuardSchedulePermission": "aws_lambda_permission.schedule[0]",
    "GuardRole": "aws_iam_role.guard[0]",
    "GuardLogGroup": "aws_cloudwatch_log_group.guard[0]",
    "GuardDeadLetters": "aws_sqs_queue.dead_letters[0]",
    "GuardDeadLettersPolicy": "aws_sqs_queue_policy.dead_letters[0]",
    "GuardInvalidations": "aws_sqs_queue.invalidations[0]",
    "GuardInvalidationsToGuard": "aws_lambda_event_source_mapping.invalidations[0]",
    "Topic": "aws_sns_topic.notices[0]",
    "EmailSubscription": "aws_sns_topic_subscription.email[0]",
}
# What only one of the two has. In Terraform a version is an attribute of the function, and outputs need no parameters.
ONLY_IN_TEMPLATE: Final = re.compile(r"SiteDashboard|\w+FunctionVersion|(?!SiteAlias)\w+Parameter")
ONLY_IN_MODULE: Final = re.compile(
    r"terraform_data\.rules|aws_(lb_target_group|iam_role_policy)_attachment\.\w+\[0\]|data\..*"
)
# Resources that are parts of another in the template.
PARTS: Final = {
    "EdgeRole": "aws_iam_role_policy.edge[0]",
    "GuardRole": "aws_iam_role_policy.guard[0]",
    "GuardChanges": "aws_cloudwatch_event_target.changes[0]",
    "GuardSchedule": "aws_cloudwatch_event_target.schedule[0]",
}

# What a reference to a resource of the template is in the module.
REFERENCES: Final = {
    "<EdgeLogGroup>": "/edgecors/edgecors/edge",
    "<GatewayLogGroup>": "/edgecors/edgecors/gateway",
    "<GuardLogGroup>": "/edgecors/edgecors/guard",
    "<GatewayLogGroup.Arn>": "arn:aws:logs:us-east-1:123456789012:log-group:/edgecors/edgecors/gateway:*",
    "<GuardLogGroup.Arn>": "arn:aws:logs:us-east-1:123456789012:log-group:/edgecors/edgecors/guard:*",
    "<ApiLogGroup.Arn>": "<aws_cloudwatch_log_group /edgecors/edgecors/access arn>",
    "<EdgeRole.Arn>": "<aws_iam_role edgecors-edge arn>",
    "<GatewayRole.Arn>": "<aws_iam_role edgecors-gateway arn>",
    "<GuardRole.Arn>": "<aws_iam_role edgecors-guard arn>",
    "<Topic>": "<aws_sns_topic edgecors-notices arn>",
    "<GuardDeadLetters.Arn>": "<aws_sqs_queue edgecors-guard-dead-letters arn>",
    "<GuardDeadLetters.QueueName>": "edgecors-guard-dead-letters",
    "<GuardInvalidations>": "<aws_sqs_queue edgecors-guard-invalidations url>",
    "<GuardInvalidations.Arn>": "<aws_sqs_queue edgecors-guard-invalidations arn>",
    "<GuardChanges.Arn>": "<aws_cloudwatch_event_rule edgecors-changes arn>",
    "<GuardSchedule.Arn>": "<aws_cloudwatch_event_rule edgecors-schedule arn>",
    "<GuardFunction>": "edgecors-guard",
    "<GuardFunction.Arn>": "<aws_lambda_function edgecors-guard arn>",
    "<GatewayFunction>": "edgecors-gateway",
    "<GatewayFunction.Arn>:live": "<aws_lambda_alias live arn>",
    "<EdgeFunctionVersion>": "<aws_lambda_function edgecors-edge qualified_arn>",
    "<Distribution>": "<aws_cloudfront_distribution id>",
    "<KeyValueStore.Arn>": "<aws_cloudfront_key_value_store edgecors arn>",
    "<ViewerRequestFunction.FunctionMetadata.FunctionARN>": "<aws_cloudfront_function edgecors-request arn>",
    "<ViewerResponseFunction.FunctionMetadata.FunctionARN>": "<aws_cloudfront_function edgecors-response arn>",
    "<ViewerRequestFunction>": "edgecors-request",
    "<ViewerResponseFunction>": "edgecors-response",
    "<ViewerCachePolicy>": "<aws_cloudfront_cache_policy edgecors-viewer id>",
    "<OriginCachePolicy>": "<aws_cloudfront_cache_policy edgecors-origin id>",
    "<RequestPolicy>": "<aws_cloudfront_origin_request_policy edgecors id>",
    "<OriginAccessControl.Id>": "<aws_cloudfront_origin_access_control edgecors id>",
    "arn:aws:execute-api:us-east-1:123456789012:<HttpApi>": "<aws_apigatewayv2_api edgecors execution_arn>",
    "arn:aws:execute-api:us-east-1:123456789012:<RestApi>": "<aws_api_gateway_rest_api edgecors execution_arn>",
}


def as_module(node: Any) -> Any:
    """A node of the resolved template with references as the module has them."""
    if isinstance(node, ResourceReference):
        return as_module(str(node))
    if isinstance(node, dict):
        return {key: as_module(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_module(item) for item in node]
    if isinstance(node, str):
        text = re.sub(r"(FunctionVersion)[0-9a-f]{10}>", r"\1>", node)
        for reference, replacement in REFERENCES.items():
            text = text.replace(reference, replacement)
        return text
    return node


# How the properties of a type are called in Terraform, where it is not their name in snake case.


def snake(properties: Properties) -> Properties:
    """Properties under Terraform's names."""
    return {_snake_name(key): value if key == "Variables" else _snake_node(value) for key, value in properties.items()}


def _snake_node(node: Any) -> Any:
    if isinstance(node, dict):
        return snake(node)
    return [_snake_node(item) for item in node] if isinstance(node, list) else node


def _snake_name(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def rename(names: Mapping[str, str]) -> Callable[[Properties], Properties]:
    """An adapter that only renames, and leaves out what has no name in Terraform (an empty one)."""

    def adapt(properties: Properties) -> Properties:
        renamed = {names.get(key, key): value for key, value in properties.items()}
        return snake({key: value for key, value in renamed.items() if key})

    return adapt


def _json(properties: Properties, field: str, name: str) -> Properties:
    """Properties with a document as one attribute of JSON."""
    if field not in properties:
        return properties
    rest = {key: value for key, value in properties.items() if key != field}
    return {**rest, name: json.dumps(properties[field])}


def _function(properties: Properties) -> Properties:
    return snake({key: value for key, value in properties.items() if key not in ("Code", "Tags")})


def _role(properties: Properties) -> Properties:
    described: Properties = {
        key: properties[key] for key in ("Description", "Path", "PermissionsBoundary") if key in properties
    }
    return snake(described) | {"assume_role_policy": json.dumps(properties["AssumeRolePolicyDocument"])}


def _queue(properties: Properties) -> Properties:
    names = {"MessageRetentionPeriod": "MessageRetentionSeconds", "VisibilityTimeout": "VisibilityTimeoutSeconds"}
    return rename(names)(_json(properties, "RedrivePolicy", "RedrivePolicy"))


def _rule(properties: Properties) -> Properties:
    return rename({"Targets": ""})(_json(properties, "EventPattern", "EventPattern"))


def _target(properties: Properties) -> Properties:
    (target,) = properties["Targets"]
    return rename({"Id": "TargetId"})(target)


def _alarm(properties: Properties) -> Properties:
    adapted = {key: value for key, value in properties.items() if key not in ("Dimensions", "Metrics", "OKActions")}
    result = snake(adapted) | {"ok_actions": properties["OKActions"]}
    if "Dimensions" in properties:
        return result | {"dimensions": _dimensions(properties["Dimensions"])}
    queries = []
    for metric in properties["Metrics"]:
        query = snake({key: value for key, value in metric.items() if key != "MetricStat"})
        if stat := metric.get("MetricStat"):
            parts = snake({key: value for key, value in stat["Metric"].items() if key != "Dimensions"})
            query["metric"] = parts | {
                "dimensions": _dimensions(stat["Metric"]["Dimensions"]),
                "period": stat["Period"],
                "stat": stat["Stat"],
            }
        queries.append(query)
    return result | {"metric_query": queries}


def _dimensions(dimensions: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["Name"]: item["Value"] for item in dimensions}


def _policy_config(field: str) -> Callable[[Properties], Properties]:
    def adapt(properties: Properties) -> Properties:
        config = snake({key: value for key, value in properties[field].items() if key != "Name"})
        headers = config.get("parameters_in_cache_key_and_forwarded_to_origin", config)["headers_config"]
        if "headers" in headers:
            headers["headers"] = {"items": headers["headers"]}
        return config

    return adapt


def _cloudfront_function(properties: Properties) -> Properties:
    config = properties["FunctionConfig"]
    return {
        "comment": config["Comment"],
        "code": properties["FunctionCode"],
        "runtime": config["Runtime"],
        "publish": properties["AutoPublish"],
        "key_value_store_associations": [item["KeyValueStoreARN"] for item in config["KeyValueStoreAssociations"]],
    }


def _distribution(properties: Properties) -> Properties:
    config = properties["DistributionConfig"]
    names = {
        "WebACLId": "WebAclId",
        "IPV6Enabled": "IsIpv6Enabled",
        "Logging": "LoggingConfig",
        "DefaultCacheBehavior": "",
        "Origins": "",
        "CustomErrorResponses": "",
    }
    behavior = config["DefaultCacheBehavior"]
    associations = ("FunctionAssociations", "LambdaFunctionAssociations")
    default = snake({key: value for key, value in behavior.items() if key not in associations})
    default["function_association"] = [
        {"event_type": item["EventType"], "function_arn": item["FunctionARN"]}
        for item in behavior.get("FunctionAssociations", [])
    ]
    default["lambda_function_association"] = [
        {"event_type": item["EventType"], "lambda_arn": item["LambdaFunctionARN"]}
        for item in behavior.get("LambdaFunctionAssociations", [])
    ]
    (source,) = config["Origins"]
    # With origin access control, S3OriginConfig is empty and Terraform leaves it out.
    origin = rename({"Id": "OriginId", "OriginCustomHeaders": "", "S3OriginConfig": "", "CustomOriginConfig": ""})(
        source
    )
    if "OriginCustomHeaders" in source:
        (header,) = source["OriginCustomHeaders"]
        # CloudFormation and Terraform read the secret in ways of their own.
        assert header["HeaderValue"].startswith("{{resolve:secretsmanager:")
        origin["custom_header"] = [{"name": header["HeaderName"], "value": "a secret"}]
    if "CustomOriginConfig" in source:
        custom = source["CustomOriginConfig"]
        origin["custom_origin_config"] = {
            "origin_protocol_policy": custom["OriginProtocolPolicy"],
            "origin_ssl_protocols": custom["OriginSSLProtocols"],
        }
    certificate = config["ViewerCertificate"]
    errors = [
        {"error_code": item["ErrorCode"], "error_caching_min_ttl": item["ErrorCachingMinTTL"]}
        for item in config["CustomErrorResponses"]
    ]
    return rename(names | {"ViewerCertificate": ""})(config) | {
        "default_cache_behavior": default,
        "origin": origin,
        "custom_error_response": errors,
        "viewer_certificate": rename({"CloudFrontDefaultCertificate": "CloudfrontDefaultCertificate"})(certificate),
    }


def _api(properties: Properties) -> Properties:
    """An API. What SAM writes into the body is beside it in Terraform."""
    body = dict(properties["Body"])
    binary = body.pop("x-amazon-apigateway-binary-media-types", None)
    info = dict(body["info"])
    description = info.pop("description", properties.get("Description"))
    left_out = ("tags", "info")
    document = {key: value for key, value in body.items() if key not in left_out} | {"info": info}
    result: Properties = {"body": json.dumps(document), "description": description}
    if binary:
        endpoint = properties["EndpointConfiguration"]["Types"]
        result |= {"binary_media_types": binary, "endpoint_configuration": {"types": endpoint}}
    return result


ADAPTERS: Final[Mapping[str, Callable[[Properties], Properties]]] = {
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Alias": lambda properties: {"name": properties["Name"]},
    "AWS::Lambda::LayerVersion": rename({"Content": ""}),
    "AWS::Lambda::Permission": rename({"FunctionName": ""}),
    "AWS::Lambda::Url": rename({"AuthType": "AuthorizationType", "TargetFunctionArn": "FunctionName", "Qualifier": ""}),
    "AWS::Lambda::EventSourceMapping": rename({"FunctionName": ""}),
    "AWS::Lambda::EventInvokeConfig": rename({"FunctionName": "", "Qualifier": ""}),
    "AWS::IAM::Role": _role,
    "AWS::IAM::ManagedPolicy": lambda properties: {
        "path": properties["Path"],
        "policy": json.dumps(properties["PolicyDocument"]),
    },
    "AWS::Logs::LogGroup": rename({"LogGroupName": "Name"}),
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": lambda properties: {"policy": json.dumps(properties["PolicyDocument"])},
    "AWS::SNS::Topic": snake,
    "AWS::SNS::Subscription": snake,
    "AWS::Events::Rule": _rule,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::SSM::Parameter": snake,
    "AWS::CloudFront::CachePolicy": _policy_config("CachePolicyConfig"),
    "AWS::CloudFront::OriginRequestPolicy": _policy_config("OriginRequestPolicyConfig"),
    "AWS::CloudFront::OriginAccessControl": lambda properties: rename({"Name": ""})(
        properties["OriginAccessControlConfig"]
    ),
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudFront::KeyValueStore": rename({"Name": ""}),
    "AWS::CloudFront::Function": _cloudfront_function,
    "AWS::ApiGatewayV2::Api": _api,
    "AWS::ApiGatewayV2::Stage": rename({"ApiId": "", "StageName": "Name", "Tags": ""}),
    "AWS::ApiGateway::RestApi": _api,
    "AWS::ApiGateway::Deployment": lambda properties: {},
    "AWS::ApiGateway::Stage": rename({"RestApiId": "", "DeploymentId": "", "AccessLogSetting": "AccessLogSettings"}),
    "AWS::ElasticLoadBalancingV2::TargetGroup": lambda properties: {
        "target_type": properties["TargetType"],
        "lambda_multi_value_headers_enabled": properties["TargetGroupAttributes"][0]["Value"],
    },
}


def expected_resources(stack: Stack) -> dict[str, Properties]:
    """The attributes that the module's resources should have, by address."""
    expected = {}
    for id, resource in stack.resources.items():
        name = re.sub(r"[0-9a-f]{10}$", "", id)
        if ONLY_IN_TEMPLATE.fullmatch(name):
            continue
        properties = as_module(resource["Properties"])
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            kind = "rate" if "Metrics" in properties else "count"
            address = f'aws_cloudwatch_metric_alarm.{kind}["{name.removesuffix("Alarm")}"]'
        else:
            address = ADDRESSES[name]
        expected[address] = ADAPTERS[resource["Type"]](properties)
        if part := PARTS.get(name):
            if "Targets" in properties:
                expected[part] = _target(properties)
            else:
                (policy,) = properties["Policies"]
                expected[part] = {"name": policy["PolicyName"], "policy": json.dumps(policy["PolicyDocument"])}
    return expected


def differences(expected: Any, planned: Any, place: str) -> list[str]:
    """Where a plan is not as expected. Attributes that nothing is expected of do not count."""
    if isinstance(expected, dict):
        if isinstance(planned, list):
            planned = planned[0] if len(planned) == 1 else {}
        planned = planned or {}
        return [
            text for key, value in expected.items() for text in differences(value, planned.get(key), f"{place}.{key}")
        ]
    if isinstance(expected, list) and isinstance(planned, list) and len(expected) == len(planned):
        # Many of Terraform's lists are sets.
        pairs = zip(sorted(expected, key=_order), sorted(planned, key=_order), strict=True)
        return [text for first, second in pairs for text in differences(first, second, f"{place}[]")]
    if isinstance(expected, str) and isinstance(planned, str) and expected.startswith("{"):
        return [] if json.loads(expected) == json.loads(planned) else [f"{place}: {expected} is {planned}"]
    if expected in ([], None) and planned in ([], None):
        return []
    return [] if _text(expected) == _text(planned) else [f"{place}: {expected!r} is {planned!r}"]


def _order(item: Any) -> str:
    """A key by which equal lists have one order: CloudFormation and Terraform name the same parts."""
    if isinstance(item, dict):
        return str(next(item[key] for key in ("event_type", "error_code", "id", "name") if key in item))
    return str(item)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def variables(parameters: Mapping[str, str], package: Path) -> dict[str, Any]:
    """Parameters of the template as variables of the module."""
    declared = template_parameters()
    values: dict[str, Any] = {"package": str(package)}
    for name, value in parameters.items():
        if name not in NOT_IN_TERRAFORM:
            is_list = declared[name]["Type"] == "CommaDelimitedList"
            values[snake_case(name)] = value.split(",") if is_list else value
    return values


REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "value": ({"front": "cdn"}, "Use one of edge, edge-function, "),
    "pattern": ({"role_path": "teams"}, "Use a path such as /teams/web/"),
    "range": ({"reserved_concurrency": -2}, "Use -1 to 100000."),
    "name": ({"name": "a b"}, "Use a letter, and up to 39"),
}


@pytest.fixture(scope="session")
def result(packaged: Path) -> dict[str, Any]:
    """What Terraform says of the module, and its plans: one run for this whole module."""
    require(terraform.is_installed(), "Terraform is not here: run `make runtime`, on Linux")
    jobs = {name: variables(parameters, packaged) for name, parameters in STACKS.items()}
    jobs |= {f"refused-{name}": {"package": str(packaged), **values} for name, (values, _) in REFUSED.items()}
    jobs |= {f"rule-{number}": variables(parameters, packaged) for number, parameters in enumerate(RULES)}
    return terraform.run(jobs)


RULES: Final[tuple[dict[str, str], ...]] = (
    {"Front": "edge"},
    {"Front": "edge", "OriginDomainName": "api.example.com", "Aliases": "www.example.com"},
    {"Front": "edge-function", "RootPrefix": "/mine"},
    {"Front": "edge-function", "EdgeSetup": "origin"},
    {"Front": "alb"},
    {"Front": "alb", "Site": "shop", "Upstream": "https://api.example.com", "SubnetIds": "subnet-1"},
)


def test_module_is_valid_and_formatted(result: dict[str, Any]) -> None:
    assert result["validate"]["diagnostics"] == []
    assert result["validate"]["valid"] is True
    assert result["fmt"].strip() == ""


@pytest.mark.parametrize("name", STACKS)
def test_module_plans_what_the_template_deploys(name: str, result: dict[str, Any], transformed: dict[str, Any]) -> None:
    assert result["errors"].get(name) is None
    planned = {item["address"]: item["values"] for item in result["plans"][name]["root_module"]["resources"]}
    expected = expected_resources(Stack(transformed, **STACKS[name]))
    assert {address for address in planned if not ONLY_IN_MODULE.fullmatch(address)} == expected.keys()
    unequal = [text for address in expected for text in differences(expected[address], planned[address], address)]
    assert unequal == []


@pytest.mark.parametrize("name", STACKS)
def test_module_prints_the_command_that_the_template_prints(
    name: str, result: dict[str, Any], transformed: dict[str, Any]
) -> None:
    expected = as_module(Stack(transformed, **STACKS[name]).outputs.get("FirstOrigin"))
    assert result["plans"][name]["outputs"].get("first_origin", {}).get("value") == expected


def test_module_in_another_region_names_the_region_of_the_guard(
    packaged: Path, result: dict[str, Any], transformed: dict[str, Any]
) -> None:
    stacks = {guard: {"Front": "http-api", **GATEWAY, "Guard": guard} for guard in ("auto", "false")}
    stacks["root"] = {**stacks["false"], "RootPrefix": "/mine"}
    jobs = {name: variables(parameters, packaged) for name, parameters in stacks.items()}
    plans = terraform.run(jobs, region="eu-west-1")["plans"]
    assert {name: plans[name]["outputs"]["first_origin"]["value"] for name in stacks} == {
        name: Stack(transformed, **{"AWS::Region": "eu-west-1", **parameters}).outputs["FirstOrigin"]
        for name, parameters in stacks.items()
    }


def test_comparison_notices_a_difference(result: dict[str, Any], transformed: dict[str, Any]) -> None:
    planned = {item["address"]: item["values"] for item in result["plans"]["edge"]["root_module"]["resources"]}
    address = "aws_iam_role_policy.edge[0]"
    expected = expected_resources(Stack(transformed, **STACKS["edge"]))[address]
    policy = json.loads(expected["policy"])
    policy["Statement"][0]["Action"].append("ssm:PutParameter")
    assert len(differences(expected | {"policy": json.dumps(policy)}, planned[address], address)) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_module_refuses_a_value_that_the_template_refuses(name: str, result: dict[str, Any]) -> None:
    assert any(REFUSED[name][1] in message for message in result["errors"][f"refused-{name}"])


@pytest.mark.parametrize("number", range(len(RULES)))
def test_module_refuses_what_the_template_s_rules_refuse(
    number: int, result: dict[str, Any], transformed: dict[str, Any]
) -> None:
    sentences = Stack(transformed, **RULES[number]).refusals()
    messages = result["errors"][f"rule-{number}"]
    assert sorted(message.partition(": ")[2] for message in messages) == sorted(sentences)


def test_variables_are_all_used() -> None:
    texts = {path.name: path.read_text("utf-8") for path in terraform.MODULE.glob("*.tf")}
    declared = {name for text in texts.values() for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE)}
    used = {
        name
        for text in texts.values()
        for name in re.findall(r"\bvar\.(\w+)", re.sub(r"(?s)validation \{.*?\n  \}", "", text))
    }
    assert declared == used
    assert declared >= {snake_case(name) for name in template_parameters() if name not in NOT_IN_TERRAFORM}


def test_example_in_the_readme_is_valid(packaged: Path) -> None:
    require(terraform.is_installed(), "Terraform is not here: run `make runtime`, on Linux")
    text = (terraform.MODULE / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```hcl\n(.*?)```", text, re.DOTALL)
    checked = terraform.run({}, {"main.tf": example.replace("./edgecors/deploy/terraform", "MODULE")})
    assert checked["validate"]["diagnostics"] == []
    assert checked["fmt"].strip() == ""

"""template.yaml keeps to what the edge and the contract demand, and every check of that is shown to be able to fail."""

from __future__ import annotations

import copy
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.require import require
from tests.template import checks, sam
from tests.template.document import ROOT, ResourceReference, Stack, read

Mutation = Callable[[dict[str, Any]], None]
MISSING_SAM = "the SAM CLI is not here: run `make runtime`"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return read()


@pytest.fixture
def with_sam() -> None:
    require((sam.BIN / "sam").exists() and (sam.BIN / "python").exists(), MISSING_SAM)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_template(check: checks.Check, document: dict[str, Any]) -> None:
    assert list(check(document)) == []


def put(path: str, value: Any) -> Mutation:
    """Sets what is at a path of keys and indices, from ``Resources`` on; None removes it."""

    def mutate(document: dict[str, Any]) -> None:
        *way, last = [int(key) if key.isdigit() else key for key in path.split(" ")]
        node: Any = document["Resources"]
        for key in way:
            node = node.setdefault(key, {}) if isinstance(node, dict) else node[key]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return mutate


def top(name: str, value: Any) -> Mutation:
    def mutate(document: dict[str, Any]) -> None:
        document[name] = value

    return mutate


EDGE = "EdgeFunction Properties"
GATEWAY = "GatewayFunction Properties"
CONFIG = "Distribution Properties DistributionConfig"
BEHAVIOR = f"{CONFIG} DefaultCacheBehavior"
VIEWER_TRIGGERS = f"{BEHAVIOR} LambdaFunctionAssociations Fn::If 2 Fn::If 2 Fn::If 2"
RESPONSE_FUNCTION = "ViewerResponseFunction Properties FunctionConfig"
VIEWER = "ViewerCachePolicy Properties CachePolicyConfig"
ORIGIN = "OriginCachePolicy Properties CachePolicyConfig"
IN_KEY = "ParametersInCacheKeyAndForwardedToOrigin HeadersConfig"
EDGE_STATEMENTS = "EdgeRole Properties Policies 0 PolicyDocument Statement"
GUARD_STATEMENTS = "GuardRole Properties Policies 0 PolicyDocument Statement"
GATEWAY_STATEMENTS = "GatewayPolicy Properties PolicyDocument Statement"
GUARD = "GuardFunction Properties"
REQUEST = "RequestPolicy Properties OriginRequestPolicyConfig HeadersConfig"
REST = "RestApi Properties"
HTTP = "HttpApi Properties"
OPTIONS = "DefinitionBody paths /{proxy+} options"
VERSION = {"Ref": "EdgeFunction.Version"}

MUTANTS: tuple[tuple[checks.Check, Mutation], ...] = (
    (checks.no_globals, top("Globals", {"Function": {"Tracing": "Active"}})),
    *((checks.edge_has_nothing_forbidden, put(f"{EDGE} {name}", "anything")) for name in checks.FORBIDDEN_AT_THE_EDGE),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} Architectures", ["arm64"])),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} Architectures", None)),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} MemorySize", 256)),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} Timeout", 30)),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} Runtime", "python3.14")),
    (checks.edge_keeps_to_the_limits, put(f"{EDGE} PackageType", "Image")),
    (checks.edge_handler_fits_the_setup, put(f"{EDGE} Handler", "app.viewer_handler")),
    (
        checks.edge_handler_fits_the_setup,
        put(f"{EDGE} Handler", {"Fn::If": ["OriginSetup", "app.viewer_handler", "app.origin_handler"]}),
    ),
    (checks.edge_outlives_the_stack, put("EdgeFunction DeletionPolicy", "Delete")),
    (checks.edge_outlives_the_stack, put("EdgeFunction UpdateReplacePolicy", None)),
    (
        checks.edge_role_is_trusted_by_both,
        put(
            "EdgeRole Properties AssumeRolePolicyDocument Statement 0 Principal",
            {"Service": ["lambda.amazonaws.com"]},
        ),
    ),
    (
        checks.edge_role_is_trusted_by_both,
        put("EdgeRole Properties AssumeRolePolicyDocument Statement 0 Principal", {"Service": "lambda.amazonaws.com"}),
    ),
    (checks.published_on_every_change, put(f"{EDGE} AutoPublishAlias", None)),
    (checks.published_on_every_change, put(f"{EDGE} AutoPublishAliasAllProperties", None)),
    (checks.published_on_every_change, put(f"{EDGE} VersionDescription", "a version")),
    (checks.published_on_every_change, put(f"{GATEWAY} VersionDescription", {"Fn::Sub": "${Site} ${Upstream}"})),
    (checks.published_on_every_change, put("GatewayPolicy Properties Description", {"Fn::Sub": "${Site} ${Upstream}"})),
    (checks.published_on_every_change, put(f"{GATEWAY} Environment Variables NEW", {"Ref": "AlarmEmail"})),
    (checks.version_descriptions_fit, put(f"{GATEWAY} VersionDescription", {"Fn::Sub": "${AlarmEmail}"})),
    (checks.version_descriptions_fit, put("GatewayPolicy Properties Description", {"Fn::Sub": "${Upstream}" * 8})),
    (
        checks.triggers_have_the_version,
        put(
            f"{VIEWER_TRIGGERS} 0 LambdaFunctionARN",
            {"Ref": "EdgeFunction.Alias"},
        ),
    ),
    (
        checks.triggers_have_the_version,
        put(
            f"{BEHAVIOR} LambdaFunctionAssociations Fn::If 1 0 LambdaFunctionARN",
            {"Fn::GetAtt": ["EdgeFunction", "Arn"]},
        ),
    ),
    (
        checks.triggers_have_the_version,
        put(f"{VIEWER_TRIGGERS} 2 EventType", "origin-request"),
    ),
    (checks.triggers_have_the_version, put(f"{BEHAVIOR} LambdaFunctionAssociations Fn::If 0", "IsEdge")),
    (checks.triggers_have_the_version, put(f"{BEHAVIOR} LambdaFunctionAssociations Fn::If 1 0 IncludeBody", True)),
    (checks.viewer_functions_have_the_store, put(f"{BEHAVIOR} FunctionAssociations", None)),
    (checks.viewer_functions_have_the_store, put(f"{BEHAVIOR} FunctionAssociations Fn::If 0", "IsEdge")),
    (checks.viewer_functions_have_the_store, put("ViewerRequestFunction Properties AutoPublish", False)),
    (checks.viewer_functions_have_the_store, put("ViewerRequestFunction Properties AutoPublish", True)),
    (checks.functions_are_published_as_chosen, put("ViewerResponseFunction Properties AutoPublish", True)),
    (checks.alarms_watch_the_store, put("StoreFailuresAlarm Condition", "HasAlarms")),
    (checks.alarms_watch_the_store, put("ViewerRequestTimeAlarm Condition", "AlarmsForRegions")),
    (
        checks.viewer_functions_have_the_store,
        put(f"{RESPONSE_FUNCTION} Runtime", "cloudfront-js-1.0"),
    ),
    (
        checks.viewer_functions_have_the_store,
        put(f"{RESPONSE_FUNCTION} KeyValueStoreAssociations", None),
    ),
    (checks.viewer_functions_have_the_store, put("EdgeFunction Condition", "IsAtCloudFront")),
    (checks.nothing_refers_to_what_is_not_there, put("KeyValueStore Condition", "IsEdge")),
    (checks.options_is_allowed, put(f"{BEHAVIOR} AllowedMethods", ["GET", "HEAD"])),
    (checks.options_is_allowed, put(f"{BEHAVIOR} AllowedMethods", None)),
    (checks.options_is_allowed, put(f"{BEHAVIOR} CachedMethods", ["GET", "HEAD", "OPTIONS"])),
    (checks.options_is_allowed, put(f"{BEHAVIOR} CachedMethods", ["GET", "HEAD"])),
    (checks.key_fits_the_setup, put(f"{VIEWER} {IN_KEY} Fn::If 2 Headers", ["Authorization", "Origin"])),
    (checks.key_fits_the_setup, put(f"{VIEWER} {IN_KEY} Fn::If 2 Headers", ["Authorization"])),
    (checks.key_fits_the_setup, put(f"{VIEWER} {IN_KEY} Fn::If 1 HeaderBehavior", "whitelist")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 0", "Referer")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 1", "X-Other")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 2", "X-Other")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 3", "X-Other")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 4", {"Ref": "AWS::NoValue"})),
    (checks.key_fits_the_setup, put(f"{VIEWER} MinTTL", 1)),
    (checks.key_fits_the_setup, put(f"{VIEWER} DefaultTTL", 86400)),
    (checks.origin_sees_the_origin_header, put(f"{BEHAVIOR} OriginRequestPolicyId", None)),
    (
        checks.origin_sees_the_origin_header,
        # UserAgentRefererHeaders
        put(f"{BEHAVIOR} OriginRequestPolicyId Fn::If 1", "acba4595-bd28-49b8-b9fe-13317c0390fa"),
    ),
    (checks.errors_are_not_kept, put(f"{CONFIG} CustomErrorResponses", None)),
    (checks.errors_are_not_kept, put(f"{CONFIG} CustomErrorResponses 2", None)),
    (checks.errors_are_not_kept, put(f"{CONFIG} CustomErrorResponses 0 ErrorCachingMinTTL", 10)),
    (checks.errors_are_not_kept, put(f"{CONFIG} CustomErrorResponses 2 ResponsePagePath", "/index.html")),
    (checks.errors_are_not_kept, put(f"{BEHAVIOR} ResponseHeadersPolicyId", "60669652-455b-4ae9-85a4-c4c02393f86c")),
    (checks.built_in_cors_is_off, put(f"{REST} Cors", "'*'")),
    (checks.built_in_cors_is_off, put(f"{HTTP} CorsConfiguration", True)),
    (checks.built_in_cors_is_off, put("FunctionUrl Properties Cors", {"AllowOrigins": ["*"]})),
    (checks.built_in_cors_is_off, put(f"{GATEWAY} FunctionUrlConfig", {"Cors": {"AllowOrigins": ["*"]}})),
    (checks.built_in_cors_is_off, put(f"{HTTP} DefinitionBody x-amazon-apigateway-cors", {"allowOrigins": ["*"]})),
    (checks.api_bodies_can_be_imported, put(f"{HTTP} FailOnWarnings", True)),
    (checks.api_bodies_can_be_imported, put(f"{HTTP} {OPTIONS} responses", None)),
    (checks.api_bodies_can_be_imported, put(f"{REST} {OPTIONS} responses", {})),
    (checks.api_bodies_can_be_imported, put(f"{HTTP} {OPTIONS} parameters", None)),
    (checks.api_bodies_can_be_imported, put(f"{REST} {OPTIONS} parameters 0 name", "path")),
    (checks.apis_pass_everything_on, put(f"{HTTP} {OPTIONS}", None)),
    (checks.apis_pass_everything_on, put(f"{REST} DefinitionBody paths /", None)),
    (checks.apis_pass_everything_on, put(f"{REST} {OPTIONS} security", [{"api_key": []}])),
    (checks.apis_pass_everything_on, put(f"{REST} {OPTIONS} x-amazon-apigateway-integration type", "mock")),
    (
        checks.apis_pass_everything_on,
        put(f"{HTTP} {OPTIONS} x-amazon-apigateway-integration payloadFormatVersion", "1.0"),
    ),
    (checks.apis_pass_everything_on, put(f"{REST} Auth AddDefaultAuthorizerToCorsPreflight", None)),
    (checks.apis_pass_everything_on, put(f"{REST} Auth AddApiKeyRequiredToCorsPreflight", True)),
    (checks.apis_pass_everything_on, put(f"{REST} BinaryMediaTypes", None)),
    (checks.apis_pass_everything_on, put(f"{REST} AlwaysDeploy", None)),
    (
        checks.gateway_responses_have_one_origin,
        put(
            f"{REST} DefinitionBody x-amazon-apigateway-gateway-responses Fn::If 1 DEFAULT_4XX responseParameters",
            {"gatewayresponse.header.Access-Control-Allow-Origin": "method.request.header.Origin"},
        ),
    ),
    (
        checks.gateway_responses_have_one_origin,
        put(
            f"{REST} DefinitionBody x-amazon-apigateway-gateway-responses Fn::If 1 DEFAULT_5XX responseParameters "
            "gatewayresponse.header.Access-Control-Allow-Credentials",
            "'true'",
        ),
    ),
    (checks.url_is_open_to_preflights, put("FunctionUrl Properties AuthType", "AWS_IAM")),
    (checks.url_is_open_to_preflights, put("FunctionUrlPermission Properties Principal", "123456789012")),
    (checks.url_is_open_to_preflights, put("FunctionUrlInvokePermission Properties InvokedViaFunctionUrl", None)),
    (checks.roles_may_do_little, put(f"{EDGE_STATEMENTS} 0 Action", "ssm:*")),
    (checks.roles_may_do_little, put(f"{EDGE_STATEMENTS} 0 Action", ["ssm:GetParameter", "ssm:PutParameter"])),
    (checks.roles_may_do_little, put(f"{EDGE_STATEMENTS} 0 Resource", "*")),
    (
        checks.roles_may_do_little,
        put(f"{EDGE_STATEMENTS} 1 Resource", [{"Fn::Sub": "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:*"}]),
    ),
    (checks.roles_may_do_little, put(f"{GUARD_STATEMENTS} 2 Fn::If 1 Resource", "*")),
    (
        checks.roles_may_do_little,
        put("GatewayRole Properties ManagedPolicyArns", ["arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"]),
    ),
    (checks.guard_keeps_to_its_regions, put(f"{GUARD_STATEMENTS} 0 Condition", None)),
    (
        checks.guard_keeps_to_its_regions,
        put(f"{GUARD_STATEMENTS} 1 Fn::If 1 Condition StringEquals aws:RequestedRegion", [{"Ref": "AWS::Region"}]),
    ),
    (checks.guard_may_do_what_is_switched_on, put(f"{GUARD_STATEMENTS} 1 Fn::If 0", "HasGuard")),
    (checks.guard_may_do_what_is_switched_on, put(f"{GUARD_STATEMENTS} 2 Fn::If 0", "HasDistribution")),
    (
        checks.guard_hears_of_changes,
        put("GuardChanges Properties EventPattern detail name", [{"prefix": "/edgecors/"}]),
    ),
    (checks.guard_hears_of_changes, put("GuardChanges Properties EventPattern source", ["aws.s3"])),
    (checks.guard_hears_of_changes, put("GuardChanges Properties Targets 0 DeadLetterConfig", None)),
    (checks.guard_hears_of_changes, put("GuardSchedulePermission Properties SourceArn", {"Ref": "AWS::Region"})),
    (checks.guard_invalidates_origin_setups, put(f"{GUARD} Environment Variables EDGECORS_DISTRIBUTION_IDS", "")),
    (checks.guard_invalidates_origin_setups, put(f"{GUARD} Environment Variables EDGECORS_EDGE_SETUP", "viewer")),
    (checks.guard_fills_the_store, put(f"{GUARD} Environment Variables EDGECORS_KEY_VALUE_STORES", "")),
    (checks.guard_fills_the_store, put(f"{GUARD_STATEMENTS} 4 Fn::If 1 Resource", "*")),
    (checks.regions_are_checked, put("GuardSchedule Condition", "HasGuard")),
    (checks.regions_are_checked, put("GuardSchedule Properties Targets 0 Input", "{}")),
    (checks.aliases_name_the_policy, put("SiteAlias Condition", "HasSite")),
    (checks.aliases_name_the_policy, put("SiteAlias Properties Value", "shop-2")),
    (checks.names_fit, put(f"{VIEWER} Name", {"Fn::Sub": "${AWS::StackName}-edgecors-viewer"})),
    (checks.names_fit, put(f"{CONFIG} Comment", {"Fn::Sub": "${AWS::StackName}, with CORS by edgecors"})),
    (checks.guard_hears_of_changes, put(f"{GUARD} DeadLetterQueue", None)),
    (checks.guard_hears_of_changes, put(f"{GUARD} Environment Variables EDGECORS_EDGE_SETUP", "viewer")),
    (checks.guard_hears_of_changes, put(f"{GUARD} Environment Variables EDGECORS_ROOT", None)),
    (checks.guard_hears_of_changes, put("GuardInvalidationsToGuard Properties EventSourceArn", "other")),
    (checks.guard_hears_of_changes, put("GuardInvalidations Properties VisibilityTimeout", 30)),
    (checks.guard_hears_of_changes, put("GuardInvalidations Properties RedrivePolicy deadLetterTargetArn", "other")),
    (checks.layer_runs_everywhere, put("CorsLayer Properties CompatibleRuntimes", ["python3.13"])),
    (checks.layer_runs_everywhere, put("CorsLayer Properties CompatibleArchitectures", ["arm64"])),
    (checks.layer_runs_everywhere, put("CorsLayer Condition", "HasGateway")),
    (checks.gateway_is_as_documented, put(f"{GATEWAY} SnapStart ApplyOn", "PublishedVersions")),
    (checks.gateway_is_as_documented, put(f"{GATEWAY} Handler", "app.main")),
    (checks.architecture_is_a_choice, put(f"{GATEWAY} Architectures", ["x86_64"])),
    (checks.architecture_is_a_choice, put(f"{GUARD} Architectures", ["arm64"])),
    (checks.private_upstream_is_reached, put(f"{GATEWAY} VpcConfig", None)),
    (checks.private_upstream_is_reached, put(f"{GATEWAY_STATEMENTS} 3 Fn::If 1 Sid", "Net")),
    (checks.cache_can_not_be_poisoned, put(f"{REQUEST} Headers 1", "X-Other")),
    (checks.cache_can_not_be_poisoned, put(f"{REQUEST} HeaderBehavior", "whitelist")),
    (checks.cache_can_not_be_poisoned, put(f"{BEHAVIOR} OriginRequestPolicyId Fn::If 2", checks.ALL_VIEWER)),
    (checks.key_fits_the_setup, put(f"{VIEWER} {IN_KEY} Fn::If 2 Headers 1", "X-Other")),
    (checks.key_fits_the_setup, put(f"{ORIGIN} {IN_KEY} Headers 5", "X-Other")),
    (
        checks.key_fits_the_setup,
        put(f"{ORIGIN} {IN_KEY} Headers", [*checks.PREFLIGHT_KEY, *checks.IN_THE_KEY, *checks.NOT_FORWARDED]),
    ),
    (checks.key_fits_the_setup, put(f"{BEHAVIOR} CachePolicyId", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")),
    (checks.layer_runs_everywhere, put("CorsLayer DeletionPolicy", "Delete")),
    (checks.alarms_watch_what_is_written, put("EdgePolicyOverdueAlarm Properties MetricName", "PolicyOverdue")),
    (checks.alarms_watch_what_is_written, put("EdgeRefreshFailuresAlarm Properties EvaluationPeriods", 1)),
    (checks.alarms_about_failures_are_rates, put("GatewayErrorsAlarm Properties Metrics 0 Expression", "failures")),
    (checks.alarms_about_failures_are_rates, put("EdgeConcurrencyAlarm Properties Metrics 1 ReturnData", True)),
    (
        checks.alarms_about_failures_are_rates,
        put("EdgeConcurrencyAlarm Properties Metrics 1 MetricStat Metric MetricName", "LambdaExecutionError"),
    ),
    (checks.gateway_is_as_documented, put(f"{GATEWAY} Timeout", 60)),
    (checks.gateway_is_as_documented, put(f"{GATEWAY} Environment Variables EDGECORS_SITE", None)),
    (checks.gateway_is_as_documented, put("AlbTargetGroup Properties TargetGroupAttributes", None)),
    (checks.nothing_refers_to_what_is_not_there, put("OriginAccessControl Condition", "IsFunctionUrl")),
    (checks.nothing_refers_to_what_is_not_there, put("Topic Condition", "HasGuard")),
    (checks.alarms_watch_what_is_written, put("GuardErrorsAlarm Properties AlarmActions", None)),
    (checks.alarms_watch_what_is_written, put("PolicyOverdueAlarm Properties MetricName", "Age")),
    (checks.alarms_watch_what_is_written, put("PolicyOverdueAlarm Properties Dimensions 0 Name", "Site")),
    (checks.alarms_watch_what_is_written, put("PolicyOverdueAlarm Properties TreatMissingData", "breaching")),
    (checks.alarms_watch_what_is_written, put("PolicyOverdueAlarm Condition", "HasAlarms")),
)


@pytest.mark.parametrize(
    ("check", "mutate"),
    MUTANTS,
    ids=[f"{check.__name__}-{number}" for number, (check, _) in enumerate(MUTANTS)],
)
def test_check_can_fail(check: checks.Check, mutate: Mutation, document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    mutate(changed)
    assert changed != document
    assert list(check(changed)) != []


def test_every_check_has_a_mutant() -> None:
    assert {check for check, _ in MUTANTS} == set(checks.CHECKS)


ARNS = (
    "PermissionsBoundaryArn",
    "EncryptionKeyArn",
    "SecureStringKeyArn",
    "WebAclArn",
    "OriginSecretArn",
    "CertificateArn",
)
EDGE_NEEDED = {"OriginDomainName": "api.example.com"}
GATEWAY_NEEDED = {"Site": "shop", "Upstream": "https://api.example.com"}


@pytest.mark.parametrize(
    ("parameters", "region", "words"),
    [
        (EDGE_NEEDED, "us-east-1", []),
        (EDGE_NEEDED, "eu-west-1", ["us-east-1"]),
        ({"Front": "edge-function"}, "us-east-1", []),
        ({"Front": "edge-function", "EdgeSetup": "origin"}, "us-east-1", ["DistributionId"]),
        ({"Front": "edge-function", "EdgeSetup": "origin", "DistributionId": "E1"}, "us-east-1", []),
        ({"Front": "edge-function"}, "eu-west-1", ["us-east-1"]),
        ({}, "us-east-1", ["OriginDomainName"]),
        ({**EDGE_NEEDED, "RootPrefix": "/mine"}, "us-east-1", ["RootPrefix"]),
        ({**EDGE_NEEDED, "Aliases": "www.example.com"}, "us-east-1", ["CertificateArn"]),
        ({**EDGE_NEEDED, "Aliases": "www.example.com", "CertificateArn": "arn"}, "us-east-1", []),
        *[({"Front": front, **GATEWAY_NEEDED}, "eu-west-1", []) for front in checks.GATEWAY_FRONTS],
        *[({"Front": front}, "eu-west-1", ["Site", "Upstream"]) for front in checks.GATEWAY_FRONTS],
        ({"Front": "http-api", **GATEWAY_NEEDED, "RootPrefix": "/mine"}, "eu-west-1", []),
        ({"Front": "layer-only"}, "eu-west-1", []),
        ({"Front": "alb", **GATEWAY_NEEDED, "SubnetIds": "subnet-1"}, "eu-west-1", ["SecurityGroupIds"]),
        ({"Front": "alb", **GATEWAY_NEEDED, "SecurityGroupIds": "sg-1"}, "eu-west-1", ["SubnetIds"]),
        ({"Front": "alb", **GATEWAY_NEEDED, "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}, "eu-west-1", []),
    ],
)
def test_rules_refuse_what_can_not_work(
    parameters: dict[str, str], region: str, words: list[str], document: dict[str, Any]
) -> None:
    sentences = Stack(document, **parameters).refusals(region)
    assert len(sentences) == len(words)
    for word, sentence in zip(words, sentences, strict=True):
        assert word in sentence


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "Upstream",
            ["", "http://127.0.0.1:8000", "https://a.example/v1/"],
            ["a.example", "https://", "https://a/?q", "ftp://a"],
        ),
        (
            "GatewayResponseOrigin",
            ["", "https://a.example:8443"],
            ["*", "https://a.example/", "https://A.example", "a'b"],
        ),
        ("RootPrefix", ["/edgecors", "/a/b"], ["", "/", "edgecors", "/a/"]),
        ("OriginDomainName", ["", "a.example"], ["https://a.example", "a.example/x"]),
        ("OriginPath", ["", "/prod"], ["/", "prod", "/prod/"]),
        ("Site", ["", "shop-1.eu_x"], ["a b", "a/b"]),
        ("Upstreams", ["", "/api=https://a.example/v1 /img=http://10.0.0.5:80"], ["api=https://a", "/api=a.example"]),
        ("UpstreamSecretParameter", ["", "/edgecors/secrets/shop"], ["edgecors/secrets", "/edgecors/"]),
        ("RolePath", ["/", "/teams/web/"], ["", "/teams", "teams/"]),
        ("AccessLogBucket", ["", "logs.s3.amazonaws.com", "a.s3.us-east-1.amazonaws.com"], ["logs", "s3://logs"]),
        *[(name, ["", checks.FULL[name]], ["x", "arn:aws:s3:::bucket"]) for name in ARNS],
    ],
)
def test_parameter_patterns(name: str, good: list[str], bad: list[str], document: dict[str, Any]) -> None:
    parameter = document["Parameters"][name]
    assert [text for text in good if not re.fullmatch(parameter["AllowedPattern"], text)] == []
    assert [text for text in bad if re.fullmatch(parameter["AllowedPattern"], text)] == []
    assert parameter["ConstraintDescription"]


def test_fronts_are_those_that_the_checks_know(document: dict[str, Any]) -> None:
    assert set(document["Parameters"]["Front"]["AllowedValues"]) == set(checks.FRONTS)


def test_parameters_are_described_and_grouped(document: dict[str, Any]) -> None:
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(document["Parameters"])
    assert [name for name, parameter in document["Parameters"].items() if not parameter.get("Description")] == []


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"Front": "edge"}, "/edgecors/sites/<Distribution>"),
        ({"Front": "edge-function", "DistributionId": "E1"}, "/edgecors/sites/E1"),
        ({"Front": "edge", "Site": "shop"}, "/edgecors/sites/shop"),
        ({"Front": "alb", "Site": "shop", "RootPrefix": "/mine"}, "/mine/sites/shop"),
    ],
)
def test_output_is_the_command_that_adds_the_first_origin(
    parameters: dict[str, str], name: str, document: dict[str, Any]
) -> None:
    words = shlex.split(Stack(document, **parameters).outputs["FirstOrigin"])
    assert words[:5] == ["aws", "ssm", "put-parameter", "--region", "us-east-1"]
    assert words[5] == "--cli-input-json"
    assert json.loads(words[6]) == {"Name": name, "Type": "StringList", "Value": "https://app.example.com"}
    assert len(words) == 7


GATEWAY_FRONTS = ("http-api", "rest-api", "function-url", "alb")


@pytest.mark.parametrize(
    ("parameters", "region"),
    [
        *(({"Front": front, "Guard": "auto"}, "eu-west-1") for front in GATEWAY_FRONTS),
        *(({"Front": front, "Guard": "true"}, "eu-west-1") for front in GATEWAY_FRONTS),
        *(({"Front": front, "Guard": "false"}, "us-east-1") for front in GATEWAY_FRONTS),
        # The guard of an edge stack copies nothing from another root.
        ({"Front": "http-api", "Guard": "false", "RootPrefix": "/mine"}, "eu-west-1"),
    ],
)
def test_first_origin_is_written_in_the_region_of_the_guard(
    parameters: dict[str, str], region: str, document: dict[str, Any]
) -> None:
    # Elsewhere the guard would take it for a copy of a parameter that does not exist, and delete it.
    stack = Stack(document, **{"AWS::Region": "eu-west-1", "Site": "shop", **parameters})
    assert f"--region {region} " in stack.outputs["FirstOrigin"]


def test_every_command_in_an_output_names_a_region(document: dict[str, Any]) -> None:
    # Otherwise it acts in the Region of the reader's profile.
    texts = [json.dumps(output) for output in document["Outputs"].values()]
    commands = [command for text in texts for command in re.findall(r"aws [a-z-]+ [a-z-]+ [^;]*", text)]
    assert len(commands) == 4
    assert [command for command in commands if "--region " not in command] == []


@pytest.mark.parametrize(
    ("parameters", "warnings"),
    [
        ({"Front": "edge"}, set()),
        ({"Front": "edge", "EdgeSetup": "origin"}, set()),
        ({"Front": "edge", "EdgeSetup": "origin", "Guard": "false"}, {"InvalidationWarning"}),
        ({"Front": "edge-function"}, {"DistributionWarning"}),
        ({"Front": "edge-function", "DistributionId": "E1"}, set()),
        ({"Front": "edge", "EdgeSetup": "functions"}, set()),
        ({"Front": "edge", "EdgeSetup": "functions", "Guard": "false"}, {"StoreWarning"}),
        ({"Front": "http-api", "EdgeSetup": "origin", "Guard": "false"}, set()),
    ],
)
def test_outputs_warn_of_what_is_missing(
    parameters: dict[str, str], warnings: set[str], document: dict[str, Any]
) -> None:
    assert {name for name in Stack(document, **parameters).outputs if name.endswith("Warning")} == warnings


@pytest.mark.parametrize(
    ("front", "guard", "deployed"),
    [
        ("edge", "auto", True),
        ("edge", "false", False),
        ("alb", "auto", True),
        ("layer-only", "auto", False),
        ("layer-only", "true", True),
    ],
)
def test_guard_is_deployed_unless_the_layer_is_alone(
    front: str, guard: str, deployed: bool, document: dict[str, Any]
) -> None:
    assert ("GuardFunction" in Stack(document, Front=front, Guard=guard).resources) is deployed


EDGE_PARAMETERS = {"Front": "edge"}
API = {"Front": "http-api"}
KEY_ARN = checks.FULL["EncryptionKeyArn"]
ORIGIN_ITEM = "Distribution DistributionConfig Origins 0"
ACL = "Distribution DistributionConfig WebACLId"
TLS = "Distribution DistributionConfig ViewerCertificate MinimumProtocolVersion"
LOGGING = "Distribution DistributionConfig Logging"
ARRIVALS: tuple[tuple[dict[str, str], str, str, Any], ...] = (
    # Front and others; the parameter; where it arrives; what is there by default.
    (EDGE_PARAMETERS, "WebAclArn", ACL, None),
    (EDGE_PARAMETERS, "AccessLogBucket", f"{LOGGING} Bucket", None),
    (EDGE_PARAMETERS | {"CertificateArn": checks.FULL["CertificateArn"]}, "MinimumTls", TLS, "TLSv1.2_2021"),
    (API, "Upstreams", "GatewayFunction Environment Variables EDGECORS_UPSTREAMS", ""),
    (
        API,
        "UpstreamSecretParameter",
        "GatewayFunction Environment Variables EDGECORS_UPSTREAM_SECRET_PARAMETER",
        "",
    ),
    (API, "ReservedConcurrency", "GatewayFunction ReservedConcurrentExecutions", None),
    (API, "PermissionsBoundaryArn", "GatewayRole PermissionsBoundary", None),
    (API, "PermissionsBoundaryArn", "GuardRole PermissionsBoundary", None),
    (EDGE_PARAMETERS, "PermissionsBoundaryArn", "EdgeRole PermissionsBoundary", None),
    (API, "RolePath", "GatewayRole Path", "/"),
    (API, "RolePath", "GatewayPolicy Path", "/"),
    (API, "RolePath", "GuardRole Path", "/"),
    (EDGE_PARAMETERS, "RolePath", "EdgeRole Path", "/"),
    (EDGE_PARAMETERS, "EncryptionKeyArn", "EdgeLogGroup KmsKeyId", None),
    (API, "EncryptionKeyArn", "GatewayLogGroup KmsKeyId", None),
    (API, "EncryptionKeyArn", "GuardLogGroup KmsKeyId", None),
    (API | {"ApiAccessLogs": "true"}, "EncryptionKeyArn", "ApiLogGroup KmsKeyId", None),
    (API, "EncryptionKeyArn", "Topic KmsMasterKeyId", None),
    (API, "EncryptionKeyArn", "GuardDeadLetters KmsMasterKeyId", None),
    (EDGE_PARAMETERS | {"EdgeSetup": "origin"}, "EncryptionKeyArn", "GuardInvalidations KmsMasterKeyId", None),
)


OTHER_VALUES = {
    **checks.FULL,
    **{"Front": "alb", "Guard": "false", "EdgeSetup": "origin", "OriginType": "s3", "OriginPath": "/prod"},
    **{"OriginProtocol": "http-only", "ForwardHost": "true", "Caching": "off", "PriceClass": "PriceClass_All"},
    **{"MinimumTls": "TLSv1.3_2025", "Architecture": "x86_64", "SnapStart": "true", "RestStageName": "prod"},
    **{"RootPrefix": "/mine", "LogRetentionDays": "7", "LogLevel": "DEBUG", "ErrorHeaders": "false"},
    **{"Alarms": "false", "Dashboard": "false", "PublishFunctions": "false"},
}
# With which parameters another one has an effect, where a plain distribution or HTTP API is not enough.
NEEDED = {
    "DistributionId": {"Front": "edge-function"},
    "ErrorHeaders": {"EdgeSetup": "functions"},
    "PublishFunctions": {"EdgeSetup": "functions"},
    "MinimumTls": {"CertificateArn": checks.FULL["CertificateArn"]},
    "GatewayResponseOrigin": {"Front": "rest-api"},
    "RestStageName": {"Front": "rest-api"},
}


@pytest.mark.parametrize("name", read()["Parameters"])
def test_every_parameter_has_an_effect(name: str, document: dict[str, Any]) -> None:
    bases = [NEEDED[name]] if name in NEEDED else [{"Front": "edge"}, {"Front": "http-api", "Site": "shop-1"}]
    value = {name: OTHER_VALUES[name]}
    assert any(Stack(document, **base).resources != Stack(document, **(base | value)).resources for base in bases)


def at(stack: Stack, path: str) -> Any:
    """The value at a path of a resource's properties; None where there is none."""
    resource, *keys = path.split(" ")
    node: Any = stack.resources[resource]["Properties"]
    for key in keys:
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list):
            node = node[int(key)]
    return node


@pytest.mark.parametrize(
    ("parameters", "name", "path", "default"), ARRIVALS, ids=[f"{name}-{path}" for _, name, path, _ in ARRIVALS]
)
def test_parameter_arrives(
    parameters: dict[str, str], name: str, path: str, default: Any, document: dict[str, Any]
) -> None:
    value = {"MinimumTls": "TLSv1.3_2025"}.get(name) or checks.FULL[name]
    assert at(Stack(document, **parameters), path) == default
    assert at(Stack(document, **parameters, **{name: value}), path) == value


def test_origin_secret_is_resolved_by_cloudformation(document: dict[str, Any]) -> None:
    assert at(Stack(document), f"{ORIGIN_ITEM} OriginCustomHeaders") is None
    arn = checks.FULL["OriginSecretArn"]
    (header,) = at(Stack(document, OriginSecretArn=arn), f"{ORIGIN_ITEM} OriginCustomHeaders")
    value = f"{{{{resolve:secretsmanager:{arn}:SecretString}}}}"
    assert header == {"HeaderName": "X-Edgecors-Secret", "HeaderValue": value}


@pytest.mark.parametrize(("tracing", "mode"), [("false", "PassThrough"), ("true", "Active")])
def test_tracing_arrives_with_its_permission(tracing: str, mode: str, document: dict[str, Any]) -> None:
    stack = Stack(document, Front="http-api", Tracing=tracing)
    allowed = {role for (role, sid), _ in checks.statements(stack) if sid == "WriteTraces"}
    assert at(stack, "GatewayFunction Tracing") == at(stack, "GuardFunction Tracing") == mode
    assert allowed == ({"GatewayRole", "GuardRole"} if tracing == "true" else set())


@pytest.mark.parametrize(("kind", "control"), [("custom", None), ("s3", "s3"), ("function-url", "lambda")])
def test_origin_type_decides_how_requests_are_signed(kind: str, control: str | None, document: dict[str, Any]) -> None:
    stack = Stack(document, OriginType=kind, ForwardHost="true")
    if control is None:
        assert "OriginAccessControl" not in stack.resources
        assert at(stack, f"{ORIGIN_ITEM} OriginAccessControlId") is None
    else:
        config = at(stack, "OriginAccessControl OriginAccessControlConfig")
        assert (config["OriginAccessControlOriginType"], config["SigningBehavior"]) == (control, "always")
        assert at(stack, f"{ORIGIN_ITEM} OriginAccessControlId") == ResourceReference("OriginAccessControl", "Id")
    assert bool(at(stack, f"{ORIGIN_ITEM} S3OriginConfig")) is (kind == "s3")
    assert bool(at(stack, f"{ORIGIN_ITEM} CustomOriginConfig")) is (kind != "s3")
    assert ("FunctionPermission" in stack.outputs) is (kind == "function-url")
    # A signature covers the host, so the function URL has to get its own.
    assert (
        "Host"
        in at(stack, "ViewerCachePolicy CachePolicyConfig")["ParametersInCacheKeyAndForwardedToOrigin"][
            "HeadersConfig"
        ].get("Headers", ())
    ) is (kind == "custom")


@pytest.mark.parametrize(("front", "key"), [("http-api", "AccessLogSettings"), ("rest-api", "AccessLogSetting")])
def test_api_access_logs_arrive(front: str, key: str, document: dict[str, Any]) -> None:
    api = {"http-api": "HttpApi", "rest-api": "RestApi"}[front]
    assert at(Stack(document, Front=front), f"{api} {key}") is None
    settings = at(Stack(document, Front=front, ApiAccessLogs="true"), f"{api} {key}")
    assert settings["DestinationArn"] == ResourceReference("ApiLogGroup", "Arn")
    assert json.loads(settings["Format"])["status"] == "$context.status"
    assert "ApiLogGroup" not in Stack(document, Front="alb", ApiAccessLogs="true").resources


def test_queues_are_encrypted_either_way(document: dict[str, Any]) -> None:
    assert at(Stack(document), "GuardDeadLetters SqsManagedSseEnabled") is True
    assert at(Stack(document, EncryptionKeyArn=KEY_ARN), "GuardDeadLetters SqsManagedSseEnabled") is None


SHARED_OUTPUTS = {
    ("edge", "functions"): {"DistributionId", "EdgeFunctionVersion", "KeyValueStoreArn", "ViewerFunctions"},
    ("edge-function", "viewer"): {"EdgeFunctionVersion"},
    ("http-api", "viewer"): {"ApiUrl"},
    ("alb", "viewer"): {"AlbTargetGroupArn"},
}


@pytest.mark.parametrize(("front", "setup"), SHARED_OUTPUTS)
def test_outputs_are_parameters_outside_the_policy_root(front: str, setup: str, document: dict[str, Any]) -> None:
    stack = Stack(document, "shop-cors", Front=front, EdgeSetup=setup)
    parameters = {
        item["Name"].removeprefix("/edgecors-stacks/shop-cors/"): item["Value"]
        for name, item in stack.of_type("AWS::SSM::Parameter").items()
        if name != "SiteAlias"
    }
    assert parameters == {name: stack.outputs[name] for name in SHARED_OUTPUTS[front, setup] | {"LayerArn", "TopicArn"}}


def test_outputs_that_change_with_a_deployment_are_not_exported(document: dict[str, Any]) -> None:
    exports = {
        name: output["Export"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for name, output in document["Outputs"].items()
        if "Export" in output
    }
    shared = set().union(*SHARED_OUTPUTS.values(), {"TopicArn"}) - {"EdgeFunctionVersion"}
    assert exports == {name: name for name in shared}


def test_metadata_for_sam_publish_is_the_package_s(document: dict[str, Any]) -> None:
    application = document["Metadata"]["AWS::ServerlessRepo::Application"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (application["Name"], application["SemanticVersion"], application["SpdxLicenseId"]) == (
        project["name"],
        project["version"],
        project["license"],
    )
    assert all((ROOT / application[name]).is_file() for name in ("LicenseUrl", "ReadmeUrl"))
    # The limits of the Serverless Application Repository.
    assert len(application["Description"]) <= 256
    assert len(application["Labels"]) <= 10


def test_replica_regions_are_by_default_the_other_regions_of_the_edge(document: dict[str, Any]) -> None:
    default = document["Parameters"]["ReplicaRegions"]["Default"].split(",")
    assert sorted(default) == sorted(checks.EDGE_REGIONS - {"us-east-1"})


def test_output_statement_opens_the_bucket_to_this_distribution_alone(document: dict[str, Any]) -> None:
    statement = json.loads(Stack(document, Front="edge", OriginType="s3").outputs["BucketPolicyStatement"])
    assert statement["Action"] == "s3:GetObject"
    arn = "arn:aws:cloudfront::123456789012:distribution/<Distribution>"
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": arn}}


@pytest.mark.parametrize(
    ("parameters", "site", "regions"),
    [
        ({"Front": "edge"}, "<Distribution>", checks.EDGE_REGIONS),
        ({"Front": "edge-function", "DistributionId": "E1"}, "E1", checks.EDGE_REGIONS),
        ({"Front": "http-api", "Site": "shop"}, "shop", {"us-east-1"}),
    ],
)
def test_dashboard_shows_each_metric_once_a_region(
    parameters: dict[str, str], site: str, regions: set[str], document: dict[str, Any]
) -> None:
    body = json.loads(Stack(document, **parameters).resources["SiteDashboard"]["Properties"]["DashboardBody"])
    dimensions: dict[str, set[str]] = {}
    for widget in body["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        rows = [row[0] for row in widget["properties"].get("metrics", []) if isinstance(row[0], dict)]
        rows = [row for row in rows if "MetricName=" in row["expression"]]
        if rows:
            assert sorted(row["region"] for row in rows) == sorted(regions)
        for row in rows:
            assert f'site="{site}"' in row["expression"]
            schema = re.search(r"\{edgecors,([a-z,]+)\}", row["expression"])
            assert schema is not None
            for name in re.findall(r'"([A-Z][A-Za-z]+)"', row["expression"].partition(" site=")[0]):
                dimensions.setdefault(name, set()).update(schema[1].split(","))
    assert dimensions == checks.METRICS


@pytest.mark.usefixtures("with_sam")
def test_transformed_api_bodies_can_be_imported(document: dict[str, Any]) -> None:
    (transformed,) = sam.transform((document, {}))
    assert list(checks.api_bodies_can_be_imported(transformed)) == []
    for name in checks.GREEDY:
        assert "FailOnWarnings" not in transformed["Resources"][name]["Properties"]


@pytest.mark.usefixtures("with_sam")
def test_transformed(document: dict[str, Any]) -> None:
    """What SAM makes of the template keeps to the edge's restrictions, and refers to nothing that is not deployed."""
    (transformed,) = sam.transform((document, {}))
    for setup in checks.SETUPS:
        for front in checks.FRONTS:
            stack = Stack(transformed, **checks.FULL, Front=front, EdgeSetup=setup, Guard="true")
            assert stack.dangling == set()
            functions = stack.of_type("AWS::Lambda::Function")
            assert functions.keys() == {
                "GuardFunction",
                *(["EdgeFunction"] if front.startswith("edge") else []),
                *(["GatewayFunction"] if front in checks.GATEWAY_FRONTS else []),
            }
    stack = Stack(transformed, **checks.FULL, Front="edge")
    edge = stack.resources["EdgeFunction"]["Properties"]
    wanted = "Architectures Code Description Handler LoggingConfig MemorySize Role Runtime Tags Timeout"
    assert sorted(edge) == wanted.split()
    (layer,) = (item for item in transformed["Resources"].values() if item["Type"] == "AWS::Lambda::LayerVersion")
    assert layer["DeletionPolicy"] == "RetainExceptOnCreate"
    versions = {name: item for name, item in stack.resources.items() if item["Type"] == "AWS::Lambda::Version"}
    assert len(versions) == 1
    ((version, published),) = versions.items()
    assert published["DeletionPolicy"] == published["UpdateReplacePolicy"] == "Retain"
    assert published["Properties"]["Description"] == "viewer set-up"
    associations = checks.behavior(stack)["LambdaFunctionAssociations"]
    assert {item["LambdaFunctionARN"] for item in associations} == {ResourceReference(version)}


@pytest.mark.usefixtures("with_sam")
def test_default_authorizer_of_a_user_leaves_options_open(document: dict[str, Any]) -> None:
    user = copy.deepcopy(document)
    pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_example"
    user["Resources"]["RestApi"]["Properties"]["Auth"] |= {
        "DefaultAuthorizer": "Users",
        "Authorizers": {"Users": {"UserPoolArn": pool}},
    }
    user["Resources"]["HttpApi"]["Properties"]["Auth"] = {
        "DefaultAuthorizer": "Users",
        "Authorizers": {
            "Users": {
                "IdentitySource": "$request.header.Authorization",
                "JwtConfiguration": {"issuer": "https://issuer.example", "audience": ["a"]},
            }
        },
    }
    (transformed,) = sam.transform((user, {}))
    for name in ("RestApi", "HttpApi"):
        for methods in transformed["Resources"][name]["Properties"]["Body"]["paths"].values():
            assert methods["x-amazon-apigateway-any-method"]["security"] == [{"Users": []}]
            assert not methods["options"].get("security")

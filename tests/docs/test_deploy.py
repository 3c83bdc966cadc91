"""docs/deploy.md and docs/deployer-policy.json against the template."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.docs.markdown import blocks, by_first, read, section, spans, table
from tests.template.checks import EDGE_REGIONS
from tests.template.document import Stack
from tests.template.document import read as read_template

ROOT = Path(__file__).parents[2]
TEXT = read("deploy.md")
TEMPLATE = read_template()
SERVICES = {
    "ApiGateway": "apigateway",
    "ApiGatewayV2": "apigateway",
    "CloudFront": "cloudfront",
    "CloudWatch": "cloudwatch",
    "ElasticLoadBalancingV2": "elasticloadbalancing",
    "Events": "events",
    "IAM": "iam",
    "Lambda": "lambda",
    "Logs": "logs",
    "SNS": "sns",
    "SQS": "sqs",
    "SSM": "ssm",
    "Serverless": "lambda",
}
"""The IAM prefix of each service in a resource's type."""
CREATE = {
    "AWS::CloudFront::CachePolicy": "cloudfront:CreateCachePolicy",
    "AWS::CloudFront::Distribution": "cloudfront:CreateDistribution",
    "AWS::CloudFront::Function": "cloudfront:CreateFunction",
    "AWS::CloudFront::KeyValueStore": "cloudfront:CreateKeyValueStore",
    "AWS::CloudFront::OriginAccessControl": "cloudfront:CreateOriginAccessControl",
    "AWS::CloudFront::OriginRequestPolicy": "cloudfront:CreateOriginRequestPolicy",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "elasticloadbalancing:CreateTargetGroup",
    "AWS::Events::Rule": "events:PutRule",
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy",
    "AWS::IAM::Role": "iam:CreateRole",
    "AWS::Lambda::EventSourceMapping": "lambda:CreateEventSourceMapping",
    "AWS::Lambda::Permission": "lambda:AddPermission",
    "AWS::Lambda::Url": "lambda:CreateFunctionUrlConfig",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::SNS::Subscription": "sns:Subscribe",
    "AWS::SNS::Topic": "sns:CreateTopic",
    "AWS::SQS::Queue": "sqs:CreateQueue",
    "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes",
    "AWS::SSM::Parameter": "ssm:PutParameter",
    "AWS::Serverless::Api": "apigateway:POST",
    "AWS::Serverless::Function": "lambda:CreateFunction",
    "AWS::Serverless::HttpApi": "apigateway:POST",
    "AWS::Serverless::LayerVersion": "lambda:PublishLayerVersion",
}
"""What creating a resource of each type in the template takes, above all."""
PARAMETERS: dict[str, tuple[str, ...]] = {
    "Front": (),
    "Site": ("ssm:PutParameter", "ssm:DeleteParameter"),
    "Guard": ("lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig", "events:PutTargets"),
    "Dashboard": ("cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    "Alarms": ("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
    "AlarmEmail": ("sns:Subscribe", "sns:Unsubscribe"),
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-edge-permissions.html
    "EdgeSetup": (
        "lambda:GetFunction",
        "lambda:EnableReplication*",
        "lambda:DisableReplication*",
        "iam:CreateServiceLinkedRole",
        "cloudfront:UpdateDistribution",
    ),
    "ErrorHeaders": ("lambda:DisableReplication*",),
    "PublishFunctions": ("cloudfront:PublishFunction",),
    "OriginType": ("cloudfront:CreateOriginAccessControl", "cloudfront:DeleteOriginAccessControl"),
    "OriginDomainName": (),
    "OriginPath": (),
    "OriginProtocol": (),
    # CloudFormation resolves the reference with the permissions of whoever deploys.
    "OriginSecretArn": ("secretsmanager:GetSecretValue",),
    "ForwardHost": ("cloudfront:UpdateOriginRequestPolicy",),
    "Caching": ("cloudfront:UpdateCachePolicy", "cloudfront:DeleteCachePolicy"),
    "PriceClass": (),
    "Aliases": (),
    "CertificateArn": (),
    "MinimumTls": (),
    # CloudFront checks that the caller may read the web ACL.
    "WebAclArn": ("wafv2:GetWebACL",),
    # CloudFront writes the permission of its log delivery into the bucket's ACL as the caller.
    "AccessLogBucket": ("s3:GetBucketAcl", "s3:PutBucketAcl"),
    "DistributionId": (),
    "DistributionIds": (),
    "Upstream": ("iam:CreatePolicy",),  # the gateway's policy is replaced when its description changes
    "Upstreams": ("iam:CreatePolicy",),
    "UpstreamSecretParameter": ("iam:CreatePolicy",),
    "Architecture": ("lambda:UpdateFunctionCode",),
    "SnapStart": ("lambda:PublishVersion",),
    "ReservedConcurrency": ("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
    "SubnetIds": ("ec2:DescribeSubnets", "ec2:DescribeVpcs"),
    "SecurityGroupIds": ("ec2:DescribeSecurityGroups",),
    "RestStageName": (),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    "ApiAccessLogs": (
        "logs:CreateLogDelivery",
        "logs:CreateLogGroup",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ),
    "GatewayResponseOrigin": (),
    "RootPrefix": (),
    "ReplicaRegions": ("iam:PutRolePolicy",),
    "AutoRevert": ("iam:PutRolePolicy",),
    "SecureStringKeyArn": ("iam:PutRolePolicy",),
    "PermissionsBoundaryArn": ("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"),
    "RolePath": ("iam:CreateRole", "iam:DeleteRole"),
    # A later change; a new log group gets the key when it is created.
    "EncryptionKeyArn": ("logs:AssociateKmsKey", "logs:DisassociateKmsKey"),
    "LogRetentionDays": ("logs:PutRetentionPolicy",),
    "LogLevel": (),
    "Tracing": ("iam:PutRolePolicy",),
}
"""What setting, changing and resetting each parameter takes, beside what its resources take."""
UNTAG = {
    "apigateway": "UntagResource",
    "cloudfront": "UntagResource",
    "cloudwatch": "UntagResource",
    "elasticloadbalancing": "RemoveTags",
    "events": "UntagResource",
    "iam": "UntagRole",
    "lambda": "UntagResource",
    "logs": "UntagResource",
    "sns": "UntagResource",
    "sqs": "UntagQueue",
    "ssm": "RemoveTagsFromResource",
}
"""What removing a stack tag takes in each service."""
MAX_MANAGED_POLICY = 6144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (characters without white space)"""


def test_fronts() -> None:
    named = {name for row in table(section(TEXT, "The two commands")) for name in spans(row[0])}
    assert named == set(TEMPLATE["Parameters"]["Front"]["AllowedValues"])


def test_parameters() -> None:
    rows = by_first(section(TEXT, "Parameters"))
    assert list(rows) == list(TEMPLATE["Parameters"])
    for name, parameter in TEMPLATE["Parameters"].items():
        default, values, meaning = rows[name]
        assert spans(default) == [str(parameter["Default"])] * bool(str(parameter["Default"])), name
        assert spans(values) == [str(value) for value in parameter.get("AllowedValues", ())], name
        assert meaning


def test_outputs_that_are_named_exist() -> None:
    names = ("FirstOrigin", "EdgeFunctionVersion", "EdgeTriggers", "EdgeFunctionName", "LogGroups", "ViewerFunctions")
    for name in (*names, "InvalidationWarning", "DistributionWarning"):
        assert f"`{name}`" in TEXT
        assert name in TEMPLATE["Outputs"]


def test_outputs_for_other_stacks() -> None:
    names = {name.removesuffix("Parameter") for name in TEMPLATE["Resources"] if name.endswith("Parameter")}
    rows = by_first(section(TEXT, "Outputs for other stacks"))
    exported = {name for name, output in TEMPLATE["Outputs"].items() if "Export" in output}
    assert {name: cells[:2] for name, cells in rows.items()} == {
        name: ["yes" if name in exported else "no", "yes"] for name in names
    }


def test_regions_of_the_edge_are_counted() -> None:
    assert f"all {len(EDGE_REGIONS)} Regions" in TEXT


class DeployCommand(NamedTuple):
    """A `sam deploy` line, with what its configuration's environment adds."""

    stack: str
    region: str
    parameters: dict[str, str]


def deploy_commands(text: str) -> list[DeployCommand]:
    """The `sam deploy` lines of a page."""
    config: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    commands = []
    for block in blocks(text, "sh"):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if "sam deploy " not in line:
                continue
            words = shlex.split(line, comments=True)
            assert words[0] == ".venv-sam/bin/sam"  # `make build` installs it; a machine may have no other
            assert "--guided" not in words
            options = words[2 : words.index("--parameter-overrides")]
            options_by_name = dict(zip(options[::2], options[1::2], strict=True))
            settings = config[options_by_name.get("--config-env", "default")]["global"]["parameters"]
            commands.append(
                DeployCommand(
                    options_by_name.get("--stack-name", settings["stack_name"]),
                    options_by_name.get("--region", settings.get("region", "the profile's")),
                    dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1 :]),
                )
            )
    return commands


TWO_COMMANDS = {"deploy.md": "The two commands", "../README.md": "Deploy"}


@pytest.mark.parametrize("name", TWO_COMMANDS)
def test_two_commands_deploy_what_the_rules_allow_and_one_guard(name: str) -> None:
    commands = deploy_commands(read(name))
    assert len(commands) >= 2
    stacks = [Stack(TEMPLATE, **command.parameters) for command in commands]
    assert [
        refusal for stack, command in zip(stacks, commands, strict=True) for refusal in refusals(stack, command)
    ] == []
    assert ["GuardFunction" in stack.resources for stack in stacks[:2]] == [True, False]


def refusals(stack: Stack, command: DeployCommand) -> list[str]:
    """What the template's rules say against a command."""
    return stack.refusals("eu-west-1" if command.region == "the profile's" else command.region)


@pytest.mark.parametrize(("name", "title"), TWO_COMMANDS.items())
def test_page_that_deploys_a_gateway_without_a_guard_says_what_it_needs(name: str, title: str) -> None:
    text = section(read(name), title)
    assert "Guard=false" in text
    assert {"`ReplicaRegions`", "`Guard=true`", "`FirstOrigin`"} <= set(re.findall(r"`[^`\n]+`", text))


def test_no_deploy_command_replaces_the_stack_of_another() -> None:
    fronts: dict[tuple[str, str], set[str]] = {}
    pages = ["../README.md", *(path.name for path in (ROOT / "docs").glob("*.md"))]
    for command in (command for page in pages for command in deploy_commands(read(page))):
        fronts.setdefault((command.stack, command.region), set()).add(command.parameters["Front"])
    assert [stack for stack, kinds in fronts.items() if len(kinds) > 1] == []
    assert {"edge", "http-api", "layer-only"} <= {kind for kinds in fronts.values() for kind in kinds}


def test_samconfig_deploys_one_guard_and_has_no_copies() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert config.keys() == {"version", "default", "gateway"}
    assert "Guard=false" in config["gateway"]["deploy"]["parameters"]["parameter_overrides"]


@pytest.fixture(scope="module")
def deployer() -> set[str]:
    """The actions of the deployer's policy."""
    policy = json.loads((ROOT / "docs" / "deployer-policy.json").read_text(encoding="utf-8"))
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_deployer_may_create_every_resource(deployer: set[str]) -> None:
    kinds = {resource["Type"] for resource in TEMPLATE["Resources"].values()}
    assert kinds == CREATE.keys()
    assert {CREATE[kind] for kind in kinds} <= deployer
    assert all(CREATE[kind].startswith(f"{SERVICES[kind.split('::')[1]]}:") or "Serverless" in kind for kind in kinds)


def test_every_parameter_has_its_permissions_listed() -> None:
    assert PARAMETERS.keys() == TEMPLATE["Parameters"].keys()


@pytest.mark.parametrize("name", PARAMETERS)
def test_deployer_may_set_and_reset_every_parameter(name: str, deployer: set[str]) -> None:
    assert set(PARAMETERS[name]) - deployer == set()


def test_deployer_may_remove_stack_tags(deployer: set[str]) -> None:
    assert UNTAG.keys() == set(SERVICES.values())
    assert {f"{service}:{action}" for service, action in UNTAG.items()} | {"iam:UntagPolicy"} <= deployer


def test_deployer_policy_fits_into_a_managed_policy() -> None:
    text = (ROOT / "docs" / "deployer-policy.json").read_text(encoding="utf-8")
    assert len(re.sub(r"\s", "", text)) <= MAX_MANAGED_POLICY

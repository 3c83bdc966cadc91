"""docs/deploy.md and docs/deployer-policy.json against the template."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

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


def deploy_commands(text: str) -> list[dict[str, str]]:
    """The parameters of each `sam deploy` line, with those of its configuration's environment."""
    config: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    commands = []
    for block in blocks(text, "sh"):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            words = shlex.split(line, comments=True)
            if words[1:2] != ["deploy"]:
                continue
            environment = words[words.index("--config-env") + 1] if "--config-env" in words else "default"
            assert "--guided" not in words
            overrides = words[words.index("--parameter-overrides") + 1 :]
            assert environment in config
            commands.append(dict(word.split("=", 1) for word in overrides))
    return commands


@pytest.mark.parametrize("name", ["deploy.md", "../README.md"])
def test_two_commands_deploy_what_the_rules_allow_and_one_guard(name: str) -> None:
    commands = deploy_commands(read(name))
    assert len(commands) >= 2
    stacks = [Stack(TEMPLATE, **parameters) for parameters in commands[:2]]
    assert [stack.refusals() for stack in stacks] == [[], []]
    assert ["GuardFunction" in stack.resources for stack in stacks] == [True, False]


def test_samconfig_deploys_one_guard_and_has_no_copies() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert config.keys() == {"version", "default", "gateway"}
    assert "Guard=false" in config["gateway"]["deploy"]["parameters"]["parameter_overrides"]


def test_deployer_may_create_every_resource() -> None:
    policy = json.loads((ROOT / "docs" / "deployer-policy.json").read_text(encoding="utf-8"))
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    kinds = {resource["Type"] for resource in TEMPLATE["Resources"].values()}
    assert kinds == CREATE.keys()
    assert {CREATE[kind] for kind in kinds} <= actions
    assert all(CREATE[kind].startswith(f"{SERVICES[kind.split('::')[1]]}:") or "Serverless" in kind for kind in kinds)
    # Attaching a function to a distribution.
    assert {"lambda:EnableReplication*", "lambda:GetFunction", "iam:CreateServiceLinkedRole"} <= actions

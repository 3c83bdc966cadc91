"""The CDK construct deploys what the template deploys: both as CloudFormation would get them."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.parameters import snake_case, template_parameters
from tests.deploy import synthesize
from tests.deploy.stacks import STACKS
from tests.support.require import require
from tests.template import checks
from tests.template.document import Stack

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"fronts": "edge"}, "unknown arguments: fronts. Use some of access_log_bucket, "),
    "value": ({"front": "cdn"}, "front: 'cdn' is not allowed. Use one of edge, edge-function, "),
    "pattern": ({"role_path": "teams"}, "role_path: 'teams' is invalid. Use a path such as /teams/web/"),
    "length": ({"site": "s" * 65}, "site: it has 65 characters. Use at most 64."),
    "range": ({"reserved_concurrency": -2}, "reserved_concurrency: -2 is out of range. Use -1 to 100000."),
    "rule": ({"front": "edge"}, "The front edge needs OriginDomainName"),
    "region": ({"front": "edge-function", "region": "eu-west-1"}, "CloudFront uses functions of us-east-1 only."),
}
PYTHON_VALUES = {
    "front": "edge",
    "origin_domain_name": "api.example.com",
    "aliases": ["www.example.com", "example.com"],
    "certificate_arn": checks.FULL["CertificateArn"],
    "tracing": True,
    "forward_host": False,
}
REFERENCES = {
    "front": "http-api",
    "site": "shop",
    "upstream": "https://api.example.com",
    "security_group_ids": ["sg-0123456789abcdef0"],
}


@pytest.fixture(scope="session")
def synthesized(packaged: Path) -> dict[str, Any]:
    """All stacks of this module, in one run of the CDK."""
    require(synthesize.PYTHON.exists(), "the CDK is not here: run `make runtime`")
    arguments: dict[str, dict[str, Any]] = {
        name: {snake_case(key): value for key, value in parameters.items()} for name, parameters in STACKS.items()
    }
    return synthesize.synthesize(
        packaged,
        arguments
        | {f"refused-{name}": dict(values) for name, (values, _) in REFUSED.items()}
        | {"python-values": PYTHON_VALUES, "own": {"front": "edge-function", "own_distribution": True}}
        | {"references": {**REFERENCES, "own_key": True}},
    )


def resources(stack: Stack) -> dict[str, Any]:
    """What CloudFormation acts on, without the hashes in names and the places of code."""
    result = {}
    for name, item in stack.resources.items():
        fields = {
            key: item[key] for key in ("Type", "Properties", "DeletionPolicy", "UpdateReplacePolicy") if key in item
        }
        for field in ("Code", "Content"):
            if "S3Key" in (fields["Properties"].get(field) or {}):
                fields["Properties"] = {**fields["Properties"], field: "a zip"}
        result[without_hash(name)] = json.loads(without_hash(json.dumps(as_texts(fields))))
    return result


def as_texts(node: Any) -> Any:
    """A node with its numbers and booleans as text, which are the same to CloudFormation."""
    if isinstance(node, dict):
        return {key: as_texts(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_texts(item) for item in node]
    return str(node).lower() if isinstance(node, bool) else str(node)


def without_hash(text: str) -> str:
    """A text without the hashes that SAM and the construct append to logical ids."""
    return re.sub(r"\b(CorsLayer|(?:Edge|Gateway)FunctionVersion|RestApiDeployment)[0-9a-f]{10}\b", r"\1", text)


def resolve(template: dict[str, Any], **parameters: str) -> Stack:
    template = {"Parameters": {}, **template}
    template["Parameters"] = {name: item for name, item in template["Parameters"].items() if name != "BootstrapVersion"}
    return Stack(template, **parameters)


@pytest.mark.parametrize("name", STACKS)
def test_construct_deploys_what_the_template_deploys(
    name: str, synthesized: dict[str, Any], transformed: dict[str, Any]
) -> None:
    construct = resolve(synthesized["templates"][name])
    template = resolve(transformed, **STACKS[name])
    expected, actual = resources(template), resources(construct)
    for resource in expected.values():
        # The time of the transform, and a note that SAM made it.
        if resource["Type"] == "AWS::ApiGateway::Deployment":
            resource["Properties"].pop("Description", None)
    assert actual == expected
    outputs = {key: without_hash(str(value)) for key, value in construct.outputs.items()}
    assert outputs == {key: without_hash(str(value)) for key, value in template.outputs.items()}


@pytest.mark.parametrize("name", STACKS)
def test_construct_leaves_no_condition_or_parameter(name: str, synthesized: dict[str, Any]) -> None:
    template = synthesized["templates"][name]
    assert template.keys() - {"Description"} == {"Resources", "Outputs", "Parameters", "Rules"}
    # Those of the CDK's bootstrapping.
    assert template["Parameters"].keys() == {"BootstrapVersion"}
    assert template["Rules"].keys() == {"CheckBootstrapVersion"}
    assert not re.search(r'"Fn::(If|Equals)"|AWS::NoValue', json.dumps(template["Resources"]))


def test_construct_uploads_the_packaged_zips(synthesized: dict[str, Any], packaged: Path) -> None:
    zips = {"EdgeFunction": "edge", "GuardFunction": "guard", "CorsLayer": "layer"}
    checksums = {
        path.name.rpartition("-")[0].removeprefix("edgecors-"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in packaged.glob("*.zip")
    }
    uploaded = {}
    for name, resource in synthesized["templates"]["edge"]["Resources"].items():
        code = resource["Properties"].get("Code") or resource["Properties"].get("Content")
        if code:
            uploaded[without_hash(name)] = synthesized["assets"][code["S3Key"]]
    assert uploaded == {name: checksums[artifact] for name, artifact in zips.items()}


def test_construct_takes_lists_and_booleans(synthesized: dict[str, Any]) -> None:
    properties = {
        name: item["Properties"] for name, item in synthesized["templates"]["python-values"]["Resources"].items()
    }
    assert properties["Distribution"]["DistributionConfig"]["Aliases"] == PYTHON_VALUES["aliases"]
    assert properties["GuardFunction"]["TracingConfig"] == {"Mode": "Active"}


def test_construct_attaches_to_a_distribution_of_the_user(synthesized: dict[str, Any]) -> None:
    own = synthesized["templates"]["own"]["Resources"]
    (distribution,) = (item for item in own.values() if item["Type"] == "AWS::CloudFront::Distribution")
    associations = distribution["Properties"]["DistributionConfig"]["DefaultCacheBehavior"][
        "LambdaFunctionAssociations"
    ]
    (version,) = (name for name, item in own.items() if item["Type"] == "AWS::Lambda::Version")
    assert {item["EventType"]: item["LambdaFunctionARN"] for item in associations} == {
        event: {"Ref": version} for event in checks.TRIGGERS["viewer"]
    }


def test_construct_takes_references_to_other_resources(synthesized: dict[str, Any]) -> None:
    template = synthesized["templates"]["references"]["Resources"]
    (key,) = ({"Fn::GetAtt": [name, "Arn"]} for name, item in template.items() if item["Type"] == "AWS::KMS::Key")
    assert template["Topic"]["Properties"]["KmsMasterKeyId"] == key
    assert template["GatewayFunction"]["Properties"]["VpcConfig"]["SubnetIds"] == {"Ref": "Subnets"}
    statements = template["GatewayPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (decrypt,) = (item["Resource"] for item in statements if item["Sid"] == "DecryptPolicies")
    # The account and the id are taken out of the ARN when the stack is deployed.
    text, parts = decrypt["Fn::Sub"]
    assert text == "arn:${AWS::Partition}:kms:*:${Account}:key/${Key}"
    assert parts["Key"] == {
        "Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Sub": ["${SecureStringKeyArn}/", {"SecureStringKeyArn": key}]}]}]
    }


def test_examples_in_the_readme_use_the_construct_as_it_is() -> None:
    text = (synthesize.ROOT / "deploy" / "cdk" / "README.md").read_text("utf-8")
    trees = [ast.parse(block) for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    calls = [
        {keyword.arg for keyword in node.keywords}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Edgecors"
    ]
    assert len(calls) == 2
    names = {snake_case(name) for name in template_parameters()} | {"package"}
    assert [sorted(map(str, call - names)) for call in calls] == [[], []]


@pytest.mark.parametrize("name", REFUSED)
def test_construct_refuses_what_the_template_refuses(name: str, synthesized: dict[str, Any]) -> None:
    assert REFUSED[name][1] in synthesized["errors"][f"refused-{name}"]


def test_construct_has_the_version_of_the_package() -> None:
    projects = (synthesize.ROOT / "pyproject.toml", synthesize.ROOT / "deploy" / "cdk" / "pyproject.toml")
    versions = {tomllib.loads(path.read_text("utf-8"))["project"]["version"] for path in projects}
    assert len(versions) == 1


def test_parameters_of_the_construct_are_the_template_s() -> None:
    text = (synthesize.ROOT / "deploy" / "cdk" / "edgecors_cdk" / "parameters.py").read_text("utf-8")
    assert re.findall(r"^    (\w+):", text, re.MULTILINE) == [snake_case(name) for name in template_parameters()]

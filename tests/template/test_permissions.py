"""What each role may and may not do, by the statements of the template."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from edgecors.aws.parameters import ParameterReader
from edgecors.decision import Request, decide
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from tests.support.parameter_store import ParameterStoreServer
from tests.template.checks import statements as role_statements
from tests.template.document import Stack, read
from tests.template.iam import allows

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11112222-aaaa-bbbb-cccc-333344445555"
PARAMETER = "arn:aws:ssm:{region}:" + ACCOUNT + ":parameter{name}"
STACKS: dict[str, dict[str, str]] = {
    "EdgeRole": {"Front": "edge", "OriginDomainName": "api.example.com", "SecureStringKeyArn": KEY},
    "GatewayRole": {"Front": "http-api", "Site": "shop", "Upstream": "https://a.example", "SecureStringKeyArn": KEY},
    "GuardRole": {"Front": "http-api", "Site": "shop", "Upstream": "https://a.example", "SecureStringKeyArn": KEY},
}


document = functools.cache(read)


@functools.cache
def statements(role: str, **parameters: str) -> list[Mapping[str, Any]]:
    stack = Stack(document(), **(STACKS[role] | parameters))
    return [statement for (name, _), statement in role_statements(stack) if name == role]


def may(role: str, action: str, resource: str, region: str = "us-east-1", **parameters: str) -> bool:
    context = {"aws:RequestedRegion": region}
    if action.startswith("kms:"):
        context["kms:ViaService"] = f"ssm.{region}.amazonaws.com"
    return allows(statements(role, **parameters), action, resource, context)


def parameter(name: str, region: str = "us-east-1") -> str:
    return PARAMETER.format(region=region, name=name)


POLICY, LIST = parameter("/edgecors/sites/shop"), parameter("/edgecors/lists/partners")


@pytest.mark.parametrize("role", STACKS)
@pytest.mark.parametrize("action", ["ssm:GetParameter", "ssm:GetParameters"])
def test_role_reads_policies_and_lists(role: str, action: str) -> None:
    assert may(role, action, POLICY)
    assert may(role, action, LIST)


@pytest.mark.parametrize("role", STACKS)
@pytest.mark.parametrize("action", ["ssm:GetParameter", "ssm:GetParameters"])
def test_role_reads_aliases(role: str, action: str) -> None:
    assert may(role, action, parameter("/edgecors/aliases/E2EXAMPLE1234"))


@pytest.mark.parametrize("role", ["EdgeRole", "GuardRole"])
def test_role_uses_a_multi_region_key_in_every_region(role: str) -> None:
    """A multi-Region key has the same id in every Region, and thus another ARN in each."""
    replica = KEY.replace("us-east-1", "eu-west-1")
    assert may(role, "kms:Decrypt", replica, region="eu-west-1")
    assert not may(role, "kms:Decrypt", replica.replace(ACCOUNT, "210987654321"), region="eu-west-1")


@pytest.mark.parametrize("role", STACKS)
@pytest.mark.parametrize(
    "resource",
    [
        parameter("/other/secret"),
        parameter("/edgecors"),
        parameter("/edgecorsx/sites/shop"),
        parameter("/x/edgecors/sites/shop"),
        parameter("/Edgecors/sites/shop"),
        POLICY.replace(ACCOUNT, "210987654321"),
        f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:edgecors/sites/shop",
    ],
)
def test_role_reads_nothing_outside_the_root(role: str, resource: str) -> None:
    for action in ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"):
        assert not may(role, action, resource)
    assert not may(role, "secretsmanager:GetSecretValue", resource)


DENIED_TO_ALL = [
    ("ssm:LabelParameterVersion", POLICY),
    ("ssm:DescribeParameters", "*"),
    ("ssm:SendCommand", "*"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/anything"),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/anything"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/anything"),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edgecors"),
    ("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edgecors"),
    ("cloudfront:UpdateDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2EXAMPLE1234"),
    ("cloudfront:CreateInvalidation", f"arn:aws:cloudfront::{ACCOUNT}:distribution/EANOTHERONE"),
    ("s3:GetObject", "arn:aws:s3:::bucket/key"),
    ("logs:GetLogEvents", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/edgecors/edgecors/edge:log-stream:x"),
    ("logs:PutLogEvents", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/another:log-stream:x"),
    ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/edgecors/edgecors/edge"),
    ("kms:Decrypt", KEY.replace("11112222", "99990000")),
    ("kms:CreateGrant", KEY),
    ("kms:ScheduleKeyDeletion", KEY),
]


@pytest.mark.parametrize("role", STACKS)
@pytest.mark.parametrize(("action", "resource"), DENIED_TO_ALL)
def test_role_is_denied_other_actions(role: str, action: str, resource: str) -> None:
    assert not may(role, action, resource)


@pytest.mark.parametrize("role", ["EdgeRole", "GatewayRole"])
def test_role_in_the_request_path_writes_nothing(role: str) -> None:
    for action in ("ssm:PutParameter", "ssm:DeleteParameter", "ssm:GetParameterHistory", "ssm:GetParametersByPath"):
        assert not may(role, action, POLICY)
    assert not may(role, "kms:Encrypt", KEY)
    assert not may(role, "sns:Publish", "<Topic>")
    assert not may(role, "sqs:SendMessage", "<GuardDeadLetters.Arn>")


def test_role_uses_a_key_only_through_parameter_store() -> None:
    for role in STACKS:
        allowed = statements(role)
        assert allows(allowed, "kms:Decrypt", KEY, {"kms:ViaService": "ssm.us-east-1.amazonaws.com"})
        assert not allows(allowed, "kms:Decrypt", KEY, {})
        assert not allows(allowed, "kms:Decrypt", KEY, {"kms:ViaService": "s3.us-east-1.amazonaws.com"})
        assert not allows(
            allowed, "kms:Decrypt", KEY, {"kms:ViaService": "evil.ssm.us-east-1.amazonaws.com.evil.example"}
        )


def test_role_without_a_key_parameter_uses_no_key() -> None:
    for role in STACKS:
        assert not may(role, "kms:Decrypt", KEY, SecureStringKeyArn="")


@pytest.mark.parametrize(
    ("parameters", "writes"),
    [({}, False), ({"AutoRevert": "true"}, True), ({"ReplicaRegions": "eu-west-1"}, True)],
)
def test_guard_role_writes_only_with_auto_revert_or_replicas(parameters: dict[str, str], writes: bool) -> None:
    assert may("GuardRole", "ssm:PutParameter", POLICY, **parameters) is writes
    assert not may("GuardRole", "ssm:PutParameter", parameter("/other/x"), **parameters)
    far = parameter("/edgecors/sites/shop", "ap-southeast-2")
    assert not may("GuardRole", "ssm:PutParameter", far, region="ap-southeast-2", **parameters)
    near = parameter("/edgecors/sites/shop", "eu-west-1")
    copied = "ReplicaRegions" in parameters
    assert may("GuardRole", "ssm:PutParameter", near, region="eu-west-1", **parameters) is copied


def test_gateway_role_reads_only_its_own_region() -> None:
    assert not may(
        "GatewayRole", "ssm:GetParameter", parameter("/edgecors/sites/shop", "eu-west-1"), region="eu-west-1"
    )
    # The edge function runs in any Region, and asks that Region first.
    assert may("EdgeRole", "ssm:GetParameter", parameter("/edgecors/sites/shop", "eu-west-1"), region="eu-west-1")


def test_role_with_another_root_reads_only_that_root() -> None:
    assert may("GatewayRole", "ssm:GetParameter", parameter("/team/cors/sites/shop"), RootPrefix="/team/cors")
    assert not may("GatewayRole", "ssm:GetParameter", POLICY, RootPrefix="/team/cors")


def test_evaluator_unknown_statement_raises() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    with pytest.raises(ValueError, match="not implemented"):
        allows([deny], "ssm:GetParameter", POLICY, {})
    odd = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericLessThan": {"a": 1}}}
    with pytest.raises(ValueError, match="not implemented"):
        allows([odd], "ssm:GetParameter", POLICY, {})


def test_edge_role_against_a_store_that_enforces_permissions_reads_and_does_not_write(
    parameter_store: ParameterStoreServer,
) -> None:
    """moto evaluates the actions of the statement; for Systems Manager it does not evaluate resources."""
    statement = next(each for each in statements("EdgeRole") if each["Sid"] == "ReadPolicies")
    parameter_store.put("/edgecors/sites/shop", "https://app.example.com")
    reading = parameter_store.temporary_credentials({**statement, "Resource": "*"})
    lines: list[str] = []
    client = ParameterReader("us-east-1", environ=parameter_store.environment(credentials=reading))
    policy = PolicyStore([client], Telemetry(lines.append)).get("shop")
    client.close()
    assert policy is not None
    assert decide(policy, Request("GET", "/", origin="https://app.example.com")).reason == "allowed"
    with pytest.raises(ClientError, match="AccessDenied"):
        parameter_store.client_in("us-east-1", reading).put_parameter(
            Name="/edgecors/sites/shop", Value="https://evil.example", Type="String", Overwrite=True
        )


def test_role_without_permission_to_read_gives_no_policy_and_logs_the_error(
    parameter_store: ParameterStoreServer,
) -> None:
    parameter_store.put("/edgecors/sites/shop", "https://app.example.com")
    nothing = parameter_store.temporary_credentials({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    lines: list[str] = []
    client = ParameterReader("us-east-1", environ=parameter_store.environment(credentials=nothing))
    assert PolicyStore([client], Telemetry(lines.append)).get("shop") is None
    client.close()
    (line,) = [json.loads(line) for line in lines if "policy refresh failed" in line]
    assert line["code"] in ("AccessDeniedException", "http-403")

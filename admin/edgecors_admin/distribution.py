"""A CloudFront distribution over boto3: its configuration, the policies that it names, and the record of attaching."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgecors_admin.account import aws_errors
from edgecors_admin.attach import Functions, Policies, find_behavior
from edgecors_admin.errors import AwsError, CommandError

if TYPE_CHECKING:
    from edgecors_admin.account import Account

RECORDS = "/edgecors-attachments"
"""Where the record of each distribution is kept: outside the root, so that no function reads it."""


class Distribution:
    """One distribution. Changes are written only if nobody else has changed it meanwhile."""

    def __init__(self, account: Account, id: str) -> None:
        self._account = account
        self.id = id
        with aws_errors(account.name):
            response = account.cloudfront.get_distribution_config(Id=id)
        self.config: dict[str, Any] = dict(response["DistributionConfig"])
        self._etag = response["ETag"]

    def policies(self, pattern: str) -> Policies:
        """The policies that a behavior names."""
        behavior = find_behavior(self.config, pattern)
        client = self._account.cloudfront
        cache = origin_request = response_headers = None
        with aws_errors(self._account.name):
            if id := behavior.get("CachePolicyId"):
                cache = client.get_cache_policy(Id=id)["CachePolicy"]["CachePolicyConfig"]
            if id := behavior.get("OriginRequestPolicyId"):
                origin_request = client.get_origin_request_policy(Id=id)["OriginRequestPolicy"][
                    "OriginRequestPolicyConfig"
                ]
            if id := behavior.get("ResponseHeadersPolicyId"):
                response_headers = client.get_response_headers_policy(Id=id)["ResponseHeadersPolicy"][
                    "ResponseHeadersPolicyConfig"
                ]
        return Policies(cache, origin_request, response_headers)

    def handler_of(self, arn: str) -> str:
        """The handler of a Lambda function."""
        with aws_errors(self._account.name, "us-east-1"):
            function = self._account.client("lambda", "us-east-1").get_function_configuration(FunctionName=arn)
        return str(function["Handler"])

    def update(self, config: Mapping[str, Any]) -> None:
        """Write the configuration. Raises `CommandError` if somebody else has changed the distribution."""
        try:
            with aws_errors(self._account.name):
                self._account.cloudfront.update_distribution(
                    Id=self.id,
                    IfMatch=self._etag,
                    DistributionConfig=config,  # type: ignore[arg-type]
                )
        except AwsError as error:
            if error.code == "PreconditionFailed":
                raise CommandError(
                    f"The distribution {self.id} was changed meanwhile. Nothing was written; run the command again."
                ) from error
            raise

    def record(self) -> dict[str, Any]:
        """What was attached: for each behavior and field the values before and after."""
        client = self._account.ssm
        with aws_errors(self._account.name):
            try:
                value = client.get_parameter(Name=f"{RECORDS}/{self.id}")["Parameter"].get("Value", "{}")
            except client.exceptions.ParameterNotFound:
                return {}
        record: dict[str, Any] = json.loads(value)
        return record

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Store the record, or delete it when it is empty."""
        client, name = self._account.ssm, f"{RECORDS}/{self.id}"
        with aws_errors(self._account.name):
            if record:
                client.put_parameter(
                    Name=name, Value=json.dumps(record), Type="String", Overwrite=True, Tier="Intelligent-Tiering"
                )
            else:
                client.delete_parameter(Name=name)


def functions_of_stack(account: Account, stack: str) -> Functions:
    """The functions that are outputs of a stack in us-east-1. Raises `CommandError` without an edge function."""
    with aws_errors(account.name, "us-east-1"):
        stacks = account.client("cloudformation", "us-east-1").describe_stacks(StackName=stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    if "EdgeFunctionVersion" not in outputs:
        raise CommandError(
            f"The stack {stack} has no output EdgeFunctionVersion. Deploy it with Front=edge-function, or name the"
            " version with --function."
        )
    viewer_request, _, viewer_response = outputs.get("ViewerFunctions", "").partition(",")
    return Functions(outputs["EdgeFunctionVersion"], viewer_request, viewer_response)

"""edgecors as an AWS CDK construct, made from the template that `make package` writes."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack, Token
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

from edgecors_cdk.template import fix_parameters, parameter_values

if TYPE_CHECKING:
    from typing import Unpack

    from edgecors_cdk.parameters import TemplateParameters

__all__ = ["Edgecors"]


class Edgecors(Construct):  # type: ignore[misc]
    """What the template deploys with these parameters, in a stack of the CDK.

    The resources have the logical ids of the template, so a stack can have one of these.

    Attributes:
        resources: The template's resources, by logical id: `resources.get_resource("Distribution")`.
    """

    def __init__(
        self, scope: Construct, id: str, *, package: str | Path, **parameters: Unpack[TemplateParameters]
    ) -> None:
        """Add the resources to the stack.

        Args:
            scope: The stack. The fronts ``edge`` and ``edge-function`` need one in us-east-1.
            id: The construct's id.
            package: The directory that `make package` has written.
            **parameters: The template's parameters, in Python's spelling: ``OriginDomainName`` is
                ``origin_domain_name``. Lists and booleans can be Python's.

        Raises:
            ValueError: A parameter has a value that the template does not allow, or the directory has no template.
        """
        super().__init__(scope, id)
        directory = Path(package)
        template = _read_template(directory)
        values = parameter_values(template, parameters)
        region = Stack.of(self).region
        fixed = fix_parameters(template, values, None if Token.is_unresolved(region) else region)
        # CfnInclude reads a file.
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "template.json")
            file.write_text(json.dumps(fixed), encoding="utf-8")
            self.resources = CfnInclude(self, "Template", template_file=str(file))
        self._outputs: dict[str, Any] = fixed["Outputs"]
        self._use_assets(directory, fixed["Resources"])
        self._deploy_rest_api(fixed["Resources"])

    def output(self, name: str) -> str:
        """An output of the template, such as ``DistributionId``. Raises `ValueError` if this stack lacks it."""
        if name not in self._outputs:
            raise ValueError(f"there is no output {name!r}. Use one of {', '.join(self._outputs)}.")
        value: str = Token.as_string(self.resources.get_output(name).value)
        return value

    @property
    def edge_lambdas(self) -> list[cloudfront.EdgeLambda]:
        """The edge function at the events of its set-up, for a behavior of a distribution of your own."""
        version = self.node.try_find_child("Version") or lambda_.Version.from_version_arn(
            self, "Version", self.output("EdgeFunctionVersion")
        )
        events: str = self._outputs["EdgeTriggers"]["Value"]
        return [
            cloudfront.EdgeLambda(
                event_type=cloudfront.LambdaEdgeEventType[event.upper().replace("-", "_")],
                function_version=version,
            )
            for event in events.split(", ")
        ]

    def _use_assets(self, directory: Path, resources: dict[str, Any]) -> None:
        """Upload the zips with the stack's other assets, in place of the template's addresses."""
        for name, resource in resources.items():
            field = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}.get(resource["Type"])
            if field is None:
                continue
            file_name = Path(resource["Properties"][field]["S3Key"]).name
            asset = s3_assets.Asset(self, f"{name}Code", path=str(directory / file_name))
            included = self.resources.get_resource(name)
            included.add_property_override(f"{field}.S3Bucket", asset.s3_bucket_name)
            included.add_property_override(f"{field}.S3Key", asset.s3_object_key)

    def _deploy_rest_api(self, resources: dict[str, Any]) -> None:
        """Name the REST API's deployment by its content: API Gateway deploys a change with a new one only."""
        if "RestApiDeployment" in resources:
            content = json.dumps(resources["RestApi"], sort_keys=True).encode()
            suffix = hashlib.sha256(content).hexdigest()[:10]
            self.resources.get_resource("RestApiDeployment").override_logical_id(f"RestApiDeployment{suffix}")


def _read_template(directory: Path) -> dict[str, Any]:
    files = sorted(directory.glob("edgecors-template-*.json"))
    if len(files) != 1:
        raise ValueError(
            f"package: {directory} has {len(files)} edgecors templates. Run make package, and name its directory."
        )
    template: dict[str, Any] = json.loads(files[0].read_text(encoding="utf-8"))
    return template

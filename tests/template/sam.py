"""Runs SAM's own transform, in the environment of the SAM CLI."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from scripts import transform as script
from scripts.transform import environment

__all__ = ["BIN", "environment", "transform"]

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-sam" / "bin"


def transform(*jobs: tuple[dict[str, Any], dict[str, str]]) -> list[dict[str, Any]]:
    """What CloudFormation would get of each template with these parameters."""
    return script.transform(*((_as_packaged(template), parameters) for template, parameters in jobs))


def _as_packaged(template: dict[str, Any]) -> dict[str, Any]:
    """A copy with code at S3 addresses, as `sam package` would leave it."""
    packaged = copy.deepcopy(template)
    for name, resource in packaged["Resources"].items():
        for key in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][key] = f"s3://bucket/{name}"
    return packaged

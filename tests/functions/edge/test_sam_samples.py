"""The samples of ``sam local generate-event cloudfront``, which are incomplete events."""

import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.events import CLOUDFRONT_SAMPLES
from tests.functions.edge.support import SETUPS, TRIGGERS, Handlers, trigger_of
from tests.support.require import require

SAM = Path(__file__).resolve().parents[3] / ".venv-sam" / "bin" / "sam"
POLICIES: dict[str, Any] = {
    "origins": {"version": 1, "rules": [{"allow_origins": ["https://app.example.com"]}]},
    "everyone": {"version": 1, "rules": [{"allow_origins": "*", "on_refused": "block", "expose_headers": ["etag"]}]},
    "none": None,
}


@functools.cache
def sam(*arguments: str) -> str:
    """The output of the SAM CLI."""
    require(SAM.exists(), "the SAM CLI is not here: run `make runtime`")
    command = [str(SAM), "local", "generate-event", "cloudfront", *arguments]
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def test_sam_sample_names_are_complete() -> None:
    listed = sam("--help").rpartition("Commands:")[2]
    assert re.findall(r"^  ([a-z-]+)(?:  |$)", listed, re.MULTILINE) == list(CLOUDFRONT_SAMPLES)


@pytest.mark.parametrize("name", CLOUDFRONT_SAMPLES)
def test_sam_sample_is_not_an_error(name: str) -> None:
    event = json.loads(sam(name))
    assert trigger_of(event) in TRIGGERS
    for policy in POLICIES.values():
        for setup in SETUPS:
            # `Handlers` checks each result against CloudFront's rules.
            handlers = Handlers(policy)
            handlers(setup, event)
            assert handlers.failures == []

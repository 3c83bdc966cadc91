"""Decides what the action does: ``apply`` for a push to the default branch, ``plan`` for a pull request and by hand.

A pull request from a fork gets no credentials from GitHub: ``skip``. Events that run a pull request's files with the
rights of the default branch are refused.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RefusedEventError(Exception):
    """The event must not run this action."""


def decide(name: str, reference: str, event: Mapping[str, Any]) -> tuple[str, str]:
    """The mode and the reason. Raises `RefusedEventError`.

    Args:
        name: GITHUB_EVENT_NAME.
        reference: GITHUB_REF.
        event: the payload at GITHUB_EVENT_PATH.
    """
    default = event["repository"]["default_branch"]
    if name == "pull_request":
        head = event["pull_request"]["head"].get("repo") or {}
        if head.get("full_name") != event["repository"]["full_name"]:
            return "skip", "Pull requests from forks get no credentials, so there is no plan for this one."
        return "plan", "A pull request: plan only."
    if name == "push" and reference == f"refs/heads/{default}":
        return "apply", f"A push to {default}: apply."
    if name in ("push", "workflow_dispatch"):
        return "plan", f"Not a push to {default}: plan only."
    raise RefusedEventError(
        f"edgecors does not run on {name}. Use pull_request for the plan, and push for the default branch."
    )


def main() -> int:
    """Write the mode as an output; the exit status."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    try:
        mode, reason = decide(os.environ["GITHUB_EVENT_NAME"], os.environ["GITHUB_REF"], event)
    except RefusedEventError as error:
        print(f"::error::{error}")
        return 1
    print(f"::notice::{reason}" if mode == "skip" else reason)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"mode={mode}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

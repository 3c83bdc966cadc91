"""Writes the plan as a comment on the pull request: one comment for each environment, edited when the plan changes.

Only a comment of a bot is edited, as anybody can write a comment that has the marker. The plan holds text of the pull
request, so it stands in a code block that it can't end.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MAX_PLAN = 60_000
"""Characters of a plan; GitHub takes 65,536 in a comment."""
PAGE = 100
MAX_PAGES = 30
_TITLES = {"0": "no changes", "4": "changes", "1": "rejected"}


def body(plan: str, status: str, environment: str, root: str) -> str:
    """The comment's text."""
    title = f"edgecors plan{f' for {environment}' if environment else ''}: {_TITLES.get(status, 'failed')}"
    if len(plan) > MAX_PLAN:
        plan = plan[:MAX_PLAN] + "\n... The rest is in the log of the workflow.\n"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plan)), default=0))
    outlook = "Merging writes this." if status == "4" else "Nothing is written." if status == "0" else "Do not merge."
    return f"{marker(environment, root)}\n**{title}**\n\n{fence}\n{plan.rstrip()}\n{fence}\n\n{outlook}\n"


def marker(environment: str, root: str) -> str:
    """An invisible mark that identifies the comment of this plan."""
    # Two hyphens would end the comment.
    name = re.sub(r"[^A-Za-z0-9_./]+", "-", f"{environment or 'default'} {root}")
    return f"<!-- edgecors-plan {name} -->"


class GitHub:
    """The part of GitHub's REST API that comments need."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def call(self, method: str, path: str, data: Any = None) -> Any:
        """Send a request. Raises `urllib.error.URLError`."""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def own_comment(self, issues: str, number: int, mark: str) -> int | None:
        """The id of a bot's comment that starts with the marker."""
        for page in range(1, MAX_PAGES + 1):
            comments = self.call("GET", f"{issues}/{number}/comments?per_page={PAGE}&page={page}")
            for comment in comments:
                if comment["user"]["type"] == "Bot" and comment["body"].startswith(mark):
                    return int(comment["id"])
            if len(comments) < PAGE:
                break
        return None


def main(arguments: list[str]) -> int:
    """Write the comment; the exit status."""
    environment, root = os.environ.get("ENVIRONMENT", ""), os.environ.get("EDGECORS_ROOT", "")
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = int(event["pull_request"]["number"])
    text = body(Path(arguments[0]).read_text(encoding="utf-8"), os.environ.get("STATUS", ""), environment, root)
    issues = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    github = GitHub(os.environ["GITHUB_API_URL"], os.environ["GITHUB_TOKEN"])
    try:
        comment = github.own_comment(issues, number, marker(environment, root))
        if comment is None:
            github.call("POST", f"{issues}/{number}/comments", {"body": text})
        else:
            github.call("PATCH", f"{issues}/comments/{comment}", {"body": text})
    except urllib.error.URLError as error:
        print(f"::error::The plan could not be commented: {error}. The job needs the permission pull-requests: write.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

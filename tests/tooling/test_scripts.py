"""The scripts behind the make targets."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from harness.lambda_runtime import LambdaRuntime
from scripts import package

ROOT = Path(__file__).resolve().parents[2]
FIND = ROOT / "scripts" / "find_python.sh"
COMPILE = ROOT / "scripts" / "compile_artifact.sh"
HANDLER = "def handler(event, context):\n    return event + 1\n"


def run(*command: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with a shell and no interpreter at all; more are put into the directory on PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "dirname"):
        tool = shutil.which(name)
        assert tool is not None
        (directory / name).symlink_to(tool)
    return {"PATH": str(directory), "HOME": str(tmp_path)}


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    directory = tmp_path / "artifact"
    directory.mkdir()
    (directory / "app.py").write_text(HANDLER)
    return directory


def imitate(environment: dict[str, str], name: str, script: str) -> None:
    program = Path(environment["PATH"]) / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_python_the_remedy_is_printed(bare: dict[str, str]) -> None:
    done = run(FIND, environment=bare)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11 or later" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_plain_python3_is_preferred(bare: dict[str, str]) -> None:
    imitate(bare, "python3", f'exec {sys.executable} "$@"')
    imitate(bare, "python3.13", "echo the wrong one")
    done = run(FIND, environment=bare)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).exists()


def test_one_that_is_too_old_or_does_not_run_is_passed_over(bare: dict[str, str]) -> None:
    imitate(bare, "python3", "echo 'python3: command not found' >&2; exit 127")
    imitate(bare, "python3.13", f'exec {sys.executable} "$@"')
    done = run(FIND, environment=bare)
    assert done.returncode == 0
    assert Path(done.stdout.strip()).exists()


def test_an_exact_version_that_is_not_here_is_not_replaced(bare: dict[str, str]) -> None:
    imitate(bare, "python3", f'exec {sys.executable} "$@"')
    imitate(bare, "python3.99", f'exec {sys.executable} "$@"')
    done = run(FIND, "3.99", environment=bare)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_without_lambdas_python_an_artifact_stays_as_it_is(bare: dict[str, str], artifact: Path) -> None:
    done = run(COMPILE, artifact, environment=bare)
    assert done.returncode == 0
    assert "no python3.13 here" in done.stderr
    assert [path.name for path in artifact.iterdir()] == ["app.py"]


@pytest.fixture
def compiled(artifact: Path) -> Path:
    if run(FIND, "3.13").returncode != 0:
        pytest.skip("there is no python3.13 here, so artifacts get no bytecode")
    done = run(COMPILE, artifact)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return artifact


def test_bytecode_counts_whatever_the_times_of_the_files_are(compiled: Path) -> None:
    bytecode = (compiled / "__pycache__" / "app.cpython-313.pyc").read_bytes()
    # PEP 552: bit 0 of the flags says "by hash", bit 1 would say "compare it with the source".
    assert int.from_bytes(bytecode[4:8], "little") == 0b01


def test_bytecode_names_its_place_in_lambda_and_not_here(compiled: Path) -> None:
    bytecode = (compiled / "__pycache__" / "app.cpython-313.pyc").read_bytes()
    assert b"/var/task/app.py" in bytecode
    assert str(compiled).encode() not in bytecode


@pytest.mark.artifact
@pytest.mark.usefixtures("runtime_emulator")
def test_bytecode_is_what_runs(compiled: Path) -> None:
    (compiled / "app.py").write_text("this is no Python\n")
    python = ROOT / ".venv-lambda" / "bin" / "python"
    with LambdaRuntime(compiled, python=python) as runtime:
        assert runtime.invoke(20) == 21


def test_scripts_and_ci_can_be_run() -> None:
    for script in (*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"):
        assert os.access(script, os.X_OK), script
        assert run("sh" if script.suffix else "bash", "-n", script).returncode == 0, script


def test_package_of_the_same_artifacts_has_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Times and the order of files on the disk must not count."""
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    package.pack(built / "EdgeFunction", one)
    copy = tmp_path / "copy"
    shutil.copytree(built / "EdgeFunction", copy)
    package.pack(copy, other)
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert "app.py" in archive.namelist()


def test_package_has_checksums_of_every_file(packaged: Path) -> None:
    version = package.version()
    lines = (packaged / "SHA256SUMS").read_text("utf-8").splitlines()
    checksums = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    assert checksums.keys() == {
        *(f"edgecors-{name}-{version}.zip" for name in ("edge", "gateway", "guard", "layer")),
        *(f"edgecors-viewer-{name}-{version}.js" for name in ("request", "response")),
        f"edgecors-template-{version}.json",
    }
    assert {name: hashlib.sha256((packaged / name).read_bytes()).hexdigest() for name in checksums} == checksums


def test_packaged_template_is_the_same_each_time(packaged: Path, built: Path) -> None:
    template = yaml.safe_load((built / "template.yaml").read_text("utf-8"))
    text = json.dumps(package.transformed_template(template, packaged), indent=1, sort_keys=True) + "\n"
    assert text == (packaged / f"edgecors-template-{package.version()}.json").read_text("utf-8")

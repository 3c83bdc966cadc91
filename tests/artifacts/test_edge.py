"""The built edge artifact: what is in it, and that it works in Lambda's runtime."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from edgecors_local.edge_rules import violations
from edgecors_local.ports import free_port

from harness.lambda_runtime import LambdaRuntime, lambda_python
from harness.wait import wait_until
from tests.functions.edge.support import (
    ORIGIN_REQUEST,
    ORIGIN_RESPONSE,
    SETUPS,
    SITE,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    event,
    plain,
    preflight,
)
from tests.functions.edge.test_samples import POLICY, SAMPLES, expected, read
from tests.support.parameter_store import ParameterStoreServer
from tests.support.require import require

pytestmark = pytest.mark.artifact

ROOT = Path(__file__).resolve().parents[2]

APP, EVIL = "https://app.example.com", "https://evil.example"
PARAMETER = f"/edgecors/sites/{SITE}"
MAX_SOURCES = 50 * 1024
MAX_ZIP = 124 * 1024
"""Bytes, without and with bytecode. CloudFront's limit is 1 MB; these show unintended growth."""
SLOW = {
    *("asyncio", "boto3", "botocore", "concurrent", "dataclasses", "email", "gzip", "http", "inspect", "ipaddress"),
    *("logging", "pathlib", "ssl", "subprocess", "tempfile", "typing", "urllib", "uuid", "xml"),
}
"""Modules that are slow to import. The runtime client has imported some of them already, but the function must not."""


@pytest.fixture(scope="module")
def artifact(built: Path) -> Path:
    return built / "EdgeFunction"


@pytest.fixture
def runtimes(
    artifact: Path, parameter_store: ParameterStoreServer, runtime_emulator: Path
) -> Iterator[dict[str, LambdaRuntime]]:
    """A running function for each set-up, with nothing in its store."""
    with ExitStack() as stack:
        yield {
            setup: stack.enter_context(
                LambdaRuntime(artifact, f"app.{setup}_handler", environment=parameter_store.environment())
            )
            for setup in SETUPS
        }


def policy(*origins: str) -> str:
    return json.dumps({"version": 1, "refresh_seconds": 5, "rules": [{"allow_origins": list(origins)}]})


def allowed(result: Any) -> str | None:
    return plain(result).get("access-control-allow-origin")


# What is in it.


def files(artifact: Path) -> set[str]:
    return {str(path.relative_to(artifact)) for path in artifact.rglob("*") if path.is_file()}


def zipped(artifact: Path, names: Iterable[str]) -> int:
    """Bytes of a zip file with these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(names):
            archive.write(artifact / name, name)
    return len(packed.getvalue())


@pytest.fixture
def bundle(artifact: Path) -> Path:
    """The artifact as Lambda's Python bundles it; without that Python it has plain sources."""
    require((artifact / "edgecors" / "sources.zip").exists(), "not bundled: install Python 3.13, then `make build`")
    return artifact


def test_artifact_is_small(bundle: Path) -> None:
    names = files(bundle)
    assert zipped(bundle, [name for name in names if not name.endswith(".pyc")]) <= MAX_SOURCES
    assert zipped(bundle, names) <= MAX_ZIP


def test_artifact_has_only_the_handler_and_the_library(bundle: Path) -> None:
    names = files(bundle)
    package = {f"edgecors/{name}" for name in ("__init__.py", "roots.pem", "sources.zip")}
    assert {name for name in names if not name.endswith(".pyc")} == {"app.py", *package}
    modules = set(zipfile.ZipFile(bundle / "edgecors" / "sources.zip").namelist())
    assert modules >= {"edge.py", "events/cloudfront.py"}
    # Not the face for other people's handlers.
    assert not modules & {"decorator.py", "powertools.py", "testing.py", "events/api.py", "py.typed"}


def test_sources_in_the_artifact_are_the_repositorys_line_by_line(bundle: Path) -> None:
    """Without comments, docstrings and annotations; so a line's number in a traceback is one of the repository."""
    with zipfile.ZipFile(bundle / "edgecors" / "sources.zip") as archive:
        for name in archive.namelist():
            original = (ROOT / "layers" / "edgecors" / "edgecors" / name).read_text("utf-8").splitlines()
            stripped = archive.read(name).decode().splitlines()
            assert len(stripped) == len(original), name
            changed = [line for line, source in zip(stripped, original, strict=True) if line and line != source]
            assert len(changed) < len(original) / 4, name
            ast.parse("\n".join(stripped))


WITHOUT_BYTECODE = ("-X", "pycache_prefix=/nowhere")


@pytest.mark.parametrize(
    ("python", "place"),
    [
        pytest.param([lambda_python()], "/var/task/edgecors/", id="Lambda's Python, from bytecode"),
        pytest.param([lambda_python(), *WITHOUT_BYTECODE], "sources.zip/", id="Lambda's Python, without its bytecode"),
        # This once ended in a syntax error: sources that Python 3.13 had rewritten were invalid for 3.11.
        pytest.param([sys.executable, *WITHOUT_BYTECODE], "sources.zip/", id="this Python, from sources"),
    ],
)
def test_artifact_runs_on_other_pythons_and_shows_source_lines_in_tracebacks(
    bundle: Path, python: list[str | Path], place: str
) -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import app; app.viewer_handler({}, None)"
    command = [*map(str, python), "-I", "-S", "-B", "-c", program, str(bundle)]
    done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    line = json.loads(done.stdout)
    assert line["message"] == "the edge function failed; the event is passed on"
    source = (ROOT / "layers" / "edgecors" / "edgecors" / "edge.py").read_text("utf-8").splitlines()
    call = "adapter = CloudFrontEvent(event)"
    number = 1 + next(number for number, text in enumerate(source) if text.strip() == call)
    assert f'{place}edge.py", line {number}, in viewer\n    {call}\n' in line["exception"]


def test_bytecode_of_another_version_is_ignored(bundle: Path, tmp_path: Path) -> None:
    """Python compares the magic number; the function then runs from sources instead of failing."""
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    for path in copy.rglob("*.pyc"):
        path.write_bytes(b"\0\0\r\n" + path.read_bytes()[4:])
    program = "import sys; sys.path.insert(0, sys.argv[1]); import app, edgecors.edge; print(edgecors.edge.__file__)"
    command = [str(lambda_python()), "-I", "-S", "-B", "-c", program, str(copy)]
    done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (f"{copy}/edgecors/sources.zip/edge.py\n", "")


def test_roots_load_in_every_form(artifact: Path) -> None:
    """The certificates are a file beside the modules, wherever these come from."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from edgecors.aws.http1 import _tls_context; "
        "print(len(_tls_context(True, '').get_ca_certs()))"
    )
    for options in ((), WITHOUT_BYTECODE):
        command = [str(lambda_python()), *options, "-I", "-S", "-B", "-c", program, str(artifact)]
        done = subprocess.run(
            command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.stdout, done.stderr) == ("5\n", "")


def test_artifact_imports_only_fast_standard_modules(artifact: Path) -> None:
    """The standard library only, and no slow module of it."""
    program = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import app; "
        "names = sorted(set(sys.modules) - before); print(*names); "
        "print(*{name.partition('.')[0] for name in names} - sys.stdlib_module_names)"
    )
    command = [str(lambda_python()), "-I", "-S", "-B", "-c", program, str(artifact)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    names, not_standard = (line.split() for line in done.stdout.splitlines())
    assert {"app", "edgecors.edge", "edgecors.events.cloudfront", "edgecors.store"} <= set(names)
    assert set(not_standard) == {"app", "edgecors"}
    assert {name.partition(".")[0] for name in names} & SLOW == set()


# That it works.


def test_changed_list_applies_to_a_warm_function(
    runtimes: dict[str, LambdaRuntime], parameter_store: ParameterStoreServer
) -> None:
    """A preflight and its request before an origin is added, and after, in warm functions."""
    parameter_store.put(PARAMETER, policy("@partners"))
    asked = {"viewer": preflight(VIEWER_REQUEST, APP), "origin": preflight(ORIGIN_REQUEST, APP)}
    passing = {"viewer": event(VIEWER_RESPONSE, origin=APP), "origin": event(ORIGIN_RESPONSE, origin=APP)}
    for setup, runtime in runtimes.items():
        assert runtime.invoke(asked[setup])["status"] == "403"
        assert allowed(runtime.invoke(passing[setup])) is None
    parameter_store.put("/edgecors/lists/partners", f"https://first.example,{APP}", "StringList")
    for setup, runtime in runtimes.items():
        wait_until(lambda r=runtime, s=setup: r.invoke(asked[s])["status"] == "204", "the list has been read again")  # type: ignore[misc]
        assert allowed(runtime.invoke(asked[setup])) == APP
        assert allowed(runtime.invoke(passing[setup])) == APP
        assert runtime.invoke({**asked[setup], **preflight(SETUPS[setup][0], EVIL)})["status"] == "403"
        assert [line["message"] for line in logged(runtime) if "findings" in line] == ["policy loaded"] * 2


def logged(runtime: LambdaRuntime) -> list[dict[str, Any]]:
    """The function's own lines."""
    return [json.loads(line) for line in runtime.log.splitlines() if line.startswith('{"') and '"service"' in line]


def test_missing_parameter_allows_nobody(
    artifact: Path, runtime_emulator: Path, parameter_store: ParameterStoreServer
) -> None:
    """Cold starts before and after the parameter is made, as a plain list."""
    for value, status in ((None, "403"), (APP, "204")):
        if value is not None:
            parameter_store.put(PARAMETER, value, "StringList")
        with LambdaRuntime(artifact, "app.viewer_handler", environment=parameter_store.environment()) as runtime:
            assert runtime.invoke(preflight(VIEWER_REQUEST, APP))["status"] == status


def test_region_without_the_parameter_reads_the_home_region(
    artifact: Path, runtime_emulator: Path, parameter_store: ParameterStoreServer
) -> None:
    """An edge function runs near the viewer; the parameter is in us-east-1."""
    parameter_store.put(PARAMETER, APP, region="us-east-1")
    environment = parameter_store.environment("ap-northeast-1")
    with LambdaRuntime(artifact, "app.viewer_handler", environment=environment) as runtime:
        assert runtime.invoke(preflight(VIEWER_REQUEST, APP))["status"] == "204"


def test_every_sample_gives_the_recorded_result(
    runtimes: dict[str, LambdaRuntime], parameter_store: ParameterStoreServer
) -> None:
    parameter_store.put(PARAMETER, POLICY)
    for setup, runtime in runtimes.items():
        for sample in SAMPLES:
            original = read(sample)
            result = runtime.invoke(original)
            assert result == expected(sample, setup), sample.name
            assert violations(original["Records"][0]["cf"]["config"]["eventType"], original, result) == []
        assert "ERROR" not in {line.get("level") for line in logged(runtime)}


def test_unreachable_store_lets_traffic_go_on(artifact: Path, runtime_emulator: Path) -> None:
    environment = {
        "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    upstream: dict[str, str | list[str]] = {"access_control_allow_origin": "*"}
    with LambdaRuntime(artifact, "app.viewer_handler", environment=environment) as runtime:
        result = runtime.invoke(preflight(VIEWER_REQUEST, APP))
        assert (result["status"], plain(result)["retry-after"]) == ("503", "1")
        original = event(VIEWER_REQUEST, origin=APP)
        assert runtime.invoke(original) == original["Records"][0]["cf"]["request"]
        answered = runtime.invoke(event(VIEWER_RESPONSE, origin=APP, upstream=upstream))
        assert plain(answered).keys() == {"content-type", "content-length", "server", "vary"}
        # Anything else than an event is not an error either.
        assert runtime.invoke({"Records": []}) == {}
        codes = {line["code"] for line in logged(runtime) if line.get("message") == "policy refresh failed"}
        assert codes == {"connection"}


def test_artifact_works_outside_the_project(artifact: Path, tmp_path: Path) -> None:
    """The handlers load without the packages of the tests, from another directory."""
    program = "import sys; sys.path.insert(0, sys.argv[1]); import app; app.viewer_handler({}, None)"
    command = [str(lambda_python()), "-I", "-S", "-B", "-c", program, str(artifact)]
    environment = {"PATH": os.defpath}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["message"] == "the edge function failed; the event is passed on"

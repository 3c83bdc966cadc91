"""The built edge artifact: what is in it, and that it works in Lambda's runtime."""

import io
import json
import os
import subprocess
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

pytestmark = pytest.mark.artifact

APP, EVIL = "https://app.example.com", "https://evil.example"
PARAMETER = f"/edgecors/sites/{SITE}"
MAX_SOURCES = 80 * 1024
MAX_ZIP = 152 * 1024
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


def test_artifact_is_small(artifact: Path) -> None:
    names = files(artifact)
    assert zipped(artifact, [name for name in names if not name.endswith(".pyc")]) <= MAX_SOURCES
    assert zipped(artifact, names) <= MAX_ZIP


def test_artifact_has_only_the_handler_and_the_library(artifact: Path) -> None:
    names = files(artifact)
    assert {name.partition("/")[0] for name in names} <= {"app.py", "edgecors", "__pycache__"}
    assert names >= {"app.py", "edgecors/edge.py", "edgecors/roots.pem", "edgecors/events/cloudfront.py"}
    # Neither the decorator nor files for editors and tests.
    assert not [name for name in names if "powertools" in name or "decorator" in name or name.endswith(".json")]
    assert {name.rpartition(".")[2] for name in names} <= {"py", "pyc", "pem", "typed"}


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
    assert json.loads(done.stdout)["message"] == "the edge function failed; traffic goes on"

"""The built CloudFront Functions keep CloudFront's limits, and the gates of the build notice what does not."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from edgecors_local.javascript import Engine

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("viewer-request", "viewer-response")


@pytest.fixture(scope="module")
def build_functions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_functions", ROOT / "scripts" / "build_functions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_build_artifact_is_at_most_10240_bytes_of_ascii(functions: Path, name: str) -> None:
    data = (functions / f"{name}.js").read_bytes()
    assert len(data) <= 10_240
    assert data.isascii()


@pytest.mark.parametrize("name", NAMES)
def test_build_artifact_has_the_import_and_the_handler_that_cloudfront_expects(functions: Path, name: str) -> None:
    text = (functions / f"{name}.js").read_text("utf-8")
    assert text.startswith("import cf from 'cloudfront';\n")
    assert text.count("async function handler(event)") == 1


@pytest.mark.parametrize("name", NAMES)
def test_build_artifact_runs_in_njs(functions: Path, njs: Engine, name: str) -> None:
    event = {
        "context": {"distributionId": "E1"},
        "request": {"method": "GET", "uri": "/", "headers": {}, "cookies": {}},
    }
    event["response"] = {"statusCode": 200, "headers": {}, "cookies": {}}
    (output,) = njs.run(functions / f"{name}.js", [{"keys": {}}, {"event": event}])
    assert output.error == ""


def test_build_is_the_same_every_time(functions: Path, tmp_path: Path, build_functions: ModuleType) -> None:
    for path in build_functions.build(tmp_path):
        assert path.read_bytes() == (functions / path.name).read_bytes()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x" * 10_241, "has 10,241 bytes, more than 10,240"),
        ("'\u00e9'", "is not ASCII"),
        ("const a=/^a$/;", "has a $ in a regular expression"),
        ("a.replace(/[$]/g,'')", "has a $ in a regular expression"),
        ("eval('1')", "has eval"),
        ("new Function('1')", "has eval"),
        ("JSON.parse(await kvs.get(k))", "has await in arguments"),
        ("f(a,await b)", "has await in arguments"),
        ("try{}catch{}", "has a catch without a binding"),
        ("a?.b", "has ?. or ??"),
        ("a??b", "has ?. or ??"),
    ],
)
def test_find_faults_text_that_cloudfront_refuses_is_reported(
    build_functions: ModuleType, text: str, fault: str
) -> None:
    assert any(reported.startswith(fault) for reported in build_functions.find_faults(text))


@pytest.mark.parametrize(
    "text",
    ["const a='$';", "const a=/^a(?![\\s\\S])/;", "const v=await kvs.get(k);", "`${a}`", "if(await f(a)){}", "a?b:.5"],
)
def test_find_faults_text_that_cloudfront_takes_is_not_reported(build_functions: ModuleType, text: str) -> None:
    assert build_functions.find_faults(text) == []

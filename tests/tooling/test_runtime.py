"""The harness for built artifacts runs them as Lambda does."""

import os
from pathlib import Path

import pytest

from harness.lambda_runtime import FunctionError, LambdaRuntime
from harness.wait import wait_until

pytestmark = [pytest.mark.artifact, pytest.mark.usefixtures("runtime_emulator")]

SOURCE = """
import os, time
import shared

calls = 0
time.sleep(0.1)

def handler(event, context):
    global calls
    calls += 1
    if event == "raise":
        raise ValueError("as asked")
    print("handled", event)
    return {
        "event": event,
        "calls": calls,
        "shared": shared.VALUE,
        "function": context.function_name,
        "greeting": os.environ.get("GREETING"),
        "leaked": os.environ.get("LEAKED"),
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "pid": os.getpid(),
    }
"""


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    directory = tmp_path / "artifact"
    directory.mkdir()
    (directory / "app.py").write_text(SOURCE)
    return directory


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    directory = tmp_path / "layer"
    (directory / "python").mkdir(parents=True)
    (directory / "python" / "shared.py").write_text("VALUE = 'from the layer'\n")
    return directory


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_runtime_returns_the_handler_s_response(artifact: Path, layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "from the test's own environment")
    with LambdaRuntime(artifact, environment={"GREETING": "hello"}, layers=[layer]) as runtime:
        before = (runtime.init_milliseconds, runtime.durations)
        first = runtime.invoke({"n": 1})
        second = runtime.invoke({"n": 2})
        pid = first.pop("pid")
        assert first == {
            "event": {"n": 1},
            "calls": 1,
            "shared": "from the layer",
            "function": "function",
            "greeting": "hello",
            "leaked": None,
            "root": str(artifact),
        }
        assert (second["calls"], second["pid"]) == (2, pid)
        assert "handled {'n': 2}" in runtime.log
        assert before == (None, [])
        assert len(runtime.durations) == 2
        assert (runtime.init_milliseconds or 0) >= 100, "the function sleeps while it starts"
        assert runtime.durations[0] >= 100, "the first invocation waits for the start"
    wait_until(lambda: not is_alive(pid), "the function's process is gone")
    assert list(artifact.iterdir()) == [artifact / "app.py"], "the code directory is read-only in Lambda"


def test_an_error_comes_back_as_such(artifact: Path, layer: Path) -> None:
    with LambdaRuntime(artifact, layers=[layer]) as runtime:
        with pytest.raises(FunctionError, match="ValueError: as asked") as caught:
            runtime.invoke("raise")
        assert caught.value.payload["errorType"] == "ValueError"
        assert runtime.invoke("go on")["event"] == "go on"


def test_a_function_that_cannot_start_says_why(artifact: Path) -> None:
    with (
        LambdaRuntime(artifact) as runtime,
        pytest.raises(FunctionError, match=r"ImportModuleError.*No module named 'shared'"),
    ):
        runtime.invoke({})

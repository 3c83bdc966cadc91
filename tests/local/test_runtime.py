"""Built artifacts in Lambda's runtime: through the whole local edge, and what is said where it can't be."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from edgecors_local import runtime
from edgecors_local.errors import LocalError
from edgecors_local.plan import LocalPlan
from edgecors_local.runtime import EmulatedContainer, Tools, artifact

from tests.local.test_local_edge import ALLOWED, REFUSED, RunningEdge, with_edge


@pytest.mark.artifact
@pytest.mark.usefixtures("built", "runtime_emulator")
@pytest.mark.parametrize("front", ["cloudfront-viewer", "function-url"])
def test_a_built_artifact_behind_the_local_edge(front: str) -> None:
    async def story(edge: RunningEdge) -> None:
        async def allowed() -> bool:
            return (await edge.preflight("/api/echo", ALLOWED)).status == 204

        # On a busy machine the first second may pass without a policy: 503, and the next try finds it.
        await edge.until(allowed, "the artifact has its policy")
        assert (await edge.preflight("/api/echo", REFUSED)).status == 403
        mine = await edge.ask("GET", "/api/own-cors/reflecting", ALLOWED)
        assert (mine.status, mine.cors["access-control-allow-origin"]) == (200, ALLOWED)
        assert (await edge.ask("GET", "/api/own-cors/reflecting", REFUSED)).cors == {}

    printed = with_edge(story, LocalPlan(front=front, port=0, page_port=0, runtime=True))
    assert any(line.startswith("    info: policy loaded (site demo") for line in printed)
    assert not [line for line in printed if "Traceback" in line or "LAMBDA_RUNTIME" in line]


@pytest.fixture
def function(tmp_path: Path) -> Path:
    """A function's directory."""
    (tmp_path / "app.py").write_text(
        "import json, os\n"
        "def answer(event, context):\n"
        "    print(json.dumps({'level': 'INFO', 'message': 'asked', 'service': 's', 'n': event['n']}))\n"
        "    return {'n': event['n'], 'own': os.environ.get('MINE'), 'home': os.environ.get('HOME')}\n"
        "def fail(event, context):\n"
        "    raise ValueError('no')\n"
    )
    return tmp_path


@pytest.mark.usefixtures("runtime_emulator")
def test_a_container_answers_fails_and_ends(function: Path) -> None:
    printed: list[str] = []

    async def ask(handler: str, *events: dict[str, Any]) -> list[Any]:
        container = EmulatedContainer(Tools.locate(), function, handler, {"MINE": "1"}, printed.append, seconds=5)
        try:
            return [await container(event) for event in events]
        finally:
            container.close()

    first, second = asyncio.run(ask("app.answer", {"n": 1}, {"n": 2}))
    # Nothing of this process's environment is handed on.
    assert (first.result, second.result["n"]) == ({"n": 1, "own": "1", "home": None}, 2)
    assert printed == ["    info: asked (n 1)", "    info: asked (n 2)"]
    (failed,) = asyncio.run(ask("app.fail", {"n": 1}))
    assert (failed.result, failed.error) == (None, "ValueError: no")


def test_where_nothing_is_built_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PROJECT", tmp_path)
    with pytest.raises(LocalError, match="Run `make build` first") as caught:
        artifact("EdgeFunction")
    assert caught.value.status == 2


def test_without_an_emulator_it_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PROJECT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(LocalError, match="comes with the SAM CLI"):
        Tools.locate()


@pytest.mark.usefixtures("runtime_emulator")
def test_the_emulator_is_found_by_the_sam_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Tools.locate()
    home = own.emulator.parents[6]
    monkeypatch.setattr(runtime, "PROJECT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: str(home / "bin" / name))
    assert Tools.locate().emulator == own.emulator

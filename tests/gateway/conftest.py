"""The gateway's modules, which stand at the top of its artifact, and an upstream for it to talk to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from edgecors import cors
from edgecors.telemetry import Telemetry

from tests.events_api.make import APP
from tests.gateway.spy import Spy

SOURCES = Path(__file__).resolve().parents[2] / "functions" / "gateway"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Gateway:
    """The gateway before an upstream, with what it logs."""

    def __init__(self, upstream: str, policy: Any = APP, context: Any = None) -> None:
        self.lines: list[dict[str, Any]] = []
        telemetry = Telemetry(lambda line: self.lines.append(json.loads(line)))
        read = import_module("upstream").read_upstream
        self.proxy = import_module("proxy").Proxy(read(upstream), telemetry, site="shop", context=context)
        self._handler: Handler = cors(policy=policy, telemetry=telemetry)(self.proxy)

    def __call__(self, event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        return self._handler(event, context)

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("level") == "ERROR"]


@pytest.fixture(autouse=True)
def gateway_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCES))


@pytest.fixture
def spy() -> Iterator[Spy]:
    with Spy() as running:
        yield running


@pytest.fixture
def gateway(spy: Spy) -> Iterator[Gateway]:
    made = Gateway(f"http://{spy.netloc}")
    yield made
    made.proxy.reset_after_restore()

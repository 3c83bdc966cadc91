"""The gateway's modules, which are at the top of its artifact, and an upstream for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from edgecors import cors
from edgecors.telemetry import Telemetry

from tests.events.make import APP
from tests.functions.gateway.spy import Spy

SOURCES = Path(__file__).resolve().parents[3] / "functions" / "gateway"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class LoggingGateway:
    """The gateway before an upstream, with the lines that it logs."""

    opened: ClassVar[list[LoggingGateway]] = []

    def __init__(
        self, upstream: str, policy: Any = APP, context: Any = None, *, routes: str = "", secret: Any = None
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        telemetry = Telemetry(lambda line: self.lines.append(json.loads(line)))
        addresses = import_module("upstream").read_upstreams(upstream, routes)
        self.proxy = import_module("proxy").Proxy(addresses, telemetry, site="shop", context=context, secret=secret)
        self.opened.append(self)
        self._handler: Handler = cors(policy=policy, telemetry=telemetry)(self.proxy)

    def __call__(self, event: dict[str, Any], context: Any = None) -> dict[str, Any]:
        return self._handler(event, context)

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("level") == "ERROR"]


@pytest.fixture(autouse=True)
def gateway_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the gateway's modules importable, and closes the connections of every gateway afterwards."""
    monkeypatch.syspath_prepend(str(SOURCES))
    yield
    while LoggingGateway.opened:
        LoggingGateway.opened.pop().proxy.reset_after_restore()


@pytest.fixture
def spy() -> Iterator[Spy]:
    with Spy() as running:
        yield running


@pytest.fixture
def gateway(spy: Spy) -> LoggingGateway:
    return LoggingGateway(f"http://{spy.netloc}")

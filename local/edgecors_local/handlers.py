"""The handlers that the local edge calls, and the settings of the distribution in front of one of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgecors_local.errors import LocalError
from edgecors_local.invoke import Handler, Say, on_decision

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from types import ModuleType

    from edgecors.decision import Decision, Request
    from edgecors.telemetry import Telemetry

PROJECT: Final = Path(__file__).resolve().parents[2]
"""The project's directory. Installed from a wheel there is none around this file."""


def edge_handler(setup: str, say: Say, ended: AsyncExitStack) -> Handler:
    """The edge's handler for a set-up (``viewer`` or ``origin``), wired as in functions/edge, but it prints decisions.

    ``ended`` gets what closes its connections.
    """
    from edgecors.aws.parameters import HOME_REGION, readers_from_environment
    from edgecors.edge import Edge
    from edgecors.store import store_from_environment

    telemetry = _telemetry(say)
    store = store_from_environment(telemetry, readers=readers_from_environment(home=HOME_REGION))
    ended.callback(store.reset_after_restore)
    edge = Edge(store, telemetry)
    return edge.viewer if setup == "viewer" else edge.origin


def gateway_handler(site: str, upstream: str, say: Say, ended: AsyncExitStack) -> Handler:
    """The gateway's handler, wired as functions/gateway wires it, but with ears; else as `edge_handler`.

    Raises LocalError.
    """
    from edgecors import cors
    from edgecors.store import store_from_environment

    directory = PROJECT / "functions" / "gateway"
    if not (directory / "proxy.py").is_file():
        raise LocalError(
            "This front needs the gateway's code (functions/gateway), which comes with the project's sources and not"
            " with the installed package: start it with `make run` there.",
            2,
        )
    proxy, address = _modules(directory, "proxy", "upstream")
    telemetry = _telemetry(say)
    try:
        passing = proxy.Proxy(address.read_upstreams(upstream), telemetry, site=site)
    except ValueError as error:
        raise LocalError(f"The gateway can't forward there: {error}.", 2) from error
    store = store_from_environment(telemetry)
    ended.callback(store.reset_after_restore)
    ended.callback(passing.reset_after_restore)
    handler: Handler = cors(site=site, store=store, telemetry=telemetry)(passing)
    return handler


def _modules(directory: Path, *names: str) -> list[ModuleType]:
    """Modules of a function's directory, under the bare names that they have in Lambda."""
    sys.path.insert(0, str(directory))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(directory))


def _telemetry(say: Say) -> Telemetry:
    """The library's telemetry with its decisions on the printed lines, its log as sentences, and no metrics."""
    from edgecors import telemetry

    class PrintedTelemetry(telemetry.Telemetry):
        def record_decision(self, site: str, request: Request, decision: Decision) -> None:
            about = decision.entry or request.origin
            on_decision(f"{decision.reason} ({about})" if about else decision.reason)

        def metrics(self, values: dict[str, tuple[float, str]], **dimensions: str) -> None:
            pass

        def log(self, level: str, message: str, **fields: object) -> None:
            details = ", ".join(f"{name} {shown}" for name, shown in fields.items() if shown not in ("", [], None))
            say(f"    {level.lower()}: {message}{f' ({details})' if details else ''}")

    return PrintedTelemetry()

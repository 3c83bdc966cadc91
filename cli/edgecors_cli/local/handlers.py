"""The handler that the local edge calls, and the settings of the distribution in front of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecors_cli.local.behavior import Behavior, built_in, from_template
from edgecors_cli.local.invoke import Handler, Say, on_decision

if TYPE_CHECKING:
    from edgecors.decision import Decision, Request
    from edgecors.telemetry import Telemetry


def edge_handler(setup: str, say: Say) -> Handler:
    """The edge's handler for a set-up (``viewer`` or ``origin``), wired as functions/edge wires it, but with ears."""
    from edgecors.edge import Edge
    from edgecors.store import HOME_REGION, store_from_environment

    telemetry = _telemetry(say)
    edge = Edge(store_from_environment(telemetry, home=HOME_REGION), telemetry)
    return edge.viewer if setup == "viewer" else edge.origin


def _telemetry(say: Say) -> Telemetry:
    """The library's telemetry with its decisions on the printed lines, its log as sentences, and no metrics."""
    from edgecors import telemetry

    class Ears(telemetry.Telemetry):
        def decided(self, site: str, request: Request, decision: Decision) -> None:
            about = decision.entry or request.origin
            on_decision(f"{decision.reason} ({about})" if about else decision.reason)

        def metrics(self, values: dict[str, tuple[float, str]], **dimensions: str) -> None:
            pass

        def log(self, level: str, message: str, **fields: object) -> None:
            details = ", ".join(f"{name} {shown}" for name, shown in fields.items() if shown not in ("", [], None))
            say(f"    {level.lower()}: {message}{f' ({details})' if details else ''}")

    return Ears()


def edge_behavior(setup: str, template: Path | None) -> Behavior:
    """The behaviour of a set-up: from the template given, else from the project's own, else the built-in one."""
    if template is not None:
        return from_template(template, setup)
    # Installed from a wheel there is no project around this file.
    own = Path(__file__).resolve().parents[3] / "template.yaml"
    return from_template(own, setup) if own.is_file() else built_in(setup)

"""Every payload format has an adapter with the same three methods."""

from __future__ import annotations

import importlib
import inspect
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pytest
from edgecors import events
from edgecors.decision import ALLOWED, Decision, Request
from edgecors.events.api import parse_event
from edgecors.events.cloudfront import CloudFrontEvent
from edgecors.events.http_event import HttpEvent

from harness import answers
from tests.events.make import APP, SOURCES, make_event
from tests.functions.edge.support import VIEWER_RESPONSE, event

if TYPE_CHECKING:
    from edgecors.events import EventAdapter

RULES_OF_RESPONSES = answers.FIELDS.keys()
DECISION = Decision(ALLOWED, status=204, headers=(("Access-Control-Allow-Origin", APP),), vary=("Origin",))


def test_every_adapter_has_events_here_and_rules_of_its_responses() -> None:
    """Without them, a new payload format would be left out of the tests of this directory and of `harness.events`."""
    modules = [importlib.import_module(f"edgecors.events.{module.name}") for module in iter_modules(events.__path__)]
    classes = {item for module in modules for item in vars(module).values() if isinstance(item, type)}
    known = {type(adapter) for adapter in adapters().values()}
    assert {item for item in classes if issubclass(item, HttpEvent)} - {HttpEvent} == known - {CloudFrontEvent}
    assert {item.kind for item in known if issubclass(item, HttpEvent)} == RULES_OF_RESPONSES


def adapters() -> dict[str, EventAdapter]:
    """An adapter for each front. mypy checks that all of them are `EventAdapter`."""
    result: dict[str, EventAdapter] = {"cloudfront": CloudFrontEvent(event(VIEWER_RESPONSE, origin=APP))}
    for source in SOURCES:
        adapter = parse_event(make_event(source, headers=[("Origin", APP)]))
        assert adapter is not None
        result[source] = adapter
    return result


@pytest.mark.parametrize("front", ["cloudfront", *SOURCES])
def test_adapter_parses_responds_and_applies(front: str) -> None:
    adapter = adapters()[front]
    request = adapter.request()
    assert isinstance(request, Request)
    assert request.origin == APP
    generated = adapter.generate_response(DECISION)
    assert str(generated.get("statusCode") or generated["status"]) == "204"
    response: dict[str, Any] = {"statusCode": 200, "status": "200", "headers": {}}
    assert APP in str(adapter.apply_to_response(response, DECISION))


@pytest.mark.parametrize("name", ["request", "generate_response", "apply_to_response"])
def test_adapter_methods_have_the_same_parameters(name: str) -> None:
    signatures = {tuple(inspect.signature(getattr(adapter, name)).parameters) for adapter in adapters().values()}
    assert len(signatures) == 1

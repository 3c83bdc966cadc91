"""One warm function, many requests: none affects another."""

import json
from typing import Any

from tests.functions.edge.support import (
    SETUPS,
    VIEWER_REQUEST,
    VIEWER_RESPONSE,
    Handlers,
    event,
    preflight,
)

APP, EVIL = "https://app.example.com", "https://evil.example"
RULE: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org"], "allow_credentials": True}
POLICY = {"version": 1, "rules": [RULE]}


def test_warm_invocations_do_not_affect_each_other() -> None:
    """Credentials, origins and texts of one request are never in another result, in any order."""
    rules = [
        {**RULE, "paths": ["/private/*"], "debug": True},
        {"paths": ["/open/*"], "allow_origins": "*", "expose_headers": ["etag"]},
        {"paths": ["/plain/*"], "allow_origins": [EVIL], "allow_headers": ["x-a"]},
    ]
    handlers = Handlers({"version": 1, "rules": rules})
    events = [
        (setup, result)
        for uri in ("/private/x", "/open/x", "/plain/x", "/other")
        for origin in (APP, EVIL, "nonsense")
        for setup, (asked, *answered) in SETUPS.items()
        for result in (
            preflight(asked, origin, uri=uri),
            preflight(asked, origin, uri=uri, access_control_request_headers="x-a"),
            *(event(trigger, origin=origin, uri=uri) for trigger in answered),
        )
    ]
    alone = [Handlers({"version": 1, "rules": rules})(setup, result) for setup, result in events]
    assert [handlers(setup, result) for setup, result in events] == alone
    assert [handlers(setup, result) for setup, result in reversed(events)] == alone[::-1]
    # The events differ, and so do the results.
    assert len({json.dumps(answer) for answer in alone}) > 10


def test_changing_a_result_does_not_change_later_results() -> None:
    handlers = Handlers(POLICY)
    edge = handlers._edge
    first = edge.viewer(preflight(VIEWER_REQUEST, APP))
    wanted = json.dumps(first)
    for items in first["headers"].values():
        items[0]["value"] = "changed"
    first["headers"].clear()
    assert json.dumps(edge.viewer(preflight(VIEWER_REQUEST, APP))) == wanted
    changed_response = edge.viewer(event(VIEWER_RESPONSE, origin=APP))
    changed_response["headers"]["access-control-allow-origin"][0]["value"] = "changed"
    result = edge.viewer(event(VIEWER_RESPONSE, origin=APP))
    assert result["headers"]["access-control-allow-origin"][0]["value"] == APP

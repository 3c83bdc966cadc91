"""How many keys a request reads: it follows from the policy, and no request needs more."""

import json
from pathlib import Path
from typing import Any

import pytest
from edgecors.document import load_policy
from edgecors_admin.key_value_store import compile_policy
from edgecors_local.javascript import Engine

from harness import functions as harness

SMALL = "https://app.example.com https://*.example.org"
MANY = " ".join(f"https://app{number}.example.com" for number in range(2000))
PATTERNS = " ".join(f"https://*.a{number}.{'x.' * (number % 3)}example.com" for number in range(500))
BLOCKING = json.dumps({"rules": [{"allow_origins": MANY.split(), "on_refused": "block"}]})
LONG = json.dumps(
    {
        "rules": [
            {"paths": [f"/{'x' * 100}{number}/*"], "allow_origins": [f"https://a{number}.example"]}
            for number in range(20)
        ]
    }
)


def reads(njs: Engine, functions: Path, policy: str, function: str, **fields: Any) -> int:
    request = {"method": "GET", "path": "/", "host": "example.com", **fields}
    headers = {name: [value] for name, value in request.items() if name in ("host", "origin")}
    if "request_method" in fields:
        headers["access-control-request-method"] = [fields["request_method"]]
    event = harness.function_event(function, request, headers, {} if function == "viewer-response" else None)
    keys = compile_policy(load_policy(policy), harness.SITE).content()
    (output,) = njs.run(functions / f"{function}.js", [{"keys": keys}, {"event": event}])
    assert output.error == ""
    return output.reads


@pytest.mark.parametrize(
    ("policy", "function", "fields", "expected"),
    [
        pytest.param(SMALL, "viewer-request", {}, 0, id="no Origin, request"),
        pytest.param(SMALL, "viewer-response", {}, 1, id="no Origin, response"),
        pytest.param(SMALL, "viewer-request", {"origin": "https://app.example.com"}, 1, id="small, request"),
        pytest.param(SMALL, "viewer-response", {"origin": "https://a.b.c.example.org"}, 1, id="small, response"),
        pytest.param(MANY, "viewer-response", {"origin": "https://app7.example.com"}, 2, id="many origins"),
        pytest.param(MANY, "viewer-response", {"origin": "https://evil.example"}, 2, id="many origins, refused"),
        pytest.param(
            MANY, "viewer-response", {"origin": "https://" + "a." * 120 + "b"}, 2, id="many origins, many labels"
        ),
        pytest.param(MANY, "viewer-response", {}, 1, id="many origins, no Origin"),
        pytest.param(MANY, "viewer-response", {"origin": "null"}, 2, id="many origins, null"),
        pytest.param(PATTERNS, "viewer-response", {"origin": "https://" + "a" * 19_000}, 1, id="origin of 19 KB"),
        pytest.param(MANY, "viewer-request", {"origin": "https://app7.example.com"}, 1, id="nothing blocks"),
        pytest.param(BLOCKING, "viewer-request", {"origin": "https://app7.example.com"}, 2, id="blocks"),
        pytest.param(PATTERNS, "viewer-response", {"origin": "https://x.a4.x.example.com"}, 5, id="three depths"),
        pytest.param(
            PATTERNS, "viewer-response", {"origin": "https://" + "a." * 120 + "b"}, 5, id="depths, many labels"
        ),
        pytest.param(LONG, "viewer-response", {"origin": "https://a7.example"}, 5, id="policy in parts"),
        pytest.param(
            MANY,
            "viewer-request",
            {"method": "OPTIONS", "origin": "https://a.b", "request_method": "PUT"},
            2,
            id="preflight",
        ),
    ],
)
def test_function_reads_as_many_keys_as_the_policy_needs(
    functions: Path, njs: Engine, policy: str, function: str, fields: dict[str, Any], expected: int
) -> None:
    assert reads(njs, functions, policy, function, **fields) == expected
    assert expected <= compile_policy(load_policy(policy), harness.SITE).reads

"""The built gateway and the built layer in Lambda's own runtime, with one list in Parameter Store for every front."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.lambda_runtime import LambdaRuntime
from tests.events.make import APP, EVIL, HTTP_2, REST, SOURCES, make_event, preflight, read_response
from tests.functions.gateway.spy import Spy
from tests.support.parameter_store import ParameterStoreServer

pytestmark = pytest.mark.artifact

EVENTS = Path(__file__).resolve().parents[2] / "events"
DISTRIBUTION = "EDFDVBD6EXAMPLE"
ACAO = "access-control-allow-origin"


@pytest.fixture
def spy() -> Iterator[Spy]:
    with Spy() as running:
        running.answer(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
            b"Content-Length: 2\r\n\r\n\xff\x00"
        )
        yield running


@pytest.fixture
def allowlist(parameter_store: ParameterStoreServer) -> ParameterStoreServer:
    """One list of partners, used by the gateway's site and by the distribution's."""
    document = {"version": 1, "rules": [{"allow_origins": ["@partners"], "allow_credentials": True}]}
    parameter_store.put("/edgecors/lists/partners", APP, "StringList")
    parameter_store.put("/edgecors/sites/shop", json.dumps(document))
    parameter_store.put(f"/edgecors/sites/{DISTRIBUTION}", json.dumps(document))
    return parameter_store


def gateway_environment(store: ParameterStoreServer, upstream: str) -> dict[str, str]:
    # Credentials as a function's role has them.
    variables = store.environment(credentials=store.temporary_credentials())
    return {**variables, "EDGECORS_SITE": "shop", "EDGECORS_UPSTREAM": upstream}


def test_one_list_applies_to_every_front(
    runtime_emulator: Path, built: Path, allowlist: ParameterStoreServer, spy: Spy
) -> None:
    environment = gateway_environment(allowlist, f"http://{spy.netloc}/v1")
    with LambdaRuntime(built / "GatewayFunction", environment=environment) as gateway:
        for source in SOURCES:
            status, fields, body = read_response(source, gateway.invoke(preflight(source)))
            assert (status, dict(fields)[ACAO], body) == (204, APP, b"")
            assert read_response(source, gateway.invoke(preflight(source, EVIL)))[0] == 403
            assert spy.seen == []
            event = make_event(source, "POST", query="q=1", headers=[("Origin", APP)], body=b"\x00\xff")
            status, fields, body = read_response(source, gateway.invoke(event))
            assert (status, body) == (200, b"\xff\x00")
            assert [value for name, value in fields if name == ACAO] == [APP]
            assert [value for name, value in fields if name == "set-cookie"] == ["a=1", "b=2"]
            (seen,) = spy.seen
            assert (seen.line, seen.body) == ("POST /v1/api/x?q=1 HTTP/1.1", b"\x00\xff")
            # The connection is reused by the next invocation.
            assert seen.connection == 1
            spy.seen.clear()
        assert gateway.log.count('"policy loaded"') == 1

    edge_events = EVENTS / "cloudfront" / "viewer-request-preflight-allowed.json"
    environment = allowlist.environment(credentials=allowlist.temporary_credentials())
    with LambdaRuntime(built / "EdgeFunction", "app.viewer_handler", environment=environment) as edge:
        answer = edge.invoke(json.loads(edge_events.read_text("utf-8")))
    assert answer["status"] == "204"
    assert answer["headers"][ACAO][0]["value"] == APP


def test_failing_upstream_is_a_502_with_cors_headers(
    runtime_emulator: Path, built: Path, allowlist: ParameterStoreServer, spy: Spy
) -> None:
    environment = gateway_environment(allowlist, f"http://{spy.netloc}")
    spy.close = True
    spy.answer(b"no HTTP\r\n\r\n")
    with LambdaRuntime(built / "GatewayFunction", environment=environment) as gateway:
        status, fields, body = read_response(REST, gateway.invoke(make_event(REST, headers=[("Origin", APP)])))
        assert '"upstream failed"' in gateway.log
    assert (status, dict(fields)[ACAO]) == (502, APP)
    assert json.loads(body)["title"] == "Bad Gateway"


def test_deadline_is_the_invocation_s_timeout(
    runtime_emulator: Path, built: Path, allowlist: ParameterStoreServer, spy: Spy
) -> None:
    def stall(seen: object) -> list[bytes]:
        spy.stopping.wait(30)
        raise EOFError

    spy.script = stall
    environment = gateway_environment(allowlist, f"http://{spy.netloc}")
    with LambdaRuntime(built / "GatewayFunction", environment=environment, seconds=3) as gateway:
        status, fields, _ = read_response(HTTP_2, gateway.invoke(make_event(HTTP_2, headers=[("Origin", APP)])))
    assert (status, dict(fields)[ACAO]) == (504, APP)


def test_secret_and_routes_work_with_real_parameters(
    runtime_emulator: Path, built: Path, allowlist: ParameterStoreServer, spy: Spy
) -> None:
    allowlist.put("/edgecors/secrets/shop", "s3cr3t-0123456789", "SecureString")
    environment = {
        **gateway_environment(allowlist, f"http://{spy.netloc}"),
        "EDGECORS_UPSTREAMS": f"/api=http://{spy.netloc}/v2",
        "EDGECORS_UPSTREAM_SECRET_PARAMETER": "/edgecors/secrets/shop",
    }
    with LambdaRuntime(built / "GatewayFunction", environment=environment) as gateway:
        for path in ("/api/x", "/other"):
            event = make_event(HTTP_2, path=path, headers=[("X-Edgecors-Secret", "guess")])
            assert gateway.invoke(event)["statusCode"] == 200
        assert "s3cr3t" not in gateway.log
    assert [seen.target for seen in spy.seen] == ["/v2/api/x", "/other"]
    assert [seen.values("x-edgecors-secret") for seen in spy.seen] == [["s3cr3t-0123456789"]] * 2


HANDLER = """
from edgecors import cors

@cors(site="shop")
def handler(event, context):
    if event["rawPath"].endswith("/error"):
        raise RuntimeError("broken inside")
    return {"message": "data"}
"""


def test_layer_provides_the_decorator(
    runtime_emulator: Path, built: Path, allowlist: ParameterStoreServer, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(HANDLER, "utf-8")
    environment = allowlist.environment(credentials=allowlist.temporary_credentials())

    with LambdaRuntime(tmp_path, environment=environment, layers=[built / "CorsLayer"]) as running:

        def read(event: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
            return read_response(HTTP_2, running.invoke(event))

        assert read(preflight(HTTP_2))[0] == 204
        headers = [("Origin", APP)]
        status, fields, body = read(make_event(HTTP_2, headers=headers))
        assert (status, dict(fields)[ACAO], body) == (200, APP, b'{"message": "data"}')
        status, fields, _ = read(make_event(HTTP_2, path="/error", headers=headers))
        assert (status, dict(fields)[ACAO]) == (500, APP)
        assert "RuntimeError: broken inside" in running.log

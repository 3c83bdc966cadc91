"""CORS around Powertools' event handlers: preflights, 404s, errors, `debug`, authentication."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    CORSConfig,
    LambdaFunctionUrlResolver,
    Response,
)
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver
from aws_lambda_powertools.event_handler.exceptions import UnauthorizedError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from edgecors.powertools import cors_for
from edgecors.telemetry import Telemetry

from tests.events.make import (
    ALB,
    ALB_MULTI,
    APP,
    EVIL,
    HTTP_2,
    REST,
    URL,
    make_event,
    preflight,
    read_response,
)

FRONTS: list[tuple[str, Callable[..., ApiGatewayResolver]]] = [
    (REST, APIGatewayRestResolver),
    (HTTP_2, APIGatewayHttpResolver),
    (URL, LambdaFunctionUrlResolver),
    (ALB, ALBResolver),
    (ALB_MULTI, ALBResolver),
]
fronts = pytest.mark.parametrize(("source", "resolver"), FRONTS, ids=[source for source, _ in FRONTS])

ACAO = "access-control-allow-origin"
STAMP = [(ACAO, APP), ("vary", "Origin")]


def application(resolver: Callable[..., ApiGatewayResolver], **options: Any) -> tuple[ApiGatewayResolver, list[str]]:
    """An application with authentication for every route, and a list of what was called."""
    app = resolver(**options)
    ran: list[str] = []

    def authenticate(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Any:
        ran.append("auth")
        if not app.current_event.resolved_headers_field.get("authorization"):
            raise UnauthorizedError("who are you?")
        return next_middleware(app)

    app.use([authenticate])

    @app.get("/api/x")
    def get() -> Any:
        ran.append("route")
        return Response(200, "text/plain", "data", headers={"Access-Control-Allow-Origin": "*", "Vary": "Accept"})

    @app.get("/api/error")
    def error() -> Any:
        raise RuntimeError("broken inside")

    @app.get("/api/handled")
    def handled() -> Any:
        raise KeyError("k")

    @app.exception_handler(KeyError)  # type: ignore[untyped-decorator]
    def on_key_error(error: KeyError) -> Any:
        return Response(418, "text/plain", "handled")

    return cors_for(app, policy=APP, telemetry=Telemetry(lambda line: None)), ran


def get(source: str, path: str = "/api/x", origin: str = APP, **headers: str) -> dict[str, Any]:
    return make_event(source, path=path, headers=[("Origin", origin), *headers.items()])


@fronts
def test_preflight_does_not_reach_authentication(source: str, resolver: Callable[..., ApiGatewayResolver]) -> None:
    app, ran = application(resolver)
    status, headers, body = read_response(source, app.resolve(preflight(source), None))  # type: ignore[arg-type]
    assert (status, dict(headers)[ACAO], body) == (204, APP, b"")
    assert read_response(source, app(preflight(source, EVIL), None))[0] == 403
    assert ran == []


@fronts
def test_route_response_has_cors_headers(source: str, resolver: Callable[..., ApiGatewayResolver]) -> None:
    app, ran = application(resolver)
    answer = app(get(source, authorization="yes"), None)
    assert read_response(source, answer) == (
        200,
        [(ACAO, APP), ("content-type", "text/plain"), ("vary", "Accept, Origin")],
        b"data",
    )
    assert ran == ["auth", "route"]


@fronts
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/api/x", {}, 401, id="refused by a middleware"),
        pytest.param("/api/none", {"authorization": "yes"}, 404, id="no such route"),
        pytest.param("/api/handled", {"authorization": "yes"}, 418, id="an exception handler's response"),
        pytest.param("/api/error", {"authorization": "yes"}, 500, id="uncaught exception"),
    ],
)
def test_every_other_response_has_cors_headers(
    source: str, resolver: Callable[..., ApiGatewayResolver], path: str, headers: dict[str, str], status: int
) -> None:
    app, _ = application(resolver)
    answer = read_response(source, app(get(source, path, **headers), None))
    assert answer[0] == status
    assert [field for field in answer[1] if field[0] in (ACAO, "vary")] == STAMP
    refused = read_response(source, app(get(source, path, EVIL, **headers), None))
    assert refused[0] == status
    assert [field for field in refused[1] if field[0] in (ACAO, "vary")] == [("vary", "Origin")]


@fronts
def test_debug_traceback_has_cors_headers(
    source: str, resolver: Callable[..., ApiGatewayResolver], capsys: pytest.CaptureFixture[str]
) -> None:
    app, _ = application(resolver, debug=True)
    status, headers, body = read_response(source, app(get(source, "/api/error", authorization="yes"), None))
    assert status == 500
    assert b"RuntimeError: broken inside" in body
    assert [field for field in headers if field[0] in (ACAO, "vary")] == STAMP
    assert "Processed Middlewares" in capsys.readouterr().out


@fronts
def test_raise_errors_leaves_the_exception_to_lambda(source: str, resolver: Callable[..., ApiGatewayResolver]) -> None:
    app = resolver()

    @app.get("/api/x")
    def error() -> Any:
        raise RuntimeError("broken inside")

    cors_for(app, policy=APP, raise_errors=True, telemetry=Telemetry(lambda line: None))
    with pytest.raises(RuntimeError, match="broken inside"):
        app(get(source), None)
    with pytest.raises(RuntimeError, match="broken inside"):
        asyncio.run(app.resolve_async(get(source), None))  # type: ignore[arg-type]


@fronts
def test_cors_config_of_the_resolver_is_overridden(source: str, resolver: Callable[..., ApiGatewayResolver]) -> None:
    app = resolver(cors=CORSConfig(allow_origin=EVIL, allow_credentials=True))

    @app.get("/api/x")
    def route() -> dict[str, str]:
        return {"a": "b"}

    cors_for(app, policy=APP, telemetry=Telemetry(lambda line: None))
    status, headers, _ = read_response(source, app(get(source, origin=EVIL), None))
    assert (status, headers) == (200, [("content-type", "application/json"), ("vary", "Origin")])


@fronts
def test_asynchronous_route_has_cors_headers(source: str, resolver: Callable[..., ApiGatewayResolver]) -> None:
    app = resolver()
    lines: list[dict[str, Any]] = []

    @app.get("/api/x")
    async def route() -> Any:
        return {"a": "b"}

    @app.get("/api/error")
    async def error() -> Any:
        raise RuntimeError("broken inside")

    cors_for(app, policy=APP, telemetry=Telemetry(lambda line: lines.append(json.loads(line))))

    def resolve(event: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        return read_response(source, asyncio.run(app.resolve_async(event, None)))  # type: ignore[arg-type]

    assert resolve(get(source))[:2] == (200, [(ACAO, APP), ("content-type", "application/json"), ("vary", "Origin")])
    assert resolve(preflight(source))[0] == 204
    status, headers, _ = resolve(get(source, "/api/error"))
    assert (status, dict(headers)[ACAO]) == (500, APP)
    assert [line["message"] for line in lines if line.get("level") == "ERROR"] == ["the handler failed"]


def test_data_class_is_accepted_as_event() -> None:
    app, _ = application(APIGatewayRestResolver)
    answer = app.resolve(APIGatewayProxyEvent(get(REST, authorization="yes")), None)  # type: ignore[arg-type]
    assert read_response(REST, answer)[0] == 200
    assert app(APIGatewayProxyEvent(preflight(REST)), None)["statusCode"] == 204


def test_event_that_is_not_a_request_goes_to_the_resolver() -> None:
    class Resolver:
        def resolve(self, event: Any, context: Any) -> Any:
            return ("sync", event)

        async def resolve_async(self, event: Any, context: Any) -> Any:
            return ("async", event)

    app = cors_for(Resolver(), policy=APP)
    assert app.resolve({"x": 1}, None) == ("sync", {"x": 1})
    assert asyncio.run(app.resolve_async({"x": 1}, None)) == ("async", {"x": 1})


def test_resolver_without_resolve_async_is_accepted() -> None:
    class Resolver:
        def resolve(self, event: Any, context: Any) -> Any:
            return {"statusCode": 200}

    assert cors_for(Resolver(), policy=APP).resolve(get(REST), None)["headers"]["Access-Control-Allow-Origin"] == APP


def test_object_that_is_not_a_resolver_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"has no resolve\(\)"):
        cors_for(lambda event, context: None, policy=APP)

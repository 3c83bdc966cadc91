"""A live site with CORS headers of its own: Starlette's CORSMiddleware behind uvicorn, on a free loopback port."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/api/orders": {
            "get": {"responses": {}},
            "post": {"requestBody": {"content": {"application/json": {}}}, "responses": {}},
        },
        "/api/orders/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Version"}],
            "get": {"responses": {}},
            "put": {"requestBody": {"content": {"application/json": {}}}, "responses": {}},
        },
    },
    "components": {"parameters": {"Version": {"name": "If-Match", "in": "header", "schema": {"type": "string"}}}},
}


async def _describe(_: Request) -> Response:
    return JSONResponse(DESCRIPTION)


async def _answer(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.url.path}\n")


def make_site(**cors: Any) -> Starlette:
    """A site whose middleware has these settings."""
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]
    routes = [Route("/openapi.json", _describe), Route("/{path:path}", _answer, methods=methods)]
    return Starlette(routes=routes, middleware=[Middleware(CORSMiddleware, **cors)] if cors else [])


@contextlib.contextmanager
def serve(app: Any) -> Iterator[str]:
    """The URL of an ASGI application, for as long as the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()

"""The playground's own server: the page, its cases, and what the edge saw of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edgecors_local.playground.trials import Trials, judged
from edgecors_local.web.files import package_file

if TYPE_CHECKING:
    from edgecors.policy import Policy

# A page of somebody else's must not read from here through a name of its own that leads to this machine.
_LOOPBACK: Final = re.compile(r"(?:[a-z0-9-]+\.)?localhost(?::[0-9]+)?|127\.0\.0\.1(?::[0-9]+)?|\[::1\](?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the page has to know. ``port`` is its own, ``edge_port`` the edge's; ``demo``: whether the edge has the
    demonstration's policy and upstream, which the cases are made for.
    """

    front: str
    parameter: str
    port: int
    edge_port: int
    demo: bool


def make_page(setup: Setup, trials: Trials, policy: Callable[[], Policy | None]) -> Starlette:
    """The page as an ASGI application. ``policy`` tells which one holds now; it may block."""
    app_origin = f"http://app.localhost:{setup.port}"
    edge = f"http://localhost:{setup.edge_port}"
    security = (
        "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none';"
        f" connect-src 'self' {edge}; img-src 'self' {edge}; font-src {edge};"
        f" frame-src {app_origin} http://evil.localhost:{setup.port}; frame-ancestors {app_origin}"
    )

    def respond(request: Request, response: Response) -> Response:
        if not _LOOPBACK.fullmatch(request.headers.get("host", "")):
            response = PlainTextResponse("This is served to names of this machine only.\n", 421)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = security
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def file(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        return respond(request, package_file(__package__, name))

    def reported(request: Request) -> Response:
        content = {
            "front": setup.front,
            "parameter": setup.parameter,
            "demo": setup.demo,
            "edge": edge,
            "app": app_origin,
            "evil": f"http://evil.localhost:{setup.port}",
        }
        return respond(request, JSONResponse(content))

    async def trial(request: Request) -> Response:
        asked = request.query_params
        seen = trials.of(asked.get("id", ""), asked.get("origin", ""))
        held = await asyncio.to_thread(policy)
        return respond(request, JSONResponse(judged(held, seen, asked.get("credentials") == "include")))

    routes = [
        Route("/", file),
        Route("/setup", reported),
        Route("/trial", trial),
        Route("/{name}", file),
    ]
    return Starlette(routes=routes)

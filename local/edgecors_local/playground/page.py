"""The playground's own server: the page, its cases, and what the edge saw of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edgecors_local.errors import LocalError
from edgecors_local.playground.trials import Trials, judged
from edgecors_local.web.files import package_file

if TYPE_CHECKING:
    from edgecors.policy import Policy

# A page of somebody else's must not read from here through a name of its own that leads to this machine.
_LOOPBACK: Final = re.compile(r"(?:[a-z0-9-]+\.)?localhost(?::[0-9]+)?|127\.0\.0\.1(?::[0-9]+)?|\[::1\](?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the page has to know.

    Attributes:
        parameter: the parameter with the policy.
        port: the page's own port.
        edge_port: the edge's port.
        demo_policy: whether the policy is the demonstration's, which the cases are made for.
        demo_upstream: whether the upstream is the demonstration's. Another one gets only what the form sends.
        allow: the line that allows an origin, with ``{origin}`` in its place.
    """

    parameter: str
    port: int
    edge_port: int
    demo_policy: bool
    demo_upstream: bool
    allow: str


class FrontSwitch(Protocol):
    """The front that answers, and the others that could."""

    @property
    def name(self) -> str:
        """The front that answers."""

    @property
    def names(self) -> tuple[str, ...]:
        """All fronts."""

    async def select(self, name: str) -> None:
        """Let another front answer. Raises `LocalError`."""


def make_page(setup: Setup, trials: Trials, policy: Callable[[], Policy | None], fronts: FrontSwitch) -> Starlette:
    """The page as an ASGI application. ``policy`` returns the one in force; it may block."""
    app_origin = f"http://app.localhost:{setup.port}"
    edge = f"http://localhost:{setup.edge_port}"
    security = (
        "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none';"
        f" connect-src 'self' {edge}; img-src 'self' {edge}; font-src {edge};"
        f" frame-src {app_origin} http://evil.localhost:{setup.port}; frame-ancestors {app_origin}"
    )

    def respond(request: Request, response: Response) -> Response:
        if not _LOOPBACK.fullmatch(request.headers.get("host", "")):
            response = PlainTextResponse("This page is served under localhost names only.\n", 421)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Security-Policy"] = security
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def file(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        return respond(request, package_file(__package__, name))

    def reported(request: Request) -> Response:
        content = {
            "front": fronts.name,
            "fronts": list(fronts.names),
            "parameter": setup.parameter,
            "demo_policy": setup.demo_policy,
            "demo_upstream": setup.demo_upstream,
            "allow": setup.allow,
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

    async def front(request: Request) -> Response:
        # Any page may send this request; only this one may switch.
        if request.headers.get("origin") != app_origin:
            return respond(request, PlainTextResponse("Only the playground's own page may switch the front.\n", 403))
        try:
            await fronts.select(request.query_params.get("name", ""))
        except LocalError as error:
            return respond(request, JSONResponse({"front": fronts.name, "error": str(error)}, 409))
        return respond(request, JSONResponse({"front": fronts.name, "error": ""}))

    routes = [
        Route("/", file),
        Route("/setup", reported),
        Route("/trial", trial),
        Route("/front", front, methods=["POST"]),
        Route("/{name}", file),
    ]
    return Starlette(routes=routes)

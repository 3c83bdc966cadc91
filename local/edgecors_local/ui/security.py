"""Who may use the page: programs of this machine that know its token, and no page of another origin.

- The token is in the fragment of the address, which browsers send to nobody, and comes back in a header, which no other
  page can add to a request without being asked about by a preflight. There is no cookie, so no request is authorized by
  being sent (CSRF).
- A name of somebody else that resolves to 127.0.0.1 (DNS rebinding) fails the check of the Host header.
- The content security policy allows files of this server only: no inline script, no other origin, no frame around it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
API: Final = "/api/"


class Protected:
    """An ASGI application that passes on to another one what its own page asks, and refuses all other requests.

    Args:
        app: The application behind it.
        port: The port that the page is served on.
        token: The secret that requests below ``/api/`` must carry as ``Authorization: Bearer``.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope)

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._refusal(request) or self._app)(scope, receive, send_protected)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if host not in self._hosts:
            return _error(421, "This page is served only at the address that `edgecors ui` printed.")
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return _error(403, "Requests from other origins are refused.")
        if not request.url.path.startswith(API):
            return None  # the page's files, which hold nothing of the account
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _error(403, "Requests of other sites are refused.")
        if not self._is_authorized(request):
            return _error(401, "The token is missing or belongs to an earlier start of `edgecors ui`.")
        return None

    def _is_authorized(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and secrets.compare_digest(token.encode(), self._token)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)

"""The local edge as an ASGI application: HTTP in, a front's answer out, one printed line a request."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any

from edgecors_local.forwarding import encode
from edgecors_local.front import Front
from edgecors_local.http import Exchange, Headers, HttpRequest, HttpResponse, value, without

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Listener = Callable[[HttpRequest, Exchange, float], None]


class EdgeApp:
    """Hands each request to ``front`` and tells ``listeners`` what became of it and in how many seconds."""

    def __init__(self, front: Front, *listeners: Listener) -> None:
        self._front = front
        self._listeners = listeners

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        started = time.perf_counter()
        try:
            exchange = await self._front.handle(request)
        except Exception:
            # Not the handler's mistake but the local edge's own; the viewer still gets an answer.
            trouble = f"the local edge failed:\n{traceback.format_exc()}"
            exchange = Exchange(HttpResponse(500, (), b"The local edge failed.\n"), troubles=[trouble])
        await _send(request.method, exchange.response, send)
        seconds = time.perf_counter() - started
        for listener in self._listeners:
            listener(request, exchange, seconds)


def line(front: str, request: HttpRequest, exchange: Exchange, seconds: float) -> str:
    """The printed line: front, request, status, way, decisions, time; what went wrong on lines below it."""
    way = " > ".join(exchange.steps) or "no trigger"
    # The triggers of one request mostly agree; saying so once is enough.
    decisions = "; ".join(dict.fromkeys(exchange.decisions)) or "-"
    parts = (
        f"{front}  {request.method} {request.target}",
        str(exchange.response.status),
        way,
        decisions,
        f"{seconds * 1000:.0f} ms",
    )
    return "\n".join(("  |  ".join(parts), *(f"    ! {trouble}" for trouble in exchange.troubles)))


async def _read(scope: MutableMapping[str, Any], receive: Receive) -> HttpRequest:
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    client = scope.get("client")
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), text.decode("latin-1")) for name, text in scope["headers"]),
        body=b"".join(chunks),
        client=client[0] if client else "127.0.0.1",
    )


async def _send(method: str, response: HttpResponse, send: Send) -> None:
    bodiless = method == "HEAD" or response.status < 200 or response.status in (204, 304)
    body = b"" if bodiless else response.body
    headers: Headers = response.headers
    if not bodiless:
        headers = (*without(headers, {"content-length"}), ("Content-Length", str(len(body))))
    elif response.status == 204:
        headers = without(headers, {"content-length"})
    if value(headers, "date") is None:
        headers = (*headers, ("Date", formatdate(usegmt=True)))
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(encode(name), encode(text)) for name, text in headers],
        }
    )
    await send({"type": "http.response.body", "body": body})

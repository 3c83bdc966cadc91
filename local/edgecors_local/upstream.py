"""The demonstration's upstream. It misbehaves like real ones; the edge has to correct its responses."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib import resources
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edgecors_local.serving import AppServer, bind

Answer = Callable[[Request], Response]

ANY: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
MAX_DELAY: Final = 20.0
MAX_KILOBYTES: Final = 16 * 1024

_requests = itertools.count(1)
"""Numbers the requests, so that an answer from a cache can be distinguished from a new one."""


async def serve_demo(stack: AsyncExitStack, host: str = "127.0.0.1") -> int:
    """Serve the demonstration's upstream until the stack is closed, and return its port."""
    server = AppServer(make_app(), bind(0, host=host))
    await server.start()
    stack.push_async_callback(server.stop)
    return server.port


def _pairs(request: Request) -> list[list[str]]:
    return [[name.decode("latin-1"), text.decode("latin-1")] for name, text in request.headers.raw]


def _json(content: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return JSONResponse(content, status, headers={"X-Request-Id": f"demo-{next(_requests)}", **named})


async def echo(request: Request) -> Response:
    """What reached the upstream: method, target, headers in their order, body."""
    body = await request.body()
    content = {
        "method": request.method,
        "path": request.scope["raw_path"].decode("latin-1"),
        "query": request.scope["query_string"].decode("latin-1"),
        "headers": _pairs(request),
        "body": body.decode(errors="replace"),
    }
    return _json(content, Cache_Control="no-store")


def own_star(request: Request) -> Response:
    """CORS headers of its own: `*`, and credentials with it, which no browser accepts."""
    return _json(
        {"upstream": "allows everyone, with credentials"},
        Access_Control_Allow_Origin="*",
        Access_Control_Allow_Credentials="true",
        Cache_Control="no-store",
    )


def own_reflecting(request: Request) -> Response:
    """CORS headers of its own: every origin is allowed, and Vary does not say so."""
    return _json(
        {"upstream": "reflects the origin"},
        Access_Control_Allow_Origin=request.headers.get("origin", "null"),
        Access_Control_Allow_Credentials="true",
        Cache_Control="no-store",
    )


def own_twice(request: Request) -> Response:
    """CORS headers of its own: two values under two spellings of the name."""
    response = _json({"upstream": "sends the header twice"}, Cache_Control="no-store")
    response.raw_headers += [
        (b"Access-Control-Allow-Origin", b"https://old.example.com"),
        (b"access-control-allow-origin", b"*"),
    ]
    return response


def status(request: Request) -> Response:
    """Any status, with a body that says so."""
    code: int = request.path_params["code"]
    if not 200 <= code <= 599:
        return _json({"error": "a status between 200 and 599, please"}, 400)
    if code in (204, 304):
        return Response(status_code=code)
    return _json({"status": code, "request": next(_requests)}, code)


def vary_encoding(request: Request) -> Response:
    """Vary: Accept-Encoding."""
    return _json({"vary": "Accept-Encoding"}, Vary="Accept-Encoding", Cache_Control="no-store")


def vary_star(request: Request) -> Response:
    """Vary: *."""
    return _json({"vary": "*"}, Vary="*")


def cookies(request: Request) -> Response:
    """Three Set-Cookie headers, one with a comma inside."""
    response = _json({"received": request.headers.get("cookie", "")}, Cache_Control="no-store")
    for cookie in (
        "session=1; Path=/; HttpOnly; SameSite=Lax",
        "theme=dark; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
        "cart=; Path=/; Max-Age=0",
    ):
        response.raw_headers.append((b"Set-Cookie", cookie.encode()))
    return response


def redirect(request: Request) -> Response:
    """302 to `?to=`, the echo if there is none."""
    return Response(
        status_code=302,
        headers={"Location": request.query_params.get("to", "/api/echo"), "Cache-Control": "no-store"},
    )


async def slow(request: Request) -> Response:
    """Answers after `?seconds=` (2)."""
    seconds = _number(request, "seconds", 2.0, MAX_DELAY)
    await asyncio.sleep(seconds)
    return _json({"waited": seconds}, Cache_Control="no-store")


def compressed(request: Request) -> Response:
    """gzip, whether asked for or not."""
    body = gzip.compress(json.dumps({"compressed": True, "padding": "x" * 1000}).encode(), mtime=0)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(body, headers=headers)


def large(request: Request) -> Response:
    """A body of `?kilobytes=` (2048)."""
    size = int(_number(request, "kilobytes", 2048, MAX_KILOBYTES)) * 1024
    return Response(b"0123456789abcdef" * (size // 16), media_type="application/octet-stream")


def login(request: Request) -> Response:
    """401 without Authorization."""
    if "authorization" not in request.headers:
        return _json({"error": "who are you?"}, 401, WWW_Authenticate="Bearer", Cache_Control="no-store")
    return _json({"authorization": request.headers["authorization"]}, Cache_Control="no-store")


def cached(request: Request) -> Response:
    """Kept by caches for 30 seconds; the number tells whether it is an old one."""
    return _json(
        {"request": next(_requests), "origin": request.headers.get("origin")},
        Cache_Control="public, max-age=30",
    )


def cached_reflecting(request: Request) -> Response:
    """Kept for 30 seconds, with the first requester's origin in it, which poisons a cache without Origin in its key."""
    response = cached(request)
    response.headers["Access-Control-Allow-Origin"] = request.headers.get("origin", "null")
    response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


def font(request: Request) -> Response:
    """A font with one square for a letter. Fonts are always fetched with CORS."""
    body = resources.files(__package__).joinpath("demo.woff2").read_bytes()
    return Response(body, media_type="font/woff2", headers={"Cache-Control": "public, max-age=30"})


def image(request: Request) -> Response:
    """A PNG of 8 by 8 pixels, for canvases."""
    return Response(_PNG, media_type="image/png", headers={"Cache-Control": "public, max-age=30"})


def index(request: Request) -> Response:
    """This list."""
    paths = {route.path: (route.endpoint.__doc__ or "").strip() for route in _ROUTES}
    return _json({"paths": paths}, Cache_Control="no-store")


def _number(request: Request, name: str, default: float, most: float) -> float:
    try:
        return min(max(float(request.query_params.get(name, default)), 0), most)
    except ValueError:
        return default


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes((0x1F, 0x6F, 0xEB)) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(row * 8)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


_PNG: Final = _png()

_ROUTES: Final = [
    Route("/", index),
    Route("/api/echo", echo, methods=ANY),
    Route("/api/echo/{rest:path}", echo, methods=ANY),
    Route("/api/own-cors/star", own_star, methods=ANY),
    Route("/api/own-cors/reflecting", own_reflecting, methods=ANY),
    Route("/api/own-cors/twice", own_twice, methods=ANY),
    Route("/api/status/{code:int}", status, methods=ANY),
    Route("/api/vary/encoding", vary_encoding),
    Route("/api/vary/star", vary_star),
    Route("/api/cookies", cookies),
    Route("/api/redirect", redirect),
    Route("/api/slow", slow),
    Route("/api/gzip", compressed),
    Route("/api/large", large),
    Route("/api/login", login, methods=ANY),
    Route("/cached/plain", cached),
    Route("/cached/reflecting", cached_reflecting),
    Route("/fonts/demo.woff2", font),
    Route("/images/demo.png", image),
    Route("/public/echo", echo, methods=ANY),
    Route("/unmanaged/echo", echo, methods=ANY),
    Route("/unmanaged/own-cors/star", own_star, methods=ANY),
]


def make_app() -> Starlette:
    """The upstream as an ASGI application. It knows nothing of OPTIONS: 405, as so many."""
    return Starlette(routes=_ROUTES)

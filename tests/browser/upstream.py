"""An upstream with cookies and CORS headers of its own, which reads paths as WSGI servers or as Tomcat do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http.server import ThreadingHTTPServer
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from harness.threaded_server import ThreadedServer
from harness.upstreams import models


class Received(NamedTuple):
    """A request as the application saw it."""

    method: str
    path: str
    cookie: str


class RecordingUpstream(ThreadedServer):
    """A WSGI server that reads paths as the model does; `model_name` is a name in `models.MODELS`."""

    def __init__(self, model_name: str) -> None:
        self.received: list[Received] = []
        model = models.MODELS[model_name]

        class Handler(WSGIRequestHandler):
            def get_environ(self) -> dict[str, Any]:
                target = self.requestline.split(" ")[1].partition("?")[0]
                path = model(target) or ""
                return {**super().get_environ(), "PATH_INFO": path.encode().decode("latin-1")}

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        server = _ThreadingWsgiServer(("127.0.0.1", 0), Handler)
        server.set_app(self._answer)
        super().__init__(server)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """What the application saw, as JSON; `/login` sets a cookie. Every origin is allowed, with credentials."""
        received = Received(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_COOKIE", ""))
        if received.path != "/favicon.ico":
            self.received.append(received)
        headers = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("Access-Control-Allow-Origin", environ.get("HTTP_ORIGIN", "null")),
            ("Access-Control-Allow-Credentials", "true"),
        ]
        if received.path == "/login":
            headers.append(("Set-Cookie", "session=secret; Path=/"))
        start_response("200 OK" if received.path else "400 Bad Request", headers)
        return [json.dumps(received._asdict()).encode()]


class _ThreadingWsgiServer(ThreadingHTTPServer, WSGIServer):
    pass

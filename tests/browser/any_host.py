"""A server that answers for every host: browsers use it as their proxy, so that no name has to resolve."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.threaded_server import ThreadedServer


class AnyHost(ThreadedServer):
    """A context manager. `/origin` of any host answers with the Origin header it got, other paths with a page."""

    def __init__(self) -> None:
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _Handler))


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asks = self.path.endswith("/origin")
        body = (
            self.headers.get("Origin", "no Origin").encode("latin-1") if asks else b"<!doctype html><title>page</title>"
        )
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", "text/plain" if asks else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

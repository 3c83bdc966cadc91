"""Real servers, each with an application that answers with the path it sees: `python -m harness.upstreams.servers`.

Asks every server for some thousand paths and writes what each made of them to `answers.jsonl`, which the functions in
`models` are tested against. Needs nginx, Tomcat 10 and Jetty 9 of Debian (packages nginx, tomcat10, libjetty9-java),
Java 11 or newer, Node with npm, and Werkzeug and Flask. Recording is only needed when a server or the paths change.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from edgecors_local.ports import accepts_connections, free_port
from werkzeug.serving import WSGIRequestHandler as WerkzeugRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server

from harness import paths
from harness.threaded_server import ThreadedServer
from harness.wait import wait_until

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers.jsonl"
EXPRESS_VERSION = "5.1.0"
TOMCAT = "/usr/share/tomcat10/lib/*:/usr/share/tomcat10/bin/tomcat-juli.jar"
JETTY = ":".join(f"/usr/share/java/jetty9-{name}.jar" for name in ("server", "http", "io", "util"))
JETTY += ":/usr/share/java/servlet-api.jar"
SEED = 20261125
COUNT = 4000


def ask(port: int, path: str) -> str | int:
    """What the application of a server sees of a path, or the status of a refusal."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        target = path.encode("utf-8", "surrogateescape")
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 400
    if status != 200:
        return status
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return body.decode("utf-8", "surrogateescape")


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


@contextmanager
def running() -> Iterator[Mapping[str, int]]:
    """Start every server; yields their ports by name."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgecors-upstreams-")))
        ports: dict[str, int] = {}
        ports["flask"] = stack.enter_context(flask_server())
        ports["wsgi"] = stack.enter_context(wsgi_server())
        ports["nginx"] = stack.enter_context(nginx_server(directory))
        java = ["java", "-XX:TieredStopAtLevel=1", "-cp"]
        tomcat = [*java, TOMCAT, str(HERE / "TomcatEcho.java"), str(directory / "tomcat")]
        ports["tomcat"], ports["tomcat-decoding"] = stack.enter_context(_process(tomcat))
        (ports["jetty"],) = stack.enter_context(_process([*java, JETTY, str(HERE / "JettyEcho.java")]))
        npm = ["npm", "install", "--no-save", "--no-audit", "--no-fund", f"express@{EXPRESS_VERSION}"]
        subprocess.run(npm, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        script = directory / "express.js"
        script.write_bytes((HERE / "express.js").read_bytes())
        ports["express"], ports["express-static"] = stack.enter_context(_process(["node", str(script)]))
        yield ports


@contextmanager
def flask_server() -> Iterator[int]:
    """Flask on Werkzeug's server, answering with `request.path` before it routes."""
    from flask import Flask, Response, request

    app = Flask("upstream")
    app.before_request(lambda: Response(request.path, content_type="text/plain; charset=utf-8"))
    with ThreadedServer(make_werkzeug_server("127.0.0.1", 0, app, request_handler=_QuietWerkzeug)) as server:
        yield server.port


@contextmanager
def wsgi_server() -> Iterator[int]:
    """The standard library's WSGI server, answering with the bytes of PATH_INFO (PEP 3333)."""

    def app(environ: Mapping[str, str], start_response: Callable[..., Any]) -> Sequence[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode("latin-1")]

    with ThreadedServer(make_server("127.0.0.1", 0, app, handler_class=_Quiet)) as server:
        yield server.port


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _QuietWerkzeug(WerkzeugRequestHandler):
    def log(self, type: str, message: str, *arguments: object) -> None:
        pass


@contextmanager
def _process(command: Sequence[str]) -> Iterator[list[int]]:
    """A server that prints its ports and ends when its standard input is closed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield [int(port) for port in process.stdout.readline().split()]
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def nginx_server(directory: Path) -> Iterator[int]:
    """nginx, answering with `$uri`."""
    port = free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;\n"
        f"events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port};\n"
        'location / { default_type text/plain; return 200 "$uri"; } } }\n'
    )
    command = ["nginx", "-c", str(configuration), "-p", str(directory), "-e", f"{directory}/nginx.log"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts_connections(port), "nginx listens")
        yield port
    finally:
        process.terminate()
        process.wait()


def record() -> None:
    """Ask every server and write `answers.jsonl`: a header line, then a line per path with the answers in its order."""
    random = Random(SEED)
    asked = dict.fromkeys(paths.path(random) for _ in range(COUNT))
    with running() as ports:
        lines = [json.dumps(["path", *ports])]
        for path in asked:
            answers = [ask(port, path) for port in ports.values()]
            lines.append(json.dumps([path, *answers]))
    ANSWERS.write_text("\n".join(lines) + "\n", "ascii")
    print(f"{len(asked)} paths, {len(ports)} servers")


if __name__ == "__main__":
    record()

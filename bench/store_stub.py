"""A Parameter Store that answers at once: GetParameter and GetParameters out of a dict, any signature accepted.

moto needs several milliseconds for each answer, which would drown what is measured here. That signatures are right is
tested elsewhere, against a store that checks them. Run as a program it prints two ports (http, https) and serves until
its standard input ends.

Like AWS it closes idle connections, so that a refresh makes a new one.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
IDLE = 2.0
"""Seconds without a request after which a connection is closed."""


class StoreStub:
    """The running program: a context manager.

    Args:
        directory: for its files.
        parameters: values by name.
        addresses: further addresses for its certificate. With any, it listens on all addresses of the machine: for a
            network of the benchmark's own.
    """

    def __init__(self, directory: Path, parameters: Mapping[str, str], addresses: Sequence[str] = ()) -> None:
        import trustme

        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1", *addresses)
        self._listen_on = "0.0.0.0" if addresses else "127.0.0.1"
        self.ca_bundle = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_bundle))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
        (directory / "parameters.json").write_text(json.dumps(parameters))
        self._directory = directory

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.store_stub", str(self._directory), self._listen_on],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ports = self._process.stdout.readline().split()
        self._http_port, self._https_port = ports
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def environment(self, *, tls: bool, host: str = "localhost") -> dict[str, str]:
        """The variables that lead any SDK, and edgecors, here."""
        variables = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
        if tls:
            endpoint = f"https://{host}:{self._https_port}"
            return variables | {"AWS_ENDPOINT_URL_SSM": endpoint, "AWS_CA_BUNDLE": str(self.ca_bundle)}
        return variables | {"AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{self._http_port}"}


def answer(parameters: Mapping[str, str], target: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and body of a call. The SDK that is measured beside edgecors calls GetParameter."""
    if target == "AmazonSSM.GetParameter":
        name = request["Name"]
        if name not in parameters:
            return 400, {"__type": "ParameterNotFound"}
        return 200, {"Parameter": _parameter(parameters, name)}
    existing = [_parameter(parameters, name) for name in request["Names"] if name in parameters]
    return 200, {"Parameters": existing, "InvalidParameters": []}


def _parameter(parameters: Mapping[str, str], name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "String", "Value": parameters[name], "Version": 1}


def serve(connection: socket.socket, context: ssl.SSLContext | None, parameters: Mapping[str, str]) -> None:
    """Answer every request of one connection."""
    try:
        connection.settimeout(10)
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(IDLE)
            while stream.readline():
                headers = {}
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                if "content-length" not in headers:
                    return  # it left in the middle of a request
                request = json.loads(stream.read(int(headers["content-length"])))
                status, body = answer(parameters, headers["x-amz-target"], request)
                text = json.dumps(body).encode()
                head = f"HTTP/1.1 {status} -\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {len(text)}"
                connection.sendall(head.encode() + b"\r\n\r\n" + text)
    except OSError:
        pass  # the function was ended while it was connected, or asked nothing for a while


def listen(context: ssl.SSLContext | None, parameters: Mapping[str, str], host: str = "127.0.0.1") -> socket.socket:
    """Serve on a free port, a thread for each connection, until the listening socket that is returned is shut down."""
    listener = socket.create_server((host, 0), backlog=64)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection, context, parameters), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def main() -> None:
    directory = Path(sys.argv[1])
    parameters = json.loads((directory / "parameters.json").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    listeners = listen(None, parameters), listen(context, parameters, sys.argv[2])
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

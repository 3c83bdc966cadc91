"""Firefox over WebDriver BiDi, which it speaks without a driver beside it (https://w3c.github.io/webdriver-bidi/)."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.wait import wait_until

PREFERENCES: dict[str, bool | str] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
"""Firefox sends no requests but those of a test."""


class Firefox:
    """A headless Firefox with a new profile and one tab: a context manager. `preferences` come on top of the usual."""

    def __init__(self, program: str, preferences: Mapping[str, bool | str | int] | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="edgecors-firefox-")
        home = Path(self._directory.name)
        chosen = {**PREFERENCES, **(preferences or {})}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in chosen.items()]
        (home / "user.js").write_text("\n".join(lines))
        self._log = home / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "--headless", "--no-remote", "--profile", str(home), "--remote-debugging-port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._socket: socket.socket | None = None
        self._received = b""
        self._calls = 0

    def __enter__(self) -> Self:
        try:
            announced = wait_until(self._announced, "Firefox listens", 60)
            assert announced is not None
            self._socket = self._connected(int(announced[1]))
            self.call("session.new", capabilities={})
            self.tab: str = self.call("browsingContext.create", type="tab")["context"]
        except BaseException:
            self.stop()
            raise
        return self

    def _announced(self) -> re.Match[str] | None:
        said = self._log.read_text("utf-8", "replace")
        if self._process.poll() is not None:
            raise RuntimeError(f"Firefox ended:\n{said}")
        return re.search(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)", said)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it and removes its profile."""
        if self._socket is not None:
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def open(self, url: str) -> None:
        """Goes there and waits until the page is loaded."""
        self.call("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, by way of JSON."""
        wrapped = f"Promise.resolve({expression}).then(JSON.stringify)"
        found = self.call("script.evaluate", expression=wrapped, target={"context": self.tab}, awaitPromise=True)
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"]) if found["result"]["type"] == "string" else None

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Events are left out."""
        self._calls += 1
        self._send(json.dumps({"id": self._calls, "method": method, "params": parameters}).encode())
        while True:
            message = json.loads(self._message())
            if message.get("id") == self._calls:
                if message["type"] == "error":
                    raise RuntimeError(f"{message['error']}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result

    # -- as much of RFC 6455 as this needs --------------------------------------------------------------------------

    def _connected(self, port: int) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket = made
        key = base64.b64encode(os.urandom(16)).decode()
        made.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return made

    def _receive(self) -> None:
        assert self._socket is not None
        chunk = self._socket.recv(65536)
        if not chunk:
            raise RuntimeError("Firefox has closed the connection")
        self._received += chunk

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._receive()
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _send(self, text: bytes) -> None:
        assert self._socket is not None
        size = len(text)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 65536:
            length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
        self._socket.sendall(b"\x81" + length + mask + masked)

    def _message(self) -> bytes:
        """The next message, put together from its frames."""
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
            message += self._take(size)
            if first & 0x80:
                return message

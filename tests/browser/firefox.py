"""Firefox over WebDriver BiDi, which it speaks without a driver program (https://w3c.github.io/webdriver-bidi/)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from harness.wait import wait_until
from tests.support.require import require

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


def firefox_program() -> str:
    """Debian's Firefox, or another. Skips the test where there is none."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    require(program, "Firefox is not here: apt-get install firefox-esr")
    assert program is not None
    return program


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
        self._opened = ExitStack()
        self._connection: ClientConnection | None = None
        self._calls = 0

    def __enter__(self) -> Self:
        try:
            announced = wait_until(self._announced, "Firefox listens", 60)
            assert announced is not None
            # Answers hold whole pages.
            address = f"ws://127.0.0.1:{announced[1]}/session"
            self._connection = self._opened.enter_context(connect(address, proxy=None, max_size=None))
            self.call("session.new", capabilities={})
            self.tab: str = self.call("browsingContext.create", type="tab")["context"]
        except BaseException:
            self.stop()
            raise
        return self

    def _announced(self) -> re.Match[str] | None:
        log = self._log.read_text("utf-8", "replace")
        if self._process.poll() is not None:
            raise RuntimeError(f"Firefox ended:\n{log}")
        return re.search(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)", log)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it and removes its profile."""
        self._opened.close()
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
        answer = self.call("script.evaluate", expression=wrapped, target={"context": self.tab}, awaitPromise=True)
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"]) if answer["result"]["type"] == "string" else None

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Events are left out."""
        assert self._connection is not None
        self._calls += 1
        self._connection.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("id") == self._calls:
                if message["type"] == "error":
                    raise RuntimeError(f"{message['error']}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result

"""`edgecors ui` as a process: what it prints, and how it ends."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from edgecors_cli.app import app
from typer.testing import CliRunner

from tests.support.parameter_store import ParameterStoreServer


def test_command_prints_the_address_and_ends_with_an_interrupt(parameter_store: ParameterStoreServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edgecors_cli", "ui", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **parameter_store.environment()},
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "}\n")
        printed = json.loads("".join(lines) + "}")
        address, _, token = printed["url"].partition("#token=")
        request = urllib.request.Request(f"{address}api/overview", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            assert json.load(response)["sites"] == []
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert len(token) >= 32
    assert printed["root"] == "/edgecors"


def test_port_in_use_is_explained(monkeypatch: pytest.MonkeyPatch, parameter_store: ParameterStoreServer) -> None:
    for name, value in parameter_store.environment().items():
        monkeypatch.setenv(name, value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["ui", "--port", port])
    assert result.exit_code == 1
    assert f"Port {port} is in use by another program." in result.stderr
    assert "make run" not in result.stderr


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find_spec(name))
    result = CliRunner().invoke(app, ["ui"])
    assert (result.exit_code, "pip install '.[local]'" in result.stderr) == (2, True)

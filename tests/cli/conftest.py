"""The command, run in this process against a Parameter Store that checks signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import typer.main
import typer.testing
from edgecors_admin.account import Account
from edgecors_cli.app import app
from typer.testing import CliRunner

from tests.support.locked import lock
from tests.support.parameter_store import ParameterStoreServer, ParameterType

COMMAND = typer.main.get_command(app)


@dataclass
class Ran:
    """What one call of the command came to."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


@dataclass
class Command:
    """``edgecors`` with a store behind it that is empty at first."""

    store: ParameterStoreServer

    def __call__(self, *arguments: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def json(self, *arguments: str) -> Any:
        ran = self(*arguments, "--json")
        assert ran.out, ran.err
        return ran.data

    def value(self, name: str) -> str:
        return self.store.client.get_parameter(Name=f"/edgecors/{name}", WithDecryption=True)["Parameter"]["Value"]

    def about(self, name: str) -> Any:
        filters: Any = [{"Key": "Name", "Option": "Equals", "Values": [f"/edgecors/{name}"]}]
        return self.store.client.describe_parameters(ParameterFilters=filters)["Parameters"][0]

    def put(self, name: str, value: str, type: ParameterType = "String") -> None:
        self.store.put(f"/edgecors/{name}", value, type)


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of SecureStrings whose key the caller may not use. Reads that decrypt one of them fail as a whole."""
    names: set[str] = set()
    make = Account.client

    def client(self: Account, service: str, *arguments: Any, **options: Any) -> Any:
        client = make(self, service, *arguments, **options)
        lock(client, names)
        return client

    monkeypatch.setattr(Account, "client", client)
    return names


@pytest.fixture
def edgecors(parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    for name, value in parameter_store.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("edgecors_cli.progress.DELAY_SECONDS", 3600)  # a slow machine must not change the output
    monkeypatch.setenv("EDGECORS_DEBUG", "1")  # show the traceback of an error in edgecors itself
    # Typer builds all commands anew for each call, which takes longer than most of the calls.
    monkeypatch.setattr(typer.testing, "_get_command", lambda _: COMMAND)
    yield Command(parameter_store)
    client = parameter_store.client
    while names := [p["Name"] for p in client.describe_parameters(MaxResults=10)["Parameters"]]:
        client.delete_parameters(Names=names)

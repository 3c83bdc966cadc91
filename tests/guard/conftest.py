"""Fixtures of the guard's tests."""

from collections.abc import Iterator

import pytest

from tests.guard.world import World
from tests.support.parameter_store import ParameterStoreServer


@pytest.fixture
def world(parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty account, which this process's AWS variables point to."""
    for name, value in parameter_store.environment().items():
        monkeypatch.setenv(name, value)
    account = World(parameter_store)
    yield account
    account.close()

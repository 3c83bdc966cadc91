"""Fixtures of the guard's tests."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import mock_aws
from moto.sns.models import Subscription

from tests.functions.guard.world import InProcessStore, World
from tests.support.parameter_store import ParameterStoreServer


@pytest.fixture(scope="session", autouse=True)
def notices_are_signed_with_one_key() -> Iterator[None]:
    """moto would make a key for each subscription, which takes as long as a short test."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Subscription, "private_key", lambda self: key)
        yield


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty account in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, InProcessStore.access_key)
    with mock_aws():
        yield World(InProcessStore())


@pytest.fixture
def served_world(parameter_store: ParameterStoreServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty account behind moto's server, which checks permissions; this process's AWS variables point to it."""
    for name, value in parameter_store.environment().items():
        monkeypatch.setenv(name, value)
    account = World(parameter_store)
    yield account
    account.close()

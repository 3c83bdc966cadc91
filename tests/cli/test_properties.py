"""Writing a parameter keeps what PutParameter resets unless it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from edgecors_admin.errors import AwsError, NotPermittedError
from edgecors_admin.parameter_store import Parameters, Stored

from tests.support.parameter_store import ParameterStoreServer

NAME = "/edgecors/sites/shop"
A, B = "https://a.example", "https://b.example"
WRITING = ["ssm:GetParameter", "ssm:PutParameter"]
KEPT = {"Description": "the shop", "AllowedPattern": "^https://", "Tier": "Advanced"}


class Writer:
    """Somebody with some permissions; `sent` is what PutParameter was called with."""

    def __init__(self, store: ParameterStoreServer, *actions: str) -> None:
        statement = {"Effect": "Allow", "Action": [*WRITING, *actions], "Resource": "*"}
        self.client = store.client_in(store.region, store.temporary_credentials(statement))
        self.client.meta.events.register("provide-client-params.ssm.PutParameter", self._record)
        self.parameters = Parameters(self.client, "/edgecors")
        self.sent: dict[str, Any] = {}

    def _record(self, params: dict[str, Any], **_: Any) -> None:
        self.sent = params

    def fail(self, operation: str, code: str, status: int = 400) -> None:
        response = AWSResponse("", status, HTTPHeaders(), None)
        error = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.client.meta.events.register(f"before-call.ssm.{operation}", lambda **_: (response, error))  # type: ignore[arg-type]

    def put(self, text: str = B) -> Stored:
        return self.parameters.put(NAME, text, self.parameters.get(NAME))


@pytest.fixture
def store(parameter_store: ParameterStoreServer) -> Iterator[ParameterStoreServer]:
    yield parameter_store
    parameter_store.client.delete_parameters(Names=[NAME])


def write(store: ParameterStoreServer, **fields: Any) -> None:
    store.client.put_parameter(**{"Name": NAME, "Value": A, "Type": "String", "Overwrite": True, **fields})


@pytest.mark.parametrize("actions", [["ssm:DescribeParameters"], ["ssm:GetParameterHistory"]])
def test_put_sends_the_properties_again(store: ParameterStoreServer, actions: list[str]) -> None:
    write(store, Description="older")
    write(store, **KEPT)
    writer = Writer(store, *actions)
    assert (writer.put().version, writer.sent["Value"]) == (3, B)
    assert {name: writer.sent[name] for name in KEPT} == KEPT


def test_put_keeps_the_key_of_a_secret(store: ParameterStoreServer) -> None:
    write(store, Type="SecureString", KeyId="alias/teams")
    for action in ("ssm:DescribeParameters", "ssm:GetParameterHistory"):
        writer = Writer(store, action)
        writer.put(f"{A} {action}")
        assert (writer.sent["Type"], writer.sent["KeyId"]) == ("SecureString", "alias/teams")


def test_put_secret_of_an_unknown_key_is_not_written(store: ParameterStoreServer) -> None:
    write(store, Type="SecureString", KeyId="alias/teams")
    writer = Writer(store)
    with pytest.raises(NotPermittedError, match=r"shop was not written: .* Permit ssm:DescribeParameters or "):
        writer.put()
    assert writer.sent == {}


@pytest.mark.parametrize(("length", "tier"), [(100, "Intelligent-Tiering"), (6000, "Advanced")])
def test_put_without_either_permission_asks_for_no_lower_tier(
    store: ParameterStoreServer, length: int, tier: str
) -> None:
    write(store, Tier="Advanced")
    writer = Writer(store)
    # Random, so that it is not packed into less.
    random = Random(length)
    writer.put(",".join(f"https://{random.randbytes(14).hex()}.example" for _ in range(length // 40)))
    assert writer.sent["Tier"] == tier


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
@pytest.mark.parametrize("operation", ["DescribeParameters", "GetParameterHistory"])
def test_put_with_unknown_properties_writes_nothing(store: ParameterStoreServer, operation: str, code: str) -> None:
    write(store, **KEPT)
    writer = Writer(store, *(["ssm:DescribeParameters"] if operation == "DescribeParameters" else []))
    writer.fail(operation, code)
    with pytest.raises(AwsError, match=code) as raised:
        writer.put()
    assert (raised.value.code, writer.sent) == (code, {})


def test_put_creates_in_the_standard_tier_without_asking(store: ParameterStoreServer) -> None:
    writer = Writer(store)
    assert writer.put(A).version == 1
    assert writer.sent == {"Name": NAME, "Value": A, "Type": "String", "Tier": "Standard", "Overwrite": False}

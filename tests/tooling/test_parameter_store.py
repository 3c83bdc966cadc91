"""The store that other tests rely on is as strict as they think."""

import pytest
from botocore.exceptions import ClientError

from tests.support.parameter_store import Credentials, ParameterStoreServer

NAME = "/edgecors/sites/shop"


def test_a_parameter_is_written_changed_and_deleted(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "https://one.example", "StringList")
    parameter_store.put(NAME, "https://two.example", "StringList")
    parameter = parameter_store.client.get_parameter(Name=NAME)["Parameter"]
    assert (parameter["Value"], parameter["Type"], parameter["Version"]) == ("https://two.example", "StringList", 2)
    parameter_store.delete(NAME)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        parameter_store.client.get_parameter(Name=NAME)


def test_each_test_finds_it_empty(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "x")
    parameter_store.put(NAME, "x", region="eu-west-1")
    parameter_store.clear()
    for region in ("us-east-1", "eu-west-1"):
        answer = parameter_store.client_in(region).get_parameters(Names=[NAME])
        assert (answer["Parameters"], answer["InvalidParameters"]) == ([], [NAME])


def test_regions_are_kept_apart(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "here", region="eu-west-1")
    assert parameter_store.client_in("eu-west-1").get_parameter(Name=NAME)["Parameter"]["Value"] == "here"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        parameter_store.client_in("us-east-1").get_parameter(Name=NAME)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"secret_key": "wrong"}, "SignatureDoesNotMatch", id="wrong secret"),
        pytest.param(
            {"access_key": "AKIAIOSFODNN7EXAMPLE"}, "UnrecognizedClient|InvalidClientTokenId", id="no such key"
        ),
    ],
)
def test_a_wrong_signature_is_refused(parameter_store: ParameterStoreServer, change: dict[str, str], code: str) -> None:
    parameter_store.put(NAME, "x")
    own = parameter_store.credentials
    client = parameter_store.client_in(
        "us-east-1", Credentials(**({"access_key": own.access_key, "secret_key": own.secret_key} | change))
    )
    with pytest.raises(ClientError, match=code):
        client.get_parameter(Name=NAME)


def test_temporary_credentials_need_their_token(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "x")
    received = parameter_store.temporary_credentials()
    assert received.session_token
    client = parameter_store.client_in("us-east-1", received)
    assert client.get_parameter(Name=NAME)["Parameter"]["Value"] == "x"
    for token in (None, "wrong"):
        other = Credentials(received.access_key, received.secret_key, token)
        with pytest.raises(ClientError, match=r"UnrecognizedClient|InvalidClientTokenId"):
            parameter_store.client_in("us-east-1", other).get_parameter(Name=NAME)


def test_permissions_count(parameter_store: ParameterStoreServer) -> None:
    parameter_store.put(NAME, "x")
    reader = parameter_store.temporary_credentials({"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"})
    client = parameter_store.client_in("us-east-1", reader)
    assert client.get_parameter(Name=NAME)["Parameter"]["Value"] == "x"
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_parameter(Name=NAME, Value="y", Overwrite=True)

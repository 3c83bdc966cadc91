"""The function's credentials: from the environment or from a container endpoint."""

import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import ContainerMetadataFetcher
from edgecors.aws import ReadError
from edgecors.aws.credentials import AccessKey, CredentialSource, container_endpoint
from edgecors.aws.parameters import ParameterReader

from tests.unit.scripted import Peer, Script, ScriptedServer, http

NAME = "/edgecors/sites/shop"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
LONG = 20.0
"""Seconds of a deadline that the test does not reach."""
SHORT = 0.3


def soon(seconds: float = LONG) -> float:
    return time.monotonic() + seconds


def get(credentials: CredentialSource) -> AccessKey:
    """The credentials, with time enough for the endpoint."""
    access_key = credentials.poll(soon())
    assert access_key is not None
    return access_key


def read(client: ParameterReader) -> object:
    """Any parameter."""
    client.begin([NAME], LONG)
    return client.poll(soon())


def failure(read: Callable[[], object]) -> str:
    """The code of the error that a read ends with."""
    with pytest.raises(ReadError) as caught:
        read()
    return caught.value.code


TIME = datetime(2026, 6, 1, 12, tzinfo=UTC)


class CredentialClock:
    """A clock to set by hand."""

    def __init__(self) -> None:
        self.now = TIME.timestamp()

    def __call__(self) -> float:
        return self.now


def credentials_response(number: int, **changed: object) -> bytes:
    expires = (TIME + timedelta(hours=number)).isoformat().replace("+00:00", "Z")
    body = {"AccessKeyId": f"AKID{number}", "SecretAccessKey": "s", "Token": f"t{number}", "Expiration": expires}
    return http({**body, **changed})


def source(url: str, clock: Callable[[], float] = TIME.timestamp, **environ: str) -> CredentialSource:
    return CredentialSource({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, **environ}, clock)


def test_credential_source_environment_changes_is_read_each_time() -> None:
    environ = dict(KEYS)
    credentials = CredentialSource(environ)
    first = get(credentials)
    environ |= {"AWS_ACCESS_KEY_ID": "AKID2", "AWS_SESSION_TOKEN": "token"}
    second = get(credentials)
    assert (first.access_key, first.secret_key, first.token) == ("AKIDEXAMPLE", "secret", "")
    assert (second.access_key, second.secret_key, second.token) == ("AKID2", "secret", "token")


@pytest.mark.parametrize(
    "environ", [{}, {"AWS_ACCESS_KEY_ID": "AKID"}, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "x"}]
)
def test_credential_source_without_credentials_fails(environ: dict[str, str]) -> None:
    assert failure(lambda: get(CredentialSource(environ))) == "no-credentials"
    client = ParameterReader("us-east-1", environ=environ)
    assert failure(lambda: read(client)) == "no-credentials"


@pytest.mark.parametrize("form", ["variable", "file", "none", "empty file"])
def test_container_endpoint_with_token_sends_it(tmp_path: Path, form: str) -> None:
    received: list[bytes] = []

    def script(peer: Peer) -> None:
        received.append(peer.request())
        peer.send(credentials_response(1))

    token_file = tmp_path / "token"
    token_file.write_text("from the file\n" if form == "file" else "\n")
    environ = {
        "variable": {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "from the variable"},
        "file": {
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "from the variable",
        },
        "none": {},
        "empty file": {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file)},
    }[form]
    with ScriptedServer(script) as server:
        credentials = get(source(f"{server.url}/v1/credentials", TIME.timestamp, **environ))
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("AKID1", "s", "t1")
    assert credentials.expires == (TIME + timedelta(hours=1)).timestamp()
    lines = received[0].decode().split("\r\n")
    tokens = [line for line in lines if line.startswith("authorization")]
    expected = {"variable": ["authorization: from the variable"], "file": ["authorization: from the file"]}
    assert (lines[0], tokens) == ("GET /v1/credentials HTTP/1.1", expected.get(form, []))


def test_container_endpoint_credentials_are_cached_until_five_minutes_before_expiry() -> None:
    clock = CredentialClock()
    with ScriptedServer(*[lambda peer, n=n: peer.answer(credentials_response(n)) for n in (1, 2)]) as server:
        credentials = source(server.url, clock)

        def key_after(minutes: float) -> str:
            clock.now = (TIME + timedelta(minutes=minutes)).timestamp()
            return get(credentials).access_key

        assert [key_after(minutes) for minutes in (0, 1, 55)] == ["AKID1"] * 3
        assert server.connections == 1
        assert [key_after(minutes) for minutes in (55.1, 115)] == ["AKID2"] * 2
        assert server.connections == 2


def test_container_endpoint_failed_renewal_uses_unexpired_credentials() -> None:
    clock = CredentialClock()
    with ScriptedServer(
        lambda peer: peer.answer(credentials_response(1)), lambda peer: peer.answer(http(b"", "500 x"))
    ) as server:
        credentials = source(server.url, clock)
        assert get(credentials).access_key == "AKID1"
        clock.now += 3600 - 60
        assert get(credentials).access_key == "AKID1"
        clock.now += 60
        assert failure(lambda: get(credentials)) == "no-credentials"
        assert server.connections == 3


def test_container_endpoint_credentials_without_expiry_are_cached_forever() -> None:
    clock = CredentialClock()
    with ScriptedServer(lambda peer: peer.answer(credentials_response(1, Expiration=None, Token=None))) as server:
        credentials = source(server.url, clock)
        assert (get(credentials).token, get(credentials).expires) == ("", float("inf"))
        clock.now += 1e9
        assert get(credentials).access_key == "AKID1"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda peer: peer.request(), id="closed"),
        pytest.param(lambda peer: peer.answer(http({"code": "x"}, "400 Bad Request")), id="400"),
        pytest.param(
            lambda peer: peer.answer(credentials_response(1).replace(b"200 OK", b"500 Oh")), id="500 with credentials"
        ),
        pytest.param(lambda peer: peer.answer(http(b"<html>")), id="no JSON"),
        pytest.param(lambda peer: peer.answer(http(b"\xff")), id="no UTF-8"),
        pytest.param(lambda peer: peer.answer(http(b"[" * 100_000)), id="deeper than Python goes"),
        pytest.param(lambda peer: peer.answer(http(b"[]")), id="no object"),
        pytest.param(lambda peer: peer.answer(http(b"null")), id="null"),
        pytest.param(lambda peer: peer.answer(http({})), id="empty"),
        pytest.param(lambda peer: peer.answer(http({"AccessKeyId": "a"})), id="no secret"),
        pytest.param(lambda peer: peer.answer(credentials_response(1, SecretAccessKey=None)), id="null for a secret"),
        pytest.param(lambda peer: peer.answer(credentials_response(1, AccessKeyId=5)), id="a number for a key"),
        pytest.param(lambda peer: peer.answer(credentials_response(1, Token=["x"])), id="a list for a token"),
        pytest.param(lambda peer: peer.answer(credentials_response(1, Expiration="soon")), id="no time"),
        pytest.param(lambda peer: peer.answer(credentials_response(1, Expiration=5)), id="a number for a time"),
    ],
)
def test_container_endpoint_invalid_response_fails(script: Script) -> None:
    with ScriptedServer(script) as server:
        assert failure(lambda: get(source(server.url))) == "no-credentials"


def test_container_endpoint_without_answer_times_out() -> None:
    with ScriptedServer(Peer.hang) as server:
        assert failure(lambda: get(source(server.url))) == "no-credentials"


def test_container_endpoint_answer_after_the_deadline_is_used_by_the_next_call() -> None:
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        go_on.wait(30)
        peer.send(credentials_response(1))

    with ScriptedServer(script) as server:
        credentials = source(server.url)
        assert credentials.poll(soon(0)) is None
        assert credentials.poll(soon(SHORT)) is None
        go_on.set()
        assert get(credentials).access_key == "AKID1"
        assert server.connections == 1


def test_container_endpoint_missing_token_file_fails(tmp_path: Path) -> None:
    credentials = source("http://127.0.0.1:1", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "none"))
    assert failure(lambda: get(credentials)) == "no-credentials"


def test_container_endpoint_invalid_url_fails() -> None:
    assert failure(lambda: get(source("169.254.170.2/credentials"))) == "no-credentials"


# Which endpoints are trusted with plain HTTP.

TRUSTED = {
    "http://localhost/x": True,
    "http://127.0.0.1:51679/x": True,
    "http://127.9.8.7/x": True,
    "http://[::1]:51679/x": True,
    "http://169.254.170.2/v2/credentials/x": True,
    "http://169.254.170.23/v1/credentials": True,
    "http://[fd00:ec2::23]/v1/credentials": True,
    "https://credentials.example/x": True,
    "http://credentials.example/x": False,
    "http://169.254.169.254/latest/meta-data": False,
    "http://169.254.170.3/x": False,
    "http://[fd00:ec2::254]/x": False,
    "http://10.0.0.1/x": False,
    "http://128.0.0.1/x": False,
    "http://127.0.0.1.example/x": False,
    "http://localhost.example/x": False,
    "http://[::2]/x": False,
    "http://[::ffff:10.0.0.1]/x": False,
    "http://2130706433/x": False,
    "http://0x7f000001/x": False,
}


@pytest.mark.parametrize("url", TRUSTED)
def test_container_endpoint_follows_the_sdks_rule(url: str) -> None:
    fetcher: Any = ContainerMetadataFetcher()
    if TRUSTED[url]:
        fetcher._validate_allowed_url(url)
        assert container_endpoint({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}).netloc == url.split("/")[2]
    else:
        with pytest.raises(ValueError, match="Unsupported host"):
            fetcher._validate_allowed_url(url)
        with pytest.raises(ReadError, match="is neither a loopback address nor one of the ECS and EKS agents"):
            container_endpoint({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})


def test_container_endpoint_not_trusted_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *arguments, **options: asked.append(host))
    credentials = source("http://credentials.example/x", AWS_CONTAINER_AUTHORIZATION_TOKEN="token")
    assert failure(lambda: get(credentials)) == "no-credentials"
    assert asked == []


def test_container_endpoint_relative_uri_is_the_ecs_agents() -> None:
    environ = {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/y",
    }
    endpoint = container_endpoint(environ)
    assert (endpoint.netloc, endpoint.path) == ("169.254.170.2", "/v2/credentials/x")


def test_container_endpoint_token_with_line_break_fails() -> None:
    with ScriptedServer() as server:
        credentials = source(server.url, AWS_CONTAINER_AUTHORIZATION_TOKEN="a\r\nx-forged: 1")
        assert failure(lambda: get(credentials)) == "no-credentials"
        assert server.connections == 0

"""The store that cold starts are measured against speaks as Parameter Store does, as far as anyone asks it."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edgecors.allowlist import read_list
from edgecors.aws.parameters import ParameterReader
from edgecors.document import read_document

from bench.memory import ADVANCED, list_parameters
from bench.store_stub import listen

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}


@contextmanager
def serving(**parameters: str) -> Iterator[tuple[int, ParameterReader]]:
    listener = listen(None, {f"/{name}": value for name, value in parameters.items()})
    port = listener.getsockname()[1]
    endpoint = {"AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{port}"}
    store = ParameterReader("us-east-1", environ=CREDENTIALS | endpoint)
    try:
        yield port, store
    finally:
        store.close()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_parameters_are_read() -> None:
    with serving(a="1", b="2") as (_, store):
        store.begin(["/a", "/b", "/c"], 10)
        parameters = store.poll(time.monotonic() + 10) or {}
        assert {name: parameter.value for name, parameter in parameters.items()} == {"/a": "1", "/b": "2"}


def test_a_client_that_leaves_does_not_end_it() -> None:
    with serving(a="1") as (port, store):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST / HTTP/1.1\r\n")
        store.begin(["/a"], 10)
        assert store.poll(time.monotonic() + 10)


def test_many_origins_stand_in_lists_that_parameter_store_takes() -> None:
    parameters = list_parameters(20_000)
    assert max(len(value) for name, value in parameters.items() if "/lists/" in name) <= ADVANCED
    sites = [value for name, value in parameters.items() if "/sites/" in name]
    document = read_document(sites[0])
    lists = {name: read_list(name, parameters[f"/edgecors/lists/{name}"]) for name in document.lists}
    (rule,) = document.compile(lists).rules
    origins = rule.grants[0].allow_origins
    assert origins is not None
    assert len(origins) == 20_000

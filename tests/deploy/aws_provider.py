"""Answers Terraform in place of the AWS provider: the same attributes and blocks, without an account.

It speaks version 5 of the plugin protocol over gRPC. `aws_provider.json` has the attributes of the real provider.
A plan has every value of the configuration. What only AWS knows is a text that names it, such as
``<aws_sqs_queue edgecors-guard-dead-letters arn>``, so that whatever refers to it can be compared.

https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = json.loads(Path(__file__).with_name("aws_provider.json").read_text("utf-8"))
SOURCE: Final = "registry.terraform.io/hashicorp/aws"
DATA: Final = {
    "aws_caller_identity": {"account_id": "123456789012"},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
    "aws_region": {"region": os.environ.get("AWS_REGION", "us-east-1")},
    "aws_secretsmanager_secret_version": {"secret_string": "a secret"},
}
NESTING: Final = {"list": 2, "set": 3}


# Protocol Buffers, as far as these messages need them.


def _varint(number: int) -> bytes:
    head, tail = number & 127, number >> 7
    return bytes([head | 128]) + _varint(tail) if tail else bytes([head])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def fields(message: bytes) -> dict[int, bytes]:
    """The last value of each field of a message that is not a number."""
    values, position = {}, 0

    def varint() -> int:
        nonlocal position
        number = shift = 0
        while True:
            byte = message[position]
            position += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while position < len(message):
        key = varint()
        if key & 7 == 2:
            length = varint()
            values[key >> 3] = message[position : position + length]
            position += length
        else:
            varint()
    return values


# The schema


def _block(block: Mapping[str, Any]) -> bytes:
    attributes = (
        field(1, name)
        + field(2, json.dumps(kind))
        + (field(4, 1) if mode == "required" else b"")
        + (field(5, 1) if mode == "optional" else b"")
        + (field(6, 1) if _is_computed(name, mode) else b"")
        for name, (kind, mode) in block["attributes"].items()
    )
    blocks = (
        field(1, name)
        + field(2, _block(nested))
        + field(3, NESTING[nested["nesting"]])
        + (field(4, 1) if nested["required"] else b"")
        + (field(5, 1) if nested["single"] else b"")
        for name, nested in block["blocks"].items()
    )
    return b"".join(field(2, item) for item in attributes) + b"".join(field(3, item) for item in blocks)


def _is_computed(name: str, mode: str) -> bool:
    """Whether AWS decides an attribute that the configuration leaves out, and others refer to it."""
    return mode == "computed" or (mode == "optional" and name == "id")


def _schemas() -> bytes:
    provider = field(1, field(2, _block({"attributes": {"region": ["string", "optional"]}, "blocks": {}})))
    maps = ((2, SCHEMA["resources"]), (3, SCHEMA["data"]))
    return provider + b"".join(
        field(number, field(1, name) + field(2, field(2, _block(block))))
        for number, blocks in maps
        for name, block in blocks.items()
    )


# The calls


def _plan(message: bytes) -> bytes:
    import msgpack

    request = fields(message)
    resource = request[1].decode()
    attributes = SCHEMA["resources"][resource]["attributes"]
    planned = msgpack.unpackb(fields(request[3])[1], strict_map_key=False)
    if planned is not None:
        identity = next((str(planned[name]) for name in ("name", "function_name") if planned.get(name)), "")
        for name, (kind, mode) in attributes.items():
            if planned[name] is None and _is_computed(name, mode):
                text = " ".join(filter(None, (resource, identity, name)))
                planned[name] = f"<{text}>" if kind == "string" else msgpack.ExtType(0, b"\0")
    return field(1, field(1, msgpack.packb(planned)))


def _read_data(message: bytes) -> bytes:
    import msgpack

    request = fields(message)
    name = request[1].decode()
    return field(1, field(1, msgpack.packb(msgpack.unpackb(fields(request[2])[1]) | DATA[name])))


METHODS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "GetSchema": lambda _: _schemas(),
    "PrepareProviderConfig": lambda message: field(1, fields(message)[1]),
    "ValidateResourceTypeConfig": lambda _: b"",
    "ValidateDataSourceConfig": lambda _: b"",
    "Configure": lambda _: b"",
    "PlanResourceChange": _plan,
    "ReadDataSource": _read_data,
    "Stop": lambda _: b"",
}


def start() -> Iterator[str]:
    """Run the provider; what to put into TF_REATTACH_PROVIDERS, so that Terraform finds it."""
    import grpc

    def handler(method: Callable[[bytes], bytes]) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: method(request))

    server = grpc.server(ThreadPoolExecutor(4))
    handlers = {name: handler(method) for name, method in METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    provider = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": address}
    yield json.dumps({SOURCE: provider})
    server.stop(None)

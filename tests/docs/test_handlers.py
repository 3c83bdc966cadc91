"""docs/handlers.md: its modules are written to files and its tests are run."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from edgecors import cors
from edgecors.aws.parameters import ParameterReader
from edgecors.decision import Request, decide
from edgecors.store import PolicyStore
from edgecors.telemetry import Telemetry

from tests.docs.markdown import blocks, by_first, read, section
from tests.support.parameter_store import ParameterStoreServer

TEXT = read("handlers.md")
MODULES = {re.match(r"# (\w+\.py)\n", block)[1]: block for block in blocks(TEXT, "python")}  # type: ignore[index]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documented modules in a directory of their own."""
    target = tmp_path_factory.mktemp("handlers")
    for name, text in MODULES.items():
        (target / name).write_text(text, "utf-8")
    return target


def test_documented_tests_pass(directory: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(directory),
        str(directory),
    ]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    documented = sum(text.count("\ndef test_") for text in MODULES.values())
    assert f"{documented} passed" in done.stdout


def test_documented_resolver_answers(directory: Path) -> None:
    program = (
        "from edgecors.testing import fake_store; import resolver\n"
        "event = {'version': '2.0', 'rawPath': '/orders', 'headers': {'origin': 'https://app.example.com'},\n"
        "         'requestContext': {'http': {'method': 'GET', 'path': '/orders'}, 'stage': '$default'}}\n"
        "with fake_store({'shop': 'https://app.example.com'}):\n"
        "    print(resolver.handler(event, None)['headers']['Access-Control-Allow-Origin'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "https://app.example.com", done.stderr


def test_documented_permission_suffices_to_read_a_policy_and_its_lists(parameter_store: ParameterStoreServer) -> None:
    """moto evaluates the actions of the statement; for Systems Manager it does not evaluate resources."""
    (statement,) = [json.loads(block) for block in blocks(TEXT, "json")]
    assert re.fullmatch(r"arn:aws:ssm:[a-z0-9-]+:[0-9]{12}:parameter/edgecors/\*", statement["Resource"])
    parameter_store.put("/edgecors/sites/shop", '{"rules": [{"allow_origins": ["@web"]}]}')
    parameter_store.put("/edgecors/lists/web", "https://app.example.com")
    credentials = parameter_store.temporary_credentials({**statement, "Resource": "*"})
    reader = ParameterReader("us-east-1", environ=parameter_store.environment(credentials=credentials))
    policy = PolicyStore([reader], Telemetry(lambda line: None)).get("shop")
    reader.close()
    assert policy is not None
    assert decide(policy, Request("GET", "/", origin="https://app.example.com")).reason == "allowed"


def test_documented_arguments_are_those_of_cors() -> None:
    documented = by_first(section(TEXT, "Arguments"))
    assert set(documented) == set(inspect.signature(cors).parameters) - {"handler"}

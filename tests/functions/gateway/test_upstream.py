"""``EDGECORS_UPSTREAM`` and ``EDGECORS_SITE``: what is accepted, and what stops the function with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from edgecors_local.ports import free_port

from tests.functions.gateway.conftest import SOURCES


def read(text: str | None) -> Any:
    return import_module("upstream").read_upstream(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.example.com", (True, "api.example.com", 443, "api.example.com", "")),
        ("https://api.example.com/", (True, "api.example.com", 443, "api.example.com", "")),
        ("HTTP://api.example.com:8080/v1/", (False, "api.example.com", 8080, "api.example.com:8080", "/v1")),
        ("http://10.0.0.5", (False, "10.0.0.5", 80, "10.0.0.5", "")),
        ("http://[::1]:81/a/b", (False, "::1", 81, "[::1]:81", "/a/b")),
        (
            "https://api.example.com/a%20b/.well-known",
            (True, "api.example.com", 443, "api.example.com", "/a%20b/.well-known"),
        ),
    ],
)
def test_upstream_address_is_parsed(text: str, expected: tuple[Any, ...]) -> None:
    address = read(text)
    assert (address.secure, address.host, address.port, address.netloc, address.base) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is missing"),
        ("", "is missing"),
        ("api.example.com", "neither https:// nor http://"),
        ("ftp://api.example.com", "neither https:// nor http://"),
        ("https://user:secret@api.example.com", "must not name a user"),
        ("https://", "its host or its port"),
        ("https://:443", "its host or its port"),
        ("https://api.example.com:", "its host or its port"),
        ("https://api.example.com:0", "its host or its port"),
        ("https://api%2eexample.com", "its host or its port"),
        ("https://api.example.com:99999", "out of range"),
        ("https://api.example.com:http", "could not be cast"),
        ("https://[::1", "Invalid IPv6"),
        ("https://api.example.com/?a=b", "without query and fragment"),
        ("https://api.example.com/#x", "without query and fragment"),
        ("https://api.example.com/a/../b", "dot segments"),
        ("https://api.example.com/a/.", "dot segments"),
        ("https://api.example.com/a b", "spaces or other characters"),
        ("https://api.example.com\\evil", "spaces or other characters"),
        ("https://äpi.example.com", "spaces or other characters"),
        (" https://api.example.com", "spaces or other characters"),
    ],
)
def test_invalid_upstream_address_names_the_fault(text: str | None, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as raised:
        read(text)
    assert str(raised.value).startswith("EDGECORS_UPSTREAM is ")
    assert "set EDGECORS_UPSTREAM to an address such as https://" in str(raised.value)


def start(program: str = "import app", **variables: str) -> subprocess.CompletedProcess[str]:
    """Import the gateway as Lambda does, and run a program after it."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(SOURCES),
        # A port that refuses connections.
        "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        **variables,
    }
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"EDGECORS_SITE": "shop"}, "ValueError: EDGECORS_UPSTREAM is missing: set EDGECORS_UPSTREAM to"),
        ({"EDGECORS_SITE": "shop", "EDGECORS_UPSTREAM": "x"}, "ValueError: EDGECORS_UPSTREAM is 'x': it starts with"),
        ({"EDGECORS_UPSTREAM": "https://a.example"}, "set the environment variable EDGECORS_SITE"),
        ({"EDGECORS_UPSTREAM": "https://a.example", "EDGECORS_SITE": "a b"}, "'a b' is not a valid site name"),
    ],
)
def test_function_with_invalid_settings_does_not_start(variables: dict[str, str], sentence: str) -> None:
    done = start(**variables)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]


COMPLETE = {"EDGECORS_UPSTREAM": "https://a.example", "EDGECORS_SITE": "shop"}


def test_function_without_parameter_store_starts() -> None:
    done = start("import app; print(app.handler)", **COMPLETE)
    assert done.returncode == 0, done.stderr
    # The policy is read at the start, so that no visitor waits for it.
    assert done.stdout.count("policy refresh failed") == 1


RESTORE = """
import sys, types
hooks = []
module = types.ModuleType("snapshot_restore_py")
module.register_after_restore = hooks.append
sys.modules["snapshot_restore_py"] = module
import app
print(sorted(hook.__qualname__ for hook in hooks))
for hook in hooks: hook()
"""


def test_snapshot_has_no_policy_and_is_reset_when_restored() -> None:
    done = start(RESTORE, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", **COMPLETE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['PolicyStore.reset_after_restore', 'Proxy.reset_after_restore']"]

"""The types that mypy sees of decorated handlers and resolvers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

HANDLERS = """
from typing import Any

from edgecors import cors
from edgecors.powertools import cors_for


class Resolver:
    routes = 0

    def resolve(self, event: Any, context: Any) -> Any:
        return None


@cors
def bare(event: dict[str, str], context: object) -> dict[str, int]:
    return {"statusCode": 200}


@cors(site="shop", raise_errors=True)
def with_arguments(event: dict[str, str], context: object, *, limit: int = 3) -> dict[str, int]:
    return {"statusCode": 200}


reveal_type(bare)
reveal_type(with_arguments)
reveal_type(cors_for(Resolver(), site="shop"))
reveal_type(bare({}, None)["statusCode"])
"""

MISTAKES = """
from edgecors import cors


@cors(site="shop")
def handler(event: dict[str, str], context: object) -> int:
    return 1


handler("text", None)
cors(sight="shop")
cors(policy=7)
text: str = handler({}, None)
"""


def run_mypy(tmp_path: Path, program: str) -> list[str]:
    """The messages of mypy about a module, in order."""
    module = tmp_path / "module.py"
    module.write_text(program, "utf-8")
    output, errors, _ = api.run([str(module), "--strict", "--no-error-summary", "--hide-error-context"])
    assert errors == ""
    return [line.partition(": ")[2] for line in output.splitlines()]


def test_decorated_handler_has_its_own_type(tmp_path: Path) -> None:
    revealed = [re.sub(r"builtins\.|module\.", "", message) for message in run_mypy(tmp_path, HANDLERS)]
    assert revealed == [
        'note: Revealed type is "def (event: dict[str, str], context: object) -> dict[str, int]"',
        'note: Revealed type is "def (event: dict[str, str], context: object, *, limit: int =) -> dict[str, int]"',
        'note: Revealed type is "Resolver"',
        'note: Revealed type is "int"',
    ]


@pytest.mark.parametrize(
    "message",
    ['Argument 1 to "handler"', 'No overload variant of "cors"', 'expression has type "int", variable has type "str"'],
)
def test_mistake_is_reported(tmp_path: Path, message: str) -> None:
    assert any(message in line for line in run_mypy(tmp_path, MISTAKES))

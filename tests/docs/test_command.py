"""docs/command.md says what the command does."""

import re
from typing import Any

import pytest
from edgecors_cli.app import app
from edgecors_cli.context import CHANGES, INTERNAL_ERROR, INTERRUPTED
from typer.main import get_command

from tests.docs.markdown import read, section, table

PAGE = read("command.md")
GROUP: Any = get_command(app)
LINES = sorted(set(re.findall(r"`edgecors ([a-z][^`]*)`", PAGE)))


@pytest.mark.parametrize("line", LINES)
def test_documented_command_line_can_be_parsed(line: str) -> None:
    name, *arguments = line.split()
    if name == "COMMAND":
        return
    command = GROUP.commands[name]
    if hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context(name, arguments, resilient_parsing=False)


def test_every_exit_status_is_documented() -> None:
    statuses = [row[0] for row in table(section(PAGE, "Exit status"))]
    assert statuses == ["0", "1", "2", "3", str(CHANGES), str(INTERNAL_ERROR), str(INTERRUPTED)]

"""CONTRIBUTING.md: what its recipes say about the code is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecors_cli import app as application
from edgecors_cli import commands
from typer.main import get_command

from tests.docs.markdown import read, section

TEXT = read("../CONTRIBUTING.md")
NO_COMMANDS = {"__init__", "arguments"}


def leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_every_command_but_the_named_ones_has_json_and_each_has_an_example() -> None:
    without = set()
    for name, command in leaves(get_command(application.app)):
        assert "Examples:" in (command.epilog or ""), name
        if "--json" not in {option for parameter in command.params for option in parameter.opts}:
            without.add(name)
    (exceptions,) = re.findall(r"every command but (.*?) has `--json`", " ".join(TEXT.split()))
    assert without == set(re.findall(r"`(\w+)`", exceptions))


def test_every_command_s_file_is_in_the_list_that_the_recipe_names() -> None:
    assert "`COMMANDS`" in section(TEXT, "Recipes")
    files = {path.stem for path in Path(commands.__path__[0]).glob("*.py")} - NO_COMMANDS
    assert files == {module.__name__.rpartition(".")[2] for module in application.COMMANDS}


def test_style_is_the_section_that_the_word_list_names() -> None:
    words = (Path(__file__).parents[2] / "scripts" / "words.py").read_text(encoding="utf-8")
    (title,) = re.findall(r"CONTRIBUTING\.md says under (\w+)", words)
    assert section(TEXT, title)

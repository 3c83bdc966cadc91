"""The files that the command is measured with."""

from pathlib import Path

from bench import commands


def test_100_000_origins_stand_in_50_lists(tmp_path: Path) -> None:
    commands.write_policies(tmp_path)
    files = sorted(tmp_path.glob("lists/*.txt"))
    origins = [line for file in files for line in file.read_text("utf-8").split()]
    assert len(files) == 50
    assert len(set(origins)) == 100_000
    assert len(commands.COMMANDS) == 22

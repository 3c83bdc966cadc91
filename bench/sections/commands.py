"""The command at scale."""

from __future__ import annotations

from bench import commands
from bench.goals import Part, table


def scale() -> Part:
    """Every reading and writing command over 100,000 origins."""
    if not commands.PYTHON.exists():
        return Part("The command", "Not measured: `make setup` installs what the command needs.", [], {})
    rows = commands.run()
    text = f"""Seconds of each command from the start of its process to its end, with {commands.ORIGINS:,} origins in
{commands.LISTS} lists and a site that uses all of them, against moto's server on this machine. The first `plan` is of
an empty store, `lint` without arguments is of everything in it.

{table(["command", "seconds"], [[f"`edgecors {command}`", f"{seconds:.1f}"] for command, seconds in rows])}
"""
    data = {"commands": [{"command": command, "seconds": round(seconds, 3)} for command, seconds in rows]}
    return Part(f"The command with {commands.ORIGINS:,} origins", text, [], data)

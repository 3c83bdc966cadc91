"""What commands print: for people with rich, for programs as JSON. Values from outside are never read as markup."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgecors.findings import ERROR, REPAIRED, SKIPPED, WARNING, Finding
from edgecors_admin.text_difference import text_difference_lines
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from edgecors_admin.access import AccessDifference

UNFOLDED = 1000
"""Columns when the output is not a terminal: a program or a file gets each line whole."""
SHOWN = 200
"""Lines of one kind that are printed for people. JSON has all of them."""
_STYLES = {ERROR: "bold red", SKIPPED: "red", WARNING: "yellow", REPAIRED: "cyan"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def console(*, error: bool = False) -> Console:
    """The console: plain text, coloured and folded only on a terminal (or where COLUMNS sets a width)."""
    out = Console(stderr=error, highlight=False, markup=False, emoji=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = UNFOLDED
    return out


def harmless(text: object) -> str:
    """A value that can do nothing to a terminal: control characters are written out."""
    # An argument that is not UTF-8 has surrogates, which no terminal takes.
    printable = str(text).encode("utf-8", "backslashreplace").decode()
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", printable)


def line(out: Console, *parts: object, indent: int = 0) -> None:
    """Print one line; a part is a text, or a pair of text and style."""
    pairs = [part if isinstance(part, tuple) else (part, "") for part in parts]
    if not out.is_terminal and out.width == UNFOLDED:
        # Rich takes a millisecond for a line; a list may have 100,000.
        out.file.write(" " * indent + "".join(harmless(value) for value, _ in pairs) + "\n")
        return
    text = Text()
    for value, style in pairs:
        text.append_text(Text(harmless(value), style=style))
    out.print(Padding(text, (0, 0, 0, indent), expand=False) if indent else text)


def as_json(data: Any) -> None:
    """Print the answer for programs on standard output."""
    print(json.dumps(data, indent=2, default=str))


def findings(out: Console, items: Iterable[Finding], title: str = "") -> None:
    """Print findings: severity, location and code, then message and remedy."""
    items = list(items)
    if items and title:
        line(out, (title, "bold"))
    for finding in items[:SHOWN]:
        style = _STYLES.get(finding.severity, "dim")
        line(out, (finding.severity, style), "  ", finding.location or "document", ("  " + finding.code, "dim"))
        line(out, finding.message, indent=4)
        if finding.remedy:
            line(out, (finding.remedy, "green"), indent=4)
    _say_rest(out, len(items), "findings", 0)


def difference(out: Console, changes: AccessDifference, indent: int = 0) -> None:
    """Print who gains and who loses access."""
    for sign, style, pairs in (("+", "green", changes.gained), ("-", "red", changes.lost)):
        for who, where in pairs[:SHOWN]:
            verb = "may read" if sign == "+" else "may no longer read"
            line(out, (f"{sign} {who}", style), f"  {verb} {where}", indent=indent)
        _say_rest(out, len(pairs), "gained" if sign == "+" else "lost", indent)
    for sentence in changes.changed[:SHOWN]:
        line(out, ("~ ", "yellow"), sentence, indent=indent)
    _say_rest(out, len(changes.changed), "changes", indent)


def _say_rest(out: Console, count: int, what: str, indent: int) -> None:
    if count > SHOWN:
        line(out, (f"... and {count - SHOWN:,} more {what}; --json has them all", "dim"), indent=indent)


def text_difference(out: Console, old: str, new: str, indent: int = 0) -> None:
    """Print the lines that changed, with a few around them; plain lists with one entry a line."""
    lines = text_difference_lines(old, new)
    for number, text in enumerate(lines[:SHOWN]):
        if text.startswith("@@"):
            if number:
                line(out, ("...", "dim"), indent=indent)
            continue
        style = {"+": "green", "-": "red"}.get(text[:1], "dim")
        line(out, (text, style), indent=indent)
    _say_rest(out, len(lines), "lines", indent)


def table(out: Console, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns without frames. What does not fit is folded, never cut."""
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(harmless(value)) for value in row))
    out.print(grid)

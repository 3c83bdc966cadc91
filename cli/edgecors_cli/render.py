"""What commands print: for people with rich, for programs as JSON. Values from outside are never read as markup."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgecors.findings import ERROR, REPAIRED, SKIPPED, WARNING, Finding
from edgecors_admin.text_difference import text_difference_lines
from rich.cells import cell_len
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
_HANG = 2
"""Columns by which the further rows of a folded line are indented."""
_GAP = 2
"""Columns between two cells of a table."""
_STYLES = {ERROR: "bold red", SKIPPED: "red", WARNING: "yellow", REPAIRED: "cyan"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class _PipeConsole(Console):
    """A console that leaves it to the command to end when the reader of its output is gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """The console: plain text, coloured and folded only on a terminal (or where COLUMNS sets a width)."""
    out = _PipeConsole(stderr=error, highlight=False, markup=False, emoji=False)
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
    for number, row in enumerate(folded(text, out.width - indent)):
        out.print(Text(" " * (indent + _HANG * bool(number))) + row, no_wrap=True, overflow="ignore", crop=False)


def say_alias(out: Console, alias: str, site: str) -> None:
    """Print that a distribution uses the policy of a site, so that what follows is the site's."""
    line(out, ("note: ", "yellow"), f"{alias} is an alias of {site}, and uses the policy of {site}.")


def folded(text: Text, width: int) -> list[Text]:
    """A line as rows of at most ``width`` columns, broken between words; all but the first are indented further.

    A word is broken only where it is longer than a row, and then where it stands: a sign stays beside its origin.
    """
    starts = [0]
    room = width
    position = len(text.plain) - len(text.plain.lstrip())
    for word in re.finditer(r"\S+\s*", text.plain):
        size = cell_len(word.group().rstrip())
        if position + size > room and size <= width - _HANG:
            starts.append(word.start())
            room, position = width - _HANG, 0
        for offset, character in enumerate(word.group()):
            if position + cell_len(character) > room and not character.isspace():
                starts.append(word.start() + offset)
                room, position = width - _HANG, 0
            position += cell_len(character)
    rows = list(text.divide(starts[1:]))
    for row in rows[:-1]:
        row.rstrip()
    return rows


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
        line(out, (f"... and {count - SHOWN:,} more {what}; use --json to see all", "dim"), indent=indent)


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


def table(out: Console, head: Sequence[str], rows: Iterable[Sequence[object]], indent: int = 0) -> None:
    """Print columns without frames. Nothing is cut: cells are folded between words.

    Where the terminal is too narrow for that, each row is printed as a block: its first cell, and below it the other
    cells with their heads. Without heads it is a list, whose gaps are one column wide.
    """
    cells = [[harmless(cell) for cell in row] for row in rows]
    widths = _column_widths(head, cells, out.width - indent)
    if widths is None:
        for row in cells:
            line(out, (row[0], "bold"), indent=indent)
            pairs(out, [(name, cell) for name, cell in zip(head[1:], row[1:], strict=True) if cell], indent + 2)
        return
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for name, width in zip(head, widths, strict=True):
        grid.add_column(name, overflow="fold", width=width)
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    out.print(Padding(grid, (0, 0, 0, indent), expand=False))


def pairs(out: Console, items: Sequence[tuple[str, object]], indent: int = 0) -> None:
    """Print names with their values, aligned."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in items:
        grid.add_row(Text(name, style="dim"), Text(harmless(value)))
    out.print(Padding(grid, (0, 0, 0, indent), expand=False))


def _column_widths(head: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column; None where not even the longest words fit beside each other."""
    columns = [[name, *(row[number] for row in cells)] for number, name in enumerate(head)]
    wanted = [max(map(cell_len, texts)) for texts in columns]
    least = [max((cell_len(word) for text in texts for word in text.split()), default=0) for texts in columns]
    free = width - _GAP * (len(head) - 1) - sum(least)
    if free < 0:
        return None
    widths = least
    # The columns that need the least get it first, so that only the widest are folded.
    order = sorted(range(len(head)), key=lambda number: wanted[number] - least[number])
    for position, number in enumerate(order):
        more = min(wanted[number] - least[number], free // (len(order) - position))
        widths[number] += more
        free -= more
    return widths

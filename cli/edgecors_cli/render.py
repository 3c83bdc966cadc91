"""What commands print: for people with rich, for programs as JSON. Nothing from outside is taken as markup."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from edgecors.findings import ERROR, REPAIRED, SKIPPED, WARNING, Finding
from edgecors_admin.edit import is_json
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from edgecors_admin.access import Difference

UNFOLDED = 1000
"""Columns where nobody looks: a program or a file gets each line whole."""
_STYLES = {ERROR: "bold red", SKIPPED: "red", WARNING: "yellow", REPAIRED: "cyan"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def console(*, error: bool = False) -> Console:
    """Where to print: plain text, coloured and folded only on a terminal (or where COLUMNS says how wide it is)."""
    out = Console(stderr=error, highlight=False, markup=False, emoji=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = UNFOLDED
    return out


def shown(text: object, style: str = "") -> Text:
    """A value as text that can do nothing to a terminal: control characters are written out."""
    return Text(_CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", str(text)), style=style)


def line(out: Console, *parts: object, indent: int = 0) -> None:
    """One line; a part is a text, or a pair of text and style."""
    text = Text()
    for part in parts:
        value, style = part if isinstance(part, tuple) else (part, "")
        text.append_text(shown(value, style))
    out.print(Padding(text, (0, 0, 0, indent), expand=False) if indent else text)


def as_json(data: Any) -> None:
    """The answer for programs, on standard output."""
    print(json.dumps(data, indent=2, default=str))


def findings(out: Console, found: Iterable[Finding], title: str = "") -> None:
    """What the linter says: severity and code, place, message, remedy."""
    found = list(found)
    if found and title:
        line(out, (title, "bold"))
    for finding in found:
        style = _STYLES.get(finding.severity, "dim")
        line(out, (finding.severity, style), "  ", finding.location or "document", ("  " + finding.code, "dim"))
        line(out, finding.message, indent=4)
        if finding.remedy:
            line(out, (finding.remedy, "green"), indent=4)


def difference(out: Console, found: Difference, indent: int = 0) -> None:
    """Who gains and who loses access."""
    for sign, style, pairs in (("+", "green", found.gained), ("-", "red", found.lost)):
        for who, where in pairs:
            verb = "may read" if sign == "+" else "may no longer read"
            line(out, (f"{sign} {who}", style), f"  {verb} {where}", indent=indent)
    for sentence in found.changed:
        line(out, ("~ ", "yellow"), sentence, indent=indent)


def text_difference(out: Console, old: str, new: str, indent: int = 0) -> None:
    """The lines that changed, with a few around them; plain lists with one entry a line."""
    for number, text in enumerate(text_difference_lines(old, new)):
        if text.startswith("@@"):
            if number:
                line(out, ("...", "dim"), indent=indent)
            continue
        style = {"+": "green", "-": "red"}.get(text[:1], "dim")
        line(out, (text, style), indent=indent)


def text_difference_lines(old: str, new: str) -> list[str]:
    """A unified difference without its head."""
    return list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=2))[2:]


def _lines(text: str) -> list[str]:
    if not is_json(text):
        return text.replace(",", " ").split()
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return text.splitlines()


def table(out: Console, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns without frames. What does not fit is folded, never cut."""
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(value if isinstance(value, Text) else shown(value) for value in row))
    out.print(grid)

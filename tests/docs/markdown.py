"""The little Markdown that the documents use: sections by heading, tables, code spans and code blocks."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_SPAN = re.compile(r"`([^`]*)`")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    """A document's text."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next heading of its level or a higher one."""
    heading = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert heading, f"no section {title!r}"
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", text[heading.end() :], re.MULTILINE)
    return text[heading.end() : heading.end() + end.start() if end else len(text)]


def table(text: str) -> list[list[str]]:
    """The cells of the first table of a text, without its head."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").replace(r"\|", "\0").split("|")])
    rows = [[cell.replace("\0", "|") for cell in row] for row in rows]
    assert rows
    return rows


def by_first(text: str) -> dict[str, list[str]]:
    """The first table's other cells by the code span that its first cell is. No first cell stands twice."""
    rows = table(text)
    cells = {only_span(row[0]): row[1:] for row in rows}
    assert len(cells) == len(rows)
    return cells


def spans(cell: str) -> list[str]:
    """The texts of all code spans."""
    return _SPAN.findall(cell)


def only_span(cell: str) -> str:
    """The text of a cell that is one code span and nothing else."""
    match = re.fullmatch(r"`([^`]*)`", cell)
    assert match, cell
    return match[1]


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return [body for name, body in _BLOCK.findall(text) if name == language]

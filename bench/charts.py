"""Charts as SVG: bars and lines. Legible on light and on dark ground; the title says the figures in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 720
_STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-size: 14px; font-weight: 600; fill: #24292f }
.axis { stroke: #8c959f; fill: none }
@media (prefers-color-scheme: dark) { text { fill: #a0a7b0 } .title { fill: #f0f3f6 } }
</style>"""

OWN, PEER, NEUTRAL = "#2b7fd4", "#d9730d", "#8a8a8a"
"""Colors for edgecors, for alternatives, and for what both are compared with."""


def _document(height: int, spoken: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return "\n".join([head, f"<title>{escape(spoken)}</title>", _STYLE, *parts, "</svg>\n"])


def _text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its length, and the figure written beside it."""

    name: str
    value: float
    label: str
    color: str = PEER


def bars(title: str, groups: Sequence[tuple[str, Sequence[Bar]]], *, names: int = 250) -> str:
    """Horizontal bars in groups, all on one scale; ``names`` is the room for the bars' names."""
    most = max(bar.value for _, group in groups for bar in group) or 1.0
    room = WIDTH - names - 110
    parts, y = [_text(0, 18, title, kind="title")], 30
    for heading, group in groups:
        if heading:
            y += 22
            parts.append(_text(0, y, heading, kind="title"))
        y += 8
        for bar in group:
            width = max(1.0, room * bar.value / most)
            parts.append(_text(names - 8, y + 13, bar.name, anchor="end"))
            parts.append(f'<rect x="{names}" y="{y + 1}" width="{width:.1f}" height="16" fill="{bar.color}"/>')
            parts.append(_text(names + width + 6, y + 13, bar.label))
            y += 22
    spoken = "; ".join(
        f"{heading + ': ' if heading else ''}{', '.join(f'{bar.name} {bar.label}' for bar in group)}"
        for heading, group in groups
    )
    return _document(y + 8, f"{title}. {spoken}.", parts)


@dataclass(frozen=True)
class Line:
    """One line: its name, and its points from left to right, each (x, y) in units of the axes."""

    name: str
    points: Sequence[tuple[float, float]]
    color: str = OWN
    dashes: str = ""


def lines(
    title: str,
    spoken: str,
    drawn: Sequence[Line],
    *,
    right: float,
    top: float,
    x_marks: Sequence[tuple[float, str]],
    y_marks: Sequence[tuple[float, str]],
    shaded: tuple[float, float] | None = None,
) -> str:
    """Lines over a common axis from 0 to ``right``, and 0 to ``top``; ``shaded`` is a stretch of the axis."""
    left, above, width, height = 56, 50, WIDTH - 56 - 24, 170
    bottom = above + height

    def across(x: float) -> float:
        return left + width * x / right

    def up(y: float) -> float:
        return bottom - height * y / top

    parts = [_text(0, 18, title, kind="title")]
    if shaded:
        x, end = map(across, shaded)
        parts.append(
            f'<rect x="{x:.1f}" y="{above}" width="{end - x:.1f}" height="{height}" fill="#888" opacity=".15"/>'
        )
    parts.append(f'<path class="axis" d="M{left} {above}V{bottom}H{left + width}"/>')
    parts += [_text(across(x), bottom + 18, words, anchor="middle") for x, words in x_marks]
    parts += [_text(left - 6, up(y) + 4, words, anchor="end") for y, words in y_marks]
    x = float(left)
    for line in drawn:
        dashes = f' stroke-dasharray="{line.dashes}"' if line.dashes else ""
        points = " ".join(f"{across(px):.1f},{up(py):.1f}" for px, py in line.points)
        parts.append(f'<polyline fill="none" stroke="{line.color}" stroke-width="1.5"{dashes} points="{points}"/>')
        parts.append(f'<path d="M{x:.0f} 36h16" stroke="{line.color}" stroke-width="2"{dashes}/>')
        parts.append(_text(x + 21, 40, line.name))
        x += 21 + 6.4 * len(line.name) + 16
    return _document(bottom + 30, f"{title}. {spoken}", parts)

"""The style sheet that the local pages share: text can be read in both color schemes."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STYLE = resources.files("edgecors_local.web").joinpath("style.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in STYLE.split("@media", 2)[:2])
PAIRS = [
    *((text, ground) for text in ("text", "soft", "accent") for ground in ("ground", "panel", "raised")),
    *((text, f"{text}-ground") for text in ("accent", "good", "held", "warn", "bad")),
    *((text, "panel") for text in ("good", "bad")),
    *(("text", f"{ground}-ground") for ground in ("good", "warn", "bad")),
    ("on-accent", "accent"),
]


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str, text: str, ground: str) -> None:
    colors = LIGHT if scheme == "light" else DARK
    assert contrast(colors[text], colors[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_controls_have_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    colors = LIGHT if scheme == "light" else DARK
    assert contrast(colors["edge"], colors["panel"]) >= 3


def test_both_color_schemes_have_the_same_colors() -> None:
    assert LIGHT.keys() == DARK.keys()

"""The word list's check of names."""

import pytest

from scripts.words import vague_names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("found = 1", ["found"]),
        ("self._kept: int = 1", ["_kept"]),
        ("for wrong in (): pass", ["wrong"]),
        ("def made(given, *, told=1): pass", ["given", "made", "told"]),
        ("class several: pass", ["several"]),
        ("if ours := 1: pass", ["ours"]),
        ("from hypothesis import given\nprint(given, 'found', founded := 1)", []),
    ],
)
def test_vague_names_are_reported_where_they_are_given(source: str, names: list[str]) -> None:
    assert sorted(name for _, name in vague_names(source)) == names

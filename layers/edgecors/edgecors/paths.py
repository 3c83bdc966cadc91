"""Resources: the globs that pick a rule's hosts and paths, and the one spelling a path is compared in."""

from __future__ import annotations

import re

from .characters import HEX, consists_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_AMBIGUOUS = frozenset((0x00, 0x2F, 0x5C))

_BAD_CHARACTER = re.compile(r"[\x00-\x20\\\x7f]")


def normalise_path(path: str) -> str | None:
    """The path with dot segments removed and unreserved characters decoded; None when it is ambiguous.

    Two spellings that every server reads alike become one (RFC 3986, section 6.2.2). What servers disagree about (an
    encoded slash, a backslash, NUL, a bad escape, control characters) has no normal form: no rule may match it.
    """
    # Most paths hold nothing that needs a closer look and are their own normal form; five scans at the speed of C.
    plain = path.isprintable() and not ("%" in path or "/." in path or " " in path or "\\" in path)
    if plain and path[:1] == "/":
        return path
    if not path:
        return "/"
    if path[0] != "/" or _BAD_CHARACTER.search(path):
        return None
    decoded = decode_unreserved(path)
    return None if decoded is None else _remove_dot_segments(decoded)


def decode_unreserved(text: str) -> str | None:
    """Percent escapes of unreserved characters decoded, the others in upper case; None for bad or ambiguous ones."""
    first, *rest = text.split("%")
    pieces = [first]
    for piece in rest:
        digits = piece[:2]
        if len(digits) < 2 or not consists_of(digits, HEX):
            return None
        code = int(digits, 16)
        if code in _AMBIGUOUS:
            return None
        character = chr(code)
        pieces.append((character if character in _UNRESERVED else f"%{digits.upper()}") + piece[2:])
    return "".join(pieces)


def _remove_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4, for an absolute path."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


class Globs:
    """Globs as CloudFront's behaviours have them: ``*`` any run of characters, ``?`` exactly one character.

    The time to match grows with the text's length times the globs', whatever stands in either.
    """

    __slots__ = ("_exact", "_prefixes", "_regex", "texts")

    def __init__(self, globs: Iterable[str]) -> None:
        self.texts = tuple(globs)
        self._exact = frozenset(g for g in self.texts if "*" not in g and "?" not in g)
        self._prefixes = tuple(g[:-1] for g in self.texts if _is_prefix(g))
        others = [_to_regex(g) for g in self.texts if g not in self._exact and not _is_prefix(g)]
        self._regex = re.compile("|".join(others), re.DOTALL) if others else None

    def match(self, text: str) -> bool:
        """Whether any of the globs matches the whole text."""
        if text in self._exact or text.startswith(self._prefixes):
            return True
        return self._regex is not None and self._regex.fullmatch(text) is not None


def _is_prefix(glob: str) -> bool:
    return glob[-1:] == "*" and "*" not in glob[:-1] and "?" not in glob


def _to_regex(glob: str) -> str:
    """Each run between stars is found at its leftmost place and held (an atomic group), so nothing is tried twice.

    Only the run after the last star is tied to the end, which the leftmost find can't do: it is matched from there.
    """
    head, *runs = (_literal(run) for run in re.sub(r"\*+", "*", glob).split("*"))
    if not runs:
        return head
    *middle, tail = runs
    return head + "".join(f"(?>.*?{run})" for run in middle) + f".*{tail}"


def _literal(run: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in run)

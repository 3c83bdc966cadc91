"""Resources: the globs of a rule's hosts and paths, and every reading of a path that some upstream may have.

Servers disagree about paths. Tomcat drops ``;parameters`` from each segment before it removes dot segments, nginx and
Tomcat merge slashes, WSGI servers decode an encoded slash, some servers take a backslash for a slash. edgecors does
not know its upstream, so a path is treated as every resource that some server may resolve it to.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_READINGS = 12
"""Maximum number of readings of one path. A path with more may mean any resource."""
MAX_READINGS_LENGTH = 2048
"""Characters of all forms of one path. It bounds the work, here and in CloudFront Functions, where slow functions are
throttled for every viewer."""
MAX_ESCAPES, MAX_KEPT_ESCAPES = 384, 64
"""Maximum number of percent signs in one path, and of those that stay when it is decoded, for the same reason. A path
with more may mean any resource."""

# Escapes that stay escapes in the compared form, because decoding them may change what the path means. Bytes that are
# not UTF-8 come out of Python's decoder as lone surrogates.
_KEPT = {ord(character): f"%{ord(character):02X}" for character in "\0/\\%;?#"}
_KEPT |= {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}
_KEPT_ESCAPES = frozenset(_KEPT.values())
_RAW = {ord("\\"): "%5C", 0: "%00"}
# Compiled when first used (`re` keeps them): few paths need them, and a cold start should not pay.
_BAD_ESCAPE = "%(?![0-9A-Fa-f]{2})"
_UNICODE_ESCAPE = "%u([0-9A-Fa-f]{4})"
_BYTES = "(?:%[89A-F][0-9A-F])+"


def readings(path: str) -> tuple[str, ...] | None:
    """Every form of a path that an upstream may take it for.

    Each form has percent escapes decoded and dot segments removed (RFC 3986, section 6.2.2), except for escapes of
    ``/ \\ % ; ? #`` and NUL and for bytes that are not UTF-8, which stay upper-case escapes.

    Args:
        path: as received, without query.

    Returns:
        The forms, the plain one first; None when there are too many, so that the path may be about anything.
    """
    # Most paths are plain; these scans run at the speed of C.
    is_plain = not ("%" in path or "/." in path or "//" in path or ";" in path or "\\" in path)
    if is_plain and path[:1] == "/" and not ("?" in path or "#" in path or "\0" in path):
        return (path,)
    if not path:
        return ("/",)
    if path[0] != "/" or path.count("%") > MAX_ESCAPES:
        return None
    text = decode_escapes(path)
    if not ("%" in text or "//" in text or ";" in text or "?" in text or "#" in text):
        return (remove_dot_segments(text),)
    if text.count("%") > MAX_KEPT_ESCAPES:
        return None
    # A decoded character must not complete a bad escape: %%32F is no slash for a server that decodes once.
    return _all_readings(text, decode_escapes(re.sub(_BAD_ESCAPE, "%25", path)))


def _all_readings(*texts: str) -> tuple[str, ...] | None:
    """The closure of some forms under all that servers do with a path, in whatever order they do it."""
    forms = dict.fromkeys(texts)
    pending = list(forms)
    length = sum(map(len, forms))
    while pending and length <= MAX_READINGS_LENGTH:
        form = pending.pop()
        for rewrite in _REWRITINGS:
            rewritten = rewrite(form)
            if rewritten not in forms:
                forms[rewritten] = None
                pending.append(rewritten)
                length += len(rewritten)
        if len(forms) > MAX_READINGS:
            return None
    return None if pending else tuple(dict.fromkeys(map(remove_dot_segments, forms)))


def decode_escapes(path: str) -> str:
    """Percent escapes decoded, except those that may change what the path means; a bad escape stays as it is."""
    first, *rest = path.translate(_RAW).split("%") if "\\" in path or "\0" in path else path.split("%")
    pieces = [first]
    encoded = bytearray()
    for piece in rest:
        try:
            byte = bytes.fromhex(piece[:2])  # of less than two digits: ValueError, or nothing for blanks
        except ValueError:
            byte = b""
        encoded += byte
        if byte and len(piece) == 2:
            continue
        literal = piece[2:] if byte else f"%{piece}"
        pieces += (_characters(encoded), literal)
        encoded.clear()
    pieces.append(_characters(encoded))
    return "".join(pieces)


def _characters(encoded: bytes | bytearray) -> str:
    return encoded.decode("utf-8", "surrogateescape").translate(_KEPT)


def remove_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4, for an absolute path."""
    if "/." not in path:
        return path
    segments = path.split("/")[1:]
    output: list[str] = []
    for segment in segments:
        if segment == "..":
            del output[-1:]
        elif segment != ".":
            output.append(segment)
    if segments[-1] in (".", ".."):
        output.append("")
    return "/" + "/".join(output)


# What servers do with a path: each function gives the form that one step of one server makes of another form.


def _remove_dot_segments_as_files(text: str) -> str:
    """As Tomcat does: dot segments at the end leave no slash behind."""
    removed = remove_dot_segments(text)
    return removed[:-1] or "/" if text.endswith(("/.", "/..")) else removed


def _merge_leading_slashes(text: str) -> str:
    return "/" + text.lstrip("/")


def _merge_slashes(text: str) -> str:
    while "//" in text:
        text = text.replace("//", "/")
    return text


def _strip_parameters(text: str) -> str:
    if ";" not in text:
        return text
    return "/".join([segment.partition(";")[0] for segment in text.split("/")])


def _cut_query(text: str) -> str:
    return text.partition("?")[0].partition("#")[0]


def _decode_again(text: str) -> str:
    return decode_escapes(text.replace("%25", "%")) if "%25" in text else text


def _replace_bad_escapes(text: str, replacement: str) -> str:
    first, *rest = text.split("%")
    pieces = [first]
    for piece in rest:
        pieces += ("%" if f"%{piece[:2]}" in _KEPT_ESCAPES else replacement, piece)
    return "".join(pieces)


def _decode_unicode_escapes(text: str) -> str:
    """%uXXXX, which Jetty and ASP.NET have known: %u002F is a slash."""
    return (
        re.sub(_UNICODE_ESCAPE, lambda match: chr(int(match[1], 16)).translate(_KEPT), text) if "%u" in text else text
    )


def _decode_latin_1(text: str) -> str:
    return _replace_bytes(r"%[89A-F][0-9A-F]", text)


def _decode_all_latin_1(text: str) -> str:
    """As Jetty does: one byte that is not UTF-8 makes the whole path Latin-1."""
    if text.isascii() or not re.search(_BYTES, text):
        return text
    encoded = text.encode("utf-8", "surrogatepass").decode("latin-1")
    return _decode_latin_1(encoded)


def _replace_invalid_bytes(text: str) -> str:
    """As Werkzeug does: a replacement character for whatever is not UTF-8."""
    return re.sub(_BYTES, lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"), text)


def _decode_overlong(text: str) -> str:
    """Overlong UTF-8, which strict decoders refuse: %C0%AF is a slash to a lenient one."""
    continuation = "(?:%[89AB][0-9A-F])"
    lead = f"%C[01]{continuation}|%E0%[89][0-9A-F]{continuation}|%F0%8[0-9A-F]{continuation}{{2}}"
    return _replace_bytes(lead, text)


def _replace_bytes(pattern: str, text: str) -> str:
    return re.sub(pattern, _code_point, text) if "%" in text else text


def _code_point(match: re.Match[str]) -> str:
    lead, *continuation = bytes.fromhex(match[0].replace("%", ""))
    code = lead & (0x7F >> len(continuation) + 1) if continuation else lead
    for byte in continuation:
        code = code << 6 | byte & 0x3F
    return chr(code).translate(_KEPT)


_REWRITINGS: tuple[Callable[[str], str], ...] = (
    remove_dot_segments,
    _remove_dot_segments_as_files,
    _merge_leading_slashes,
    _merge_slashes,
    _strip_parameters,
    lambda text: text.replace("%2F", "/"),
    lambda text: text.replace("%5C", "/"),
    lambda text: text.replace("%3B", ";"),
    lambda text: text.replace("%3F", "?").replace("%23", "#"),
    _cut_query,
    _decode_again,
    lambda text: _replace_bad_escapes(text, "%25"),
    lambda text: _replace_bad_escapes(text, ""),
    lambda text: text.partition("%00")[0],
    lambda text: text.replace("%00", ""),
    _decode_unicode_escapes,
    _replace_invalid_bytes,
    _decode_all_latin_1,
    _decode_latin_1,
    _decode_overlong,
)


class Globs:
    """Globs as CloudFront's behaviors have them: ``*`` any run of characters, ``?`` exactly one character.

    The time to match grows with the text's length times the number of globs.
    """

    __slots__ = ("_exact", "_others", "_prefixes", "texts")

    def __init__(self, globs: Iterable[str]) -> None:
        self.texts = tuple(globs)
        self._exact = frozenset(glob for glob in self.texts if "*" not in glob and "?" not in glob)
        self._prefixes = tuple(glob[:-1] for glob in self.texts if _is_prefix(glob))
        others = [glob for glob in self.texts if glob not in self._exact and not _is_prefix(glob)]
        self._others = tuple([_Run(run) for run in glob.split("*")] for glob in others)

    def match(self, text: str) -> bool:
        """Whether any of the globs matches the whole text."""
        if text in self._exact or text.startswith(self._prefixes):
            return True
        return bool(self._others) and any(_match_runs(runs, text) for runs in self._others)


def _is_prefix(glob: str) -> bool:
    return glob[-1:] == "*" and "*" not in glob[:-1] and "?" not in glob


class _Run:
    """The text between two stars of a glob: literal pieces at their offsets, with one character for each ``?``."""

    __slots__ = ("length", "pieces")

    def __init__(self, run: str) -> None:
        self.length = len(run)
        self.pieces: list[tuple[int, str]] = []
        offset = 0
        for piece in run.split("?"):
            if piece:
                self.pieces.append((offset, piece))
            offset += len(piece) + 1

    def matches_at(self, text: str, position: int) -> bool:
        """Whether the run is at this position."""
        return all(text.startswith(piece, position + offset) for offset, piece in self.pieces)

    def find(self, text: str, start: int, end: int) -> int:
        """The leftmost position of the run between two others; -1 when there is none."""
        if not self.pieces:
            return start if start + self.length <= end else -1
        offset, first = self.pieces[0]
        last = end - self.length
        while start <= last:
            position = text.find(first, start + offset, end) - offset
            if position < start or position > last:
                return -1
            if len(self.pieces) == 1 or self.matches_at(text, position):
                return position
            start = position + 1
        return -1


def _match_runs(runs: list[_Run], text: str) -> bool:
    """The first run at the start, the last one at the end, each one between them at its leftmost position."""
    head, tail = runs[0], runs[-1]
    if len(runs) == 1:
        return len(text) == head.length and head.matches_at(text, 0)
    start, end = head.length, len(text) - tail.length
    if start > end or not head.matches_at(text, 0) or not tail.matches_at(text, end):
        return False
    for run in runs[1:-1]:
        position = run.find(text, start, end)
        if position < 0:
            return False
        start = position + run.length
    return True

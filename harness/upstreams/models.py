"""What upstream servers make of a request path, as pure functions: a second opinion about who decides over a resource.

Each function takes the path of a request target as it was sent and returns the path its application sees, or None
where the server refuses the request. They follow the servers' sources in their default configuration; `servers`
records what the real ones answer, and a test compares. Bytes that are not UTF-8 are surrogate escapes (PEP 383).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARAMETERS = re.compile(r";[^/]*")
_NOT_IN_TARGET = re.compile(r'[^\x21-\x7e]|["#<>\[\\\]^`{|}]')
"""Characters that Tomcat refuses in a request target."""
_DOTS_WITH_PARAMETER = re.compile(r"/(?:\.|%2e){1,2};", re.IGNORECASE)
_UNICODE_ESCAPE = re.compile(r"%u([0-9A-Fa-f]{4})")


def express(path: str) -> str | None:
    """Express 5 (routes and middleware): the path as sent. Node refuses raw non-ASCII characters."""
    return path if path.isascii() else None


def express_static(path: str) -> str | None:
    """`express.static` and `send`: decoded once, then resolved as a file name."""
    if not path.isascii() or _BAD_ESCAPE.search(path):
        return None
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    resolved = posixpath.normpath("./" + text)
    if "\0" in text or ".." in re.split(r"[\\/]", resolved):
        return None
    return "/" if resolved == "." else "/" + resolved + ("/" if text.endswith("/") else "")


def wsgi(path: str) -> str | None:
    """WSGI servers on the standard library's `http.server`: leading slashes merged, escapes decoded to bytes."""
    return _text(unquote_to_bytes(_one_leading_slash(path).encode("utf-8", "surrogateescape")))


def flask(path: str) -> str | None:
    """Flask on Werkzeug's server: as `wsgi`, decoded with replacement characters, leading slashes merged again."""
    as_received = _one_leading_slash(path).encode("utf-8", "surrogateescape").decode("latin-1")
    return _one_leading_slash("/" + unquote(as_received))


def nginx(path: str) -> str | None:
    """`$uri`, which locations are chosen by: decoded once, slashes merged, dot segments resolved."""
    if _BAD_ESCAPE.search(path):
        return None
    data = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
    return None if b"\0" in data else _resolved(_text(data))


def tomcat(path: str) -> str | None:
    """Tomcat 10: parameters cut before decoding, then decoded, slashes merged, dot segments resolved."""
    return None if "%2f" in _PARAMETERS.sub("", path).lower() else tomcat_decoding(path)


def tomcat_decoding(path: str) -> str | None:
    """Tomcat with `encodedSolidusHandling="decode"`."""
    bare = _PARAMETERS.sub("", path)
    if _NOT_IN_TARGET.search(path) or _BAD_ESCAPE.search(bare):
        return None
    data = unquote_to_bytes(bare)
    resolved = None if b"\0" in data or b"\\" in data else _resolved(_text(data), directory="")
    return resolved if resolved and _is_unicode(resolved) else None


def jetty(path: str) -> str | None:
    """Jetty 9.4: parameters cut, decoded as UTF-8 or else as Latin-1, dot segments resolved, slashes as they are."""
    bare = _PARAMETERS.sub("", path)
    if _DOTS_WITH_PARAMETER.search(path) or _BAD_ESCAPE.search(_UNICODE_ESCAPE.sub("", bare)):
        return None
    bare = _UNICODE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), bare)
    text = _text(unquote_to_bytes(bare.encode("utf-8", "surrogateescape")))
    if not _is_unicode(text):
        text = unquote(bare, "latin-1")
    return None if "\0" in text else _resolved(text, merge=False)


def _is_unicode(text: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in text)


def _one_leading_slash(path: str) -> str:
    return "/" + path.lstrip("/")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _resolved(path: str, *, merge: bool = True, directory: str = "/") -> str | None:
    """Dot segments resolved; None for a path that climbs out of the root. `directory` ends one that ends with dots."""
    segments: list[str] = []
    parts = (re.sub("/+", "/", path) if merge else path).split("/")[1:]
    for part in parts:
        if part == "..":
            if not segments:
                return None
            segments.pop()
        elif part != ".":
            segments.append(part)
    ending = directory if segments and parts[-1] in (".", "..") else ""
    return "/" + "/".join(segments) + ending


MODELS: dict[str, Callable[[str], str | None]] = {
    "flask": flask,
    "wsgi": wsgi,
    "nginx": nginx,
    "tomcat": tomcat,
    "tomcat-decoding": tomcat_decoding,
    "jetty": jetty,
    "express": express,
    "express-static": express_static,
}

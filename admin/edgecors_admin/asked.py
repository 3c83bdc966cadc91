"""Parse a request as users write it: a pasted origin, a URL in place of a path, header names with commas between."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from edgecors_admin.errors import UsageError
from edgecors_admin.explain import Asked
from edgecors_admin.pasted import read_pasted, split_pasted
from edgecors_admin.request_headers import RequestHeader, is_forbidden
from edgecors_admin.urls import is_http_url


def read_asked(origin: str, method: str, headers: str, path: str, host: str | None) -> tuple[Asked, list[str]]:
    """Read the parts of a request.

    Args:
        origin: The page's origin, or ``null``.
        method: The method.
        headers: Header names, or ``name: value``, with commas between.
        path: The path, or a URL with path and host.
        host: The host; None where none is known.

    Returns:
        The request, and notes about what was changed on the way.

    Raises:
        UsageError: A part can't be read.
    """
    notes: list[str] = []
    path, host = _resource(path, host, notes)
    return Asked(_origin(origin, notes), method.strip(), _headers(headers, notes), path, host), notes


def _origin(text: str, notes: list[str]) -> str:
    """The origin as a browser sends it; what was changed goes to the notes. Raises `UsageError` for several or none."""
    if not text.strip():
        raise UsageError("The origin is empty. Write the page's origin, such as https://app.example.com, or null.")
    if len(split_pasted(text)) > 1:
        raise UsageError(f"{text!r} has several origins. Explain one at a time.")
    if text == "null":
        return text
    if "*" in text:
        raise UsageError(f"{text!r} is a pattern. Write one origin that it should allow.")
    try:
        pasted = read_pasted(text)
    except ValueError:
        return text  # the decision says what is wrong with it
    if text.startswith("@"):
        raise UsageError(f"{text!r} names a list. Write one origin.")
    if pasted.entry != text:
        notes.append(f"{text} is read as {pasted.entry} ({'; '.join(pasted.notes) or 'repaired'})")
    return pasted.entry


def _resource(path: str, host: str | None, notes: list[str]) -> tuple[str, str | None]:
    """Path and host of the request, also out of a pasted URL; what was changed goes to the notes."""
    url = path.strip()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) or url.startswith("//"):
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise UsageError(f"{path!r} is not a path and not a URL: {error}.") from None
        host = host or parts.netloc.rpartition("@")[2] or None
        url = parts.path or "/"
        notes.append(f"{path} is read as the path {url} on {host}")
    elif "?" in url or "#" in url:
        url = re.split(r"[?#]", url, maxsplit=1)[0]
        notes.append(f"the query of {path} is left out: rules match paths only")
    if not url.startswith("/"):
        notes.append(f"the path {url!r} is read as {'/' + url!r}: paths start with a slash")
        url = f"/{url}"
    if host is not None and "://" in host:
        if not is_http_url(host):
            raise UsageError(f"{host!r} is not a host name.")
        host = urlsplit(host).netloc
        notes.append(f"the host is read as {host}")
    return url, host


def _headers(text: str, notes: list[str]) -> tuple[RequestHeader, ...]:
    """The headers that a page can set; the notes say which ones it can't."""
    headers: list[RequestHeader] = []
    for part in text.split(","):
        written, colon, after = part.partition(":")
        name, value = written.strip(), after.strip() if colon else None
        if is_forbidden(name, value):
            notes.append(
                f"{part.strip()} is left out: browsers ignore it when a page sets it (forbidden request-header)"
            )
        elif name:
            headers.append((name, value))
    return tuple(headers)

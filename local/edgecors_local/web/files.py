"""Serve the files of a local page: its own package's, and those that all pages share."""

from __future__ import annotations

from importlib import resources
from typing import Final

from starlette.responses import PlainTextResponse, Response

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}


def package_file(package: str, name: str) -> Response:
    """Respond with a file of a package, or of this one if that package has no such file.

    Args:
        package: The package of the page, such as ``edgecors_local.playground``.
        name: A file name without a directory. Only the types a page consists of are served.

    Returns:
        The file with its media type, or status 404.
    """
    media_type = _TYPES.get(name.rpartition(".")[2])
    if media_type is not None and "/" not in name:
        for owner in (package, __package__):
            file = resources.files(owner).joinpath(name)
            if file.is_file():
                return Response(file.read_bytes(), media_type=media_type)
    return PlainTextResponse("not found\n", 404)

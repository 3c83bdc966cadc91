"""Runs the page until Ctrl-C."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from edgecors_admin.parameter_store import Parameters

from edgecors_local.server import until_signal
from edgecors_local.serving import AppServer, bind_usual
from edgecors_local.ui.page import make_page

PORT = 8082


def run(parameters: Parameters, port: int | None, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        parameters: The Parameter Store that it shows and changes.
        port: The port; 0 for any free one, None for the usual one or any free one.
        ready: Gets the address, with the token, once the page is served.

    Raises:
        LocalError: The port can't be opened.
    """
    asyncio.run(_run(parameters, port, ready))


async def _run(parameters: Parameters, port: int | None, ready: Callable[[str], None]) -> None:
    sockets = bind_usual(port, PORT, make=False)
    token = secrets.token_urlsafe(24)
    number = sockets[0].getsockname()[1]
    server = AppServer(make_page(parameters, number, token), sockets)
    await server.start()
    try:
        ready(f"http://localhost:{number}/#token={token}")
        await until_signal()
    finally:
        await server.stop()

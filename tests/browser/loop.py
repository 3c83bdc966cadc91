"""A server of the project in a thread of its own, because Playwright's loop runs in the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgecors_local.serving import AppServer


@contextmanager
def run_in_thread(server: AppServer) -> Iterator[None]:
    """Run a server until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(20)
        yield
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()

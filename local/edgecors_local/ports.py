"""Loopback ports: free ones for programs that can't choose one themselves, and whether a program listens."""

from __future__ import annotations

import random
import socket
from typing import Final

# Below the ports that systems give to outgoing connections (Linux: 32768 on), so that none of those takes it before
# the program listens.
_PORTS: Final = range(20_000, 32_000)


def free_port() -> int:
    """A loopback port that nobody listens on. Wherever a server can listen on port 0, let it.

    Raises OSError where a hundred ports in a row are taken.
    """
    taken = OSError("no port is free")
    for port in random.sample(_PORTS, 100):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                taken = error
                continue
            return port
    raise taken


def accepts_connections(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0

"""Ports for programs that can't choose one themselves."""

import random
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from edgecors_local.ports import free_port


def test_no_outgoing_connection_can_take_it_meanwhile() -> None:
    """Found when a benchmark's emulator could not listen: the port had gone to a connection of somebody else's."""
    ports = {free_port() for _ in range(50)}
    assert len(ports) > 25
    settings = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(settings.read_text().split()[0]) if settings.exists() else 32_768
    assert all(20_000 <= port < min(first, 32_000) for port in ports)


def test_free_port_skips_a_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]

        def sample(ports: Sequence[int], count: int) -> list[int]:
            return [taken, free]

        monkeypatch.setattr(random, "sample", sample)
        assert free_port() == free
        monkeypatch.setattr(random, "sample", lambda ports, count: [taken])
        with pytest.raises(OSError, match=r"in use"):
            free_port()

"""How containers reach servers on this machine: by the engine's bridge, or by the name that Docker Desktop gives it."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from edgecors_local.errors import LocalError

DESKTOP_NAME: Final = "host.docker.internal"
"""The name that Docker Desktop's containers know their host by; its virtual machine forwards to loopback."""
ENGINE_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class HostAddress:
    """This machine as containers see it.

    Attributes:
        listen: the address that a server has to listen on.
        name: the name or address by which a container reaches it.
    """

    listen: str
    name: str


def host_address() -> HostAddress:
    """The address of this machine for containers of the running engine.

    Raises:
        LocalError: there is no running engine; the message says what to do.
    """
    if json.loads(_docker("info", "--format", "{{json .OperatingSystem}}")) == "Docker Desktop":
        return HostAddress("127.0.0.1", DESKTOP_NAME)
    for pool in json.loads(_docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")) or ():
        network = ipaddress.ip_network(pool["Subnet"])
        if network.version == 4:
            # The engine names the gateway only once a container has run, or where it is configured.
            gateway = pool.get("Gateway") or str(network[1])
            return HostAddress(gateway, gateway)
    raise LocalError(
        "The container engine's network 'bridge' has no IPv4 gateway, so containers can't reach this machine."
    )


def _docker(*arguments: str) -> str:
    if shutil.which("docker") is None:
        raise LocalError("`sam local` needs a container engine, and the command `docker` is not installed.", 2)
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=ENGINE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LocalError(f"The container engine did not answer within {ENGINE_SECONDS} seconds.") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LocalError(
            f"`sam local` needs a running container engine, but `docker {arguments[0]}` failed: {reason}", 2
        )
    return done.stdout

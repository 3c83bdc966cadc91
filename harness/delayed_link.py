"""Containers at a distance for real: processes over a network link that delays each packet.

The link is a TUN device in a network namespace of its own, which needs root on Linux. Packets to an address of its
network come back from that address, each half a round trip later, so that one server is at every distance at once, and
every flight takes its time: connect, handshake, answer. A lost connection is one whose packets the link drops.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import ipaddress
import json
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edgecors.aws.parameters import connect, readers_from_environment
from edgecors.site_reader import DEADLINE_COLD, DEADLINE_WARM
from edgecors.store import OVERDUE, WAIT, store_from_environment
from edgecors.telemetry import Telemetry

from harness import peers
from harness.latency_cases import (
    APP,
    CONNECTIONS,
    HANDSHAKE_CPU,
    REVOKED,
    ROUND_TRIPS,
    LatencyCase,
    LatencyOutcome,
    policy,
)
from harness.summary import Summary

HERE = "198.18.0.1"
"""Our address on the link. The network is the one for benchmarks (RFC 2544)."""
REFRESH = 5
INTERVAL = 0.5
IDLE = 1.0
"""Idle seconds after which the server closes a connection that is not kept."""
CYCLES = 2
AT_ONCE = 10
"""Containers that run at the same time."""
QUOTA, PERIOD = 1447, 20_000
"""Microseconds of CPU in each period of 20 ms: Lambda gives 128/1769 of one to 128 MB."""
SLACK = 0.15
"""Seconds that a busy machine may add to a wait."""
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def missing() -> str:
    """What the system lacks for this; empty where it can run."""
    if not sys.platform.startswith("linux"):
        return "this needs Linux"
    if os.geteuid() != 0:
        return "this needs root, for a network of its own"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "this needs /dev/net/tun"
    return ""


class DelayedLink:
    """A network whose packets are late."""

    def __init__(self) -> None:
        self._delays: dict[bytes, float] = {}
        self._seen: dict[bytes, set[bytes]] = {}
        self._cut: set[tuple[bytes, bytes]] = set()
        self._queue: list[tuple[float, int, bytes]] = []
        self._stopping = threading.Event()

    def __enter__(self) -> DelayedLink:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace")
        self._device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH", b"edgecors0", _IFF_TUN | _IFF_NO_PI))
        commands = ("link set lo up", f"addr add {HERE}/15 dev edgecors0", "link set edgecors0 up")
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._thread.join()
        os.close(self._device)

    def place(self, address: str, round_trip: float) -> None:
        """Put an address at a distance."""
        self._delays[socket.inet_aton(address)] = round_trip / 2

    def lose(self, address: str) -> None:
        """Drop the packets of all connections to an address so far."""
        far = socket.inet_aton(address)
        self._cut |= {(far, ports) for ports in self._seen.pop(far, set())}

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            wait = min(0.1, max(0.0, self._queue[0][0] - time.monotonic())) if self._queue else 0.1
            if select.select([self._device], [], [], wait)[0]:
                packet = os.read(self._device, 65536)
                far, start = packet[16:20], 4 * (packet[0] & 15)
                if packet[0] >> 4 == 4 and far in self._delays:
                    # Either direction, as the two ports are the same pair.
                    ports = b"".join(sorted((packet[start : start + 2], packet[start + 2 : start + 4])))
                    self._seen.setdefault(far, set()).add(ports)
                    if (far, ports) not in self._cut:
                        number += 1
                        # With the addresses exchanged it comes from there. That changes no checksum.
                        packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
                        heapq.heappush(self._queue, (time.monotonic() + self._delays[far], number, packet))
            while self._queue and self._queue[0][0] <= time.monotonic():
                os.write(self._device, heapq.heappop(self._queue)[2])


class CpuQuota:
    """A control group with the CPU of 128 MB, where the system allows it."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        for root, name, text in (
            (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", str(QUOTA)),
            (Path("/sys/fs/cgroup"), "cpu.max", f"{QUOTA} {PERIOD}"),
        ):
            directory = root / f"edgecors-latency-{os.getpid()}"
            with contextlib.suppress(OSError):
                directory.mkdir()
                if (directory / name).exists():
                    if name == "cpu.cfs_quota_us":
                        (directory / "cpu.cfs_period_us").write_text(str(PERIOD))
                    (directory / name).write_text(text)
                    self.directory = directory
                    return
                directory.rmdir()

    def child(self, name: str) -> Path:
        """A group of its own for one container."""
        assert self.directory is not None
        parent = self.directory
        directory = parent.with_name(f"{parent.name}-{name}")
        directory.mkdir()
        for file in ("cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.max"):
            if (parent / file).exists():
                (directory / file).write_text((parent / file).read_text())
        return directory

    def close(self) -> None:
        """Remove the group."""
        if self.directory is not None:
            self.directory.rmdir()


class DistantStore:
    """Parameter Store over TLS, at every address of the link. Each container is known by its address."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.parameters = peers.WorkingStore()
        self.idle: dict[str, float] = {}
        self.reads: dict[str, int] = {}
        self._context = context
        self._stopping = threading.Event()
        self._listener = socket.create_server((HERE, 0))
        self._listener.settimeout(0.1)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                sock, (address, _) = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock, address), daemon=True).start()

    def _serve(self, sock: socket.socket, address: str) -> None:
        with contextlib.suppress(OSError):
            sock.settimeout(10)
            with self._context.wrap_socket(sock, server_side=True) as tls:
                tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line = peers.PeerConnection(tls, self._stopping)
                while request := line.request():
                    self.parameters(line, request)
                    self.reads[address] = self.reads.get(address, 0) + 1
                    tls.settimeout(self.idle[address])


class StoppedContainer:
    """A process with a policy store, which is stopped between requests."""

    def __init__(self, address: str, port: int, bundle: Path, group: Path | None) -> None:
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "AWS_ENDPOINT_URL_SSM": f"https://{address}:{port}",
            "AWS_CA_BUNDLE": str(bundle),
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_REGION": "us-east-1",
        }
        command = [sys.executable, "-m", "harness.delayed_link", address]
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._group = group
        self._read()
        # Lambda gives a starting function a whole core, whatever its size.
        if group is not None:
            (group / "cgroup.procs").write_text(str(self._process.pid))

    def request(self) -> dict[str, Any]:
        """One request: what the container answers, with the seconds that it waited."""
        self._process.send_signal(signal.SIGCONT)
        assert self._process.stdin is not None
        self._process.stdin.write("get\n")
        self._process.stdin.flush()
        answer = self._read()
        self._process.send_signal(signal.SIGSTOP)
        return answer

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        if self._group is not None:
            self._group.rmdir()


def serve_container(site: str) -> None:
    """The process's side."""
    lines: list[str] = []
    readers = readers_from_environment()
    connect(readers, DEADLINE_WARM)
    store = store_from_environment(Telemetry(lines.append), readers=readers)
    print("{}", flush=True)
    for _ in sys.stdin:
        started, cpu = time.monotonic(), time.process_time()
        current = store.get(site)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        state = None
        if current is not None:
            allowed = current.rules[0].grants[0].allow_origins
            state = allowed is not None and allowed.has_exact(REVOKED)
        failures = [line for line in lines if '"WARNING"' in line or '"ERROR"' in line]
        lines.clear()
        print(json.dumps({"state": state, "seconds": seconds, "cpu": cpu, "failures": failures}), flush=True)


def measure(summary: Summary) -> dict[tuple[float, str, str], list[LatencyOutcome]]:
    """Run every distance, connection and CPU; the outcomes, and failures in the summary."""
    rows: dict[tuple[float, str, str], list[LatencyOutcome]] = {}
    quota = CpuQuota()
    sizes = [cpu for cpu in HANDSHAKE_CPU if cpu == "full" or quota.directory is not None]
    if len(sizes) == 1:
        print("(no control groups here, so the CPU is not limited)")
    grid = [
        LatencyCase(round_trip, connection, cpu, INTERVAL, REFRESH)
        for round_trip in ROUND_TRIPS
        for connection in CONNECTIONS
        for cpu in sizes
    ]
    places = {case: f"198.18.1.{number}" for number, case in enumerate(grid, 1)}
    with tempfile.TemporaryDirectory() as directory, DelayedLink() as link:
        bundle = Path(directory, "authority.pem")
        store = DistantStore(_context(bundle, places.values()))
        for case, address in places.items():
            link.place(address, case.round_trip)
            store.idle[address] = IDLE if case.connection == "closed" else 600.0

        def one(case: LatencyCase) -> tuple[LatencyCase, LatencyOutcome | Exception]:
            group = quota.child(places[case]) if case.cpu != "full" else None
            container = StoppedContainer(places[case], store.port, bundle, group)
            try:
                return case, _run(case, places[case], container, store, link)
            except Exception as error:
                return case, error
            finally:
                container.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for case, outcome in pool.map(one, grid):
                summary.counts["measured"] += 1
                if isinstance(outcome, Exception):
                    summary.fail(f"{case}: {outcome!r}")
                    continue
                for sentence in _violations(case, outcome):
                    summary.fail(f"{case}: {sentence}")
                rows[case.round_trip, case.connection, case.cpu] = [outcome]
        store.close()
    quota.close()
    return rows


def _violations(case: LatencyCase, outcome: LatencyOutcome) -> Iterator[str]:
    if outcome.seen > OVERDUE * case.refresh:
        yield f"a change was seen after {outcome.seen:.1f} s"
    if outcome.wait > WAIT + SLACK:
        yield f"a request waited {outcome.wait:.3f} s"
    if outcome.first > DEADLINE_COLD:
        yield f"the first policy came after {outcome.first:.1f} s"
    if outcome.failures:
        yield f"{outcome.failures} failures in the log"


def _run(
    case: LatencyCase, site: str, container: StoppedContainer, store: DistantStore, link: DelayedLink
) -> LatencyOutcome:
    name = f"/edgecors/sites/{site}"
    store.parameters.values[name] = policy([APP, REVOKED], REFRESH)
    first, failures, answer = 0.0, 0, container.request()
    while answer["state"] is None:
        first += answer["seconds"] + INTERVAL
        time.sleep(INTERVAL)
        answer = container.request()
    first += answer["seconds"]
    seen = stale = wait = 0.0
    for _ in range(CYCLES):
        reads = store.reads[site]
        # The change comes right after a read, so that it takes longest.
        while store.reads[site] == reads:
            time.sleep(INTERVAL)
            answer = container.request()
            wait = max(wait, answer["seconds"] - answer["cpu"])
            failures += len(answer["failures"])
        store.parameters.values[name] = policy([APP], REFRESH)
        changed_at = last_stale = time.monotonic()
        if case.connection == "lost":
            time.sleep(case.round_trip)
            answer = container.request()
            link.lose(site)
        while answer["state"]:
            last_stale = time.monotonic()
            time.sleep(INTERVAL)
            answer = container.request()
            wait = max(wait, answer["seconds"] - answer["cpu"])
            failures += len(answer["failures"])
        seen, stale = max(seen, time.monotonic() - changed_at), max(stale, last_stale - changed_at)
        store.parameters.values[name] = policy([APP, REVOKED], REFRESH)
        while not answer["state"]:
            time.sleep(INTERVAL)
            answer = container.request()
            wait = max(wait, answer["seconds"] - answer["cpu"])
            failures += len(answer["failures"])
    return LatencyOutcome(first, stale, seen, wait, wait, 0.0, failures, 0)


def _context(bundle: Path, addresses: Iterable[str]) -> ssl.SSLContext:
    """A server's context with a throw-away certificate for these addresses, which is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "harness")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = bundle.with_name("server.pem")
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(bundle.read_bytes() + key.private_bytes(encoding, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private)
    return context


if __name__ == "__main__":
    serve_container(sys.argv[1])

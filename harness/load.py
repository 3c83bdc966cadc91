"""Sustained load while the policy changes every second: no error, no stale grant, memory and descriptors flat.

The local edge runs as `edgecors local` does, in a process of its own, before a store and an upstream on loopback; the
built edge function runs in Lambda's runtime emulator. Every version of the policy allows one origin that no other
version does, so that a stale grant shows.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from harness import answers, peers
from harness.faults import APP, EVIL, environ, policy
from harness.summary import Summary

ROOT = Path(__file__).resolve().parent.parent
SITE = "EDFDVBD6EXAMPLE"
REFRESH = 5.0
GRACE = 1.5
"""Seconds beyond the refresh time: its deadline, and a busy machine."""
THREADS = 3
GROWTH = 4096
"""KiB that a process may have grown by between the first and the last quarter, as a bound on noise."""
ACAO = "access-control-allow-origin"

Ask = Callable[[str, str], tuple[int, str | None]]
"""Method and origin in; status and granted origin out."""


class Versions:
    """Writes a new version of the policy every second and remembers when each ended."""

    def __init__(self, store: peers.WorkingStore) -> None:
        self._store = store
        self._ended: list[float] = []
        self._stopping = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._run)

    @property
    def current(self) -> int:
        """The number of the version that holds."""
        return len(self._ended)

    @staticmethod
    def origin(number: int) -> str:
        """The origin that this version alone allows."""
        return f"https://v{number}.example"

    def is_stale(self, number: int, asked: float) -> bool:
        """Whether a grant of this version's origin is too late for a request made then."""
        return number < len(self._ended) and asked > self._ended[number] + REFRESH + GRACE

    def _write(self) -> None:
        number = len(self._ended)
        self._store.values = {f"/edgecors/sites/{SITE}": policy(APP, self.origin(number))}
        self._store.version = number + 1

    def _run(self) -> None:
        while not self._stopping.wait(1.0):
            self._ended.append(time.monotonic())
            self._write()

    def __enter__(self) -> Versions:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()


class Watch:
    """Memory and descriptors of a process and its children, a sample a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.memory: list[int] = []
        self.descriptors: list[int] = []

    def sample(self) -> None:
        """Take one sample: KiB resident, and open descriptors."""
        memory = descriptors = 0
        for pid in self._family(self._pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text("ascii")
                memory += int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
                descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            except (OSError, IndexError):
                continue
        self.memory.append(memory)
        self.descriptors.append(descriptors)

    def _family(self, pid: int) -> Iterator[int]:
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text("ascii").split():
                yield from self._family(int(child))

    def quarters(self, samples: list[int]) -> tuple[int, int]:
        """The medians of the second quarter (the first is warming up) and of the last one."""
        quarter = max(1, len(samples) // 4)
        return int(statistics.median(samples[quarter : 2 * quarter])), int(statistics.median(samples[-quarter:]))


def run(seed: int, seconds: float, *, emulator: bool = False) -> Summary:
    """Load the local edge, and with `emulator` the built edge function too, for these seconds each."""
    summary = Summary("load", seconds * 3 + 60, seed=seed)
    _target(summary, "local", local_edge, seed, seconds)
    if emulator:
        _target(summary, "emulator", runtime_emulator, seed, seconds)
    return summary


def _target(summary: Summary, name: str, start: Any, seed: int, seconds: float) -> None:
    store = peers.WorkingStore()
    with peers.PeerServer(store) as server, Versions(store) as versions, start(server.url) as (pid, make):
        watch = Watch(pid)
        ending = time.monotonic() + seconds
        workers = [_Worker(summary, name, Random(seed + number), versions, make()) for number in range(THREADS)]
        threads = [threading.Thread(target=worker.run, args=(ending,)) for worker in workers]
        for thread in threads:
            thread.start()
        while time.monotonic() < ending:
            time.sleep(1)
            watch.sample()
        for thread in threads:
            thread.join()
        latencies = sorted(value for worker in workers for value in worker.latencies)
        summary.counts[f"{name}_store_reads"] = server.requests
    summary.counts[f"{name}_policies"] = versions.current + 1
    if latencies:
        summary.counts[f"{name}_p50_us"] = int(latencies[len(latencies) // 2] * 1e6)
        summary.counts[f"{name}_p99_us"] = int(latencies[len(latencies) * 99 // 100] * 1e6)
    before, after = watch.quarters(watch.memory)
    summary.counts[f"{name}_kib_before"], summary.counts[f"{name}_kib_after"] = before, after
    if after - before > GROWTH:
        summary.fail(f"{name}: memory grew from {before} to {after} KiB")
    before, after = watch.quarters(watch.descriptors)
    summary.counts[f"{name}_descriptors_before"], summary.counts[f"{name}_descriptors_after"] = before, after
    if after - before > THREADS:
        summary.fail(f"{name}: descriptors grew from {before} to {after}")


class _Worker:
    def __init__(self, summary: Summary, name: str, random: Random, versions: Versions, ask: Ask) -> None:
        self._summary = summary
        self._name = name
        self._random = random
        self._versions = versions
        self._ask = ask
        self.latencies: list[float] = []

    def run(self, ending: float) -> None:
        while time.monotonic() < ending:
            number = max(0, self._versions.current - self._random.choice((0, 1, 3, 6, 8, 20)))
            origin = self._random.choice((APP, EVIL, Versions.origin(number), Versions.origin(number)))
            method = self._random.choice(("GET", "GET", "OPTIONS"))
            started = time.monotonic()
            try:
                status, granted = self._ask(method, origin)
            except Exception as error:
                self._summary.fail(f"{self._name}: {method} from {origin} raised {error!r}")
                continue
            self.latencies.append(time.monotonic() - started)
            self._summary.counts[f"{self._name}_requests"] += 1
            self._judge(method, origin, number, started, status, granted)

    def _judge(self, method: str, origin: str, number: int, started: float, status: int, granted: str | None) -> None:
        wanted = 200 if method == "GET" else (204 if granted else 403)
        violation = None
        if status != wanted:
            violation = f"status {status} instead of {wanted}"
        elif granted not in (None, origin):
            violation = f"granted {granted}"
        elif origin == APP and granted is None:
            violation = "was refused"
        elif origin == EVIL and granted:
            violation = "was granted"
        elif granted and origin.startswith("https://v") and self._versions.is_stale(number, started):
            violation = f"was granted at version {self._versions.current}: stale"
        if violation:
            self._summary.fail(f"{self._name}: {method} from {origin} {violation}")
        elif granted:
            self._summary.counts[f"{self._name}_grants"] += 1


@contextmanager
def local_edge(store: str) -> Iterator[tuple[int, Callable[[], Ask]]]:
    """`edgecors local` before an upstream of ours."""
    with peers.PeerServer(peers.always(peers.FINE)) as upstream:
        command = [sys.executable, "-m", "edgecors_cli", "local", "--site", SITE, "--upstream", upstream.url]
        paths = os.pathsep.join(sys.path)
        variables = {**os.environ, **environ(store), "AWS_REGION": "us-east-1", "PYTHONPATH": paths, "NO_COLOR": "1"}
        process = subprocess.Popen(
            [*command, "--port", "0"],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        drain = threading.Thread(target=_drain, args=(process,), daemon=True)
        try:
            port = _port(process)
            drain.start()
            yield process.pid, lambda: _browser(port)
        finally:
            process.terminate()
            process.wait(20)
            if drain.ident is not None:
                drain.join(5)
            if process.stdout is not None:
                process.stdout.close()


def _port(process: subprocess.Popen[str]) -> int:
    output = ""
    assert process.stdout is not None
    for line in process.stdout:
        output += line
        if match := re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)", line):
            return int(match[1])
    raise RuntimeError(f"the local edge did not start:\n{output}")


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for _ in process.stdout:
        pass


def _browser(port: int) -> Ask:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(method: str, origin: str) -> tuple[int, str | None]:
        headers = {"Origin": origin, **({"Access-Control-Request-Method": "GET"} if method == "OPTIONS" else {})}
        connection.request(method, "/x", headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get(ACAO)

    return ask


@contextmanager
def runtime_emulator(store: str) -> Iterator[tuple[int, Callable[[], Ask]]]:
    """The built edge function in Lambda's runtime emulator, which takes one invocation at a time."""
    from harness.lambda_runtime import LambdaRuntime

    artifact = ROOT / ".aws-sam" / "build" / "EdgeFunction"
    if not artifact.exists():
        raise RuntimeError("there is no built function: run `make build`")
    one_at_a_time = threading.Lock()
    with LambdaRuntime(artifact, "app.viewer_handler", environment=environ(store)) as runtime:

        def ask(method: str, origin: str) -> tuple[int, str | None]:
            with one_at_a_time:
                answer = runtime.invoke(_event(method, origin))
            granted = answers.values(answer, ACAO)
            return int(answer["status"]), granted[0] if granted else None

        assert runtime._process is not None
        yield runtime._process.pid, lambda: ask


def _event(method: str, origin: str) -> dict[str, Any]:
    preflight = method == "OPTIONS"
    pairs = {"origin": origin, "host": "cdn.example", **({"access-control-request-method": "GET"} if preflight else {})}
    headers = {name: [{"key": name, "value": text}] for name, text in pairs.items()}
    cf: dict[str, Any] = {
        "config": {"distributionId": SITE, "eventType": "viewer-request" if preflight else "viewer-response"},
        "request": {"method": method, "uri": "/x", "querystring": "", "headers": headers},
    }
    if not preflight:
        cf["response"] = json.loads('{"status": "200", "statusDescription": "OK", "headers": {}}')
    return {"Records": [{"cf": cf}]}

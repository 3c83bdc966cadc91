"""docs/rollout.md: the whole story is run, and every output on the page is compared.

Real are the site (Starlette's CORSMiddleware over HTTP), the local edge with the library's own handler, curl, the
command, and Parameter Store and the logs (moto). One thing is simulated: the statistics of CloudWatch Logs Insights,
over moto's events.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from edgecors.aws.parameters import HOME_REGION, readers_from_environment
from edgecors.edge import Edge
from edgecors.store import PolicyStore, store_from_environment
from edgecors.telemetry import Telemetry
from edgecors_local.plan import LocalPlan
from edgecors_local.server import local_edge

from tests.cli.conftest import Command
from tests.docs.markdown import read
from tests.support.insights import InsightsOverMoto
from tests.support.live_site import make_site, serve
from tests.support.require import require

SITE, EDGE = "http://localhost:9000", "http://localhost:8080"
LOG = "".join(
    f'192.0.2.{number} - - [27/Nov/2026:10:00:0{number} +0000] "{request} HTTP/1.1" {status} 512 "{referer}" "-"\n'
    for number, (request, status, referer) in enumerate(
        (
            ("GET /api/orders", 200, "https://app.example.com/"),
            ("PUT /api/orders/17", 204, "https://admin.example.com/orders"),
            ("GET /api/orders", 200, "-"),
            ("GET /wp-login.php", 404, "https://scanner.test/"),
        ),
        1,
    )
)
REGIONS = ("us-east-1", "eu-west-1")
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")


class Story:
    """Runs the commands of the page, with the addresses on it replaced by those of the running servers."""

    def __init__(
        self, command: Command, addresses: Mapping[str, str], refresh: Callable[[], None] = lambda: None
    ) -> None:
        self._command = command
        self._addresses = addresses
        self._refresh = refresh

    def run(self, line: str) -> str:
        for shown, real in self._addresses.items():
            line = line.replace(shown, real)
        output = self._edgecors(line) if line.startswith("edgecors ") else self._shell(line)
        for shown, real in self._addresses.items():
            output = output.replace(real, shown)
        return _TIME.sub("2026-11-28 10:00:00.000", output)

    def _edgecors(self, line: str) -> str:
        arguments, redirected, file = line.removeprefix("edgecors ").partition(" > ")
        ran = self._command(*arguments.split())
        if not redirected:
            return ran.out + ran.err
        Path(file).write_text(ran.out, encoding="utf-8")
        return ran.err

    def _shell(self, line: str) -> str:
        self._refresh()
        ran = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60)
        return ran.stdout + ran.stderr

    def replay(self, page: str) -> str:
        """The page with the outputs that its commands have now."""
        return _BLOCK.sub(lambda block: "".join(map(self._entry, block[1].splitlines(keepends=True))), page)

    def _entry(self, line: str) -> str:
        return line + self.run(line[2:].strip()) if line.startswith("$ ") else ""


@contextlib.contextmanager
def running_edge(site: str, lines: list[str]) -> Iterator[tuple[str, PolicyStore]]:
    """The local edge in front of a site, with a handler whose log lines are collected as Lambda writes them."""
    ready, stop = threading.Event(), threading.Event()
    result: list[Any] = []

    async def run() -> None:
        telemetry = Telemetry(lines.append)
        plan = LocalPlan(port=0, page_port=0, upstream=site, site="shop")
        store = store_from_environment(telemetry, readers=readers_from_environment(home=HOME_REGION))
        async with local_edge(plan, lambda _: None, Edge(store, telemetry).viewer) as running:
            result.extend((running.url, store))
            ready.set()
            await asyncio.to_thread(stop.wait)
        store.reset_after_restore()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield result[0], result[1]
    finally:
        stop.set()
        thread.join()


def test_story_is_what_the_commands_print(
    edgecors: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require(which("curl"), "curl is not installed")
    monkeypatch.chdir(tmp_path)
    Path("access.log").write_text(LOG, encoding="utf-8")
    page = read("rollout.md")
    logs = {region: InsightsOverMoto(edgecors.store, region, "shop") for region in REGIONS}
    monkeypatch.setattr("edgecors_admin.account.Account.regions", lambda _: list(REGIONS))
    monkeypatch.setattr("edgecors_admin.account.Account.logs", lambda _, region: logs[region])
    lines: list[str] = []
    policy, shadow, enforce = re.split(r"^(?=## [34]\. )", page, flags=re.MULTILINE)
    cors: Any = {"allow_origin_regex": ".*", "allow_credentials": True, "allow_methods": ["GET", "POST", "PUT"]}
    with serve(make_site(**cors)) as address:
        site = address.replace("127.0.0.1", "localhost")
        replayed = Story(edgecors, {SITE: site}).replay(policy)
        with running_edge(site, lines) as (edge, store):
            # Instead of waiting for refresh_seconds.
            story = Story(edgecors, {SITE: site, EDGE: edge}, store.reset_after_restore)
            replayed += story.replay(shadow)
            story.run(f"curl -s {EDGE}/api/orders -H 'Origin: https://evil.example'")
            refusals = [line for line in lines if '"refused"' in line]
            now = int(time.time() * 1000)
            logs["us-east-1"].put("/edgecors/shop/edge", refusals, now)
            logs["eu-west-1"].put("/edgecors/shop/edge", refusals[:1], now)
            replayed += story.replay(enforce)
    current = tmp_path / "rollout.md"
    current.write_text(replayed, encoding="utf-8")
    assert replayed == page, f"docs/rollout.md is not current; the current page is {current}"

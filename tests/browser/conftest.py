"""Chromium, and local edges that stay up for all tests about the same front."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from edgecors_local.front_names import FUNCTIONS
from edgecors_local.javascript import find_engine
from edgecors_local.parameter_store import DEMO_LIST, DEMO_LIST_PARAMETER, DEMO_POLICY
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.edge import EdgeProcess
from tests.support.parameter_store import ParameterStoreServer
from tests.support.require import require

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this directory drive a browser."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


# Not for the whole run: Playwright's loop counts as running in this thread, and other tests start loops of their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium (or Chrome) with a new profile."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    require(program, "Chromium is not here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab with nothing remembered. An error in a script of the page's fails the test."""
    context = chromium.new_context()
    new_page = context.new_page()
    errors: list[str] = []
    new_page.on("pageerror", lambda error: errors.append(str(error)))
    yield new_page
    context.close()
    assert errors == []


POLICIES: dict[str, dict[str, Any]] = {
    "demo": DEMO_POLICY,
    "own": {
        "version": 1,
        "rules": [
            {"paths": ["/api/echo/asked-each-time"], "allow_origins": ["http://app.localhost:*"], "max_age": 0},
            {"paths": ["/api/echo/remembered"], "allow_origins": ["http://app.localhost:*"], "max_age": 600},
            {"paths": ["/api/cookies"], "allow_origins": ["http://localhost:*"], "allow_credentials": True},
        ],
    },
    "resources": {
        "version": 1,
        "rules": [
            {"paths": ["/account/*"], "allow_origins": ["https://app.example.com"], "on_refused": "block"},
            {"paths": ["/api/*"], "allow_origins": ["https://app.example.com"], "allow_credentials": True},
            {"paths": ["/fonts/*"], "allow_origins": ["http://localhost:*"], "allow_credentials": True},
        ],
    },
}
"""By site."""


@pytest.fixture(scope="package")
def edges(parameter_store_server: ParameterStoreServer) -> Iterator[Callable[..., EdgeProcess]]:
    """Starts a local edge with some arguments, or gives the one that runs with them. Its upstream is the
    demonstration's; the policy is that of ``site``.

    All read from one Parameter Store, because the one that the demonstration brings along takes seconds to start.
    """
    parameter_store_server.put(DEMO_LIST_PARAMETER, ",".join(DEMO_LIST))
    for site, policy in POLICIES.items():
        parameter_store_server.put(f"/edgecors/sites/{site}", json.dumps(policy))
    environment = parameter_store_server.environment()
    running: dict[tuple[str, ...], EdgeProcess] = {}
    with ExitStack() as stack:

        def edge(*arguments: str, site: str = "demo") -> EdgeProcess:
            if FUNCTIONS in arguments:
                require(find_engine("njs"), "njs is not installed (Debian and Ubuntu: apt install njs)")
            key = (*arguments, "--site", site)
            if key not in running:
                running[key] = stack.enter_context(EdgeProcess(*key, environment=environment))
            return running[key]

        yield edge
        # All at once; then the stack waits for each.
        for process in running.values():
            process.interrupt()
    parameter_store_server.clear()

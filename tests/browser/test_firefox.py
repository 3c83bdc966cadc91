"""The playground in Firefox: another engine, another reading of the Fetch standard, the same verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from edgecors_local.front_names import FRONTS

from harness.wait import wait_until
from tests.browser.edge import EdgeProcess
from tests.browser.firefox import Firefox, firefox_program
from tests.browser.test_playground import CELLS, EXPECTED, NOBODY, allowed

Edges = Callable[..., EdgeProcess]


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    """Debian's Firefox, or another."""
    with Firefox(firefox_program()) as browser:
        yield browser


def run(firefox: Firefox, edge: EdgeProcess) -> dict[str, dict[str, bool]]:
    firefox.open(edge.page)
    wait_until(lambda: firefox.evaluate("document.body.dataset.state") == "done", "the playground has run", 60)
    return allowed(firefox.evaluate(f"({CELLS})()"))


@pytest.mark.parametrize("front", FRONTS)
def test_firefox_lets_through_what_the_policy_allows(firefox: Firefox, edges: Edges, front: str) -> None:
    assert run(firefox, edges("--front", front)) == EXPECTED
    assert firefox.evaluate("document.querySelector('#summary').textContent") == "60 of 60 agree"


def test_firefox_is_poisoned_by_a_cache_key_without_origin_too(firefox: Firefox, edges: Edges) -> None:
    verdicts = run(firefox, edges("--front", "cloudfront-origin", "--unkeyed", "Origin"))
    assert verdicts == EXPECTED | {"cached-reflecting": NOBODY}


def test_firefox_remembers_a_preflight_for_max_age(firefox: Firefox, edges: Edges) -> None:
    """The demonstration's rule says 5 seconds; what comes at once after the first needs no second preflight."""
    edge = edges("--front", "cloudfront-viewer")
    firefox.open(f"{edge.origin('app')}/runner.html")
    put = f"fetch('{edge.url}/api/echo/firefox', {{ method: 'PUT' }}).then((response) => response.status)"
    assert firefox.evaluate(f"{put}.then(() => {put})") == 200
    wait_until(lambda: len(edge.came("PUT", "firefox")) == 2, "both are printed")
    assert len(edge.came("OPTIONS", "firefox")) == 1

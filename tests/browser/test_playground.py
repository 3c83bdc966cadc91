"""The playground's table in a real browser: what it lets the page read, for every front, beside the engine and
`explain`'s model of a browser.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from edgecors_admin.explain import Asked, explain_request
from edgecors_local.parameter_store import DEMO_LIST, DEMO_POLICY
from edgecors_local.plan import FRONTS
from playwright.sync_api import Page

from tests.browser.edge import EdgeProcess

Edges = Callable[..., EdgeProcess]

CASES: dict[str, dict[str, Any]] = {
    case["id"]: case
    for case in json.loads(resources.files("edgecors_local.playground").joinpath("cases.json").read_text())
}

APP_ONLY = {"app": True, "evil": False}
NOBODY = {"app": False, "evil": False}
EVERYONE = {"app": True, "evil": True}
EXPECTED = {
    "get": APP_ONLY,
    "head": APP_ONLY,
    "post-json": APP_ONLY,
    "put": APP_ONLY,
    "delete": APP_ONLY,
    "patch": NOBODY,
    "xhr": APP_ONLY,
    "custom-header": APP_ONLY,
    "other-header": NOBODY,
    "authorization": APP_ONLY,
    "cookies": APP_ONLY,
    "exposed": APP_ONLY,
    "error-403": APP_ONLY,
    "error-404": APP_ONLY,
    "error-500": APP_ONLY,
    "error-502": APP_ONLY,
    "redirect": APP_ONLY,
    "own-star": APP_ONLY,
    "own-reflecting": APP_ONLY,
    "own-twice": APP_ONLY,
    "cached": APP_ONLY,
    "cached-reflecting": APP_ONLY,
    "everyone": EVERYONE,
    "everyone-cookies": NOBODY,
    "font": EVERYONE,
    "image": EVERYONE,
    "image-cookies": NOBODY,
    "unmanaged": NOBODY,
    "unmanaged-star": EVERYONE,
    "null": {"null": False},
    "null-everyone": {"null": True},
}
"""Whether the page gets its answer."""

CELLS = """() => Object.fromEntries([...document.querySelectorAll("#cases tr")].map((row) => [
    row.id.replace("case-", ""),
    Object.fromEntries([...row.querySelectorAll("td > details")].map((cell) => [cell.dataset.side, {
        allowed: cell.dataset.allowed === "true",
        agrees: cell.dataset.agrees === "true",
        text: cell.querySelector("summary").innerText,
    }])),
]))"""
"""JavaScript for all cells of the table."""


def run(page: Page, edge: EdgeProcess) -> dict[str, dict[str, Any]]:
    """Opens the playground and waits for the end of its run; each case's cells by side."""
    page.goto(edge.page)
    page.wait_for_selector("body[data-state=done]", timeout=60_000)
    cells: dict[str, dict[str, Any]] = page.evaluate(CELLS)
    return cells


def allowed(cells: dict[str, dict[str, Any]]) -> dict[str, dict[str, bool]]:
    """The browser's verdicts alone."""
    return {case: {side: cell["allowed"] for side, cell in sides.items()} for case, sides in cells.items()}


@pytest.mark.parametrize("front", FRONTS)
def test_the_browser_lets_through_what_the_policy_allows(page: Page, edges: Edges, front: str) -> None:
    edge = edges("--front", front)
    cells = run(page, edge)
    assert allowed(cells) == EXPECTED
    differing = {case: sides for case, sides in cells.items() if not all(cell["agrees"] for cell in sides.values())}
    assert differing == {}
    assert page.inner_text("#summary") == "60 of 60 agree"
    assert not [line for line in edge.lines if line.startswith("    !")], "no front had to complain"


@pytest.mark.artifact
@pytest.mark.usefixtures("built", "runtime_emulator")
@pytest.mark.parametrize("front", ["cloudfront-viewer", "http-api"])
def test_built_artifacts_in_lambda_s_runtime_get_the_same_verdicts(page: Page, edges: Edges, front: str) -> None:
    edge = edges("--front", front, "--runtime")
    # Cold containers on a busy machine may answer before they have a policy, closed for CORS; the second run counts.
    run(page, edge)
    assert allowed(run(page, edge)) == EXPECTED
    assert page.inner_text("#summary") == "60 of 60 agree"


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("unmanaged")])
def test_explain_says_what_the_browser_does(case: str) -> None:
    """`explain` works on the policy alone. The paths without a rule are left out: there the upstream decides."""
    asked = CASES[case]
    lists = {"demo": ",".join(DEMO_LIST)}
    for side, expected in EXPECTED[case].items():
        origin = "null" if side == "null" else f"http://{side}.localhost:8081"
        explained = explain_request(
            json.dumps(DEMO_POLICY),
            lists,
            Asked(origin, asked.get("method", "GET"), asked.get("headers", {}), asked["path"].partition("?")[0]),
        )
        verdict = (
            explained.verdict_with_credentials if asked.get("credentials") else explained.verdict_without_credentials
        )
        assert verdict.ok == expected, (side, verdict.why)


def test_the_table_is_about_all_the_cases() -> None:
    assert list(EXPECTED) == list(CASES)


def test_the_edge_s_copies_are_used_in_both_set_ups(page: Page, edges: Edges) -> None:
    """viewer: one copy for all, and each gets headers of its own. origin: a copy for each."""
    viewer = run(page, edges("--front", "cloudfront-viewer"))
    assert "answered from the cache" in viewer["cached"]["evil"]["text"]
    assert "answered from the cache" in viewer["cached-reflecting"]["app"]["text"]
    origin = run(page, edges("--front", "cloudfront-origin"))
    assert "answered from the cache" not in origin["cached"]["evil"]["text"]
    assert "answered from the cache" not in origin["cached-reflecting"]["app"]["text"]


def test_a_cache_key_without_origin_poisons_and_the_page_says_so(page: Page, edges: Edges) -> None:
    """The classic mistake in the origin set-up: what was cached for one site is given to another."""
    cells = run(page, edges("--front", "cloudfront-origin", "--unkeyed", "Origin"))
    assert allowed(cells) == EXPECTED | {"cached-reflecting": NOBODY}
    poisoned = cells["cached-reflecting"]["app"]
    assert not poisoned["agrees"]
    assert "allowed by http://app.localhost:*, answered from the cache" in poisoned["text"]
    assert "expected: allowed" in poisoned["text"]
    assert page.inner_text("#summary") == "59 of 60 agree"


def test_as_make_run_starts_it(page: Page) -> None:
    """With the Parameter Store that it brings along."""
    with EdgeProcess() as edge:
        assert allowed(run(page, edge)) == EXPECTED
        assert page.is_hidden("#not-demo")


# -- the page itself --------------------------------------------------------------------------------------------------


def test_it_goes_on_where_the_policy_allows_it(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    page.goto(f"http://127.0.0.1:{edge.page_port}/")
    page.wait_for_url(f"{edge.page}/")


def test_keyboard_alone_opens_a_result_and_sends_a_request(page: Page, edges: Edges) -> None:
    run(page, edges("--front", "cloudfront-viewer"))
    page.focus("#again")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    first = page.locator("#case-get td[data-side=app] > details")
    assert first.get_attribute("open") == ""
    assert "Access-Control-Allow-Origin: http://app.localhost" in first.inner_text()
    page.focus("#side")
    page.keyboard.type("evil")
    page.keyboard.press("Tab")
    page.keyboard.type("PUT")
    page.keyboard.press("Tab")
    page.keyboard.type("/api/echo?a=1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tried > details")
    tried = page.locator("#tried")
    assert "blocked" in tried.inner_text()
    assert "origin-not-allowed (preflight)" in tried.inner_text()
    assert tried.locator(".wire h3").first.inner_text() == "OPTIONS /api/echo?a=1"


def test_the_form_tells_what_is_no_header(page: Page, edges: Edges) -> None:
    run(page, edges("--front", "cloudfront-viewer"))
    page.fill("#headers", "X-Demo")
    page.click("form button")
    page.wait_for_selector("#tried p")
    assert page.inner_text("#tried") == "“X-Demo” is no header: write Name: value."


@pytest.mark.parametrize("width", [320, 390, 800, 1100])
def test_nothing_is_cut_off_at_any_width(page: Page, edges: Edges, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    run(page, edges("--front", "cloudfront-viewer"))
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # As cards on a phone it is still a table to a screen reader.
    assert page.get_by_role("columnheader").count() == 3
    assert page.get_by_role("row").count() == len(CASES) + 1
    assert page.get_by_role("rowheader", name="PUT PUT /api/echo", exact=True).count() == 1


def test_light_and_dark_have_readable_contrast(page: Page, edges: Edges) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3) for all text that is shown."""
    edge = edges("--front", "cloudfront-viewer")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        run(page, edge)
        low = page.evaluate(CONTRAST)
        assert low == [], scheme


CONTRAST = """() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => {
        const [r, g, b] = channels(color).slice(0, 3).map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor;
            if ((channels(color)[3] ?? 1) !== 0) return color;
        }
        return "rgb(255, 255, 255)";
    };
    const low = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.getClientRects().length) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) low.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
    }
    return [...new Set(low)];
}"""

"""The playground's table in a real browser: what it lets the page read, for every front, beside the engine and
`explain`'s model of a browser.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import pytest
from edgecors_admin.explain import Asked, explain_request
from edgecors_local.front_names import FRONTS
from edgecors_local.parameter_store import DEMO_LIST, DEMO_POLICY
from playwright.sync_api import Browser, Locator, Page

from harness.wait import wait_until
from tests.browser.edge import EdgeProcess
from tests.browser.upstream import RecordingUpstream

Edges = Callable[..., EdgeProcess]
Finished = Callable[..., "FinishedPage"]

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

CELLS = """() => Object.fromEntries([...document.querySelectorAll("#cases tr[id]")].map((row) => [
    row.id.replace("case-", ""),
    Object.fromEntries([...row.querySelectorAll("td > details")].map((cell) => [cell.dataset.side, {
        allowed: cell.dataset.allowed === "true",
        agrees: cell.dataset.state === "agrees",
        // Of a folded group too: innerText has only what is rendered.
        text: cell.querySelector("summary").textContent,
    }])),
]))"""
"""JavaScript for all cells of the table."""


def run(page: Page, edge: EdgeProcess) -> dict[str, dict[str, Any]]:
    """Opens the playground and waits for the end of its run; each case's cells by side."""
    page.goto(edge.page)
    page.wait_for_selector("body[data-state=done]", timeout=60_000)
    cells: dict[str, dict[str, Any]] = page.evaluate(CELLS)
    return cells


# A run of the table takes a browser seconds. Whoever only looks at its result, or uses the form, shares the page.
@pytest.fixture(scope="module")
def finished_pages(chromium: Browser, edges: Edges) -> Iterator[Callable[[str], FinishedPage]]:
    """Pages whose run has ended, one for each front. An error in a script of a page's fails the last test."""
    pages: dict[str, FinishedPage] = {}
    errors: list[str] = []

    def finished(front: str) -> FinishedPage:
        if front not in pages:
            tab = chromium.new_context().new_page()
            tab.on("pageerror", lambda error: errors.append(str(error)))
            edge = edges("--front", front)
            pages[front] = FinishedPage(tab, edge, run(tab, edge))
        return pages[front]

    yield finished
    for page in pages.values():
        page.tab.context.close()
    assert errors == []


@pytest.fixture
def finished(finished_pages: Callable[[str], FinishedPage]) -> Callable[..., FinishedPage]:
    """A page whose run has ended, as if it were new: nothing opened, filtered, typed or sent."""

    def finished(front: str = "cloudfront-viewer") -> FinishedPage:
        page = finished_pages(front)
        page.tab.evaluate(AS_NEW)
        return page

    return finished


@dataclass(frozen=True)
class FinishedPage:
    """A tab with the playground, its local edge, and each case's cells by side."""

    tab: Page
    edge: EdgeProcess
    cells: dict[str, dict[str, Any]]


AS_NEW = """() => {
    document.querySelector("#form").reset();
    const only = document.querySelector("#only");
    if (only.checked) only.click();
    document.querySelector("#tried").replaceChildren();
    for (const details of document.querySelectorAll("details")) details.open = false;
    document.activeElement.blur();
    scrollTo(0, 0);
}"""


def allowed(cells: dict[str, dict[str, Any]]) -> dict[str, dict[str, bool]]:
    """The browser's verdicts alone."""
    return {case: {side: cell["allowed"] for side, cell in sides.items()} for case, sides in cells.items()}


@pytest.mark.parametrize("front", FRONTS)
def test_the_browser_lets_through_what_the_policy_allows(finished: Finished, front: str) -> None:
    page = finished(front)
    cells = page.cells
    assert allowed(cells) == EXPECTED
    differing = {case: sides for case, sides in cells.items() if not all(cell["agrees"] for cell in sides.values())}
    assert differing == {}
    assert page.tab.inner_text("#summary") == "60 of 60 agree"
    assert not [line for line in page.edge.lines if line.startswith("    !")], "no front had to complain"


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
            Asked(
                origin,
                asked.get("method", "GET"),
                tuple(asked.get("headers", {}).items()),
                asked["path"].partition("?")[0],
            ),
        )
        verdict = (
            explained.verdict_with_credentials if asked.get("credentials") else explained.verdict_without_credentials
        )
        assert verdict.ok == expected, (side, verdict.why)


def test_the_table_is_about_all_the_cases() -> None:
    assert list(EXPECTED) == list(CASES)


def test_the_edge_s_copies_are_used_in_both_set_ups(finished: Finished) -> None:
    """viewer: one copy for all, and each gets headers of its own. origin: a copy for each."""
    viewer = finished("cloudfront-viewer").cells
    assert "answered from the cache" in viewer["cached"]["evil"]["text"]
    assert "answered from the cache" in viewer["cached-reflecting"]["app"]["text"]
    origin = finished("cloudfront-origin").cells
    assert "answered from the cache" not in origin["cached"]["evil"]["text"]
    assert "answered from the cache" not in origin["cached-reflecting"]["app"]["text"]


def test_a_cache_key_without_origin_poisons_and_the_page_says_so(page: Page, edges: Edges) -> None:
    """The classic mistake in the origin set-up: what was cached for one site is given to another."""
    cells = run(page, edges("--front", "cloudfront-origin", "--unkeyed", "Origin"))
    assert allowed(cells) == EXPECTED | {"cached-reflecting": NOBODY}
    poisoned = cells["cached-reflecting"]["app"]
    assert not poisoned["agrees"]
    assert "allowed by http://app.localhost:*, answered from the cache" in poisoned["text"]
    assert "expected: allowed; the response: no Access-Control-Allow-Origin header" in poisoned["text"]
    assert page.inner_text("#summary") == "59 of 60 agree"
    # It comes first, its group is open, and the summary leads to it.
    first = page.locator("#cases > details").first
    assert first.get_attribute("open") == ""
    assert first.locator("tbody > tr").first.get_attribute("id") == "case-cached-reflecting"
    page.click("#summary a")
    assert page.evaluate("document.activeElement.id") == "case-cached-reflecting"
    page.check("#only")
    assert page.locator("#cases tr[id]:visible").count() == 1
    assert page.locator("#cases > details:visible").count() == 1
    page.click("#case-cached-reflecting td[data-side=app] > details > summary")
    opened = page.locator("#case-cached-reflecting td[data-side=app]")
    assert (
        "The policy allows it, but the response says otherwise: no Access-Control-Allow-Origin header."
        in opened.inner_text()
    )
    assert opened.locator("svg.way .reason").text_content() == "the policy: allowed; the response differs"


def test_the_summary_counts_while_the_requests_run(finished: Finished) -> None:
    page = finished().tab
    page.evaluate("""() => {
        window.texts = [];
        const summary = document.querySelector("#summary");
        new MutationObserver(() => window.texts.push(summary.textContent)).observe(summary, { childList: true });
    }""")
    page.click("#again")
    page.wait_for_selector("body[data-state=done]", timeout=60_000)
    assert page.inner_text("#summary") == "60 of 60 agree"
    assert page.evaluate("window.texts")[0] == "0 of 60 answered"
    assert {"20 of 60 answered", "59 of 60 answered"} <= set(page.evaluate("window.texts"))
    assert page.is_hidden("#progress")


def test_the_filter_without_a_disagreement_says_so(finished: Finished) -> None:
    page = finished().tab
    assert page.is_hidden("#none")
    page.check("#only")
    assert page.is_visible("#none")
    assert page.locator("#cases > details:visible").count() == 0


def test_as_make_run_starts_it(page: Page) -> None:
    """With the Parameter Store that it brings along. The line that the page offers allows the refused origin."""
    with EdgeProcess() as edge:
        assert allowed(run(page, edge)) == EXPECTED
        assert page.is_hidden("#not-demo")
        line = send(page, "DELETE from evil").locator(".allow pre").inner_text()
        assert line.split(" allow ")[1].startswith(f"@demo {edge.origin('evil')} --endpoint-url http://127.0.0.1:")
        subprocess.run(f"{line} --yes", shell=True, check=True, timeout=60, capture_output=True)

        def allows() -> bool:
            return send(page, "DELETE from evil").locator("[data-allowed=true]").count() == 1

        wait_until(allows, "the policy has been read again", 30)


# -- the page itself --------------------------------------------------------------------------------------------------


def test_an_upstream_of_the_user_s_own_gets_only_what_the_form_sends(page: Page, edges: Edges) -> None:
    with RecordingUpstream("wsgi") as upstream:
        page.goto(edges("--front", "cloudfront-viewer", "--upstream", upstream.url).page)
        page.wait_for_selector("body[data-state=done]")
        assert page.locator("#cases, #presets").locator("visible=true").count() == 0
        assert upstream.received == []
        page.fill("#path", "/api/echo")
        page.click("form button[type=submit]")
        page.wait_for_selector("#tried > details")
        assert [(request.method, request.path) for request in upstream.received] == [("GET", "/api/echo")]


def test_playground_redirects_to_the_allowed_origin(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    page.goto(f"http://127.0.0.1:{edge.page_port}/")
    page.wait_for_url(f"{edge.page}/")


def test_keyboard_alone_opens_a_result_and_sends_a_request(finished: Finished) -> None:
    page = finished().tab
    page.focus("#again")
    for _ in range(2):  # the first group, then its first result
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
    assert tried.locator(".wire h3").first.inner_text() == "Preflight OPTIONS /api/echo?a=1"


def send(page: Page, preset: str) -> Locator:
    """Presses a preset; the result."""
    page.evaluate("document.querySelector('#tried').replaceChildren()")
    page.click(f"#presets button:text-is('{preset}')")
    page.wait_for_selector("#tried > details")
    return page.locator("#tried")


def test_a_preset_fills_the_form_and_sends_it(finished: Finished) -> None:
    page = finished().tab
    tried = send(page, "PATCH, not allowed")
    assert [page.input_value(f"#{field}") for field in ("side", "method", "path")] == ["app", "PATCH", "/api/echo"]
    assert "The reason: method-not-allowed (PATCH): the method is not allowed for this origin." in tried.inner_text()
    assert tried.locator(".allow").count() == 0, "another origin would not help"


@pytest.mark.parametrize(
    ("front", "preset", "reason", "passed"),
    [
        ("cloudfront-viewer", "DELETE from evil", "origin-not-allowed", ["browser", "function"]),
        ("cloudfront-origin", "DELETE from evil", "origin-not-allowed", ["browser", "cache", "function"]),
        ("cloudfront-viewer", "Error 500", "allowed", ["browser", "function", "cache", "function", "upstream"]),
        ("http-api", "DELETE from evil", "origin-not-allowed", ["browser", "function"]),
        ("http-api", "GET", "allowed", ["browser", "function", "upstream"]),
    ],
)
def test_the_drawing_shows_how_far_a_request_came_and_who_decided(
    finished: Finished, front: str, preset: str, reason: str, passed: list[str]
) -> None:
    drawing = send(finished(front).tab, preset).locator("svg.way").first
    assert drawing.locator(".name.passed").all_text_contents() == passed
    assert drawing.locator(".reason").text_content() == reason
    assert drawing.locator(".place.allowed, .place.refused").count() == 1
    assert f"as far as the {passed[-1]}; the decision: {reason}." in (drawing.get_attribute("aria-label") or "")


@pytest.mark.parametrize(
    ("method", "body"), [("TRACE", ""), ("CONNECT", ""), ("GET", "x"), ("HEAD", "x"), ("not a method", "")]
)
def test_what_no_page_can_send_is_no_disagreement(finished: Finished, method: str, body: str) -> None:
    page = finished().tab
    page.fill("#method", method)
    page.fill("#body", body)
    page.click("form button[type=submit]")
    page.wait_for_selector("#tried > details")
    assert page.get_attribute("#tried > details", "data-state") == "unsendable"
    assert "not sent" in page.inner_text("#tried")
    assert "differs" not in page.inner_text("#tried")


def test_a_copied_curl_command_gets_the_same_answer(finished: Finished) -> None:
    page, edge = finished().tab, finished().edge
    tried = send(page, "DELETE from evil")
    command = tried.locator(".wire button.copy").first.get_attribute("data-text") or ""
    assert command.startswith(f"curl -s -i -X 'OPTIONS' '{edge.url}/api/echo' ")
    answer = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30, check=True).stdout
    assert answer.startswith("HTTP/1.1 403 ")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tried.locator(".wire button.copy").first.click()
    page.wait_for_selector("#tried .wire button.copy:text-is('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_the_front_is_switched_without_a_restart(page: Page, edges: Edges) -> None:
    edge = edges("--front", "function-url")
    run(page, edge)
    for front in ("cloudfront-origin", "function-url"):
        page.select_option("#front", front)
        page.wait_for_selector("body[data-state=running]")
        page.wait_for_selector("body[data-state=done]", timeout=60_000)
        assert page.inner_text("#summary") == "60 of 60 agree"
        assert edge.came("GET", "/api/echo")[-1].startswith(f"{front}  ")
    assert page.is_hidden("#front-error")


def test_the_form_reports_a_line_that_is_not_a_header(finished: Finished) -> None:
    page = finished().tab
    page.fill("#headers", "X-Demo")
    page.click("form button[type=submit]")
    page.wait_for_selector("#tried p")
    assert page.inner_text("#tried") == "“X-Demo” is not a header. Write Name: value."


@pytest.mark.parametrize("width", [320, 390, 800, 1100])
def test_nothing_is_cut_off_at_any_width(finished: Finished, width: int) -> None:
    page = finished().tab
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # As cards on a phone it is still a table to a screen reader.
    groups = len({case["group"] for case in CASES.values()})
    assert page.get_by_role("columnheader").count() == 3 * groups
    assert page.get_by_role("row").count() == len(CASES) + groups
    assert page.get_by_role("rowheader", name="PUT PUT /api/echo", exact=True).count() == 1


def test_light_and_dark_have_readable_contrast(finished: Finished) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3) for all text that is shown."""
    page = finished().tab
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        send(page, "DELETE from evil")
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
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

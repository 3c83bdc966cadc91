"""Requests of pages of their own, without the playground around them: what a script of an origin gets to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from edgecors_local.ports import free_port
from playwright.sync_api import Browser, Page

from harness.wait import wait_until
from tests.browser.edge import EdgeProcess

Edges = Callable[..., EdgeProcess]

FETCH = """async ([url, options]) => {
    try {
        const response = await fetch(url, options);
        return { status: response.status, type: response.type, headers: Object.fromEntries(response.headers),
                 url: response.url, body: await response.text() };
    } catch (error) {
        return { error: error.name };
    }
}"""
BLOCKED = {"error": "TypeError"}


def stand(page: Page, edge: EdgeProcess, side: str) -> None:
    """A page of its own on an origin; one that nothing has been asked from yet."""
    page.goto(f"{edge.origin(side)}/runner.html")


def fetch(page: Page, edge: EdgeProcess, target: str, **options: Any) -> dict[str, Any]:
    """What a script gets: the response as far as it can be read, or `BLOCKED`."""
    answer: dict[str, Any] = page.evaluate(FETCH, [edge.url + target, options])
    return answer


def test_only_exposed_headers_can_be_read(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    stand(page, edge, "app")
    headers = fetch(page, edge, "/api/echo")["headers"]
    # Content-Type and its like are always readable; X-Cache and Vary were sent too, and are not exposed.
    assert headers.keys() == {"cache-control", "content-length", "content-type", "x-request-id"}


def test_a_head_request_and_its_headers(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    stand(page, edge, "app")
    answer = fetch(page, edge, "/api/echo", method="HEAD")
    assert (answer["status"], answer["body"]) == (200, "")
    assert int(answer["headers"]["content-length"]) > 0


def test_cookies_travel_and_come_back_when_credentials_are_allowed(page: Page, edges: Edges) -> None:
    """From another port of the same host, which is another origin of the same site: others would get no cookie here,
    because without TLS a cookie cannot be `SameSite=None`.
    """
    edge = edges("--front", "cloudfront-viewer", site="own")
    page.goto(f"http://localhost:{edge.page_port}/runner.html")
    first = fetch(page, edge, "/api/cookies", credentials="include")
    second = fetch(page, edge, "/api/cookies", credentials="include")
    without = fetch(page, edge, "/api/cookies", credentials="omit")
    received = [json.loads(answer["body"])["received"] for answer in (first, second, without)]
    assert received == ["", "session=1; theme=dark", ""]
    stand(page, edge, "evil")
    assert fetch(page, edge, "/api/cookies", credentials="include") == BLOCKED


def test_a_redirect_to_a_refused_place_is_blocked(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    stand(page, edge, "app")
    followed = fetch(page, edge, "/api/redirect?to=%2Fpublic%2Fecho")
    assert (followed["status"], followed["url"]) == (200, f"{edge.url}/public/echo")
    assert fetch(page, edge, "/api/redirect?to=%2Funmanaged%2Fecho") == BLOCKED
    stand(page, edge, "evil")
    assert fetch(page, edge, "/api/redirect?to=%2Fpublic%2Fecho") == BLOCKED


def test_a_sandboxed_frame_and_a_data_url_have_no_origin(chromium: Browser, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    # The frames would inherit the page's Content-Security-Policy, which forbids scripts like this one.
    page = chromium.new_page(bypass_csp=True)
    stand(page, edge, "app")
    script = (
        "<script>const ask = async (path) => { try { return (await fetch(path)).status } catch { return 'blocked' } };"
        f"(async () => parent.postMessage([await ask('{edge.url}/api/echo'),"
        f" await ask('{edge.url}/public/echo')], '*'))()</script>"
    )
    for attributes in ({"sandbox": "allow-scripts", "srcdoc": script}, {"src": f"data:text/html,{script}"}):
        got = page.evaluate(
            """(attributes) => new Promise((resolve) => {
                addEventListener("message", (event) => resolve(event.data));
                document.body.replaceChildren(Object.assign(document.createElement("iframe"), attributes.src
                    ? { src: attributes.src } : { srcdoc: attributes.srcdoc, sandbox: attributes.sandbox }));
            })""",
            attributes,
        )
        assert got == ["blocked", 200], attributes
    page.close()


def test_a_font_of_a_style_sheet_is_fetched_with_cors(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    stand(page, edge, "app")
    # Resolves to the faces that were loaded; a face that could not be is an error.
    load = """async (url) => {
        const style = new CSSStyleSheet();
        style.replaceSync(`@font-face { font-family: t; src: url("${url}") }`);
        document.adoptedStyleSheets = [style];
        try { return (await document.fonts.load("10px t")).length } catch (error) { return error.name }
    }"""
    assert page.evaluate(load, f"{edge.url}/fonts/demo.woff2") == 1
    assert page.evaluate(load, f"{edge.url}/unmanaged/echo") == "NetworkError"


def test_an_image_with_crossorigin_leaves_a_canvas_readable(page: Page, edges: Edges) -> None:
    edge = edges("--front", "cloudfront-viewer")
    stand(page, edge, "evil")
    read = """async ([url, crossOrigin]) => {
        const image = new Image();
        if (crossOrigin !== null) image.crossOrigin = crossOrigin;
        image.src = url;
        try { await image.decode() } catch { return "not loaded" }
        const canvas = new OffscreenCanvas(8, 8).getContext("2d");
        canvas.drawImage(image, 0, 0);
        try { return [...canvas.getImageData(0, 0, 1, 1).data] } catch (error) { return error.name }
    }"""
    url = f"{edge.url}/images/demo.png"
    assert page.evaluate(read, [url, None]) == "SecurityError"
    assert page.evaluate(read, [f"{url}?1", "anonymous"]) == [0x1F, 0x6F, 0xEB, 255]
    assert page.evaluate(read, [f"{url}?2", "use-credentials"]) == "not loaded"


@pytest.mark.parametrize(("front", "status"), [("cloudfront-viewer", None), ("http-api", 502)])
def test_an_upstream_that_is_not_there(page: Page, edges: Edges, front: str, status: int | None) -> None:
    """The gateway's own errors carry CORS headers. CloudFront runs no function for a 502 of its own, so that a page
    learns no more than that its request failed.
    """
    edge = edges("--front", front, "--upstream", f"http://127.0.0.1:{free_port()}")
    stand(page, edge, "app")
    answer = fetch(page, edge, "/api/echo")
    assert answer.get("status") == status


@pytest.mark.parametrize("front", ["cloudfront-viewer", "cloudfront-origin", "http-api"])
def test_a_preflight_is_remembered_for_max_age(page: Page, edges: Edges, front: str) -> None:
    """Counted at the edge: three requests each, under rules with a ``max_age`` of 0 and of 600."""
    edge = edges("--front", front, site="own")
    stand(page, edge, "app")
    for path in ("asked-each-time", "remembered"):
        for _ in range(3):
            assert fetch(page, edge, f"/api/echo/{path}", method="PUT")["status"] == 200
    wait_until(lambda: len(edge.came("PUT", "remembered")) == 3, "all requests are printed")
    preflights = {path: len(edge.came("OPTIONS", path)) for path in ("asked-each-time", "remembered")}
    assert preflights == {"asked-each-time": 3, "remembered": 1}

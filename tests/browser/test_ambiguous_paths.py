"""Paths that an upstream reads as another resource, asked for by real pages with a user's cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.edge import EdgeProcess
from tests.browser.upstream import Received, RecordingUpstream

Edges = Callable[..., EdgeProcess]

FETCH = """async (url) => {
    try {
        const response = await fetch(url, { credentials: "include" });
        return await response.json();
    } catch (error) {
        return error.name;
    }
}"""
NOT_READABLE = "TypeError"
SUBMIT = """(url) => {
    const form = document.createElement("form");
    form.method = "POST";
    form.action = url;
    document.body.append(form);
    form.submit();
}"""


@pytest.fixture(scope="module")
def wsgi() -> Iterator[RecordingUpstream]:
    with RecordingUpstream("wsgi") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def tomcat() -> Iterator[RecordingUpstream]:
    with RecordingUpstream("tomcat") as upstream:
        yield upstream


def log_in(page: Page, edges: Edges, upstream: RecordingUpstream) -> EdgeProcess:
    """A browser that holds a cookie of the site."""
    edge = edges("--front", "cloudfront-viewer", "--upstream", upstream.url, site="resources")
    page.goto(f"{edge.url}/login")
    upstream.received.clear()
    return edge


def submit(page: Page, edge: EdgeProcess, path: str) -> int:
    """The status of a form's POST from a page of another site."""
    attack = f"{edge.origin('evil')}/attack.html"
    page.route(attack, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto(attack)
    with page.expect_response(lambda response: response.request.method == "POST") as response:
        page.evaluate(SUBMIT, edge.url + path)
    return response.value.status


def read(page: Page, origin: str, edge: EdgeProcess, path: str) -> Any:
    """What a script of an origin reads with the user's cookies."""
    page.goto(f"{origin}/runner.html")
    return page.evaluate(FETCH, edge.url + path)


def trusted(edge: EdgeProcess) -> str:
    """The origin that the policy trusts for fonts. Another port of the same host, so that cookies are sent."""
    return f"http://localhost:{edge.page_port}"


def test_a_form_of_another_site_reaches_paths_that_block_is_not_about(
    page: Page, edges: Edges, wsgi: RecordingUpstream
) -> None:
    edge = log_in(page, edges, wsgi)
    assert submit(page, edge, "/open/transfer") == 200
    assert wsgi.received == [Received("POST", "/open/transfer", "session=secret")]


@pytest.mark.parametrize(
    "path", ["/account/transfer", "/account%2Ftransfer", "//account/transfer", "/account%2ftransfer%00", "/account/a%"]
)
def test_a_form_of_another_site_is_blocked_however_the_path_is_written(
    page: Page, edges: Edges, wsgi: RecordingUpstream, path: str
) -> None:
    edge = log_in(page, edges, wsgi)
    assert submit(page, edge, path) == 403
    assert wsgi.received == []


def test_a_page_trusted_for_fonts_reads_fonts(page: Page, edges: Edges, tomcat: RecordingUpstream) -> None:
    edge = log_in(page, edges, tomcat)
    # All that a server may take the path with a parameter for falls under the rule for fonts.
    for path in ("/fonts/a.woff2", "/fonts/a.woff2;v=1"):
        assert read(page, trusted(edge), edge, path) == {
            "method": "GET",
            "path": "/fonts/a.woff2",
            "cookie": "session=secret",
        }


@pytest.mark.parametrize(
    "path", ["/api/me", "/fonts/..;/api/me", "/api;x/me", "/fonts/a/..;x=y/..;/api/me", "//api/me", "/api/.;/me"]
)
def test_a_page_trusted_for_fonts_does_not_read_the_api_of_tomcat(
    page: Page, edges: Edges, tomcat: RecordingUpstream, path: str
) -> None:
    edge = log_in(page, edges, tomcat)
    assert read(page, trusted(edge), edge, path) == NOT_READABLE
    # The request reached the API, as cross-origin requests do without `block`; its answer could not be read.
    assert [(each.path, each.cookie) for each in tomcat.received] == [("/api/me", "session=secret")]


@pytest.mark.parametrize("path", ["/api/me", "/api%2Fme", "/fonts%2F..%2Fapi%2Fme", "/%61pi/me", "//api/me"])
def test_the_cors_headers_of_the_upstream_are_removed_from_an_ambiguous_resource(
    page: Page, edges: Edges, wsgi: RecordingUpstream, path: str
) -> None:
    edge = log_in(page, edges, wsgi)
    assert read(page, edge.origin("evil"), edge, path) == NOT_READABLE
    assert len(wsgi.received) == 1


def test_the_cors_headers_of_the_upstream_stay_where_no_rule_can_be_about_the_resource(
    page: Page, edges: Edges, wsgi: RecordingUpstream
) -> None:
    edge = log_in(page, edges, wsgi)
    assert read(page, edge.origin("evil"), edge, "/open%2Fme")["path"] == "/open/me"

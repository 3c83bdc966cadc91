"""`edgecors ui` in Chromium: looking, changing, conflicts, the keyboard, and a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

import pytest
from edgecors_admin.parameter_store import Parameters
from edgecors_local.serving import AppServer, bind
from edgecors_local.ui.page import make_page
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.loop import run_in_thread
from tests.support.locked import lock
from tests.support.parameter_store import ParameterStoreServer
from tests.support.policy_fields import EFFECTIVE, FIELDS, documents

TOKEN = "a-token"
APP = "https://app.example.com"
PARTNERS = ",".join(f"https://partner-{number}.example.net" for number in range(20))
# A value may hold anything; on the page it is text.
MARKUP = "<img/src=x/onerror=document.title='run'>"
POLICY = {
    "version": 1,
    "rules": [
        {"paths": ["/api/*"], "allow_origins": [APP, "@partners"], "allow_methods": ["GET", "PUT"]},
        {"paths": ["/fonts/*"], "allow_origins": "*"},
    ],
}

NOT_SHOWN = ("refresh_seconds",)
"""How long a function keeps the policy is nothing about who may read what; the text has it."""

OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
SMALL = """[...document.querySelectorAll("button, input:not([type=checkbox]), select, summary, .tabs a, .card")]
    .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)
    .map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def address(parameter_store_server: ParameterStoreServer) -> Iterator[str]:
    parameters = Parameters(parameter_store_server.client, "/ui")
    sockets = bind(0)
    port = sockets[0].getsockname()[1]
    with run_in_thread(AppServer(make_page(parameters, port, TOKEN), sockets)):
        yield f"http://localhost:{port}/"


@pytest.fixture
def empty(parameter_store_server: ParameterStoreServer) -> Iterator[ParameterStoreServer]:
    """Not `parameter_store`, which deletes the policies of the local edges too."""
    yield parameter_store_server
    parameter_store_server.delete_below("/ui/")


@pytest.fixture
def store(empty: ParameterStoreServer) -> ParameterStoreServer:
    empty.put("/ui/lists/partners", PARTNERS)
    empty.put("/ui/sites/shop", json.dumps(POLICY))
    return empty


def open_page(page: Page, address: str, view: str = "") -> None:
    page.goto(f"{address}#token={TOKEN}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if view:
        page.goto(f"{address}#/{view}")


def value(store: ParameterStoreServer, name: str) -> str:
    return store.client.get_parameter(Name=f"/ui/{name}")["Parameter"]["Value"]


def test_token_leaves_the_address_and_is_needed(page: Page, address: str, store: ParameterStoreServer) -> None:
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text("no valid token")
    open_page(page, address)
    expect(page.get_by_role("main").get_by_role("link", name="shop 2 rules")).to_be_visible()
    assert TOKEN not in page.url


def test_an_empty_store_offers_to_create_a_site(page: Page, address: str, empty: ParameterStoreServer) -> None:
    open_page(page, address)
    expect(page.get_by_role("heading", level=1)).to_have_text("No sites yet")
    page.get_by_label("Name").fill("blog")
    page.get_by_label("Origins that may read").fill("www.example.com")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Create blog").click()
    expect(page.get_by_role("status").last).to_contain_text("Written: /ui/sites/blog version 1")
    assert value(empty, "sites/blog") == "https://www.example.com"


def test_access_shows_a_list_that_does_not_exist(page: Page, address: str, empty: ParameterStoreServer) -> None:
    empty.put("/ui/sites/shop", "@gone")
    open_page(page, address, "site/shop")
    expect(page.get_by_role("listitem").filter(has_text="@gone")).to_contain_text("does not exist")
    page.get_by_role("button", name="Remove @gone").click()
    expect(page.get_by_role("dialog")).to_contain_text("@gone")


def test_parameters_that_cant_be_decrypted_are_shown_beside_the_others(page: Page, store: ParameterStoreServer) -> None:
    store.put("/ui/sites/locked", APP, "SecureString")
    client = store.client
    lock(client, ["/ui/sites/locked"])
    sockets = bind(0)
    port = sockets[0].getsockname()[1]
    with run_in_thread(AppServer(make_page(Parameters(client, "/ui"), port, TOKEN), sockets)):
        open_page(page, f"http://localhost:{port}/")
        attention = page.get_by_role("region", name="Needs attention")
        expect(attention).to_contain_text("/ui/sites/locked can't be read. It is a SecureString: permit kms:Decrypt")
        expect(page.get_by_role("main").get_by_role("listitem").filter(has_text="SecureString").last).to_contain_text(
            "be read"
        )
        expect(page.get_by_role("main").get_by_role("link", name="shop 2 rules")).to_be_visible()


def test_allow_needs_consent_to_a_risk_and_says_what_was_written(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    open_page(page, address, "site/shop")
    page.get_by_text("Allow more origins").click()
    page.get_by_label("Origins", exact=True).fill("http://plain.example.com")
    page.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("http://plain.example.com may read /api/*")
    write = dialog.get_by_role("button", name="Write version")
    expect(write).to_be_disabled()
    assert value(store, "sites/shop") == json.dumps(POLICY)
    dialog.get_by_role("checkbox").check()
    write.click()
    expect(page.locator("#status")).to_contain_text("Written: /ui/sites/shop version")
    expect(page.get_by_role("button", name="Remove http://plain.example.com")).to_be_visible()
    assert "http://plain.example.com" in value(store, "sites/shop")


def test_a_change_by_somebody_else_is_shown_before_anything_is_written(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    open_page(page, address, "list/partners")
    page.get_by_role("button", name="Remove https://partner-0.example.net").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Write version")).to_be_enabled()
    store.put("/ui/lists/partners", f"{PARTNERS},https://other.example.net")
    dialog.get_by_role("button", name="Write version").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was written: version")
    assert value(store, "lists/partners") == f"{PARTNERS},https://other.example.net"
    dialog.get_by_role("button", name="Write version").click()
    expect(dialog).to_be_hidden()
    assert "partner-0." not in value(store, "lists/partners")
    assert "https://other.example.net" in value(store, "lists/partners")


def test_explain_shows_the_verdict_and_leads_to_the_change(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    open_page(page, address, "site/shop/explain")
    page.get_by_label("Origin of the page").fill("http://app.example.com")
    page.get_by_label("Method").select_option("PUT")
    page.get_by_label("Path or URL").fill("/api/cart")
    page.get_by_role("button", name="Explain").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("The browser refuses")
    expect(main).to_contain_text("The scheme differs: http, not https.")
    page.get_by_role("button", name="Allow http://app.example.com for /api/*").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("http://app.example.com may read /api/*")
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Write version").click()
    # The same request again.
    expect(main).to_contain_text("The page may read it")
    expect(page.get_by_label("Origin of the page")).to_have_value("http://app.example.com")


def test_a_field_that_the_page_has_no_words_for_is_shown_with_its_name(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    def add_fields(route: Route) -> None:
        data = route.fetch().json()
        data["rule_list"][0] |= {"first_word": True, "second_word": None}
        data["rule_list"][0]["grants"][0] |= {"third_word": "always", "fourth_word": False, "fifth_word": []}
        route.fulfill(json=data)

    page.route("**/api/details*", add_fields)
    open_page(page, address, "site/shop/access")
    rule = page.get_by_role("main").locator("section.rule").first
    expect(rule).to_contain_text("First_word: on")
    expect(rule.locator("dl > div").filter(has_text="third_word")).to_contain_text("always")
    for absent in ("second_word", "fourth_word", "fifth_word"):
        expect(rule).not_to_contain_text(absent)


def test_every_field_is_shown(page: Page, address: str, store: ParameterStoreServer) -> None:
    open_page(page, address, "site/shop/access")
    for name in EFFECTIVE:
        shown = []
        for text in documents(FIELDS[name]):
            store.put("/ui/sites/shop", text)
            page.reload()
            # The second line has the parameter's version, time and size.
            expect(page.get_by_role("main").locator("section.rule").first).to_be_visible()
            shown.append(
                [page.locator("main .head").inner_text(), *page.locator("main section.rule").all_inner_texts()]
            )
        assert (shown[0] != shown[1]) == (name not in NOT_SHOWN), name


def test_history_shows_differences_and_writes_a_version_again(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    store.put("/ui/lists/partners", "https://one.example.net")
    open_page(page, address, "list/partners/history")
    page.get_by_text("What changed").first.click()
    expect(page.get_by_role("group", name="Difference of the texts")).to_contain_text("+https://one.example.net")
    page.get_by_role("button", name="Write version").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Write version").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert value(store, "lists/partners") == PARTNERS


def test_values_are_shown_as_text(page: Page, address: str, store: ParameterStoreServer) -> None:
    store.put("/ui/lists/partners", f"{MARKUP},{APP}")
    open_page(page, address, "list/partners")
    expect(page.get_by_role("main")).to_contain_text(MARKUP)
    assert page.locator("main img").count() == 0
    assert page.title() == "@partners - edgecors"


def test_a_change_can_be_made_with_the_keyboard_alone(page: Page, address: str, store: ParameterStoreServer) -> None:
    open_page(page, address, "list/partners")
    page.get_by_label("Filter").focus()
    page.keyboard.type("partner-7.")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Remove https://partner-7.example.net")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Write version")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Remove https://partner-7.example.net")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Write version")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Written")
    assert "partner-7." not in value(store, "lists/partners")
    expect(page.get_by_role("main").get_by_role("link", name="Entries")).to_be_focused()


def test_a_server_that_has_ended_is_reported(page: Page, address: str, store: ParameterStoreServer) -> None:
    open_page(page, address)
    page.route("**/api/overview*", lambda route: route.abort())
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("alert")).to_contain_text("Is it still running in the terminal?")


def test_who_may_not_list_the_sites_can_open_one_by_its_name(
    page: Page, address: str, store: ParameterStoreServer
) -> None:
    refused = json.dumps({"error": "AWS refused GetParametersByPath"})
    page.route("**/api/overview*", lambda route: route.fulfill(status=403, body=refused))
    open_page(page, address)
    expect(page.get_by_role("main")).to_contain_text("AWS refused GetParametersByPath")
    page.get_by_label("Name").fill("@partners")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("button", name="Remove https://partner-0.example.net")).to_be_visible()


VIEWS = ("", "site/shop", "site/shop/findings", "site/shop/history", "site/shop/explain", "site/shop/text")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_horizontal_scrolling_and_no_small_targets(
    chromium: Browser, address: str, store: ParameterStoreServer, scheme: Literal["light", "dark"]
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    for view in (*VIEWS, "list/partners"):
        open_page(page, address, view)
        expect(page.get_by_role("main")).not_to_contain_text("Loading")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate(OVERFLOW) == 0, view
        assert page.evaluate(SMALL) == [], view
    page.get_by_role("button", name="Remove").first.click()
    expect(page.get_by_role("button", name="Write version")).to_be_visible()
    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(SMALL) == []
    context.close()

"""Takes the pictures of the local pages for the docs: `make screenshot` writes docs/playground.png and docs/ui*.png."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import boto3
from edgecors_admin.parameter_store import Parameters
from edgecors_local.parameter_store import CREDENTIAL, REGION, EmbeddedStore
from edgecors_local.plan import LocalPlan
from edgecors_local.server import local_edge
from edgecors_local.serving import AppServer, bind
from edgecors_local.ui.page import make_page
from playwright.async_api import Browser, async_playwright

DOCS = Path(__file__).resolve().parent.parent / "docs"
PICTURES = (DOCS / "playground.png", DOCS / "ui.png", DOCS / "ui-phone.png")
TOKEN = "screenshot"
SHOP = {
    "version": 1,
    "rules": [
        {
            "paths": ["/api/*"],
            "allow_origins": ["https://app.example.com", "https://*.shop.example.com", "@partners"],
            "allow_methods": ["GET", "PUT", "DELETE"],
            "allow_headers": ["content-type", "authorization"],
        },
        {"paths": ["/fonts/*"], "allow_origins": "*", "resource_policy": "cross-origin"},
    ],
}


async def take_playground(browser: Browser) -> None:
    """Runs the demonstration with its usual ports, and the playground in it to its end."""
    async with local_edge(LocalPlan(port=8080, page_port=8081), lambda line: None) as running:
        page = await browser.new_page(viewport={"width": 1100, "height": 1316}, color_scheme="light")
        await page.goto(running.page)
        await page.wait_for_selector("body[data-state=done]", timeout=60_000)
        await page.click("#presets button:text-is('DELETE from evil')")
        await page.wait_for_selector("#tried > details")
        await page.screenshot(path=PICTURES[0])
        await page.close()


async def take_ui(browser: Browser, store: EmbeddedStore) -> None:
    """The review of a change at a desk, and a site on a phone."""
    store.put("/edgecors/lists/partners", "https://partner.example.net,https://other.example.org")
    store.put("/edgecors/sites/blog", "https://www.example.com")
    store.put("/edgecors/sites/shop", json.dumps(SHOP))
    session = boto3.Session(CREDENTIAL, CREDENTIAL, region_name=REGION)
    parameters = Parameters(session.client("ssm", endpoint_url=store.endpoint), "/edgecors")
    sockets = bind(0)
    port = sockets[0].getsockname()[1]
    server = AppServer(make_page(parameters, port, TOKEN), sockets)
    await server.start()
    try:
        page = await browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        await page.goto(f"http://localhost:{port}/#token={TOKEN}")
        await page.click("#nav >> text=shop")
        await page.click("text=Allow more origins")
        await page.fill("textarea", "https://new.example.com/path\nhttp://plain.example.com")
        await page.click(".rule form button")
        await page.wait_for_selector("#review-write")
        await page.screenshot(path=PICTURES[1])
        phone = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        await phone.goto(f"http://localhost:{port}/#token={TOKEN}")
        await phone.click("main >> text=shop")
        await phone.wait_for_selector(".rule")
        await phone.screenshot(path=PICTURES[2])
    finally:
        await server.stop()


async def take(program: str) -> None:
    """Takes all pictures."""
    store = EmbeddedStore()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            await take_playground(browser)
            await take_ui(browser, store)
            await browser.close()
    finally:
        store.close()


def main() -> None:
    """Exit status 2 where there is no browser."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("The screenshots need Chromium: apt-get install chromium")
    asyncio.run(take(program))
    for picture in PICTURES:
        print(f"{picture} ({picture.stat().st_size // 1024} KB)")


if __name__ == "__main__":
    main()

"""Takes the playground's picture for the docs: `make screenshot` writes docs/playground.png."""

import asyncio
import shutil
import sys
from pathlib import Path

from edgecors_local.plan import LocalPlan
from edgecors_local.server import local_edge
from playwright.async_api import async_playwright

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "playground.png"
WIDTH, HEIGHT = 1100, 1000


async def take(program: str) -> None:
    """Runs the demonstration with its usual ports, and the playground in it to its end."""
    async with (
        local_edge(LocalPlan(port=8080, page_port=8081), lambda line: None) as running,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        await page.goto(running.page)
        await page.wait_for_selector("body[data-state=done]", timeout=60_000)
        await page.click("#case-put td[data-side=app] > details > summary")
        await page.click("#case-put td[data-side=evil] > details > summary")
        PICTURE.parent.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURE)
        await browser.close()


def main() -> None:
    """Exit status 2 where there is no browser."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("The screenshot needs Chromium: apt-get install chromium")
    asyncio.run(take(program))
    print(f"{PICTURE} ({PICTURE.stat().st_size // 1024} KB)")


if __name__ == "__main__":
    main()

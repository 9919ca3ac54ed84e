"""Makes the README's picture of the report from the page that `make demo` writes.

make demo && .venv/bin/python docs/images/take.py demo/report.html
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1240, 1370


def take(page_file: Path, picture: Path) -> None:
    """Photographs the top of the page in light colours. GitHub shows the picture about 850 pixels wide."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(page_file.absolute().as_uri())
        page.wait_for_selector("body[data-drawn=yes]")
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), HERE / "report.png")

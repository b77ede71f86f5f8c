"""Seconds from launch to the title and to the heat, and milliseconds of a class change as the browser sees it.

Run: .venv/bin/python -m benchmarks.page    (needs Chromium and the test requirements)
"""

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
CHANGES = 20
# Resolves when the heat's caption has changed after a click, measured inside the page, without Playwright's own time.
CHANGE = """async (row) => {
  const root = [...document.querySelectorAll(".st-key-picture_heat *")].find((node) => node.shadowRoot).shadowRoot;
  const title = root.querySelector(".title"), before = title.textContent;
  const start = performance.now();
  document.querySelectorAll(".st-key-row [data-testid=stRadioOption] input")[row].click();
  while (title.textContent === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def open_when_up(page: Page, url: str) -> None:
    """Open the page at the first moment that the server answers."""
    while True:
        try:
            page.goto(url)
            return
        except PlaywrightError:
            time.sleep(0.02)


def first_paint(page: Page, url: str, start: float, name: str) -> None:
    open_when_up(page, url)
    opened = time.perf_counter() - start
    page.wait_for_selector("h1")
    title = time.perf_counter() - start
    page.wait_for_selector(".st-key-picture_heat img.heat", timeout=60_000)
    print(f"{name}: answers {opened:.1f} s, title {title:.1f} s, heat {time.perf_counter() - start:.1f} s")


def measure(page: Page, url: str, start: float) -> None:
    first_paint(page, url, start, "from launch")
    for _ in range(3):
        again = page.context.browser.new_page()
        first_paint(again, url, time.perf_counter(), "a further visitor")
        again.close()
    time.sleep(1)
    times = [page.evaluate(CHANGE, 1 + turn % 4) for turn in range(CHANGES)]
    print(f"class change in the browser: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms")


def main() -> None:
    port = str(free_port())
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true", "--server.port"]
    with sync_playwright() as playwright, tempfile.TemporaryFile() as log:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        start = time.perf_counter()
        server = subprocess.Popen([*command, port], cwd=ROOT, stdout=log, stderr=log)
        try:
            measure(page, f"http://localhost:{port}/", start)
        finally:
            server.terminate()
            browser.close()


if __name__ == "__main__":
    main()

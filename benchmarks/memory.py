"""Memory of the server with one to five visitors, as the table of docs/deploy.md.

Run: .venv/bin/python -m benchmarks.memory    (needs Chromium and the test requirements)
"""

import io
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.page import ROOT, free_port

VISITORS = 5
HEAT = ".st-key-picture_heat img.heat"
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def photo(seed: int) -> dict:
    """Twelve megapixels of blobs, as Playwright uploads them."""
    blobs = np.random.default_rng(seed).integers(0, 256, (75, 100, 3), np.uint8)
    Image.fromarray(blobs).resize((4000, 3000), Image.Resampling.BICUBIC).save(buffer := io.BytesIO(), "JPEG")
    return {"name": f"visitor {seed}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


class Watch:
    """The memory of a server and the processes that it started, and the most of it so far, in bytes."""

    def __init__(self, server: subprocess.Popen):
        self._process, self._most = psutil.Process(server.pid), 0

    def say(self, what: str) -> None:
        processes = (self._process, *self._process.children(recursive=True))
        self._most = max(self._most, sum(process.memory_info().rss for process in processes))
        print(f"| {what} | {self._most / 2**20:,.0f} MB |", flush=True)


def visit(page: Page, url: str, seed: int) -> None:
    """Open the page, upload a photo and wait for its heat."""
    page.goto(url)
    page.wait_for_selector(HEAT, timeout=120_000)
    before = page.locator(HEAT).get_attribute("src")
    page.locator(".stFileUploader input[type=file]").set_input_files(photo(seed))
    page.locator(f"{HEAT}:not([src='{before}'])").wait_for(timeout=60_000)
    page.wait_for_selector(IDLE)


def choose(page: Page, network: str) -> None:
    """Choose a network and wait for its heat."""
    before = page.locator(HEAT).get_attribute("src")
    page.locator(".st-key-network input").click()
    page.get_by_role("option", name=network, exact=True).click()
    page.locator(f"{HEAT}:not([src='{before}'])").wait_for(timeout=60_000)
    page.wait_for_selector(IDLE)


def wait_until_up(url: str) -> dict:
    """What the health page says when the server answers."""
    while True:
        try:
            return json.load(urllib.request.urlopen(f"{url}/healthz"))
        except urllib.error.URLError:
            continue


def measure(watch: Watch, url: str, browser) -> None:
    pages = [browser.new_context().new_page() for _ in range(VISITORS)]
    for count, page in enumerate(pages, 1):
        visit(page, url, count)
        watch.say(f"{count} with a photo of 12 megapixels each, EfficientNet-Lite2")
    for page in pages:
        choose(page, "EfficientNet-Lite0")
    watch.say("the same, EfficientNet-Lite0 too")


def main() -> None:
    port = str(free_port())
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true", "--server.port"]
    environment = os.environ | {"CAM_METRICS": "yes"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        server = subprocess.Popen(
            [*command, port], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            versions = wait_until_up(f"http://localhost:{port}")["versions"]
            watch = Watch(server)
            print(", ".join(f"{name} {version}" for name, version in versions.items()))
            print("\n| Visitors | Resident memory, the most so far |\n| --- | ---: |")
            watch.say("none yet")
            measure(watch, f"http://localhost:{port}", browser)
        finally:
            server.terminate()
            browser.close()


if __name__ == "__main__":
    main()

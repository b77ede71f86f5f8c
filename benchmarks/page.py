"""Seconds from launch to the title and to the heat, beside what others need, and milliseconds of a class change.

Run: .venv/bin/python -m benchmarks.page [--rounds 5]    (needs Chromium and the test requirements; prints Markdown)

A launch of ClassCam, a launch of an app with nothing but a title, and a bare import of the runtime take turns.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.growth_photos import photo_file

ROOT = Path(__file__).parent.parent
CHANGES = 30
EMPTY = "import streamlit as st\nst.title('Empty')\n"
RUNTIMES = {"TensorFlow and Keras": "import tensorflow, keras", "OpenVINO": "import openvino"}
HEAT = ".st-key-picture_heat img.heat"
# What a visitor brings, in megapixels.
UPLOADS = (12, 40)
# In every page: how its heat is found.
FIND = """window.heat = () => [...document.querySelectorAll(".st-key-picture_heat *")].find((node) => node.shadowRoot)
  ?.shadowRoot.querySelector("img.heat")"""
# Resolves when another heat is drawn after a click, measured inside the page, without Playwright's own time.
CHANGE = """async (row) => {
  const before = window.heat();
  const start = performance.now();
  document.querySelectorAll(".st-key-row [data-testid=stRadioOption] input")[row].click();
  while (window.heat() === before) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
# Remembers the heat that is there, and the moment at which a file is chosen.
WATCH = """() => {
  window.before = window.heat();
  document.addEventListener("change", () => { window.chosen = performance.now(); }, { capture: true, once: true });
}"""
# Milliseconds from that moment to another heat, and of these until the server had the whole file.
CHOSEN = """async () => {
  while (!window.heat() || window.heat() === window.before) await new Promise(requestAnimationFrame);
  const uploads = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/upload_file/"));
  return [performance.now() - window.chosen, uploads.at(-1).responseEnd - window.chosen];
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


@contextmanager
def launched(app: Path | str) -> Iterator[str]:
    """The address of an app that is just being started."""
    port = str(free_port())
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.headless=true", "--server.port", port]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield f"http://localhost:{port}/"
        finally:
            server.terminate()
            server.wait()


def first_paint(browser: Browser, url: str, *, heat: bool) -> list[float]:
    """Seconds to the title, and where there is one to the heat, in a browser that keeps nothing."""
    start = time.perf_counter()
    with browser.new_context(viewport={"width": 1366, "height": 900}) as context:
        page = context.new_page()
        open_when_up(page, url)
        page.wait_for_selector("h1")
        seconds = [time.perf_counter() - start]
        if heat:
            page.wait_for_selector(HEAT, timeout=60_000)
            seconds.append(time.perf_counter() - start)
    return seconds


def launch(browser: Browser, app: Path | str, *, heat: bool) -> list[float]:
    with launched(app) as url:
        return first_paint(browser, url, heat=heat)


def imported(code: str) -> list[float]:
    """Seconds that a Python takes which does only this; none where it cannot."""
    start = time.perf_counter()
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=quiet)
    return [time.perf_counter() - start] if done.returncode == 0 else []


def launches(browser: Browser, rounds: int) -> None:
    """A table of medians; what is compared takes turns."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        work = {
            "ClassCam": partial(launch, browser, "streamlit_app.py", heat=True),
            "an app of one title": partial(launch, browser, str(empty), heat=False),
            **{f"importing {name} alone": partial(imported, code) for name, code in RUNTIMES.items()},
        }
        found = {name: [] for name in work}
        for _ in range(rounds):
            for name, do in work.items():
                found[name].append(do())
    print("| from launch | title | first heat, or imported |\n|---|---:|---:|")
    for name, rows in found.items():
        if not all(rows):
            continue
        seconds = [statistics.median(column) for column in zip(*rows, strict=True)]
        title = "-" if name.startswith("importing") else f"{seconds[0]:.2f} s"
        last = "-" if name.startswith("an app") else f"{seconds[-1]:.2f} s"
        print(f"| {name} | {title} | {last} |", flush=True)
    print()


def visits(browser: Browser, rounds: int) -> None:
    """A further visitor, and the class changes and photos of one: milliseconds inside the page, bytes and runs."""
    with launched("streamlit_app.py") as url:
        first_paint(browser, url, heat=True)
        later = [first_paint(browser, url, heat=True) for _ in range(rounds)]
        title, heat = (statistics.median(column) for column in zip(*later, strict=True))
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        page.add_init_script(FIND)
        received = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(data)))
        page.goto(url)
        page.wait_for_selector(HEAT)
        page.wait_for_timeout(2000)
        arrival = sum(map(len, received))
        received.clear()
        times, sizes = [], []
        for turn in range(CHANGES):
            times.append(page.evaluate(CHANGE, (turn + 1) % 5))
            page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
            sizes.append(sum(map(len, received)))
            runs = sum(ForwardMsg.FromString(data).WhichOneof("type") == "script_finished" for data in received)
            assert runs == 1, f"{runs} runs of the script for one click"
            received.clear()
        uploads = {size: upload(page, size, rounds) for size in UPLOADS}
    print("| a visitor of a server that runs | |\n|---|---:|")
    print(f"| title | {title:.2f} s |\n| heat | {heat:.2f} s |\n| sent on arrival | {arrival / 1000:.0f} kB |")
    print(f"| click on a class to its picture, median | {statistics.median(times):.0f} ms |")
    print(f"| the same, 95 of 100 | {sorted(times)[round(0.95 * CHANGES) - 1]:.0f} ms |")
    print(f"| sent for a class that was not seen yet | {max(sizes[:5]) / 1000:.0f} kB |")
    print(f"| sent for one that was | {statistics.median(sizes[5:]) / 1000:.0f} kB |")
    for size, (milliseconds, sent) in uploads.items():
        print(f"| a JPEG of {size} megapixels chosen to its heat, median | {milliseconds:.0f} ms |")
        print(f"| of these until the server had it | {sent:.0f} ms |")


def upload(page: Page, size: int, rounds: int) -> list[float]:
    """Milliseconds inside the page from the moment that a photo is chosen to its heat, and to the end of its upload."""
    times = []
    for number in range(rounds):
        page.evaluate(WATCH)
        # Neighbours are so alike that the browser would be sent the same pictures.
        content = photo_file(size, number=50 * number)
        photo = {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": content}
        page.set_input_files("input[type=file]", photo)
        times.append(page.evaluate(CHOSEN))
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        launches(browser, rounds)
        visits(browser, rounds)
        browser.close()


if __name__ == "__main__":
    main()

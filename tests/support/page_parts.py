"""Where things are on the page, and how they are used and read."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from support.page_server import PATIENCE

from cam.render import palette

# Playwright's annotations would import it where it is missing; then the modules that import this one skip.
_playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
expect, Page, Locator = _playwright.expect, _playwright.Page, _playwright.Locator
expect.set_options(timeout=1000 * PATIENCE)

PHOTO = ".st-key-picture_photo"
HEAT = ".st-key-picture_heat"
_PIXELS = """async img => {
  await img.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
  canvas.getContext("2d").drawImage(img, 0, 0);
  return canvas.toDataURL("image/png");
}"""


def wait_for_heat(page: Page, label: str | None = None) -> None:
    """Until the heat is drawn, of the class `label` where one is given, and the page has nothing left to do."""
    named = re.compile(f"evidence for {re.escape(label)} ?[.(i]" if label else "evidence for")
    expect(page.locator(f"{HEAT} img.heat")).to_have_attribute("alt", named)
    if label:
        expect(page.locator(f"{HEAT} .title")).to_have_text(f"Evidence for {label}")
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Until the last run of the script is over and its last line has reached the address bar."""
    expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")


def eventually(page: Page, read: Callable, expected: object) -> object:
    """What `read()` gives: as soon as it equals `expected`, else the last of many readings, to be asserted."""
    for _ in range(20 * PATIENCE):
        if (found := read()) == expected:
            break
        page.wait_for_timeout(50)
    return found


def choose_class(page: Page, label: str) -> None:
    """Click the row of a class and wait for its heat."""
    page.locator(".st-key-row [data-testid=stRadioOption]").get_by_text(label, exact=True).click()
    wait_for_heat(page, label)


def choose_option(page: Page, key: str, option: str) -> None:
    """Choose an option of a selectbox with the mouse."""
    page.locator(f".st-key-{key} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def ranked(page: Page) -> list[str]:
    """The names in the list of classes, from the top."""
    return page.locator(".st-key-row [data-testid=stRadioOption]").all_inner_texts()


def upload(page: Page, path) -> None:
    """Give the uploader a file, as a drop does."""
    page.locator(".stFileUploader input[type=file]").set_input_files(path)


def pixels(image: Locator) -> np.ndarray:
    """uint8 (height, width, 3): what the browser decodes an <img> to."""
    return picture(base64.b64decode(image.evaluate(_PIXELS).partition(",")[2]))


def picture(data: bytes) -> np.ndarray:
    """uint8 (height, width, 3) of the bytes of a picture."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def heat(page: Page) -> np.ndarray:
    """The pixels of the heat alone."""
    return pixels(page.locator(f"{HEAT} img.heat"))


def steps(picture: np.ndarray, colormap: str) -> np.ndarray:
    """The step 0..255 of each pixel on a colour scale; KeyError where its colour is not on it."""
    step = {tuple(colour): i for i, colour in enumerate(palette(colormap).tolist())}
    return np.array([[step[tuple(pixel)] for pixel in row] for row in picture.tolist()])


@contextmanager
def redrawn(page: Page) -> Iterator[None]:
    """Around what changes the heat: waits until another picture is drawn than before."""
    image = page.locator(f"{HEAT} img.heat")
    before = image.get_attribute("src")
    yield
    expect(image).not_to_have_attribute("src", before)
    wait_until_idle(page)


def opacity(page: Page) -> float:
    """The opacity that the heat is drawn with, 0 to 1."""
    # Asked of the frame, because the image itself may be swapped for the next one at any time.
    frame = page.locator(f"{HEAT} .frame")
    return float(frame.evaluate("frame => getComputedStyle(frame.querySelector('img.heat')).opacity"))


def set_opacity(page: Page, percent: int) -> None:
    """Move the slider by the keyboard from the nearer end, and wait for the address to follow."""
    slider = page.locator(".st-key-opacity input")
    slider.press("Home" if percent < 50 else "End")
    for _ in range(min(percent, 100 - percent)):
        slider.press("ArrowRight" if percent < 50 else "ArrowLeft")
    page.wait_for_url(re.compile(rf"[?&]opacity={percent}\b"))

"""The page "Compare" as a test drives it: open it by a link or with a photo of one's own, read what it shows."""

import html
import re

import numpy as np
from streamlit.testing.v1 import AppTest
from support import app_page
from support.app_page import LITE2, decoded, picture

from cam.app import cache

RANDOM = "efficientnet-lite2-random"
VIEWS = ("Classes", "Difference", "Networks", "Whole and squashed")
CAT, TABBY, TEAPOT = 285, 281, 849


def script():
    from cam.app.pages.compare.page import show_page

    show_page()


def open_compare(own: bytes | None = None, network: str = LITE2, **link: str | list[str]) -> AppTest:
    """A new session that opens the page, by a link or with a photo of one's own."""
    at = AppTest.from_function(script, default_timeout=60)
    at._bidi_component_manager = app_page._components()
    if own:
        app_page.arrive(at, cache.make_photo(own, "mine.jpg"), network)
    at.query_params.update({"network": network, **link})
    return at.run()


def view(at: AppTest, name: str) -> AppTest:
    return at.button_group(key="compare").set_value(name).run()


def titles(at: AppTest) -> list[str]:
    """The titles of the maps, from the left."""
    keys = [element.key for element in at.get("bidi_component")]
    return [picture(at, key.removeprefix("picture_"))["title"] for key in keys if key != "picture_photo"]


def words(at: AppTest) -> str:
    """All texts of the page as they are read."""
    bodies = [html.unescape(re.sub("<[^>]+>", " ", element.proto.body)) for element in at.get("html")]
    return " ".join(" ".join([*bodies, *(text.value.replace("*", "") for text in at.markdown)]).split())


def pixels(at: AppTest, name: str) -> np.ndarray:
    """uint8 (height, width, 3): the map alone."""
    return np.asarray(decoded(picture(at, name)["heat"]).convert("RGB"))


def size_of(at: AppTest, name: str) -> tuple[int, int]:
    height, width, _ = pixels(at, name).shape
    return width, height


def sum_on_screen(at: AppTest) -> list[str]:
    """The numbers of the sum, from the top."""
    body = next(element.proto.body for element in at.get("html") if "compare-equation" in element.proto.body)
    return [text.strip("()").replace("−", "-") for text in re.findall("<b>([^<]+)</b>", body)]


def percent_text(probability: float) -> str:
    return "below 0.1 %" if probability < 0.001 else f"{100 * probability:.{0 if probability >= 0.0995 else 1}f} %"

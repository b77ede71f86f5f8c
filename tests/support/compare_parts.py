"""The page "Compare" as a test drives it: open it by a link or with a photo of one's own, read what it shows."""

import html
import re
from functools import partial

import numpy as np
from streamlit.testing.v1 import AppTest
from support.app_page import LITE2, decoded, open_lesson, picture

RANDOM = "efficientnet-lite2-random"
VIEWS = ("Classes", "Difference", "Networks", "Whole and squashed")
CAT, TABBY, TEAPOT = 285, 281, 849


open_compare = partial(open_lesson, "compare", network=LITE2)


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

"""The page as a test drives it: open it with a link, read its pictures, count forward passes."""

import base64
import functools
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Radio

from cam.app import cache
from cam.app.widgets.sample_gallery import list_samples
from cam.errors import ImageError
from cam.images.open import open_image
from cam.labels import imagenet_labels
from cam.server import model_store

APP = Path(__file__).parents[2] / "streamlit_app.py"
LITE0, LITE2, RESNET50 = "efficientnet-lite0", "efficientnet-lite2", "resnet50"
NAMES = imagenet_labels().names
# Seconds for a run of the page: far more than it takes, because a network may be loaded on a busy machine meanwhile.
_PATIENCE = 300
# In the sample that the page opens with this class is the second most probable one.
DOG = 235


# A page's name in a link -> its module.
PAGES = {
    "see": "see",
    "inside": "inside",
    "compare": "compare.page",
    "cover": "occlusion.page",
    "why": "architecture",
    "guess": "guess.page",
}
LESSON = tuple(PAGES)[1:]


def open_page(**link: str) -> AppTest:
    """A new session that opens the page by a link with these parameters."""
    return _session(AppTest.from_file(APP), link).run()


def new_session(page: str, own: bytes | None = None, *, network: str | None = None, **link) -> AppTest:
    """A new session, not run yet, at one of the pages: by a link, or with a photo that was uploaded before."""
    at = AppTest.from_string(f"from cam.app.pages.{PAGES[page]} import show_page\nshow_page()")
    if own is not None:
        arrive(at, cache.make_photo(own, "mine.jpg"), network or LITE2)
    return _session(at, link | ({"network": network} if network else {}))


def open_lesson(page: str, own: bytes | None = None, *, network: str | None = None, **link) -> AppTest:
    """A new session that has opened a page of the lesson, as `new_session` begins it."""
    return new_session(page, own, network=network, **link).run()


def _session(at: AppTest, link: dict) -> AppTest:
    at.default_timeout = _PATIENCE
    # Else each session looks through all installed packages for components, which takes most of its time.
    at._bidi_component_manager = _components()
    at.query_params.update(link)
    return at


def arrive(at: AppTest, photo: cache.Photo, network: str, chosen: int | None = None) -> None:
    """Before the first run: as from another page, where this photo of one's own, network and class were chosen."""
    for name, value in {"link_opened": True, "photo": photo, "network": network, "chosen": chosen}.items():
        at.session_state[name] = value


@functools.cache
def _components() -> BidiComponentManager:
    manager = BidiComponentManager()
    manager.discover_and_register_components(start_file_watching=False)
    return manager


def picture(at: AppTest, name: str) -> dict:
    """The data of the picture "photo" or "heat" as the browser gets it."""
    found = [element for element in at.get("bidi_component") if element.key == f"picture_{name}"]
    assert len(found) == 1, f"{len(found)} pictures {name!r} on the page"
    [data] = json.loads(found[0].proto.json)
    return data


def decoded(uri: str) -> Image.Image:
    """The picture that a data URI holds."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def heat_pixels(at: AppTest) -> np.ndarray:
    """uint8 (height, width, 3): the heat alone."""
    return np.asarray(decoded(picture(at, "heat")["heat"]).convert("RGB"))


def gallery(at: AppTest) -> Radio:
    """The sample photos."""
    [found] = [radio for radio in at.radio if radio.label == "Sample photos"]
    return found


def class_of(at: AppTest) -> int:
    """The class that is chosen; the list and the heat must agree on it."""
    index = at.radio(key="row").value
    assert NAMES[index] in picture(at, "heat")["title"]
    return index


def works(at: AppTest) -> bool:
    """Nothing was raised, and there is a photo and the heat over this photo."""
    return not at.exception and picture(at, "photo")["id"] == picture(at, "heat")["id"]


def passes(network: str = LITE2) -> int:
    """Forward passes that the server's network has run so far."""
    return model_store.request_model(network).result().passes


@functools.cache
def engine(photo: str | bytes, network: str = LITE2, fit: str = "whole"):
    """What the engine itself says about a sample or the bytes of a photo."""
    data = photo if isinstance(photo, bytes) else list_samples()[photo].path.read_bytes()
    return model_store.request_model(network).result().explain(open_image(data), fit=fit)


def file_of(image: Image.Image, format: str = "JPEG", **options) -> bytes:
    """The bytes of a picture's file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def upload(at: AppTest, data: bytes, name: str = "mine.jpg") -> AppTest:
    """Drop a file on the page."""
    return at.file_uploader[0].set_value((name, data, "application/octet-stream")).run()


def refusal(data: bytes) -> str:
    """The sentence with which `open_image` refuses a file."""
    try:
        open_image(data)
    except ImageError as error:
        return str(error)
    raise AssertionError("the file is a photo")


def run_with_open(at: AppTest, menu: str) -> AppTest:
    """One run in which a menu is open: AppTest has no popovers, so its state is added to those of the widgets."""
    states = at._tree.get_widget_states()
    popover = next(block.proto.popover for block in at.get("popover") if block.proto.popover.label == menu)
    states.widgets.add(id=popover.id, bool_value=True)
    return at._run(states)


def everything_sent(at: AppTest) -> str:
    """All that a session's browser was sent in the last run, as one text."""
    return "\n".join(str(element.proto) for element in at._tree if getattr(element, "proto", None) is not None)

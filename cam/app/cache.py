"""Streamlit's caches around the engine.

What is cached is shared by all sessions and keyed by the SHA-256 of a photo's bytes, so a session can only find the
results of a photo that it has itself. Nothing is written to disk.
"""

import base64
import hashlib
import io
import threading
from dataclasses import dataclass, field

import streamlit as st
from PIL import Image

from cam.explanation import Attribution, ExplainOptions, Explanation
from cam.images.open import open_image
from cam.server import model_store
from cam.server.telemetry import track
from cam.settings import read_settings

# The bounds that the page states: what is cached is dropped after these hours, or when so many newer results have come.
KEPT_HOURS, MAX_KEPT = read_settings().kept_hours, read_settings().kept_results
# A number, because Streamlit imports pandas to read a text such as "1h".
KEPT_SECONDS = KEPT_HOURS * 3600
KEPT_TEXT = f"{KEPT_HOURS:g} hour{'' if KEPT_HOURS == 1 else 's'}"
# Pixels of a photo as it is kept decoded: most JPEGs are decoded to fewer, and networks see far fewer.
MAX_PIXELS = 2400 * 2400
# Photos that are kept decoded: each is shown and explained, often more than once. Most take 12 MB, none over 23 MB.
MAX_OPENED = 8
# Longest side of a photo as the browser gets it.
_SHOWN_SIDE = 1280
# The explanation of a photo, exact or estimated.
Explained = Explanation | Attribution
_lock = threading.Lock()
_forgetting: threading.Timer | None = None

cache_results = st.cache_resource(max_entries=MAX_KEPT, ttl=KEPT_SECONDS, show_spinner=False)


@dataclass(frozen=True)
class Photo:
    """A photo: `digest` is the SHA-256 of the file's bytes `data`, `sample` the name of a sample or None."""

    data: bytes = field(repr=False, compare=False)
    digest: str
    title: str
    credit: str = ""
    sample: str | None = None

    @property
    def image(self) -> Image.Image:
        """RGB, upright, of at most `MAX_PIXELS`; shared, so not to be changed (ImageError if it is no photo)."""
        return _open(self.digest, self.data)

    @property
    def uri(self) -> str:
        """A JPEG of at most 1280 pixels a side as a data URI, for the browser (ImageError as for `image`)."""
        return _shrink(self.digest, self.data)[0]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the JPEG in `uri`."""
        return _shrink(self.digest, self.data)[1]


def make_photo(data: bytes, title: str, *, credit: str = "", sample: str | None = None) -> Photo:
    """Make the record of a photo with its digest."""
    return Photo(data, hashlib.sha256(data).hexdigest(), title, credit, sample)


@st.cache_resource(max_entries=MAX_OPENED, ttl=KEPT_SECONDS, show_spinner=False)
def _open(digest: str, _data: bytes) -> Image.Image:
    _forget_later()
    with track("decode", bytes=len(_data)) as told:
        image = open_image(_data, most_pixels=MAX_PIXELS, limits=read_settings().image_limits)
        told |= {"width": image.width, "height": image.height}
    return image


@cache_results
def _shrink(digest: str, _data: bytes) -> tuple[str, tuple[int, int]]:
    _forget_later()
    image = _open(digest, _data).copy()
    # Made for shrinking: about as good as bicubic, in less than half the time that Lanczos takes.
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.HAMMING)
    return encode_uri(image, "JPEG", quality=85), image.size


def explain(photo: Photo, network: str, options: ExplainOptions) -> Explained:
    """Explain a photo by a network; one forward pass (with detail, one a view) the first time, none after that.

    Waits for the network where it is still loading. The maps of a method are made when they are asked for.

    Raises:
        ModelError: the network cannot be loaded, or the method cannot be used with it.
    """
    return _explain(photo.digest, network, options, photo.data)


@cache_results
def _explain(digest: str, network: str, options: ExplainOptions, _data: bytes) -> Explained:
    _forget_later()
    if options.method is None:
        about: dict[str, str | bool] = {"fit": options.fit, "detail": options.detail}
    else:
        about = {"method": options.method, "layer": options.layer or "last"}
    with track("explain", network=model_store.base_name(network), **about, bytes=len(_data)):
        return model_store.loaded_model(network).explain_with(_open(digest, _data), options)


def _forget_later() -> None:
    """Empty the caches when nothing new has come for as long as results are kept.

    An entry that is too old is never used, but Streamlit only drops it from memory when the next one comes.
    """
    global _forgetting
    with _lock:
        if _forgetting is not None:
            _forgetting.cancel()
        _forgetting = threading.Timer(KEPT_SECONDS + 1, st.cache_resource.clear)
        _forgetting.daemon = True
        _forgetting.start()


def encode_uri(image: Image.Image, format: str, **options: int) -> str:
    """Encode a picture as a data URI."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"

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

from cam.analysis.convolution_equivalence import Agreement, compare_maps, compute_class_maps
from cam.explanation import Attribution, Explanation
from cam.images.open import open_small
from cam.model import ExplainOptions
from cam.server import model_store
from cam.server.telemetry import asked
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
_lock = threading.Lock()
_forgetting: threading.Timer | None = None


@dataclass(frozen=True)
class Photo:
    """A photo as it came: `digest` is the SHA-256 of `data`, `sample` the name of a sample or None."""

    data: bytes = field(repr=False, compare=False)
    digest: str
    title: str
    credit: str = ""
    sample: str | None = None


def photo_of(data: bytes, title: str, **about: str) -> Photo:
    """The record of a photo with its digest."""
    return Photo(data, hashlib.sha256(data).hexdigest(), title, **about)


@dataclass(frozen=True)
class Shown:
    """A photo as the browser shows it: a JPEG as a data URI, and its (width, height) in pixels."""

    uri: str = field(repr=False)
    size: tuple[int, int]


_cached_result = st.cache_resource(max_entries=MAX_KEPT, ttl=KEPT_SECONDS, show_spinner=False)


@st.cache_resource(max_entries=MAX_OPENED, ttl=KEPT_SECONDS, show_spinner=False)
def _opened(digest: str, _data: bytes) -> Image.Image:
    _forget_later()
    with asked("decode", bytes=len(_data)) as told:
        image = open_small(_data, MAX_PIXELS)
        told |= {"width": image.width, "height": image.height}
    return image


@_cached_result
def _shown(digest: str, _data: bytes) -> Shown:
    _forget_later()
    image = _opened(digest, _data).copy()
    # Made for shrinking: about as good as bicubic, in less than half the time that Lanczos takes.
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.HAMMING)
    return Shown(data_uri(image, "JPEG", quality=85), image.size)


@_cached_result
def _explained(digest: str, network: str, fit: str, detail: bool, _data: bytes) -> Explanation | Attribution:
    _forget_later()
    with asked("explain", network=model_store.base_name(network), fit=fit, detail=detail, bytes=len(_data)):
        return model_store.loaded_model(network).explain_with(
            _opened(digest, _data), ExplainOptions(fit=fit, detail=detail)
        )


@_cached_result
def _attributed(digest: str, network: str, method: str, layer: str | None, _data: bytes) -> Explanation | Attribution:
    _forget_later()
    with asked(
        "explain", network=model_store.base_name(network), method=method, layer=layer or "last", bytes=len(_data)
    ):
        return model_store.loaded_model(network).explain_with(
            _opened(digest, _data), ExplainOptions(method=method, layer=layer)
        )


def opened(photo: Photo) -> Image.Image:
    """The photo, RGB, upright and of at most `MAX_PIXELS`; shared, so not to be changed (ImageError if it is none)."""
    return _opened(photo.digest, photo.data)


def shown(photo: Photo) -> Shown:
    """The photo for the browser (ImageError if it cannot be opened)."""
    return _shown(photo.digest, photo.data)


def explained(photo: Photo, network: str, fit: str, *, detail: bool = False) -> Explanation | Attribution:
    """What a network says about a photo; one forward pass the first time (with detail, one a view), none after that.

    Waits for the network where it is still loading (ModelError if it cannot be loaded).
    """
    return _explained(photo.digest, network, fit, detail, photo.data)


def attributed(photo: Photo, network: str, method: str, layer: str | None) -> Explanation | Attribution:
    """What one method says about a whole photo at a layer; its maps are made when they are asked for.

    Raises:
        ModelError: the network cannot be loaded, or the method cannot be used with it.
    """
    return _attributed(photo.digest, network, method, layer, photo.data)


@st.cache_resource(max_entries=16, ttl=KEPT_SECONDS, show_spinner=False)
def _agreed(digest: str, network: str, _explanation: Explanation) -> Agreement:
    return compare_maps(_explanation, compute_class_maps(_explanation))


def agreed(photo: Photo, network: str, explanation: Explanation) -> Agreement:
    """All class maps of a photo that was given whole, by a 1 x 1 convolution; no forward pass."""
    return _agreed(photo.digest, network, explanation)


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


def data_uri(image: Image.Image, format: str, **options: int) -> str:
    """The picture as a URI that holds its bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"

"""Streamlit's caches around the engine, and the one thread that loads networks.

What is cached is shared by all sessions and keyed by the SHA-256 of a photo's bytes, so a session can only find the
results of a photo that it has itself. Nothing is written to disk.
"""

import base64
import copy
import gc
import hashlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from cam.agreement import Agreement, agreement
from cam.explanation import Explanation
from cam.images import open_image
from cam.models.registry import default_model, find_spec

if TYPE_CHECKING:
    from cam.engine import Model
    from cam.models.anatomy import Anatomy

# The bounds that the page states: what is cached is dropped after an hour, or when this many newer results have come.
KEPT_HOURS = 1
MAX_KEPT = 128
# Longest side of a photo as the browser gets it, and of the heat that is laid over it there.
_SHOWN_SIDE = 1280


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


_cached_result = st.cache_resource(max_entries=MAX_KEPT, ttl=f"{KEPT_HOURS}h", show_spinner=False)


@_cached_result
def _shown(digest: str, _data: bytes) -> Shown:
    _forget_later()
    image = open_image(_data)
    image.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.LANCZOS)
    return Shown(data_uri(image, "JPEG", quality=85), image.size)


@_cached_result
def _explained(digest: str, network: str, fit: str, _data: bytes) -> Explanation:
    _forget_later()
    return loaded_model(network).explain(open_image(_data), fit=fit)


def shown(photo: Photo) -> Shown:
    """The photo for the browser (ImageError if it cannot be opened)."""
    return _shown(photo.digest, photo.data)


def explained(photo: Photo, network: str, fit: str) -> Explanation:
    """What a network says about a photo; one forward pass the first time, none after that.

    Waits for the network where it is still loading (ModelError if it cannot be loaded).
    """
    return _explained(photo.digest, network, fit, photo.data)


@st.cache_resource(max_entries=16, ttl=f"{KEPT_HOURS}h", show_spinner=False)
def _agreed(digest: str, network: str, _explanation: Explanation) -> Agreement:
    # Already imported: there is an explanation.
    from cam.engine import class_maps

    return agreement(_explanation, class_maps(_explanation))


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
        _forgetting = threading.Timer(KEPT_HOURS * 3600 + 1, st.cache_resource.clear)
        _forgetting.daemon = True
        _forgetting.start()


def data_uri(image: Image.Image, format: str, **options: int) -> str:
    """The picture as a URI that holds its bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


# One thread imports TensorFlow and Keras and builds networks: imported by two threads at once, they can deadlock.
_loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-network")
_PRELOAD_SECONDS = 3.0
_models: "dict[str, tuple[int | None, Future[Model]]]" = {}
_lock = threading.Lock()
_forgetting: threading.Timer | None = None


def request_model(name: str) -> "Future[Model]":
    """The network that is loaded, loads, or starts to load now; one that failed is tried again with new weights."""
    stamp = _stamp(name)
    with _lock:
        loaded_from, future = _models.get(name, (None, None))
        if future is None or (_has_failed(future) and stamp != loaded_from):
            future = _loader.submit(_load, name)
            _models[name] = (stamp, future)
        return future


def loaded_model(name: str) -> "Model":
    """The network, waited for where it still loads (ModelError if it cannot be loaded)."""
    future = request_model(name)
    if (error := future.exception()) is None:
        return future.result()
    # A copy: raised again and again, the one that is kept would gather tracebacks, and with them the photos in them.
    raise copy.copy(error) from None


def is_broken(name: str) -> bool:
    """Whether the network was tried with the weights that are there now and could not be loaded."""
    stamp = _stamp(name)
    with _lock:
        loaded_from, future = _models.get(name, (None, None))
        return future is not None and _has_failed(future) and stamp == loaded_from


def _stamp(name: str) -> int | None:
    """What tells one file of weights from the next in the same place; None where there is none."""
    path = find_spec(name).source.find()
    return path.stat().st_mtime_ns if path else None


def _has_failed(future: Future) -> bool:
    return future.done() and future.exception() is not None


def _load(name: str) -> "Model":
    from cam.engine import load_model

    model = load_model(name)
    # Streamlit collects garbage after every rerun; with TensorFlow's many objects, which stay anyway, it takes 0.2 s.
    gc.collect()
    gc.freeze()
    return model


@st.cache_resource(show_spinner=False)
def anatomies() -> "Future[tuple[Anatomy, ...]]":
    """The networks of the page "Why it can" as blocks; read once, in the thread that loads networks."""
    return _loader.submit(_anatomies)


def _anatomies() -> "tuple[Anatomy, ...]":
    from cam.models import anatomy

    return anatomy.anatomies()


def preload() -> None:
    """Load the network that the page opens with soon, without waiting for it.

    Not at once, because a thread that imports TensorFlow keeps the others from running much: whoever opens the page as
    the server starts sees it 1.5 s sooner, and the page then asks for its network itself.
    """
    timer = threading.Timer(_PRELOAD_SECONDS, lambda: request_model(default_model().name))
    timer.daemon = True
    timer.start()


@dataclass
class Download:
    """A download of weights that runs in a thread: the share that has arrived, 0 to 1, and its end."""

    share: float = 0.0
    end: Future = field(default_factory=Future)


_downloads: dict[str, Download] = {}


def find_download(network: str) -> Download | None:
    """The download of a network's weights that runs or was the last to end, whoever started it."""
    with _lock:
        return _downloads.get(network)


def start_download(network: str) -> Download:
    """Start to download a network's weights, or join the download that runs already."""
    with _lock:
        running = _downloads.get(network)
        if running is not None and not running.end.done():
            return running
        download = _downloads[network] = Download()
    threading.Thread(target=_download, args=(find_spec(network).source.download, download), daemon=True).start()
    return download


def _download(fetch: Callable, download: Download) -> None:
    def report(share: float) -> None:
        download.share = share

    try:
        download.end.set_result(fetch(report))
    # Handed to whoever asks for the result; a thread has nobody else to raise to.
    except BaseException as error:
        download.end.set_exception(error)

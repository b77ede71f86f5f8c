"""The thread that loads one network after the other, and the downloads of weights; shared by all sessions of a server.

A network of one's own may be used with labels, preprocessing or size other than those that were guessed: it then has a
name of its own, `NAME@CORRECTION`, for as long as the server runs.
"""

import copy
import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cam.backends.imports import has_openvino, import_paused, pause_collection
from cam.models import registry
from cam.models.registry import ModelSpec
from cam.server.telemetry import track
from cam.settings import library_options

if TYPE_CHECKING:
    from cam.model import Model

# Networks are loaded one after the other, here or by the process that this waits for.
_loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-network")
_PRELOAD_SECONDS = 3.0
_models: "dict[str, tuple[tuple[int, ...], Future[Model]]]" = {}
# The rows of networks that are used with corrections; the oldest go where there are more than these.
_corrected: dict[str, ModelSpec] = {}
_MOST_CORRECTED = 64
_lock = threading.RLock()


def list_models() -> list[ModelSpec]:
    """List every network, with the custom models that the settings name."""
    return registry.list_models(library_options())


def find_spec(name: str) -> ModelSpec:
    """Find the row of a network (ModelError if there is none of that name)."""
    return registry.find_spec(name, library_options())


def default_model() -> ModelSpec:
    """Choose the network that the page opens with."""
    return registry.default_model(library_options())


def custom_models_problem() -> str | None:
    """Say in a sentence why custom models cannot be listed; None where they can."""
    return registry.custom_models_problem(library_options())


def request_model(name: str) -> "Future[Model]":
    """The network that is loaded, loads, or starts to load now; one that failed is tried again with new weights."""
    with _lock:
        if (future := _find_load(name)) is None:
            future = _loader.submit(_load, name)
            _models[name] = (_stamp(name), future)
        return future


def _find_load(name: str) -> "Future[Model] | None":
    """Find the load of a network; None where it failed with other weights than those that are there now."""
    stamp = _stamp(name)
    with _lock:
        loaded_from, future = _models.get(name, ((), None))
    return None if future and _has_failed(future) and stamp != loaded_from else future


def requested() -> "dict[str, Future[Model]]":
    """The networks that were asked for so far, by name: loaded, loading, or failed."""
    with _lock:
        return {name: future for name, (_, future) in _models.items()}


def correct(spec: ModelSpec, **changes: Any) -> ModelSpec:
    """The row of a network of one's own with other labels, preprocessing or size, known to this module by its name.

    Args:
        spec: the row without gaps, as the loaded network has it, corrected before or not.
        changes: the fields of the row that are other than what was guessed.
    """
    base = base_name(spec.name)
    row = replace(spec, name=base, **changes)
    return register(replace(row, name=f"{base}@{hashlib.sha256(repr(row).encode()).hexdigest()[:12]}"))


def register(row: ModelSpec) -> ModelSpec:
    """Know a row that `correct` gave, also where it was forgotten since."""
    with _lock:
        _corrected.pop(row.name, None)
        _corrected[row.name] = row
        for oldest in list(_corrected)[:-_MOST_CORRECTED]:
            del _corrected[oldest]
            _models.pop(oldest, None)
    return row


def base_name(name: str) -> str:
    """The name of a network as the registry has it, without the correction."""
    return name.partition("@")[0]


def find_row(name: str) -> ModelSpec:
    """The row of a network, corrected or as the registry has it (ModelError if there is none of that name)."""
    with _lock:
        row = _corrected.get(name)
    return row or find_spec(base_name(name))


def loaded_model(name: str) -> "Model":
    """The network, waited for where it still loads (ModelError if it cannot be loaded)."""
    future = request_model(name)
    if (error := future.exception()) is None:
        return future.result()
    # A copy: raised again and again, the one that is kept would gather tracebacks, and with them the photos in them.
    raise copy.copy(error) from None


def is_broken(name: str) -> bool:
    """True if the network was tried with the weights that are there now and could not be loaded."""
    future = _find_load(name)
    return future is not None and _has_failed(future)


def _stamp(name: str) -> tuple[int, ...]:
    """Tell one file of weights, and the file beside it, from the next in the same place; () where there is none.

    So a network that failed is tried again when either was mended.
    """
    row = find_spec(base_name(name))
    return tuple(path.stat().st_mtime_ns for path in (row.source.find(), row.sidecar) if path)


def _has_failed(future: "Future[Model]") -> bool:
    return future.done() and future.exception() is not None


def _load(name: str) -> "Model":
    row, base = find_row(name), base_name(name)
    if row.name != base:
        # This thread loads the network itself first, where it is not loaded; nobody waits for another.
        future = requested().get(base)
        return (future.result() if future and future.done() else _load(base)).corrected(row)
    with pause_collection():
        from cam.model import load_model

        return load_model(name, options=library_options())


def preload(import_page: Callable[[], None]) -> None:
    """Import what the first page needs, and ask for the network that it opens with, without waiting for it.

    Both are done while the browser still fetches Streamlit's own scripts. A network that TensorFlow runs is not loaded
    at once, because a thread that imports TensorFlow keeps the others from running much: whoever opens the page as the
    server starts sees it 1.5 s sooner, and the page then asks for its network itself.
    """
    import_page()
    if not has_openvino():
        time.sleep(_PRELOAD_SECONDS)
    request_model(default_model().name)
    # The colours of the first map.
    import_paused("matplotlib")


@dataclass
class Download:
    """A download of weights that runs in a thread: the share that has arrived, 0 to 1, and its end."""

    share: float = 0.0
    end: Future[Path] = field(default_factory=Future)

    def run(self, network: str, fetch: Callable[[Callable[[float], None]], Path]) -> None:
        """Download the weights of a network."""
        try:
            with track("download", network=network):
                path = fetch(partial(setattr, self, "share"))
            self.end.set_result(path)
        # Handed to whoever asks for the result; a thread has nobody else to raise to.
        except BaseException as error:
            self.end.set_exception(error)


_downloads: dict[str, Download] = {}


def find_download(network: str) -> Download | None:
    """The download of a network's weights that runs or was the last to end, whoever started it."""
    return _downloads.get(network)


def start_download(network: str) -> Download:
    """Start to download a network's weights, or join the download that runs already."""
    with _lock:
        download = _downloads.get(network)
        if download is None or download.end.done():
            download = _downloads[network] = Download()
            fetch = find_spec(network).source.download
            threading.Thread(target=download.run, args=(network, fetch), daemon=True).start()
        return download

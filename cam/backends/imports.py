"""Import Keras and OpenVINO: by one thread at a time, without collecting garbage, without telemetry."""

import gc
import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module, metadata
from types import ModuleType

_keras_lock = threading.Lock()


@contextmanager
def pause_collection() -> Iterator[None]:
    """Disable the garbage collector inside the block, then freeze what is there; blocks may be nested.

    Loading takes a fifth of the time, and later collections skip these objects, which stay until the process ends: else
    each collection would take 0.2 s, in which all sessions wait.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def import_paused(name: str) -> ModuleType:
    """Import a large module with the garbage collector paused; wait for it if another thread imports it now."""
    with nullcontext() if name in sys.modules else pause_collection():
        return import_module(name)


def import_keras() -> None:
    """Import Keras and with it TensorFlow, one thread at a time: imported by two threads at once, they can deadlock."""
    with _keras_lock:
        try:
            tempfile.gettempdir()
        except FileNotFoundError:
            # TensorFlow asks for a folder of temporary files, though it writes none here; a full disk has none.
            tempfile.tempdir = os.curdir
        import_paused("keras")


def has_openvino() -> bool:
    """Say whether OpenVINO is installed, without importing it."""
    return bool(importlib.util.find_spec("openvino") and list(metadata.distributions(name="openvino")))


def import_openvino() -> ModuleType:
    """Import OpenVINO without the package that reports each import to its makers.

    OpenVINO works without that package where it cannot be imported, which is what None in `sys.modules` means.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module("openvino")

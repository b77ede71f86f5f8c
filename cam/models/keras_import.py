"""The way to the first import of Keras, where a thread other than the one that loads networks may be the first."""

import os
import sys
import tempfile
import threading
from contextlib import nullcontext
from importlib import import_module

from cam.garbage import no_collecting

_lock = threading.Lock()


def import_keras() -> None:
    """Import Keras and with it TensorFlow, one thread at a time: imported by two threads at once, they can deadlock."""
    with _lock:
        _name_a_temporary_folder()
        # Where it is being imported already, this waits for it.
        with nullcontext() if "keras" in sys.modules else no_collecting():
            import_module("keras")


def _name_a_temporary_folder() -> None:
    """TensorFlow cannot be imported where Python finds no folder for temporary files; it writes none here."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        # The disk is full, or read-only everywhere.
        tempfile.tempdir = os.curdir

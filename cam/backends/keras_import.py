"""The import of Keras, by whichever thread needs it first."""

import os
import tempfile
import threading

from cam.backends.garbage_collection import import_kept

_lock = threading.Lock()


def import_keras() -> None:
    """Import Keras and with it TensorFlow, one thread at a time: imported by two threads at once, they can deadlock."""
    with _lock:
        _name_a_temporary_folder()
        import_kept("keras")


def _name_a_temporary_folder() -> None:
    """TensorFlow cannot be imported where Python finds no folder for temporary files; it writes none here."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        # The disk is full, or read-only everywhere.
        tempfile.tempdir = os.curdir

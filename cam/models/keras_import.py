"""The way to the first import of Keras, where a thread other than the one that loads networks may be the first."""

import threading
from importlib import import_module

_lock = threading.Lock()


def import_keras() -> None:
    """Import Keras and with it TensorFlow, one thread at a time: imported by two threads at once, they can deadlock."""
    with _lock:
        import_module("keras")

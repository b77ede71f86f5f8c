"""Python's search for garbage, kept away from the many objects of TensorFlow and of networks, which all stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collecting() -> Iterator[None]:
    """Make objects that stay, without looking for garbage among them now or later; may be nested.

    While they are made, that takes a fifth of the time; later Streamlit would have it done after every rerun, 0.2 s in
    which all sessions wait. What little garbage is among them stays too: to look for it would take as long again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()

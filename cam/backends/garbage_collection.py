"""Python's search for garbage, kept away from the many objects of large libraries and of networks, which all stay."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType


@contextmanager
def no_collecting() -> Iterator[None]:
    """Make objects that stay, without looking for garbage among them now or later; may be nested.

    While they are made, that takes a fifth of the time; later each search would take 0.2 s, in which all sessions wait.
    What little garbage is among them stays too: to look for it would take as long again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def import_kept(name: str) -> ModuleType:
    """The module of that name, which stays; where it is being imported already, this waits for it."""
    with nullcontext() if name in sys.modules else no_collecting():
        return import_module(name)

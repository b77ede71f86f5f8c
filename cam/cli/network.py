"""Load a network for a command."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

from cam.errors import CamError
from cam.settings import library_options

if TYPE_CHECKING:
    from cam.model import Model


def loaded_network(name: str, *, many: bool = False) -> "Model":
    """The network (ModelError if it cannot be loaded), without what TensorFlow has to say as it starts.

    `many` is for many photos: several passes at a time, each on a core of its own, instead of one after the other on
    all cores, which wait for each other now and then; and numbers that are the same to the last digit on machines with
    however many cores. Once TensorFlow runs, it changes nothing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if many:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with native_messages_held():
        # It takes a while to import, and --help does not need it.
        from cam.model import load_model

        return load_model(name, options=library_options())


@contextmanager
def native_messages_held() -> Iterator[None]:
    """Keep what libraries write past Python to standard error, and show it only where this fails; Python's own is seen.

    TensorFlow's first lines, on instruction sets and missing graphics cards, heed no setting.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                with open(screen, "w", closefd=False) as own, redirect_stderr(own):
                    yield
            except CamError:
                # Its sentence says all.
                raise
            except BaseException:
                held.seek(0)
                os.write(screen, held.read())
                raise
            finally:
                os.dup2(screen, 2)
    finally:
        os.close(screen)

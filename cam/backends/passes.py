"""Forward passes: how many run at a time, and what is said where one fails.

Each pass waits for a turn of its own: a method of many passes stands at the end of the line again for each, so that
others come in between.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

from cam.errors import ModelError
from cam.turns import Turns

_WHAT_TO_DO = "Choose another photo or another network."


def default_passes() -> int:
    """Forward passes that run at a time: one for every two cores.

    More would only wait and hold more memory. Where TensorFlow's own variable gives it another number of cores, a pass
    has that many, whatever runs it.
    """
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 2))


@cache
def pass_turns(passes: int) -> Turns:
    """The turns that all networks of this process share that run so many passes at a time."""
    return Turns(passes)


@contextmanager
def run_pass(turns: Turns, *failures: type[Exception]) -> Iterator[None]:
    """Wait for a turn to run a network once in the block.

    Args:
        turns: the line in which it waits.
        failures: what the runtime raises of its own, besides MemoryError and RuntimeError.

    Raises:
        ModelError: the runtime failed; the text says at what, and the cause is chained.
    """
    expected: tuple[type[Exception], ...] = (MemoryError, RuntimeError, *failures)
    with turns:
        try:
            yield
        except expected as error:
            # TensorFlow's own, which is no MemoryError.
            no_room = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
            reason = "there is not enough memory" if no_room else f"it stopped with a {type(error).__name__}"
            raise ModelError(f"The network failed on this photo: {reason}. {_WHAT_TO_DO}") from error


def check_finite(array: np.ndarray) -> np.ndarray:
    """Return the same array (ModelError where it holds NaN or infinity: nothing can be told from that)."""
    if not np.isfinite(array).all():
        raise ModelError(f"The network failed on this photo: what it computed are not all numbers. {_WHAT_TO_DO}")
    return array

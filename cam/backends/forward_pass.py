"""One forward pass: when it is its turn, and with a sentence where it fails on a photo."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from cam.backends.turns import Turns
from cam.errors import ModelError

_WHAT_TO_DO = "Choose another photo or another network."


@contextmanager
def one_pass(turns: Turns, *failures: type[Exception]) -> Iterator[None]:
    """A turn to run a network once.

    Args:
        turns: the line in which it waits.
        failures: what the runtime raises of its own, besides MemoryError and RuntimeError.

    Raises:
        ModelError: the runtime failed; the text says at what, and the cause is chained.
    """
    with turns:
        try:
            yield
        except (MemoryError, RuntimeError, *failures) as error:
            # TensorFlow's own, which is no MemoryError.
            no_room = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
            reason = "there is not enough memory" if no_room else f"it stopped with a {type(error).__name__}"
            raise ModelError(f"The network failed on this photo: {reason}. {_WHAT_TO_DO}") from error


def finite(array: np.ndarray) -> np.ndarray:
    """The same array (ModelError where it holds what is no number: nothing can be told from that)."""
    if not np.isfinite(array).all():
        raise ModelError(f"The network failed on this photo: what it computed are not all numbers. {_WHAT_TO_DO}")
    return array

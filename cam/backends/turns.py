"""A FIFO semaphore for CPU-bound work, which tells those who wait long; and the forward passes that run in it.

Each pass waits for a turn of its own: a method of many passes stands at the end of the line again for each, so that
others come in between. `threading.BoundedSemaphore` would let the thread that just gave its turn back take it again,
before those that wait wake up.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import cache

import numpy as np

from cam.errors import ModelError

# A wait shorter than this many seconds is not told; a longer one again and again, after as many.
PATIENCE = 0.5
# Called with True while this thread waits for a turn, again and again, and with False when its turn has come.
OnWait = Callable[[bool], None]
_on_wait: ContextVar[tuple[Context, OnWait] | None] = ContextVar("on_wait", default=None)
_WHAT_TO_DO = "Choose another photo or another network."


@contextmanager
def telling(on_wait: OnWait) -> Iterator[None]:
    """Call `on_wait` inside the block whenever this thread waits long for a turn; what it raises ends the wait.

    It is called in the context of this call, not in the one of the wait: a cache of Streamlit keeps what is shown in
    its own context.
    """
    token = _on_wait.set((copy_context(), on_wait))
    try:
        yield
    finally:
        _on_wait.reset(token)


class Turns:
    """A semaphore of `slots` turns that are given first come, first served; `with turns:` takes one.

    Attributes:
        free: turns that nobody has now.
        served: turns given so far.
    """

    def __init__(self, slots: int):
        self.free, self.served = slots, 0
        self._line: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Count those who stand in the line now."""
        return len(self._line)

    def __enter__(self) -> None:
        mine = threading.Event()
        with self._lock:
            self._line.append(mine)
            self._give()
        try:
            self._wait(mine)
        except BaseException:
            with self._lock:
                if mine.is_set():
                    self.free += 1
                else:
                    self._line.remove(mine)
                self._give()
            raise

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self.free += 1
            self._give()

    def _give(self) -> None:
        """Hand free turns to those who came first; the lock is held."""
        while self.free and self._line:
            self.free -= 1
            self.served += 1
            self._line.popleft().set()

    def _wait(self, mine: threading.Event) -> None:
        known = _on_wait.get()
        if known is None:
            mine.wait()
            return
        context, on_wait = known
        told = False
        while not mine.wait(PATIENCE):
            told = True
            context.run(on_wait, True)
        if told:
            context.run(on_wait, False)


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
    with turns:
        try:
            yield
        except (MemoryError, RuntimeError, *failures) as error:
            # TensorFlow's own, which is no MemoryError.
            no_room = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
            reason = "there is not enough memory" if no_room else f"it stopped with a {type(error).__name__}"
            raise ModelError(f"The network failed on this photo: {reason}. {_WHAT_TO_DO}") from error


def check_finite(array: np.ndarray) -> np.ndarray:
    """Return the same array (ModelError where it holds NaN or infinity: nothing can be told from that)."""
    if not np.isfinite(array).all():
        raise ModelError(f"The network failed on this photo: what it computed are not all numbers. {_WHAT_TO_DO}")
    return array

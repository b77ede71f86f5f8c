"""A FIFO semaphore for CPU-bound work, which tells those who wait long.

`threading.BoundedSemaphore` would let the thread that just gave its turn back take it again, before those that wait
wake up.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context

# A wait shorter than this many seconds is not told; a longer one again and again, after as many.
PATIENCE = 0.5
# Called with True while this thread waits for a turn, again and again, and with False when its turn has come.
OnWait = Callable[[bool], None]
_on_wait: ContextVar[tuple[Context, OnWait] | None] = ContextVar("on_wait", default=None)


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

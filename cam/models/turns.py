"""A line for work that keeps the processors busy: first come, first served, and who waits long is told the place.

Each forward pass waits for a turn of its own. Whoever needs many, for finer maps or other methods, stands at the end of
the line again for each, so that others come in between.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import partial

# A wait shorter than this many seconds is not worth a word.
PATIENCE = 0.5
_teller: ContextVar[tuple[Context, Callable[[int], None]] | None] = ContextVar("teller", default=None)


@contextmanager
def telling(tell: Callable[[int], None]) -> Iterator[None]:
    """Within, who waits for a turn is told the place in the line whenever it changes: 1 is the next, and 0 the turn.

    Args:
        tell: called with the place by the thread that waits, in the context that there is here: a cache of Streamlit
            does not keep what it shows. What it raises ends the wait, and the place or the turn is given up.
    """
    token = _teller.set((copy_context(), tell))
    try:
        yield
    finally:
        _teller.reset(token)


def _tell_nobody(place: int) -> None:
    pass


class Turns:
    """So many turns at a time; `with turns:` waits for one and gives it back, however the block ends.

    Attributes:
        free: turns that nobody has now.
        served: turns given so far.
    """

    def __init__(self, slots: int):
        self.free, self.served = slots, 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        mine = object()
        with self._changed:
            self._line.append(mine)
        try:
            tell = self._wait(mine)
        except BaseException:
            with self._changed:
                self._line.remove(mine)
                self._changed.notify_all()
            raise
        try:
            tell(0)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self.free += 1
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many stand in the line now."""
        with self._changed:
            return len(self._line)

    def _wait(self, mine: object) -> Callable[[int], None]:
        """Take a turn when it comes; returns whom to tell so, a function that does nothing where nobody was told."""
        known = _teller.get()
        if self._takes(mine, timeout=PATIENCE if known else None):
            return _tell_nobody
        context, tell = known
        told = 0
        while not self._takes(mine, told=told):
            with self._changed:
                told = self._place(mine)
            # Without the lock, because it may take a while.
            context.run(tell, told)
        return partial(context.run, tell)

    def _takes(self, mine: object, *, told: int | None = None, timeout: float | None = None) -> bool:
        """Wait for a turn and take it; False if the place is no longer the one that was told, or in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(mine) or told not in (None, self._place(mine)), timeout)
            if not self._is_next(mine):
                return False
            self._line.popleft()
            self.free -= 1
            self.served += 1
            self._changed.notify_all()
        return True

    def _place(self, mine: object) -> int:
        return 1 + self._line.index(mine)

    def _is_next(self, mine: object) -> bool:
        return self.free > 0 and self._line[0] is mine

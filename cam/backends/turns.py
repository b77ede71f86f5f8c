"""A line for work that keeps the processors busy: first come, first served, and who waits long is told the place.

Forward passes stand in one line, photos to be decoded in others. Each pass waits for a turn of its own: whoever needs
many, for finer maps or other methods, stands at the end of the line again for each, so that others come in between.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from functools import partial

# A wait shorter than this many seconds is not worth a word.
PATIENCE = 0.5
# Who stops waiting to begin anew finds the place kept for so many seconds.
PLACE_SECONDS = 5.0


@dataclass(frozen=True)
class _Teller:
    context: Context
    tell: Callable[[int], None]
    owner: object


_teller: ContextVar[_Teller | None] = ContextVar("teller", default=None)


@contextmanager
def telling(tell: Callable[[int], None], owner: object = None) -> Iterator[None]:
    """Within, who waits for a turn is told the place in the line whenever it changes: 1 is the next, and 0 the turn.

    Args:
        tell: called with the place by the thread that waits, in the context that there is here: a cache of Streamlit
            does not keep what it shows. What it raises ends the wait.
        owner: who waits. When `tell` ends its wait, its place is kept for the next one: others go past meanwhile, and
            who comes back within `PLACE_SECONDS` stands there again. None gives the place up.
    """
    token = _teller.set(_Teller(copy_context(), tell, owner))
    try:
        yield
    finally:
        _teller.reset(token)


def _tell_nobody(place: int) -> None:
    pass


@dataclass(eq=False)
class _Place:
    """A place in a line: of whom, and when it was left (None while somebody stands there)."""

    owner: object
    left: float | None = None


class Turns:
    """So many turns at a time; `with turns:` waits for one and gives it back, however the block ends.

    Attributes:
        free: turns that nobody has now.
        served: turns given so far.
    """

    def __init__(self, slots: int):
        self.free, self.served = slots, 0
        self._line: deque[_Place] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        known = _teller.get()
        with self._changed:
            mine = self._stand(known.owner if known else None)
        try:
            tell = self._wait(mine, known)
        except BaseException:
            self._leave(mine)
            raise
        try:
            tell(0)
        except BaseException:
            with self._changed:
                self._line.appendleft(mine)
            self._leave(mine)
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
            return len(self._standing())

    def _stand(self, owner: object) -> _Place:
        """The place that was kept for the owner, or one at the end; those that were kept long enough go."""
        long_ago = time.monotonic() - PLACE_SECONDS
        for place in [place for place in self._line if place.left is not None]:
            if place.left < long_ago:
                self._line.remove(place)
            elif place.owner is owner:
                place.left = None
                return place
        self._line.append(_Place(owner))
        return self._line[-1]

    def _leave(self, mine: _Place) -> None:
        with self._changed:
            if mine.owner is None:
                self._line.remove(mine)
            else:
                mine.left = time.monotonic()
            self._changed.notify_all()

    def _wait(self, mine: _Place, known: _Teller | None) -> Callable[[int], None]:
        """Take a turn when it comes; returns whom to tell so, a function that does nothing where nobody was told."""
        if self._takes(mine, timeout=PATIENCE if known else None):
            return _tell_nobody
        told = 0
        while not self._takes(mine, told=told):
            with self._changed:
                told = self._place(mine)
            # Without the lock, because it may take a while.
            known.context.run(known.tell, told)
        return partial(known.context.run, known.tell)

    def _takes(self, mine: _Place, *, told: int | None = None, timeout: float | None = None) -> bool:
        """Wait for a turn and take it; False if the place is no longer the one that was told, or in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(mine) or told not in (None, self._place(mine)), timeout)
            if not self._is_next(mine):
                return False
            self._line.remove(mine)
            self.free -= 1
            self.served += 1
            self._changed.notify_all()
        return True

    def _place(self, mine: _Place) -> int:
        return 1 + self._standing().index(mine)

    def _is_next(self, mine: _Place) -> bool:
        return self.free > 0 and self._standing()[0] is mine

    def _standing(self) -> list[_Place]:
        return [place for place in self._line if place.left is None]

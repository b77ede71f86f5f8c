"""What is asked of the app, one thing at a time: how long it took and how it ended, told to whoever listens.

What is told is numbers, and names that the app itself has: never a photo, its name or digest, the class that was seen
in it, an access code, or an address.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cam.errors import CamError

Told = dict[str, str | int | float | bool]

_listeners: list[Callable[[Told], None]] = []
_running: Counter[str] = Counter()
_lock = threading.Lock()


def listen(listener: Callable[[Told], None]) -> Callable[[], None]:
    """Call `listener` with each thing asked when it has ended, in the thread that did it.

    Returns:
        What ends it.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def running(what: str) -> int:
    """How many things of this kind are being done, or wait to be, right now."""
    with _lock:
        return _running[what]


@contextmanager
def asked(what: str, **about: str | int | float | bool) -> Iterator[Told]:
    """Around what was asked. What is put into the dictionary that this gives is told too, also another `outcome`.

    Told are `asked` (what), `about`, `ms`, and `outcome`: "done"; "refused" where it was something that a user can
    cause; "stopped" where the visitor asked for something else meanwhile or nothing more could be shown; "failed" with
    the kind of `error` where it was a mistake of the app. Errors pass through.
    """
    told: Told = {"asked": what, **about}
    with _lock:
        _running[what] += 1
    start = time.perf_counter()
    outcome = "done"
    try:
        yield told
    except BaseException as error:
        outcome = "refused" if isinstance(error, CamError) else "failed" if isinstance(error, Exception) else "stopped"
        if outcome != "stopped":
            told["error"] = type(error).__name__
        raise
    finally:
        told["ms"] = round(1000 * (time.perf_counter() - start), 1)
        told.setdefault("outcome", outcome)
        with _lock:
            _running[what] -= 1
        for listener in _listeners:
            listener(told)

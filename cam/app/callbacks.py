"""Callbacks of widgets, each of which is carried out to its end.

When a visitor clicks again, Streamlit stops the run that is going on as soon as that reads or writes the state of the
session; in a callback too, which it does not call again then: in the next run the widget has the same value as before.
What was chosen would be lost, most of all on a busy server. So the session keeps its callbacks until they have ended.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

import streamlit as st


def run_to_end(callback: Callable[..., object]) -> Callable[..., None]:
    """Wrap a callback of a widget, in a run of the page, so that it is carried out to its end.

    Args:
        callback: it may be begun again where it was stopped, so it writes last what it goes by itself.
    """
    begun = _begun()

    def carry_out(*args: object) -> None:
        begun.append(partial(callback, *args))
        _carry_out(begun)

    return carry_out


def finish_callbacks() -> None:
    """Carry out, at the start of a run, the callbacks that were stopped."""
    _carry_out(_begun())


def _carry_out(begun: deque[Callable[[], object]]) -> None:
    """Carry out all callbacks that were begun, the oldest first; what stops the run leaves them for the next one."""
    while begun:
        callback = begun[0]
        try:
            callback()
        except Exception:
            _end(begun, callback)
            raise
        _end(begun, callback)


def _end(begun: deque[Callable[[], object]], callback: Callable[[], object]) -> None:
    # The next run may have carried it out as well, while this one was being stopped.
    if callback in begun:
        begun.remove(callback)


def _begun() -> deque[Callable[[], object]]:
    # An object of its own: a callback can come by it without the state of the session.
    return st.session_state.setdefault("begun_callbacks", deque())

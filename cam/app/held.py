"""Widgets that show what the session holds, such as its class, which may be changed elsewhere too.

A value that the page gives a widget replaces, in the browser, what its visitor has chosen since. So an answer has one
only where the page has changed it, and for a moment after that: what is chosen in that moment is replaced by the answer
to the change, and comes back so. All these widgets have the value as their default besides, which a browser takes where
it meets a widget first.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

# More than an answer takes to the browser, together with what is clicked there before it has come.
_SECONDS = 3.0
# How long a browser may still show what was about something else; later, nobody is kept from choosing the same again.
_GONE_SECONDS = 1.5


@dataclass(frozen=True)
class _Change:
    """When a widget was last given another value, what that is about, and the value that was about something else."""

    since: float
    about: object
    gone: object = None


def change(key: str, value: object, *, about: object = None) -> None:
    """Give a widget another value.

    Args:
        key: of the widget.
        value: what it shows from now on.
        about: what the value is about, such as a photo; see `chosen`.
    """
    last = _changes().get(key)
    if last is None or last.about != about:
        gone = st.session_state.get(key)
    else:
        # The browser may still show what was about something else.
        gone = last.gone if _is_recent(key, _GONE_SECONDS) else None
    _changes()[key] = _Change(time.monotonic(), about, gone)
    st.session_state[key] = value


def hold(key: str, value: object, *, about: object = None) -> None:
    """Before a widget is made: have it show this value; the arguments are those of `change`."""
    if st.session_state.get(key, value) != value:
        change(key, value, about=about)
    elif _is_recent(key):
        st.session_state[key] = value
    else:
        _changes()[key] = _Change(float("-inf"), about)


def chosen(key: str, options: Sequence[Any], text: Callable[[Any], str]) -> Any:
    """In the callback of a widget: what its visitor chose of these options, or None.

    With every click a browser sends all that it shows. Until it has the answer, that is what was about another photo,
    and no choice.

    Args:
        key: of the widget.
        options: all that there ever are, of one kind.
        text: how an option is written; Streamlit gives that where the page offered other options when it last ran.
    """
    value = st.session_state[key]
    written = {text(option): option for option in options}
    if isinstance(value, list):
        value = [written.get(one, one) for one in value]
        known = all(one in options for one in value)
    else:
        value = written.get(value, value)
        known = value in options
    return value if known and not (_is_recent(key, _GONE_SECONDS) and value == _changes()[key].gone) else None


def _is_recent(key: str, seconds: float = _SECONDS) -> bool:
    return key in _changes() and time.monotonic() - _changes()[key].since < seconds


def _changes() -> dict[str, _Change]:
    return st.session_state.setdefault("held_changes", {})

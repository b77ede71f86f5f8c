"""Keep widgets in step with the session while answers are on their way to the browser.

A value that the page gives a widget replaces, in the browser, what its visitor has chosen since. And with every click a
browser sends what all widgets show, those too that the page has given another value in an answer that has not arrived.
So the last element of an answer is a hidden widget that holds the answer's number. The browser sends the number back
with the next click, and with it the page knows what the browser shows: only another value than that is a choice.
Values are given again until they have arrived. All these widgets have the value as their default besides, which a
browser takes where it meets a widget first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from cam.app.callbacks import run_to_end

_PAGE = "page"
_MOST_ANSWERS = 2**31


@dataclass
class _Widget:
    """The value that the browser shows, as it last told; and those on their way, by the number of their answer."""

    scope: str
    shown: Any
    given: dict[int, Any] = field(default_factory=dict)


def offer(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[Any],
    value: Any,
    *,
    key: str,
    text: Callable[[Any], str],
    take: Callable[[Any], None],
    known: Sequence[Any] | None = None,
    **appearance: Any,
) -> Any:
    """Make a widget that shows the session's value and takes what its visitor chooses; returns the value.

    Args:
        widget: st.radio, st.selectbox or st.multiselect.
        label: over the widget.
        options: offered in this run.
        value: the option that the widget shows, or None; a list for several.
        key: of the widget.
        text: how an option is written.
        take: keeps a choice; called in the widget's callback.
        known: all options that there ever are, where they are more than `options`.
        appearance: further arguments of the widget.
    """
    hold(key, value)
    start = value if value is None or isinstance(value, list) else list(options).index(value)
    return widget(
        label,
        options,
        start,
        format_func=text,
        key=key,
        on_change=run_to_end(lambda: take_choice(key, options if known is None else known, text, take)),
        **appearance,
    )


def hold(key: str, value: Any, *, scope: str = _PAGE) -> None:
    """Before a widget is made: have it show this value.

    Args:
        key: of the widget.
        value: the widget's from now on.
        scope: "page", or the name of a fragment that ends with `number_answer` itself.
    """
    widgets = _widgets()
    if key not in st.session_state:
        widgets[key] = _Widget(scope, value)
        return
    widget = widgets.setdefault(key, _Widget(scope, st.session_state[key]))
    _note_arrivals(widget)
    if st.session_state[key] != value or widget.given:
        give(key, value)
    else:
        widget.shown = value


def give(key: str, value: Any) -> None:
    """Give a widget that is held another value."""
    widget, numbers = _widgets()[key], _numbers()
    # First, because a run may be stopped here; then nothing has changed.
    st.session_state[key] = value
    numbers[widget.scope] = numbers.get(widget.scope, 0) + 1
    widget.given[numbers[widget.scope]] = value


def take_choice(key: str, options: Sequence[Any], text: Callable[[Any], str], take: Callable[[Any], None]) -> None:
    """In the callback of a widget that is held: call `take` with what its visitor chose, if anything.

    Args:
        key: of the widget.
        options: all that there ever are, of one kind.
        text: how an option is written; Streamlit gives that where the page offered other options when it last ran.
        take: keeps a choice.
    """
    value, widget = st.session_state[key], _widgets()[key]
    _note_arrivals(widget)
    written = {text(option): option for option in options}
    chosen = [written.get(one, one) for one in value] if isinstance(value, list) else written.get(value, value)
    known = all(one in options for one in chosen) if isinstance(chosen, list) else chosen in options
    if known and chosen != widget.shown:
        take(chosen)
        # Last, because what was stopped before is begun again.
        widget.shown = chosen


def read_latest(key: str) -> Any:
    """Read the latest value, of visitor or page, of a widget that is held and alone has its value."""
    value, widget = st.session_state[key], _widgets().get(key)
    if widget is None:
        return value
    _note_arrivals(widget)
    if widget.given and value == widget.shown:
        return widget.given[max(widget.given)]
    widget.shown = value
    return value


def number_answer(scope: str = _PAGE) -> None:
    """At the end of a page or a fragment: number the answer."""
    key = f"answer_{scope}"
    st.session_state[key] = _numbers().get(scope, 0)
    with st.container(key=f"{key}_place"):
        st.slider("Answer", 0, _MOST_ANSWERS, key=key, label_visibility="collapsed")


def _note_arrivals(widget: _Widget) -> None:
    # Without a number there was no answer yet, or none of a whole page.
    arrived = st.session_state.get(f"answer_{widget.scope}", _MOST_ANSWERS)
    for number in sorted(number for number in widget.given if number <= arrived):
        widget.shown = widget.given.pop(number)


def _widgets() -> dict[str, _Widget]:
    return st.session_state.setdefault("held_widgets", {})


def _numbers() -> dict[str, int]:
    return st.session_state.setdefault("answer_numbers", {})

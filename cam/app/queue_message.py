"""Who waits for the photos of others is told so, in a quiet sentence at the top of every page, which stays readable."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cam.backends.turns import telling


@contextmanager
def told_the_place() -> Iterator[None]:
    """For the run of a page: whenever a look of the network has to wait, the sentence stands there until it begins."""
    place = st.container(key="line").empty()

    def tell(number: int) -> None:
        if number:
            place.markdown(sentence(number))
        else:
            place.empty()

    # A click ends the run that waits, and the next one stands in its place.
    with telling(tell, st.session_state.setdefault("in_line", object())):
        yield


def sentence(number: int) -> str:
    """What is said to the one who is `number` in the line, 1 or more."""
    if number == 1:
        return "Waiting for others: your photo is next."
    return f"Waiting for others: your photo is number {number} in line."

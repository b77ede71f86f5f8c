"""Say at the top of every page that this visitor waits for the photos of others."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cam.turns import telling

WAITING = "Waiting for others ..."


@contextmanager
def tell_waiting() -> Iterator[None]:
    """Show the sentence during the run of a page whenever its work has to wait for a turn, until the turn comes."""
    place = st.container(key="line").empty()

    def show(waiting: bool) -> None:
        # Each call lets Streamlit end this run if a click has made it needless, and the line is left.
        if waiting:
            place.markdown(WAITING)
        else:
            place.empty()

    with telling(show):
        yield

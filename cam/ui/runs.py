"""Around one run of a page: what its visitor asked for by it."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cam.asked import asked


@contextmanager
def watched(page: str) -> Iterator[None]:
    """Tell what was asked by this run.

    That is "open" in a new session; "page", "photo", "network" or "class" where that is another than before; or else
    "view".
    """
    # What visitors choose is in the state before the page runs; only a new session is filled by its first run.
    before, now = st.session_state.get("seen"), _seen(page)
    changed = [name for name in now if before and now[name] != before[name]]
    with asked("open" if before is None else changed[0] if changed else "view", page=page or "see"):
        st.session_state.seen = now
        yield
        st.session_state.seen = _seen(page)


def _seen(page: str) -> dict[str, object]:
    state = st.session_state
    photo = state.get("photo")
    return {
        "page": page,
        "photo": photo and photo.digest,
        "network": state.get("network"),
        "class": state.get("chosen"),
    }

"""Around one run of a page: what its visitor asked for by it."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cam.asked import asked


@contextmanager
def watched(page: str) -> Iterator[None]:
    """Tell what was asked by this run.

    That is "open" in a new session; "page", "photo", "network" or "class" where that is another than before; else "view".
    """
    state = st.session_state
    with asked("view", page=page or "see") as told:
        before = state.get("seen")
        try:
            yield
        finally:
            photo = state.get("photo")
            state.seen = {
                "page": page,
                "photo": photo and photo.digest,
                "network": state.get("network"),
                "class": state.get("chosen"),
            }
            changed = [name for name in state.seen if before and state.seen[name] != before[name]]
            told["asked"] = "open" if before is None else changed[0] if changed else "view"

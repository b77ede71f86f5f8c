"""Around one run of a page: what its visitor asked for by it."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from cam.server.telemetry import asked


@contextmanager
def watched(page: str) -> Iterator[None]:
    """Tell what was asked by this run.

    That is "open" in a new session; "page", "photo", "network" or "class" where that is another than before; or else
    "view".
    """
    before, now = st.session_state.get("seen"), _seen(page)
    with asked(_kind(before, now), page=page or "see") as told:
        # Before, because a run that is stopped can keep nothing any more; and after, because a photo that was uploaded
        # is opened, and a new session filled, by the run itself.
        st.session_state.seen = now
        yield
        now = st.session_state.seen = _seen(page)
        told["asked"] = _kind(before, now)


def _kind(before: dict[str, object] | None, now: dict[str, object]) -> str:
    if before is None:
        return "open"
    return next((name for name in now if now[name] != before[name]), "view")


def _seen(page: str) -> dict[str, object]:
    state = st.session_state
    photo = state.get("photo")
    return {
        "page": page,
        "photo": photo and photo.digest,
        "network": state.get("network"),
        "class": state.get("chosen"),
    }

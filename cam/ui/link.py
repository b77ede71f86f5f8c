"""The link in the address bar reproduces what is seen: here photo, network, class; other widgets bind themselves.

Whoever goes back or forward in the browser sees what the link there names.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from cam.errors import CamError
from cam.labels import Labels, imagenet_labels
from cam.models.registry import default_model, find_spec
from cam.ui.messages import report, show_error
from cam.ui.photos import set_photo
from cam.ui.runs import current_page
from cam.ui.samples import DEFAULT, list_samples

_PARTS = ("photo", "network", "class")
# Longer than any name; more is not looked up, nor shown.
_LONGEST = 200
# For so long after it was changed, a browser may still send the link as it was before.
_SECONDS = 1.5


@dataclass(frozen=True)
class _Left:
    """How a run left the address: the page, what the link names, what that is in the session, and since when."""

    page: str | None
    parts: dict[str, str]
    seen: tuple
    since: float


def named(part: str) -> list[str]:
    """What the link names as a part, such as "photo" or "class"; a part without a value names nothing."""
    return [value[:_LONGEST] for value in st.query_params.get_all(part) if value]


def open_link(sample: str = DEFAULT) -> None:
    """What the link names: once a session, with a sample where it names no photo; and for who has gone back to it."""
    state = st.session_state
    if "photo" not in state:
        state.network = default_model().name
        _open(_named("photo", sample), sample)
    elif _is_gone_back():
        if _parts():
            _open(_named("photo"), sample)
        elif state.link.page == current_page():
            # It is left as it is: written anew, it would have to be gone back from again and again.
            state.link = replace(state.link, parts={})


def _open(photo: str | None, otherwise: str) -> None:
    """The photo of this name (where there is none, another sample), and the network and class that the link names."""
    state = st.session_state
    if photo is not None:
        samples = list_samples()
        set_photo(samples.get(photo, samples[otherwise]).photo())
        if photo not in samples:
            report(f"There is no sample photo {photo!r}, so the link opens another one. Choose one of the samples.")
    if (network := _named("network")) is not None:
        _take(lambda: setattr(state, "network", find_spec(network).name))
    if (wanted := _named("class")) is not None:
        if find_spec(state.network).own:
            # What classes it has is known when it is loaded.
            state.wanted_class = wanted
        else:
            _take(lambda: setattr(state, "chosen", imagenet_labels().index(wanted)))


def _is_gone_back() -> bool:
    """Whether the address is another than the last run left, and nothing was chosen since, nor a moment before.

    A photo of one's own is never given up for an address: a slow browser may still send that of the sample before it.
    """
    left = st.session_state.get("link")
    if left is None or st.session_state.photo.sample is None or _parts() == left.parts or _seen() != left.seen:
        return False
    return time.monotonic() - left.since > _SECONDS


def _parts() -> dict[str, str]:
    """What the link names of photo, network and class."""
    return {part: values[-1] for part in _PARTS if (values := named(part))}


def _seen() -> tuple:
    """What of the session is in the link."""
    state = st.session_state
    return state.photo.digest, state.network, state.chosen


def _named(part: str, default: str | None = None) -> str | None:
    return (named(part) or [default])[-1]


def open_class(labels: Labels) -> None:
    """Once a session: the class that the link names, of a network whose classes are known only now."""
    if (wanted := st.session_state.pop("wanted_class", None)) is not None:
        _take(lambda: setattr(st.session_state, "chosen", labels.index(wanted)), show_error)


def _take(part: Callable[[], None], say: Callable[[str], None] = report) -> None:
    """One part of the link; a wrong one is said and leaves the others as they are."""
    try:
        part()
    except CamError as error:
        say(error.on_page)


def write_link(class_label: str) -> None:
    """Keep the address in step; a photo of one's own is in no link."""
    state = st.session_state
    left, now = state.get("link"), _parts()
    if left and (left.page, left.parts, left.seen) == (current_page(), now, _seen()):
        return
    sample = state.photo.sample
    named = {"photo": sample, "network": state.network, "class": class_label if state.chosen is not None else None}
    parts = {part: value for part, value in named.items() if value is not None and (sample or part == "network")}
    since = left.since if left else float("-inf")
    if parts != now:
        # All at once, for one step back in the browser; a part without a value is left out.
        st.query_params.update({part: parts.get(part, []) for part in _PARTS})
        # On another page the same is written anew, and nothing was chosen.
        since = time.monotonic() if left is None or left.seen != _seen() else since
    state.link = _Left(current_page(), parts, _seen(), since)

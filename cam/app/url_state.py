"""The link in the address bar reproduces what is seen: here photo, network, class; other widgets bind themselves.

Whoever goes back or forward in the browser sees what the link there names.
"""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cam.app.widgets.messages import report, show_error
from cam.app.widgets.photo_picker import set_photo
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.errors import CamError
from cam.labels import Labels, imagenet_labels
from cam.server import model_store

_PARTS = ("photo", "network", "class")
# What a page has of one photo only, such as the classes that are compared on it: gone with that photo.
_OF_PHOTO = ("vs", "cover_box")
# What stands for a photo of one's own, which is in no link.
_OWN = "own"
# Longer than any name; more is not looked up, nor shown.
_LONGEST = 200


def named(part: str) -> list[str]:
    """Read what the link names as a part, such as "photo" or "class"; a part without a value names nothing."""
    return [value[:_LONGEST] for value in st.query_params.get_all(part) if value]


def is_read(key: str) -> bool:
    """True if what the session holds by this key of the photo is to be read from the link: first, or by going back.

    Of a photo of one's own nothing is in a link, so what is held of it stays.
    """
    state = st.session_state
    return key not in state or (_is_gone_back() and state.photo.sample is not None)


def named_numbers(part: str) -> list[float] | None:
    """The numbers that the link names as a part, such as "cover_box"; None where that is anything else."""
    try:
        return [float(text) for text in named(part)[-1].split(",")]
    except (IndexError, ValueError):
        return None


def set_numbers(part: str, numbers: Sequence[float] | None) -> None:
    """Have the link name these numbers, which are what `named_numbers` gives to who opens it."""
    set_part(part, [",".join(map(str, numbers))] if numbers else [])


def open_link(sample: str = DEFAULT) -> None:
    """Open the link: once a session, with a sample where it names no photo; and for a step back in the browser."""
    state = st.session_state
    if not state.get("link_opened"):
        state.network = model_store.default_model().name
        _open(_named("photo", sample), sample)
        state.link_opened = True
    elif _is_gone_back():
        wanted = _named("photo")
        if state.photo.sample:
            _open(wanted, state.photo.sample)
        # A photo of one's own is never given up for a step.
        elif wanted in (None, _OWN):
            _open(None, DEFAULT)


def _open(photo: str | None, otherwise: str) -> None:
    """The photo of this name (where there is none, another sample), and the network and class that the link names."""
    state = st.session_state
    if photo is not None:
        samples = list_samples()
        set_photo(samples.get(photo, samples[otherwise]).photo())
        if photo == _OWN:
            report("The photo here was somebody's own, which is in no link. Upload it again, or choose a sample.")
        elif photo not in samples:
            report(f"There is no sample photo {photo!r}, so the link opens another one. Choose one of the samples.")
    if (network := _named("network")) is not None:
        _take(lambda: setattr(state, "network", model_store.find_spec(network).name))
    if (wanted := _named("class")) is not None:
        if model_store.find_spec(state.network).own:
            # What classes it has is known when it is loaded.
            state.wanted_class = wanted
        else:
            _take(lambda: setattr(state, "chosen", imagenet_labels().index(wanted)))


def _is_gone_back() -> bool:
    """True if this run is for a step back or forward in the browser."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _named(part: str, default: str | None = None) -> str | None:
    values = named(part)
    return values[-1] if values else default


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
    """Keep the address in step; who opens that of a photo of one's own is told that the photo is not in it."""
    state = st.session_state
    parts = {"photo": state.photo.sample or _OWN, "network": state.network}
    if state.photo.sample and state.chosen is not None:
        parts["class"] = class_label
    set_parts(parts)


def set_parts(parts: dict[str, str]) -> None:
    """Have the link name this photo, network and class, and none that is not among them; one step in the browser."""
    before = {part: value for part in _PARTS if (value := _named(part)) is not None}
    if parts != before:
        gone = _OF_PHOTO if before.get("photo", parts.get("photo")) != parts.get("photo") else ()
        # A part without a value is left out.
        st.query_params.update({part: parts.get(part, []) for part in (*_PARTS, *gone)})


def set_part(part: str, values: list[str]) -> None:
    """Have the link name these values as a part, such as "vs"; a step in the browser where it named others."""
    if st.query_params.get_all(part) != values:
        st.query_params[part] = values

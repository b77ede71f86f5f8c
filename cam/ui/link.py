"""The link in the address bar reproduces what is seen: here photo, network, class; other widgets bind themselves."""

from collections.abc import Callable

import streamlit as st

from cam.errors import CamError
from cam.labels import Labels, imagenet_labels
from cam.models.registry import default_model, find_spec
from cam.ui.messages import report, show_error
from cam.ui.photos import set_photo
from cam.ui.samples import DEFAULT, list_samples

# Longer than any name; more is not looked up, nor shown.
_LONGEST = 200


def named(part: str) -> list[str]:
    """What the link names as a part, such as "photo" or "class"."""
    return [value[:_LONGEST] for value in st.query_params.get_all(part)]


def open_link(sample: str = DEFAULT) -> None:
    """Once a session: the photo, network and class that the link names, or the sample given here."""
    state = st.session_state
    if "photo" in state:
        return
    samples = list_samples()
    name = _named("photo", sample)
    set_photo(samples.get(name, samples[sample]).photo())
    if name not in samples:
        report(f"There is no sample photo {name!r}, so the link opens another one. Choose one below.")
    state.network = default_model().name
    if (network := _named("network")) is not None:
        _take(lambda: setattr(state, "network", find_spec(network).name))
    if (wanted := _named("class")) is not None:
        if find_spec(state.network).own:
            # What classes it has is known when it is loaded.
            state.wanted_class = wanted
        else:
            _take(lambda: setattr(state, "chosen", imagenet_labels().index(wanted)))


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
        say(str(error))


def write_link(class_label: str) -> None:
    """Keep the address in step; a photo of one's own is in no link."""
    state = st.session_state
    _write("photo", state.photo.sample)
    _write("network", state.network)
    _write("class", class_label if state.photo.sample and state.chosen is not None else None)


def _write(name: str, value: str | None) -> None:
    params = st.query_params
    if value is None:
        params.pop(name, None)
    elif params.get(name) != value:
        params[name] = value

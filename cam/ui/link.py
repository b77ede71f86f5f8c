"""The link in the address bar reproduces what is seen: here photo, network, class; other widgets bind themselves."""

import streamlit as st

from cam.errors import CamError
from cam.labels import imagenet_labels
from cam.models.registry import default_model, find_spec
from cam.ui.photos import set_photo
from cam.ui.samples import DEFAULT, list_samples


def open_link() -> None:
    """Once a session: the photo, network and class that the link names, or the ones that the page opens with."""
    state, params = st.session_state, st.query_params
    if "photo" in state:
        return
    samples = list_samples()
    name = params.get("photo", DEFAULT)
    set_photo(samples.get(name, samples[DEFAULT]).photo())
    if name not in samples:
        state.photo_problem = f"There is no sample photo {name!r}, so the link opens another one. Choose one below."
    state.network = default_model().name
    try:
        if "network" in params:
            state.network = find_spec(params["network"]).name
        if "class" in params:
            state.chosen = imagenet_labels().index(params["class"])
    except CamError as error:
        state.photo_problem = str(error)


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

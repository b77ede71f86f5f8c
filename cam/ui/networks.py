"""Choose the network, say what it is, and offer the download of weights that are not on this machine."""

import streamlit as st

from cam import cached
from cam.errors import ModelError
from cam.explanation import Explanation
from cam.models.registry import ModelSpec, default_model, find_spec, list_models
from cam.models.weights import KerasFile


def choose_network() -> ModelSpec:
    """The picker of all networks, those without weights on this machine too."""
    specs = {spec.name: spec for spec in list_models()}
    state = st.session_state
    if "network" not in state and "network" not in st.query_params:
        state.network = default_model().name
    titles = {name: spec.title for name, spec in specs.items()}
    name = st.selectbox("Network", list(specs), format_func=titles.get, key="network", bind="query-params")
    return specs[name]


def is_ready(spec: ModelSpec) -> bool:
    """Whether the network is loaded, or is known to be one that cannot be."""
    return cached.request_model(spec.name).done()


def explain(photo: cached.Photo, spec: ModelSpec, fit: str) -> tuple[ModelSpec, Explanation]:
    """What the network says about the photo; where it cannot be loaded, what the one before it says, and why."""
    state = st.session_state
    try:
        explanation = cached.explained(photo, spec.name, fit)
    except ModelError as error:
        instead = find_spec(state.get("shown_network") or default_model().name)
        if instead == spec:
            raise
        _offer_download(spec, instead, error)
        return instead, cached.explained(photo, instead.name, fit)
    state.shown_network = spec.name
    return spec, explanation


def describe(spec: ModelSpec, explanation: Explanation) -> str:
    """One line on a network and what it was given."""
    width, height = explanation.input_size
    rows, columns, _ = explanation.features.shape
    return (
        f"{spec.parameters / 1e6:.1f} million parameters · sees {width} × {height} pixels, maps {columns} × {rows} "
        f"cells · weights {spec.source.place}"
    )


def _offer_download(spec: ModelSpec, instead: ModelSpec, error: ModelError) -> None:
    download = cached.find_download(spec.name)
    if download is not None and not download.end.done():
        _show_progress(spec)
        return
    failed = download is not None and download.end.exception()
    if failed and not isinstance(failed, ModelError):
        raise failed
    st.warning(f"{failed or error} You still see {instead.title}.", icon=":material/download:")
    if isinstance(spec.source, KerasFile):
        st.button(
            f"Download {spec.title} ({spec.source.size / 2**20:.0f} MB)",
            key="download",
            on_click=cached.start_download,
            args=(spec.name,),
        )


@st.fragment(run_every=0.5)
def _show_progress(spec: ModelSpec) -> None:
    download = cached.find_download(spec.name)
    if download.end.done():
        st.rerun()
    st.progress(download.share, f"Downloading {spec.title}: {download.share:.0%}. The page works meanwhile.")

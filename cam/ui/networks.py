"""Choose the network, say what it is, and offer the download of weights that are not on this machine."""

import copy

import streamlit as st

from cam import cached
from cam.errors import ModelError
from cam.explanation import Explanation
from cam.models.registry import ModelSpec, find_spec, list_models
from cam.models.weights import KerasFile, Wheel, megabytes
from cam.ui.messages import show_error, show_warning


def choose_network() -> ModelSpec:
    """The picker of all networks, those without weights on this machine too."""
    specs = {spec.name: spec for spec in list_models()}
    titles = {name: spec.title for name, spec in specs.items()}
    lines = "\n".join(f"* {_line(spec)}" for spec in specs.values())
    name = st.selectbox(
        "Network", list(specs), format_func=titles.get, key="network", help=lines, persist_state="session"
    )
    return specs[name]


def _line(spec: ModelSpec) -> str:
    """One line on a network: parameters, input, and where its weights are."""
    return (
        f"**{spec.title}**: {spec.parameters / 1e6:.1f} million parameters, trained on {spec.size} × {spec.size} "
        f"pixels, weights {spec.source.place}"
    )


def is_ready(spec: ModelSpec) -> bool:
    """Whether the network is loaded, or is known to be one that cannot be."""
    return cached.request_model(spec.name).done()


def explain(photo: cached.Photo, spec: ModelSpec, fit: str) -> tuple[ModelSpec, Explanation]:
    """What the network says about the photo; where it cannot be loaded, what another one says, and why."""
    problems = []
    for candidate in (spec, *_instead_of(spec)):
        try:
            explanation = cached.explained(photo, candidate.name, fit)
        except ModelError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            show_warning(f"{problem} You still see {candidate.title}.")
        return candidate, explanation
    for problem in problems:
        show_error(problem)
    st.stop()


def remember(spec: ModelSpec) -> None:
    """This network is shown, and stays when another one cannot be."""
    st.session_state.shown_network = spec.name


def _instead_of(spec: ModelSpec) -> list[ModelSpec]:
    """The network that was shown last, then the embedded ones."""
    shown = st.session_state.get("shown_network")
    embedded = [row.name for row in list_models() if isinstance(row.source, Wheel) and row.available]
    names = dict.fromkeys(name for name in (shown, *embedded) if name not in (None, spec.name))
    return [find_spec(name) for name in names]


def describe(spec: ModelSpec, explanation: Explanation) -> str:
    """One line on the network that is shown and how it sees this photo."""
    width, height = explanation.input_size
    rows, columns, _ = explanation.features.shape
    return (
        f"**{spec.title}** · {spec.parameters / 1e6:.1f} million parameters · sees {width} × {height} pixels · maps "
        f"{columns} × {rows} cells"
    )


def offer_download(chosen: ModelSpec) -> None:
    """A button that gets missing weights: the chosen network's, else the first one's that is not on this machine."""
    state = st.session_state
    if arrived := state.pop("arrived", None):
        st.toast(f"{arrived} is on this machine now; it stands under Network.", icon=":material/check:")
    specs = (chosen, *list_models())
    missing = [
        spec
        for spec in specs
        if isinstance(spec.source, KerasFile) and (not spec.available or cached.is_broken(spec.name))
    ]
    if not missing:
        return
    spec = missing[0]
    download = cached.find_download(spec.name)
    if download is not None and not download.end.done():
        _show_progress(spec)
        return
    st.button(
        f"Get {spec.title} ({megabytes(spec.source.size)})",
        icon=":material/download:",
        type="tertiary",
        key="download",
        on_click=cached.start_download,
        args=(spec.name,),
    )
    failed = download is not None and download.end.exception()
    if failed and not isinstance(failed, ModelError):
        raise copy.copy(failed) from None
    if failed:
        show_error(str(failed))


@st.fragment(run_every=0.5)
def _show_progress(spec: ModelSpec) -> None:
    download = cached.find_download(spec.name)
    if download.end.done():
        if download.end.exception() is None:
            st.session_state.arrived = spec.title
        st.rerun()
    st.progress(download.share, f"{spec.title}: {download.share:.0%} of {megabytes(spec.source.size)}")

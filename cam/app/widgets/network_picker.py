"""Choose the network, say what it is, and offer the download of weights that are not on this machine."""

import copy

import streamlit as st

from cam.app import cache
from cam.app.cache import Explained
from cam.app.callbacks import run_to_end
from cam.app.widgets import custom_model_form
from cam.app.widgets.messages import plain, report, show_error, show_warning
from cam.errors import ModelError
from cam.explanation import ExplainOptions
from cam.models.registry import ModelSpec
from cam.models.weights import KerasFile, Wheel, megabytes
from cam.server import model_store
from cam.settings import read_settings

_WITHOUT_EXACT = (
    "{} has no exact class activation map, because its head is not linear, and this page takes one apart. See, "
    "Compare, Cover it up and Guess first can show it."
)
_UNTRAINED = "Its weights were not learned: it knows nothing, and its maps mean nothing."
_NO_DOWNLOADS = "Ask who runs this server for it."
# What is said of networks without weights, where visitors may have them downloaded and where not.
_OTHERS = {
    True: "The others can be downloaded: choose one, and its size is shown.",
    False: "The others have no weights here; whoever runs this page can add them.",
}


def choose_network() -> ModelSpec:
    """Offer all networks, those without weights on this machine too."""
    specs = {spec.name: spec for spec in model_store.list_models()}
    titles = {name: spec.title for name, spec in specs.items()}
    here = "\n".join(f"* {_describe_in_list(spec)}" for spec in specs.values() if spec.available)
    if problem := model_store.custom_models_problem():
        show_warning(problem)
    if st.session_state.network not in specs:
        # A custom model whose file was taken away.
        default = model_store.default_model()
        report(f"The network {st.session_state.network!r} is not there any more. You see {default.title}.")
        st.session_state.network = default.name
    name = st.selectbox(
        "Network",
        list(specs),
        # Streamlit forgets, on another page, what was set by a page that ran only once; this is not forgotten.
        list(specs).index(st.session_state.network),
        format_func=titles.__getitem__,
        key="network",
        help=f"On this machine:\n\n{here}\n\n{_OTHERS[read_settings().downloads]}",
        filter_mode="contains",
        persist_state="session",
    )
    return custom_model_form.apply_correction(specs[name])


def _describe_in_list(spec: ModelSpec) -> str:
    """Describe a network in one line: parameters, input, and how large its weights are."""
    if spec.own:
        return f"**{plain(spec.title)}**: your own, {plain(spec.source.place)}"
    # Only what is on this machine is described, so its size is known.
    learned = f"trained on {spec.size} × {spec.size} pixels, weights of {megabytes(spec.source.size or 0)}"
    return (
        f"**{spec.title}**: {format_millions(spec.parameters)} parameters, {learned if spec.trained else 'not trained'}"
    )


def is_ready(spec: ModelSpec) -> bool:
    """True if the network is loaded, or is known to be one that cannot be."""
    return model_store.request_model(spec.name).done()


def explain(
    photo: cache.Photo, spec: ModelSpec, options: ExplainOptions, *, exact: bool = False
) -> tuple[ModelSpec, Explained]:
    """Explain the photo by the network; where it cannot be loaded, by another one, and say why.

    Args:
        photo: the photo.
        spec: the network.
        options: how the photo is explained.
        exact: for a page that takes exact maps apart; a network without them counts as one that cannot be loaded.
    """
    problems = []
    for candidate in (spec, *_find_fallbacks(spec)):
        try:
            explanation = cache.explain(photo, candidate.name, options)
            if exact and not explanation.exact:
                raise ModelError(_WITHOUT_EXACT.format(candidate.title))
        except ModelError as error:
            problems.append(describe_problem(candidate, error))
            continue
        for problem in problems:
            show_warning(f"{problem} You still see {candidate.title}.")
        return model_store.loaded_model(candidate.name).spec, explanation
    for problem in problems:
        show_error(problem)
    st.stop()


def describe_problem(spec: ModelSpec, error: ModelError, *, chosen: bool = True) -> str:
    """Say what is wrong with a network that cannot be shown, and who can change it.

    Args:
        spec: the network.
        error: why it cannot be shown.
        chosen: whether it is the network of all pages, for which the first one has a button then.
    """
    if (source := _find_missing(spec)) is None:
        return error.on_page
    wrong = error.on_page if spec.available else f"{spec.title} is not on this computer yet ({megabytes(source.size)})."
    brings = f"“Get {spec.title}” on the page See downloads it{'' if chosen else ', once it is chosen there'}."
    return f"{wrong} {brings if read_settings().downloads else _NO_DOWNLOADS}"


def _find_missing(spec: ModelSpec) -> KerasFile | None:
    """Find the weights that are missing or damaged and that a download would bring."""
    missing = not spec.available or model_store.is_broken(spec.name)
    return spec.source if missing and isinstance(spec.source, KerasFile) else None


def remember(spec: ModelSpec, explanation: Explained) -> None:
    """Keep this network for when another one cannot be shown; a chosen class that it knows too stays chosen."""
    state, names = st.session_state, explanation.labels.names
    state.shown_network = model_store.base_name(spec.name)
    before = state.get("class_names", names)
    if state.chosen is not None and before != names:
        label = before[state.chosen]
        state.chosen = names.index(label) if label in names else None
    state.class_names = names


def _find_fallbacks(spec: ModelSpec) -> list[ModelSpec]:
    """List the network that was shown last, as it was, if it is still there; then the trained embedded ones."""
    rows = {row.name: row for row in model_store.list_models()}
    embedded = [row.name for row in rows.values() if isinstance(row.source, Wheel) and row.trained and row.available]
    names = dict.fromkeys([st.session_state.get("shown_network"), *embedded])
    return [
        custom_model_form.apply_correction(rows[name])
        for name in names
        if name in rows and name != model_store.base_name(spec.name)
    ]


def describe(spec: ModelSpec, explanation: Explained) -> str:
    """Describe in one line the network that is shown and how it sees this photo."""
    width, height = explanation.input_size
    rows, columns, _ = explanation.features.shape
    views = f" in {explanation.views} views" if explanation.views > 1 else ""
    by = "" if explanation.exact else f" by {explanation.method.title}"
    untrained = "" if spec.trained else f". {_UNTRAINED}"
    return (
        f"**{plain(spec.title)}** · {format_millions(spec.parameters)} parameters · "
        f"sees {width} × {height} pixels{views} · maps {columns} × {rows} cells{by}{untrained}"
    )


def format_millions(count: int) -> str:
    """Format a number of parameters in millions with one decimal, a small one as it is."""
    return f"{count / 1e6:.1f} million" if count >= 100_000 else f"{count:,}"


def offer_download(chosen: ModelSpec) -> None:
    """Offer a button that gets missing weights: the chosen network's, else those of the first one without."""
    state = st.session_state
    if arrived := state.pop("arrived", None):
        st.toast(f"{arrived} is on this machine now; it stands under Network.", icon=":material/check:")
    if not read_settings().downloads:
        return
    # The network of the notebook is offered where it is missing; the others when they are chosen.
    specs = (chosen, model_store.list_models()[0])
    missing = [(spec, source) for spec in specs if (source := _find_missing(spec))]
    if not missing:
        return
    spec, source = missing[0]
    download = model_store.find_download(spec.name)
    if download is not None and not download.end.done():
        _show_progress(spec, source.size)
        return
    st.button(
        f"Get {spec.title} ({megabytes(source.size)})",
        icon=":material/download:",
        type="tertiary",
        key="download",
        on_click=run_to_end(model_store.start_download),
        args=(spec.name,),
    )
    failed = download.end.exception() if download else None
    if isinstance(failed, ModelError):
        show_error(failed.on_page)
    elif failed:
        raise copy.copy(failed) from None


@st.fragment(run_every=0.5)
def _show_progress(spec: ModelSpec, size: int) -> None:
    download = model_store.find_download(spec.name)
    if download is None or download.end.done():
        if download and download.end.exception() is None:
            st.session_state.arrived = spec.title
        st.rerun()
    st.progress(download.share, f"{spec.title}: {download.share:.0%} of {megabytes(size)}")

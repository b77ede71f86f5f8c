"""Show what was guessed of a custom model, and let this visitor correct it."""

import streamlit as st

from cam.app.widgets.messages import plain, show_error
from cam.custom_models.discovery import CustomFile
from cam.custom_models.sidecar import LETTERS, SIZES, Sidecar, sidecar_json
from cam.errors import ModelError
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.registry import ModelSpec
from cam.server import model_store

# The names of a row's fields on this page.
_FIELDS = {
    "labels": "the names of its classes",
    "preprocessing": "what its numbers stand for",
    "size": "its input size",
}


def apply_correction(spec: ModelSpec) -> ModelSpec:
    """Take the row of a network as this visitor has corrected it, or as it is."""
    row = st.session_state.get("corrections", {}).get(spec.name)
    return spec if row is None else model_store.register(row)


def correct(spec: ModelSpec) -> None:
    """Show, for a custom model, what is known of it, what was guessed, and a form to correct it."""
    if not isinstance(spec.source, CustomFile) or spec.labels is None:
        return
    guessed = [_FIELDS[name] for name in spec.guessed if name in _FIELDS]
    text = f"Guessed: {', '.join(guessed)}. Check them here" if guessed else "What is known of it, to be corrected here"
    with st.expander(f"{plain(spec.title)}. {text}", icon=":material/tune:"):
        st.markdown(
            "If heat and classes look wrong, the network may be given other numbers than those that it was trained on. "
            "What you change here is for you alone; save the file to keep it for everybody."
        )
        answers = _form(spec, spec.labels)
        # A size beyond what such a file may say is the model's own, and need not be said.
        size_to_save = spec.size if SIZES[0] <= spec.size <= SIZES[1] else None
        sidecar = Sidecar(spec.title, spec.labels, spec.preprocessing, size_to_save)
        st.download_button(
            f"Save {plain(spec.source.sidecar_name)}",
            sidecar_json(sidecar),
            spec.source.sidecar_name,
            "application/json",
            icon=":material/download:",
            help="Put it beside the model, and nothing has to be guessed any more.",
            on_click="ignore",
        )
    if answers is not None:
        _use(spec, *answers)


def _form(spec: ModelSpec, known: tuple[str, ...]) -> tuple[tuple[str, ...], str, int] | None:
    """Show the form; its labels, preprocessing and size where it was sent, else None."""
    with st.form("own_model", border=False):
        names, numbers = st.columns([2, 1], gap="medium")
        labels = names.text_area(
            f"Classes, one a line, in the order of the network's {len(known)} outputs",
            "\n".join(known),
            height=180,
            key=f"own_labels_{spec.name}",
        )
        preprocessing = numbers.selectbox(
            "The network was trained on pixels as",
            list(PREPROCESSINGS),
            list(PREPROCESSINGS).index(spec.preprocessing),
            format_func=lambda name: PREPROCESSINGS[name].title,
            key=f"own_preprocessing_{spec.name}",
        )
        size = numbers.number_input(
            "Side of its square input, in pixels",
            min(SIZES[0], spec.size),
            max(SIZES[1], spec.size),
            spec.size,
            key=f"own_size_{spec.name}",
        )
        sent = st.form_submit_button("Use these", type="primary")
    return (tuple(filter(None, map(str.strip, labels.splitlines()))), preprocessing, int(size)) if sent else None


def _use(spec: ModelSpec, labels: tuple[str, ...], preprocessing: str, size: int) -> None:
    outputs = len(spec.labels or ())
    if len(labels) != outputs:
        show_error(f"The network has {outputs} classes, but there are {len(labels)} names. Give one a line.")
        return
    if len({label.casefold() for label in labels}) != len(labels):
        show_error("Two classes have the same name. Give each a name of its own.")
        return
    if wrong := next((label for label in labels if len(label) > LETTERS or not label.isprintable()), None):
        show_error(f"{wrong[:40]!r} … is no name: one has up to {LETTERS} letters, and no control characters.")
        return
    row = model_store.correct(spec, labels=labels, preprocessing=preprocessing, size=size, whole_size=size, guessed=())
    try:
        model_store.loaded_model(row.name)
    except ModelError as error:
        show_error(error.on_page)
        return
    base = model_store.base_name(row.name)
    st.session_state.corrections = {**st.session_state.get("corrections", {}), base: row}
    st.rerun()

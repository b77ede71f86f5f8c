"""Compare what explains one class of one photo: two networks, or the photo whole and squashed."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.app import cache
from cam.app.cache import Explained
from cam.app.pages.compare.maps import Map, list_input_facts, make_map, show_maps
from cam.app.scene import Scene, describe_loading
from cam.app.widgets import custom_model_form, network_picker
from cam.app.widgets.messages import plain, show_warning
from cam.errors import LabelError, ModelError
from cam.explanation import ExplainOptions
from cam.models.registry import ModelSpec
from cam.server import model_store


def show_networks(scene: Scene, controls: DeltaGenerator) -> None:
    """Show the chosen class in the network of the page and in a second one."""
    with controls:
        spec = _choose_second(scene)
        st.markdown(
            f"Where two networks look for **{plain(scene.chosen.label)}**. Scores of different networks cannot be "
            "compared, so each map has its own scale."
        )
    show_maps(scene, [_make_map(scene, scene.spec.title, scene.explanation), lambda: _make_second(scene, spec)])


def show_fits(scene: Scene, controls: DeltaGenerator) -> None:
    """Show the chosen class with the whole photo as input, and with the photo squashed to a square."""
    with controls:
        st.markdown(
            "Networks are trained on square pictures. Squashing makes the photo a square and changes the shape of what "
            "is in it; whole keeps the shape. Both maps have one scale."
        )
        as_given = st.toggle("Show the squashed photo as a square", True, key="as_given", bind="query-params")
    explanation = cache.explain(scene.photo, scene.spec.name, ExplainOptions("squash"))
    size = explanation.input_size if as_given else None
    maps = [
        _make_map(scene, "Whole photo", scene.explanation),
        _make_map(scene, "Squashed to a square", explanation, size),
    ]
    show_maps(scene, maps, maximum=max(one.peak for one in maps))


def _choose_second(scene: Scene) -> ModelSpec:
    """Choose any network but that of the page; the first one that is on this machine where none was chosen."""
    current = model_store.base_name(scene.spec.name)
    specs = {spec.name: spec for spec in model_store.list_models() if spec.name != current}
    titles = {name: spec.title for name, spec in specs.items()}
    first = next((i for i, spec in enumerate(specs.values()) if spec.available), 0)
    name = st.selectbox(
        "Second network",
        list(specs),
        first,
        format_func=titles.__getitem__,
        key="second",
        bind="query-params",
        width=400,
    )
    return custom_model_form.apply_correction(specs[name])


def _make_second(scene: Scene, spec: ModelSpec) -> Map | None:
    """Make the map of the second network; where it cannot be loaded, its place says why."""
    line = st.empty()
    if not network_picker.is_ready(spec):
        line.markdown(describe_loading(spec))
    try:
        explanation = cache.explain(scene.photo, spec.name, scene.options)
        index = _find_class(scene, explanation)
    except ModelError as error:
        with line:
            show_warning(network_picker.describe_problem(spec, error, chosen=False))
        return None
    except LabelError as error:
        with line:
            show_warning(f"{spec.title}: {error}")
        return None
    line.empty()
    return make_map(spec.title, explanation, index, scene.photo.size, list_input_facts(explanation, index))


def _find_class(scene: Scene, explanation: Explained) -> int:
    """Find the chosen class in a network that may have other classes (LabelError if it lacks this one)."""
    if explanation.labels == scene.explanation.labels:
        return scene.chosen.index
    return explanation.labels.index(scene.chosen.label)


def _make_map(scene: Scene, title: str, explanation: Explained, size: tuple[int, int] | None = None) -> Map:
    index = scene.chosen.index
    return make_map(title, explanation, index, size or scene.photo.size, list_input_facts(explanation, index))

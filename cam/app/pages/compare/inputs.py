"""Compare what explains one class of one photo: two networks, or the photo whole and squashed."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.app import cache
from cam.app.pages.compare.pictures import Map, input_facts, map_of, show_maps
from cam.app.scene import Scene
from cam.app.widgets import custom_model_form, network_picker
from cam.app.widgets.messages import plain, show_warning
from cam.errors import LabelError, ModelError
from cam.explanation import Scored
from cam.models.registry import ModelSpec
from cam.server import model_store


def show_networks(scene: Scene, controls: DeltaGenerator) -> None:
    """The chosen class in the network of the page and in a second one."""
    with controls:
        spec = _choose_second(scene)
        st.markdown(
            f"Where two networks look for **{plain(scene.chosen.label)}**. Scores of different networks cannot be "
            "compared, so each map has its own scale."
        )
    show_maps(scene, [_map(scene.spec.title, scene, scene.explanation, scene.shown), lambda: _second_map(scene, spec)])


def show_fits(scene: Scene, controls: DeltaGenerator) -> None:
    """The chosen class where the network is given the whole photo, and where it is squashed to a square."""
    with controls:
        st.markdown(
            "Networks are trained on square pictures. Squashing makes the photo a square and changes the shape of what "
            "is in it; whole keeps the shape. Both maps have one scale."
        )
        as_given = st.toggle("Draw it as the network is given it", True, key="as_given", bind="query-params")
    explanation = cache.explained(scene.photo, scene.spec.name, "squash")
    shown = replace(scene.shown, size=explanation.input_size) if as_given else scene.shown
    maps = [
        _map("Whole photo", scene, scene.explanation, scene.shown),
        _map("Squashed to a square", scene, explanation, shown),
    ]
    show_maps(scene, maps, maximum=max(one.peak for one in maps))


def _choose_second(scene: Scene) -> ModelSpec:
    """Any network but that of the page; the first one that is on this machine where none was chosen."""
    shown = model_store.base_name(scene.spec.name)
    specs = {spec.name: spec for spec in model_store.list_models() if spec.name != shown}
    titles = {name: spec.title for name, spec in specs.items()}
    first = next((i for i, spec in enumerate(specs.values()) if spec.available), 0)
    name = st.selectbox(
        "Second network", list(specs), first, format_func=titles.get, key="second", bind="query-params", width=400
    )
    return custom_model_form.corrected(specs[name])


def _second_map(scene: Scene, spec: ModelSpec) -> Map | None:
    """The map of the second network; where it cannot be loaded, its place says why."""
    line = st.empty()
    if not network_picker.is_ready(spec):
        line.markdown(f"Loading {plain(spec.title)}: a few seconds, once.")
    try:
        explanation = cache.explained(scene.photo, spec.name, "whole")
        index = _same_class(scene, explanation)
    except ModelError as error:
        with line:
            show_warning(network_picker.told(spec, error, chosen=False))
        return None
    except LabelError as error:
        with line:
            show_warning(f"{spec.title}: {error}")
        return None
    line.empty()
    return map_of(spec.title, explanation, index, scene.shown, input_facts(explanation, index))


def _same_class(scene: Scene, explanation: Scored) -> int:
    """The chosen class in a network that may have other classes (LabelError if it lacks this one)."""
    if explanation.labels == scene.explanation.labels:
        return scene.chosen.index
    return explanation.labels.index(scene.chosen.label)


def _map(title: str, scene: Scene, explanation: Scored, shown: cache.Shown) -> Map:
    index = scene.chosen.index
    return map_of(title, explanation, index, shown, input_facts(explanation, index))

"""Compare methods: the map of one class of one photo by several methods, side by side, at any layer."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.app import cache
from cam.app.cache import Explained
from cam.app.callbacks import run_to_end
from cam.app.components import picture
from cam.app.pages.compare.maps import make_map, show_map
from cam.app.scene import Scene, describe_loading
from cam.app.widgets.messages import plain, show_warning
from cam.errors import ModelError
from cam.explanation import Attribution, ExplainOptions, Explanation
from cam.formatting import format_whole_percent
from cam.methods import METHODS, Method
from cam.server import model_store

_MOST = 4
_FIRST = ("cam", "grad-cam", "grad-cam++", "eigen-cam", "layercam")
# A method that needs more passes than this is only begun on request.
_FEW = 50
# Enough for the page to be sent before a network loads.
_PAINT_SECONDS = 0.2
_LAST_LAYER = "the last one"


@dataclass(frozen=True)
class _Subject:
    """The subject of a map: kept when its computation is asked for."""

    photo: str
    network: str
    method: str
    layer: str | None
    index: int


def show_methods(scene: Scene, controls: DeltaGenerator) -> None:
    """Show the chosen class by up to four methods."""
    model = model_store.loaded_model(scene.spec.name)
    with controls:
        st.markdown(
            f"Many methods draw where a network looks for **{plain(scene.chosen.label)}**, and they do not agree. "
            "Their units differ, so each map has its own scale."
        )
        methods, layers = st.columns([2, 1], vertical_alignment="bottom")
        with methods:
            chosen = _choose_methods(exact=model.exact)
    maps = st.container()
    if chosen:
        _show_notes()
    if not model.has_keras:
        layers, maps = layers.empty(), maps.empty()
        layers.markdown(describe_loading(scene.spec, " for gradients"))
        with maps.container():
            _show_waiting(scene, chosen)
        # What loads keeps all else from being sent.
        time.sleep(_PAINT_SECONDS)
    # Asked for before their place is emptied, because the network loads for it.
    names, offered = model.layers, model.offered_layers
    with layers.container():
        layer = _choose_layer(names, offered)
    if not chosen:
        controls.info("Choose at least one method.", icon=":material/add:")
        return
    first: Explained | None = None
    begun: list[Callable[[], None]] = []
    with maps.container():
        for column, method in _make_columns(chosen):
            with column:
                made = _show_method(scene, method, layer, first, begun.append)
            first = first or made
    st.session_state.pop("methods_wanted", None)
    # Last, so that all the rest is on the page while one map is being made.
    for make in begun:
        make()


def _show_notes() -> None:
    st.markdown(
        "**How to read it.** Only CAM is exact: its cells add up to the score, and it needs a network with a linear "
        "head. All others are estimates, each with its own idea of what matters. Where they agree, believe the place, "
        "not the edges. **Like** says how much a map resembles the first one: 100 % is the same pattern of bright and "
        "dark, 0 % has nothing in common with it. Eigen-CAM does not know the class at all: it shows what stands out."
    )


def _make_columns(chosen: list[Method]) -> Iterable[tuple[DeltaGenerator, Method]]:
    """Make a column for the map of each method."""
    return zip(st.columns(len(chosen), gap="medium"), chosen, strict=True) if chosen else ()


def _show_waiting(scene: Scene, chosen: list[Method]) -> None:
    """Show the places of the maps while the network loads."""
    for column, method in _make_columns(chosen):
        with column:
            picture.show_waiting(scene.photo, title=method.title, text="Loading …", key=f"load_{method.name}")


def _choose_methods(*, exact: bool) -> list[Method]:
    """Choose the methods; a network without a linear head is not offered CAM."""
    offered = [name for name, row in METHODS.items() if exact or not row.linear_only]
    names = st.multiselect(
        "Methods",
        offered,
        default=[name for name in _FIRST if name in offered][:_MOST],
        format_func=lambda name: METHODS[name].title,
        max_selections=_MOST,
        key="methods" if exact else "methods_by_gradients",
        select_all=False,
        placeholder="Choose a method",
        help="  \n".join(f"**{METHODS[name].title}**: {METHODS[name].summary}" for name in offered),
        bind="query-params",
    )
    return [METHODS[name] for name in names]


def _choose_layer(layers: tuple[str, ...], offered: tuple[str, ...]) -> str | None:
    """Choose the layer of the map: the last first, then those at the end of a stage; None is the last one."""
    good = list(reversed(offered))
    rest = [name for name in reversed(layers) if name not in offered]
    titles = {name: f"{name} (end of a stage)" for name in good}
    name = st.selectbox(
        "Layer",
        [_LAST_LAYER, *good, *rest],
        format_func=lambda name: titles.get(name, name),
        key="layer",
        filter_mode="contains",
        bind="query-params",
        help="Earlier layers have finer maps of simpler patterns. At the end of a stage, just before the maps get "
        "smaller, a layer has seen most. CAM itself is always made at the last one.",
    )
    return None if name == _LAST_LAYER else name


def _show_method(
    scene: Scene,
    method: Method,
    layer: str | None,
    first: Explained | None,
    begin: Callable[[Callable[[], None]], None],
) -> Explained | None:
    """Show one map, or the button that begins it; returns the explanation whose map is shown.

    A map that takes many passes and was asked for is given to `begin`, as a function that makes it.
    """
    index = scene.chosen.index
    subject = _Subject(scene.photo.digest, scene.spec.name, method.name, layer, index)
    try:
        made = _explain_by(scene, method, layer)
        if isinstance(made, Explanation) or made.has_map(index) or made.passes <= _FEW:
            drawn = make_map(method.title, made, index, scene.photo.size, _list_facts(made, method, index, first))
            show_map(scene, drawn, key=f"method_{method.name}", value="")
            return made
        refused, reason = st.session_state.get("methods_refused", (None, ""))
        if refused == subject:
            _refuse(scene, method, reason)
        elif st.session_state.get("methods_wanted") == subject:
            begin(partial(_make, made, subject, _announce(scene, made)))
        else:
            _offer(scene, method, made.passes, subject)
    except ModelError as error:
        _refuse(scene, method, error.on_page)
    return None


def _explain_by(scene: Scene, method: Method, layer: str | None) -> Explained:
    """Explain the photo by a method; nothing is computed anew where it is the network's own, at the last layer."""
    if method.linear_only or (layer is None and scene.explanation.method is method):
        return scene.explanation
    return cache.explain(scene.photo, scene.spec.name, ExplainOptions(method=method.name, layer=layer))


def _refuse(scene: Scene, method: Method, reason: str) -> None:
    """Say in the place of a map why there is none."""
    picture.show_waiting(scene.photo, title=method.title, text="No map", key=method.name)
    show_warning(reason)


def _announce(scene: Scene, made: Attribution) -> DeltaGenerator:
    """Show in the place of a map that it is being made; returns the bar of its progress."""
    method = made.method
    picture.show_waiting(scene.photo, title=method.title, text="Working …", key=method.name)
    bar = st.progress(0.0, f"0 of {made.passes:,} forward passes")
    # Any click draws the page anew, which ends this run; the button is there to be found.
    st.button("Stop", key=f"stop_{method.name}", icon=":material/stop:")
    return bar


def _make(made: Attribution, subject: _Subject, bar: DeltaGenerator) -> None:
    """Make a map that takes many passes, and draw the page anew, with it or with the reason why there is none."""

    def report(done: int, total: int) -> None:
        bar.progress(done / total, f"{done:,} of {total:,} forward passes")

    try:
        made.class_map(subject.index, report=report)
    except ModelError as error:
        st.session_state.methods_refused = (subject, error.on_page)
    st.rerun()


def _offer(scene: Scene, method: Method, passes: int, subject: _Subject) -> None:
    picture.show_waiting(scene.photo, title=method.title, text=f"Needs {passes:,} forward passes.", key=method.name)
    st.button(
        f"Begin: {passes:,} forward passes",
        key=f"begin_{method.name}",
        icon=":material/play_arrow:",
        on_click=run_to_end(lambda: st.session_state.update(methods_wanted=subject)),
    )


def _list_facts(made: Explained, method: Method, index: int, first: Explained | None) -> tuple[str, ...]:
    rows, columns = made.class_map(index).shape
    authors, _, rest = method.paper.partition(", ")
    facts = (f"{authors}, {rest[-4:]} · {columns} × {rows} cells",)
    return (*facts, _compare_heat(made, first, index)) if first is not None else facts


def _compare_heat(made: Explained, first: Explained, index: int) -> str:
    """Compare the heat of two maps as it is drawn: the correlation of what is above zero."""
    size = (64, 64)
    one, other = (np.clip(found.heatmap(index, size=size), 0, None).ravel() for found in (made, first))
    if not (np.ptp(one) and np.ptp(other)):
        return "one of the maps is empty"
    return f"Like {first.method.title}: **{format_whole_percent(max(0.0, float(np.corrcoef(one, other)[0, 1])))}**"

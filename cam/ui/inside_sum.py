"""The sum of the page "Inside the map": a slider adds feature maps one by one until they meet the network's score."""

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from cam.parts import Parts, partial_map, partial_scores
from cam.ui import held
from cam.ui.callbacks import whole
from cam.ui.colors import FOR, NEUTRAL
from cam.ui.frame import Scene
from cam.ui.picture import map_size, show_signed
from cam.written import number, written_sum

# How many feature maps are added up when the page opens.
_START = 30
_COUNT = "inside_maps"


@st.fragment
def add_up(scene: Scene, parts: Parts) -> None:
    """A slider that adds the feature maps one by one, the strongest first."""
    maps = len(parts.order)
    st.markdown("## Add them up, one by one")
    count = _choose_count(maps)
    cells = partial_map(scene.explanation, parts, count)
    scores = partial_scores(parts)
    _show_equation(scene, parts, cells, count)
    whole = scene.explanation.class_map(scene.chosen.index)
    limit = float(np.abs(whole).max()) or None
    size = map_size(scene.shown)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        show_signed(
            scene.photo,
            scene.shown,
            scene.explanation.enlarge(cells, size),
            key="partial",
            title="The map so far",
            value=f"{count:,} of {maps:,}",
            alt=f"The sum of the {count:,} strongest feature maps for {scene.chosen.label} over the photo.",
            limit=limit,
        )
    with middle:
        show_signed(
            scene.photo,
            scene.shown,
            scene.explanation.enlarge(whole, size),
            key="whole",
            title="The full map",
            value=f"all {maps:,}",
            alt=f"The full map for {scene.chosen.label} over the photo.",
            limit=limit,
        )
    with right:
        _show_scores(scores, count, scene.chosen.score)


def _choose_count(maps: int) -> int:
    """How many feature maps are added up, 0 to all."""
    state = st.session_state
    held.hold(_COUNT, min(state.get(_COUNT, _START), maps))

    def step(by: int) -> None:
        held.change(_COUNT, min(max(state[_COUNT] + by, 0), maps))

    slider, buttons = st.columns([2, 1], gap="medium", vertical_alignment="bottom")
    with slider:
        count = st.slider(
            "Feature maps, the strongest first",
            0,
            maps,
            # The one number that is not in a link, which is then that of who opens the page; none of them is.
            min(_START, maps),
            key=_COUNT,
            bind="query-params",
            persist_state="session",
        )
    with buttons.container(horizontal=True):
        for name, by in (("One fewer", -1), ("One more", 1), ("None", -maps), ("All", maps)):
            st.button(name, key=f"inside_step_{by}", on_click=whole(step), args=(by,))
    return count


def _show_equation(scene: Scene, parts: Parts, cells: np.ndarray, count: int) -> None:
    """mean of the map + bias = score, with as many decimals as it takes to be true as written."""
    complete = count == len(parts.order)
    mean = float(cells.mean())
    totals = (mean + parts.bias, scene.chosen.score) if complete else (mean + parts.bias,)
    mean, bias, *totals = written_sum(mean, parts.bias, *totals)
    own = totals[-1] if complete else number(scene.chosen.score, 3)
    so_far = "" if complete else " so far"
    terms = [
        (mean, f"mean of the map{so_far}"),
        ("+", ""),
        (bias, "bias"),
        ("=", ""),
        (totals[0], f"score{so_far}"),
        ("=" if complete else "→", ""),
        (own, "the network's own score"),
    ]
    items = "".join(f"<span><b>{value}</b><small>{name}</small></span>" for value, name in terms)
    st.html(f"<div class=inside-equation>{items}</div>")


def _show_scores(scores: np.ndarray, count: int, own: float) -> None:
    """The partial score against the number of feature maps."""
    line = pd.DataFrame({"maps": np.arange(len(scores)), "score": scores})
    x = alt.X("maps:Q", title="feature maps added", scale=alt.Scale(nice=False))
    y = alt.Y("score:Q", title="score so far")
    grown = alt.Chart(line).mark_line(color=FOR, strokeWidth=3).encode(x, y)
    point = alt.Chart(line.iloc[[count]]).mark_point(color=FOR, size=160, filled=True, opacity=1).encode(x, y)
    rule = alt.Chart(pd.DataFrame({"score": [own]})).mark_rule(color=NEUTRAL, strokeDash=[6, 4], strokeWidth=2)
    chart = (rule.encode(y) + grown + point).properties(height=270)
    st.altair_chart(
        chart.configure_axis(labelFontSize=14, titleFontSize=14),
        width="stretch",
        key="inside_scores",
        alt=f"Line chart of the score so far: {number(scores[0], 3)} without feature maps, {number(scores[count], 3)} "
        f"after {count:,}, {number(scores[-1], 3)} after all {len(scores) - 1:,}.",
    )
    st.caption(f"The score after each feature map; dashed, the network's own score, {number(own, 3)}.")

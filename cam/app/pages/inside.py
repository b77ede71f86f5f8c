"""The page "Inside the map": from photo to score, feature map by feature map."""

from html import escape

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from cam.analysis.contributions import (
    ScoreParts,
    compare_resize_orders,
    count_multiplications,
    partial_map,
    partial_scores,
    pick_strongest,
    split_score,
    weighted_map,
)
from cam.app import answers, cache
from cam.app.callbacks import run_to_end
from cam.app.colors import FOR, NEUTRAL
from cam.app.components.cell_grid import show_grid
from cam.app.components.picture import map_size, show_photo, show_signed
from cam.app.scene import Scene, open_lesson
from cam.app.widgets.messages import plain
from cam.formatting import format_number, format_product, format_scientific, format_sum

_SAMPLE = "dog_and_cat"
# Feature maps that are drawn one by one, for and against each.
_DRAWN = 3
# How much larger than the grid the maps are on which both orders of sum and enlarging are tried.
_TRIED = 8
# How many feature maps are added up when the page opens.
_START = 30
_COUNT = "inside_maps"


def show_page() -> None:
    """Show the page. The network is asked once; all controls are sums of what it said."""
    scene = open_lesson(
        "Inside the map", "From photo to score in four steps, with the real numbers.", sample=_SAMPLE, exact=True
    )
    parts = split_score(scene.exact, scene.chosen.index)
    with st.container(key="inside"):
        _show_steps(scene, parts)
        _show_strongest(scene, parts)
        _add_up(scene, parts)
        _show_cells(scene)
        _compare_orders(scene, parts)


def _show_steps(scene: Scene, parts: ScoreParts) -> None:
    """Show the way from photo to score: four cards with this photo's own shapes and numbers."""
    width, height = scene.exact.input_size
    rows, columns, maps = scene.exact.features.shape
    total, bias, score = format_sum(parts.products.sum(), parts.bias, scene.chosen.score)
    cards = (
        ("Photo", f"{width} × {height} × 3", "pixels across and down; red, green and blue"),
        ("Feature maps", f"{columns} × {rows} × {maps:,}", f"cells across and down; {maps:,} feature maps"),
        ("Averages", f"{maps:,} numbers", "the mean of each feature map over all its cells"),
        ("Score", score, f"for {scene.chosen.label}: {total} (weights × means) {_write_term(bias)} (bias)"),
    )
    items = "".join(f"<li><h3>{name}</h3><b>{size}</b><p>{escape(text)}</p></li>" for name, size, text in cards)
    st.html(f"<ol class=inside-steps>{items}</ol>")


def _show_strongest(scene: Scene, parts: ScoreParts) -> None:
    """Show the feature maps with the largest products, for and against, on one scale."""
    st.markdown("## The strongest feature maps")
    adding, taking = (int((sign * parts.products > 0).sum()) for sign in (1, -1))
    silent = len(parts.products) - adding - taking
    st.markdown(
        f"For **{plain(scene.chosen.label)}**, {adding:,} feature maps add to the score, {taking:,} take from it, and "
        f"{silent:,} do neither here. Below each: **weight × mean = what it adds**."
    )
    drawn = [int(k) for k in np.concatenate(pick_strongest(parts, _DRAWN))]
    maps = {k: weighted_map(scene.exact, parts, k) for k in drawn}
    limit = max((float(np.abs(cells).max()) for cells in maps.values()), default=0.0)
    with st.container(key="inside_strongest"):
        for column, (k, cells) in zip(st.columns(2 * _DRAWN), maps.items(), strict=False):
            with column:
                _show_feature_map(scene, parts, k, cells, limit)


def _show_feature_map(scene: Scene, parts: ScoreParts, k: int, cells: np.ndarray, limit: float) -> None:
    weight, mean, product = format_product(parts.weights[k], parts.means[k])
    side = "for" if parts.products[k] > 0 else "against"
    show_signed(
        scene.photo,
        scene.exact.resize_map(cells, map_size(scene.photo.size)),
        key=f"feature_{k}",
        title=f"Map {k}",
        value=side,
        alt=f"Feature map {k} over the photo: it adds {product} to the score for {scene.chosen.label}.",
        limit=limit,
        below=f"{weight} × {mean} = {product}",
    )


def _show_cells(scene: Scene) -> None:
    """Show the photo, and the map as it is: a grid of numbers."""
    st.markdown("## The grid of numbers")
    st.markdown("The map is this small. Point at a cell, or move with the arrow keys, to see what it is made of.")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        show_photo(scene.photo)
    with right:
        show_grid(scene.photo, scene.exact, scene.chosen.index)


@st.cache_resource(show_spinner=False, max_entries=128, ttl=cache.KEPT_SECONDS)
def _difference(digest: str, network: str, wanted: int, _features: np.ndarray, _weights: np.ndarray) -> float:
    rows, columns, _ = _features.shape
    return compare_resize_orders(_features, _weights, (_TRIED * columns, _TRIED * rows))


def _compare_orders(scene: Scene, parts: ScoreParts) -> None:
    """Compare summing before and after enlarging: the work of both, and how far apart the results are."""
    features, index = scene.exact.features, scene.chosen.index
    (rows, columns, maps), (width, height) = features.shape, scene.photo.size
    first, second = count_multiplications(features.shape, scene.photo.size)
    difference = _difference(scene.photo.digest, scene.spec.name, index, features, parts.weights)
    cells = scene.exact.class_map(index)
    largest = format_number(float(cells.flat[np.abs(cells).argmax()]), 1, plus=True)
    st.markdown("## Why enlarging comes after the sum")
    st.markdown(
        f"The same map either way, and {round(second / first):,} times less work. Multiplications for this photo at "
        f"{width:,} × {height:,} pixels, four a pixel to enlarge one map:"
    )
    st.markdown(
        "| Order | Multiplications | Counted as |\n|:---|---:|:---|\n"
        f"| Sum, then enlarge one map | {first:,} | {columns} × {rows} × {maps:,} + 4 × {width:,} × {height:,} |\n"
        f"| Enlarge {maps:,} maps, then sum | {second:,} | {maps:,} × (4 + 1) × {width:,} × {height:,} |"
    )
    st.markdown(
        f"Tried with all {maps:,} feature maps at {_TRIED * columns} × {_TRIED * rows} pixels: the results differ by "
        f"{format_scientific(difference)} at most, on a map whose strongest cell is {largest}. That is rounding."
    )


@st.fragment
def _add_up(scene: Scene, parts: ScoreParts) -> None:
    """Show a slider that adds the feature maps one by one, the strongest first."""
    maps = len(parts.order)
    st.markdown("## Add them up, one by one")
    count = _choose_count(maps)
    cells = partial_map(scene.exact, parts, count)
    scores = partial_scores(parts)
    _show_equation(scene, parts, cells, count)
    whole = scene.exact.class_map(scene.chosen.index)
    limit = float(np.abs(whole).max()) or None
    size = map_size(scene.photo.size)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        show_signed(
            scene.photo,
            scene.exact.resize_map(cells, size),
            key="partial",
            title="The map so far",
            value=f"{count:,} of {maps:,}",
            alt=f"The sum of the {count:,} strongest feature maps for {scene.chosen.label} over the photo.",
            limit=limit,
        )
    with middle:
        show_signed(
            scene.photo,
            scene.exact.resize_map(whole, size),
            key="whole",
            title="The full map",
            value=f"all {maps:,}",
            alt=f"The full map for {scene.chosen.label} over the photo.",
            limit=limit,
        )
    with right:
        _show_scores(scores, count, scene.chosen.score)
    answers.number_answer(_COUNT)


def _choose_count(maps: int) -> int:
    """Choose how many feature maps are added up, 0 to all."""
    state = st.session_state
    latest = answers.read_latest(_COUNT) if _COUNT in state else _START
    answers.hold(_COUNT, min(latest, maps), scope=_COUNT)

    def step(by: int) -> None:
        answers.give(_COUNT, min(max(answers.read_latest(_COUNT) + by, 0), maps))

    slider, buttons = st.columns([2, 1], gap="medium", vertical_alignment="bottom")
    with slider:
        count = st.slider(
            "Feature maps, the strongest first",
            0,
            maps,
            # The default is in no link, so it is the same for whoever opens one.
            min(_START, maps),
            key=_COUNT,
            bind="query-params",
            persist_state="session",
        )
    with buttons.container(horizontal=True):
        for name, by in (("One fewer", -1), ("One more", 1), ("None", -maps), ("All", maps)):
            st.button(name, key=f"inside_step_{by}", on_click=run_to_end(step), args=(by,))
    return count


def _show_equation(scene: Scene, parts: ScoreParts, cells: np.ndarray, count: int) -> None:
    """Show mean of the map + bias = score, with as many decimals as it takes to be true as written."""
    complete = count == len(parts.order)
    average = float(cells.mean())
    scores = (average + parts.bias, scene.chosen.score) if complete else (average + parts.bias,)
    mean, bias, *totals = format_sum(average, parts.bias, *scores)
    own = totals[-1] if complete else format_number(scene.chosen.score, 3)
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
    """Draw the partial score against the number of feature maps."""
    line = pd.DataFrame({"maps": np.arange(len(scores)), "score": scores})
    x = alt.X("maps:Q", title="feature maps added", scale=alt.Scale(nice=False))
    y = alt.Y("score:Q", title="score so far")
    grown = alt.Chart(line).mark_line(color=FOR, strokeWidth=3).encode(x, y)
    point = alt.Chart(line.iloc[[count]]).mark_point(color=FOR, size=160, filled=True, opacity=1).encode(x, y)
    rule = alt.Chart(pd.DataFrame({"score": [own]})).mark_rule(color=NEUTRAL, strokeDash=[6, 4], strokeWidth=2)
    chart = (rule.encode(y) + grown + point).properties(height=270)
    first, so_far, last = (format_number(scores[place], 3) for place in (0, count, -1))
    st.altair_chart(
        chart.configure_axis(labelFontSize=14, titleFontSize=14),
        width="stretch",
        key="inside_scores",
        alt=f"Line chart of the score so far: {first} without feature maps, {so_far} after {count:,}, {last} after all "
        f"{len(scores) - 1:,}.",
    )
    st.caption(f"The score after each feature map; dashed, the network's own score, {format_number(own, 3)}.")


def _write_term(term: str) -> str:
    return f"−\N{NO-BREAK SPACE}{term[1:]}" if term.startswith("−") else f"+\N{NO-BREAK SPACE}{term}"

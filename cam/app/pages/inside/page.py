"""The page "Inside the map": from photo to score, feature map by feature map."""

from html import escape

import numpy as np
import streamlit as st

from cam.analysis.contributions import (
    ScoreParts,
    compare_resize_orders,
    count_multiplications,
    pick_strongest,
    split_score,
    weighted_map,
)
from cam.app import cache
from cam.app.components.cell_grid import show_grid
from cam.app.components.picture import map_size, show_photo, show_signed
from cam.app.pages.inside.partial_sum import add_up
from cam.app.scene import Scene, open_lesson
from cam.app.widgets.messages import plain
from cam.formatting import format_number, format_product, format_scientific, format_sum

_SAMPLE = "dog_and_cat"
# Feature maps that are drawn one by one, for and against each.
_DRAWN = 3
# How much larger than the grid the maps are on which both orders of sum and enlarging are tried.
_TRIED = 8


def inside_page() -> None:
    """The whole page. The network is asked once; all controls are sums of what it said."""
    scene = open_lesson(
        "Inside the map", "From photo to score in four steps, with the real numbers.", sample=_SAMPLE, exact=True
    )
    parts = split_score(scene.explanation, scene.chosen.index)
    with st.container(key="inside"):
        _show_steps(scene, parts)
        _show_strongest(scene, parts)
        add_up(scene, parts)
        _show_cells(scene)
        _compare_orders(scene, parts)


def _show_steps(scene: Scene, parts: ScoreParts) -> None:
    """From photo to score: four cards with this photo's own shapes and numbers."""
    width, height = scene.explanation.input_size
    rows, columns, maps = scene.explanation.features.shape
    total, bias, score = format_sum(parts.products.sum(), parts.bias, scene.chosen.score)
    cards = (
        ("Photo", f"{width} × {height} × 3", "pixels across and down; red, green and blue"),
        ("Feature maps", f"{columns} × {rows} × {maps:,}", f"cells across and down; {maps:,} feature maps"),
        ("Averages", f"{maps:,} numbers", "the mean of each feature map over all its cells"),
        ("Score", score, f"for {scene.chosen.label}: {total} (weights × means) {_added(bias)} (bias)"),
    )
    items = "".join(f"<li><h3>{name}</h3><b>{size}</b><p>{escape(text)}</p></li>" for name, size, text in cards)
    st.html(f"<ol class=inside-steps>{items}</ol>")


def _show_strongest(scene: Scene, parts: ScoreParts) -> None:
    """The feature maps with the largest products, for and against, on one scale."""
    st.markdown("## The strongest feature maps")
    adding, taking = (int((sign * parts.products > 0).sum()) for sign in (1, -1))
    silent = len(parts.products) - adding - taking
    st.markdown(
        f"For **{plain(scene.chosen.label)}**, {adding:,} feature maps add to the score, {taking:,} take from it, and "
        f"{silent:,} do neither here. Below each: **weight × mean = what it adds**."
    )
    drawn = [int(k) for k in np.concatenate(pick_strongest(parts, _DRAWN))]
    maps = {k: weighted_map(scene.explanation, parts, k) for k in drawn}
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
        scene.shown,
        scene.explanation.resize_map(cells, map_size(scene.shown)),
        key=f"feature_{k}",
        title=f"Map {k}",
        value=side,
        alt=f"Feature map {k} over the photo: it adds {product} to the score for {scene.chosen.label}.",
        limit=limit,
        below=f"{weight} × {mean} = {product}",
    )


def _show_cells(scene: Scene) -> None:
    """The photo, and the map as it is: a grid of numbers."""
    st.markdown("## The grid of numbers")
    st.markdown("The map is this small. Point at a cell, or move with the arrow keys, to see what it is made of.")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        show_photo(scene.photo, scene.shown)
    with right:
        show_grid(scene.photo, scene.shown, scene.explanation, scene.chosen.index)


@st.cache_resource(show_spinner=False, max_entries=128, ttl=cache.KEPT_SECONDS)
def _difference(digest: str, network: str, wanted: int, _features: np.ndarray, _weights: np.ndarray) -> float:
    rows, columns, _ = _features.shape
    return compare_resize_orders(_features, _weights, (_TRIED * columns, _TRIED * rows))


def _compare_orders(scene: Scene, parts: ScoreParts) -> None:
    """Sum and then enlarge, or enlarge and then sum: the work of both, and how far apart they come out."""
    features, index = scene.explanation.features, scene.chosen.index
    (rows, columns, maps), (width, height) = features.shape, scene.shown.size
    first, second = count_multiplications(features.shape, scene.shown.size)
    difference = _difference(scene.photo.digest, scene.spec.name, index, features, parts.weights)
    cells = scene.explanation.class_map(index)
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


def _added(term: str) -> str:
    return f"−\N{NO-BREAK SPACE}{term[1:]}" if term.startswith("−") else f"+\N{NO-BREAK SPACE}{term}"

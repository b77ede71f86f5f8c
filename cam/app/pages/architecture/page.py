"""The page "Why this network can do it": three architectures, and where each keeps or loses places."""

import numpy as np
import streamlit as st

from cam.analysis.convolution_equivalence import Agreement
from cam.app import cache
from cam.app.components import picture
from cam.app.pages.architecture import blocks
from cam.app.scene import Scene, open_lesson
from cam.app.widgets.messages import plain
from cam.formatting import format_scientific
from cam.models.architectures import Anatomy, load_anatomies

_SAMPLE = "polar_bear"


def why_page() -> None:
    """The whole page."""
    scene = open_lesson(
        "Why this network can do it",
        "Where the parameters are, and which part of a network keeps “where”.",
        sample=_SAMPLE,
        exact=True,
    )
    with st.container(key="why_networks"):
        _show_networks(load_anatomies())
    with st.container(key="why_same"):
        _show_same(scene)


def _show_networks(anatomies: tuple[Anatomy, ...]) -> None:
    """Show the boxes, the chart, and what to see in them."""
    st.markdown(
        "The photo comes in at the top, the scores come out at the bottom. A box's bar is its share of the "
        "network's parameters; its square stands for the maps, which get smaller on the way."
    )
    st.html(blocks.drawing(anatomies))
    st.markdown("## Where the parameters sit")
    left, right = st.columns([1.4, 1], gap="medium", vertical_alignment="center")
    left.altair_chart(blocks.chart(anatomies), width="stretch")
    right.markdown(
        f"{blocks.shares_text(anatomies)}\n\nDense layers on a flattened map mix all cells, several times: no "
        "cell has a share of the score of its own. An average and one dense layer only add up, so every cell has "
        "one."
    )


def _show_same(scene: Scene) -> None:
    """All class maps at once, and that they are those of the other pages."""
    result = cache.agreed(scene.photo, scene.spec.name, scene.explanation)
    st.markdown(
        "## The same computation\n"
        "*Network in Network* (2014) ends in one map for each class, and the average of each map is the score. "
        "The network chosen above can be read the same way: a 1 × 1 convolution with the weights of its dense layer "
        "gives the maps of all classes at once. Averages and sums may change places."
    )
    st.html(_flows(scene.explanation.features.shape, result.maps.shape) + _facts(result))
    _show_pictures(scene, result)


def _flows(features: tuple[int, int, int], maps: tuple[int, int, int]) -> str:
    """HTML: the two orders, step by step."""
    start = f"feature maps<b>{blocks.shape_text(features)}</b>"
    end = f"scores<b>{maps[2]:,}</b>"
    orders = {
        "Average first": (start, "average", f"numbers<b>{features[2]:,}</b>", "dense layer", end),
        "Average last": (
            start,
            "1 × 1 convolution",
            f"class maps<b>{blocks.shape_text(maps)}</b>",
            "average + bias",
            end,
        ),
    }
    return "".join(
        f'<div class="flow"><h3>{title}</h3>{"".join(f"<span>{step}</span>" for step in steps)}</div>'
        for title, steps in orders.items()
    )


def _facts(result: Agreement) -> str:
    """HTML: how far the maps and the scores of both orders lie apart."""
    rows, columns, classes = result.maps.shape
    low, high = (f"{value:+.1f}".replace("-", "−") for value in (result.maps.min(), result.maps.max()))
    facts = (
        ("Class maps at once", f"{classes:,}", f"of {columns} × {rows} cells, from {low} to {high}"),
        (
            "Largest difference of the maps",
            format_scientific(result.map_difference),
            "from those made one class at a time",
        ),
        (
            "Largest difference of the scores",
            format_scientific(result.score_difference),
            "average + bias, against the score",
        ),
    )
    boxes = "".join(f"<div><p>{name}</p><strong>{value}</strong><p>{about}</p></div>" for name, value, about in facts)
    note = "Numbers are kept to about seven digits, so two orders of adding up agree no further than that."
    return f'<div class="facts">{boxes}</div><p class="note">{note}</p>'


def _show_pictures(scene: Scene, result: Agreement) -> None:
    """The photo, and the chosen class's map in both orders, on one scale."""
    chosen = scene.chosen
    size = picture.map_size(scene.shown)
    maps = {
        "dense": ("Dense weights, this class alone", scene.explanation.heatmap(chosen.index, size=size)),
        "convolution": (
            "1 × 1 convolution, all classes",
            scene.explanation.resize_map(result.maps[:, :, chosen.index], size),
        ),
    }
    limit = max(float(np.abs(heatmap).max()) for _, heatmap in maps.values()) or None
    st.markdown(f"The map of **{plain(chosen.label)}** in both orders, on one scale:")
    photo, *columns = st.columns(3, gap="medium")
    with photo:
        picture.show_photo(scene.photo, scene.shown)
    for column, (key, (title, heatmap)) in zip(columns, maps.items(), strict=True):
        with column:
            picture.show_signed(
                scene.photo,
                scene.shown,
                heatmap,
                key=f"why_{key}",
                title=title,
                alt=f"Evidence for and against {chosen.label}. {title}.",
                limit=limit,
            )

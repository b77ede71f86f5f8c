"""The page "Why this network can do it": three architectures, and where each keeps or loses places."""

from html import escape
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from cam.analysis.convolution_equivalence import Agreement, compare_maps, compute_class_maps
from cam.app import cache
from cam.app.colors import NEUTRAL, PLACE
from cam.app.components import picture
from cam.app.scene import Scene, open_lesson
from cam.app.widgets.messages import plain
from cam.app.widgets.network_picker import format_millions
from cam.explanation import Explanation
from cam.formatting import format_scientific
from cam.models.architectures import CONVOLUTION, DENSE, Anatomy, Block, load_anatomies

_SAMPLE = "polar_bear"
# In pixels, with the axis and the legend. Streamlit fits charts into their place, for which Vega needs a number.
_CHART_HEIGHT = 272
_IN_CONVOLUTIONS, _IN_DENSE = "convolutions", "dense layers"


def show_page() -> None:
    """Show the page."""
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
    st.html(draw_networks(anatomies))
    st.markdown("## Where the parameters sit")
    left, right = st.columns([1.4, 1], gap="medium", vertical_alignment="center")
    left.altair_chart(_chart_parameters(anatomies), width="stretch")
    right.markdown(
        f"{_list_shares(anatomies)}\n\nDense layers on a flattened map mix all cells, several times: no "
        "cell has a share of the score of its own. An average and one dense layer only add up, so every cell has "
        "one."
    )


@st.cache_resource(max_entries=16, ttl=cache.KEPT_SECONDS, show_spinner=False)
def _compare_orders(digest: str, network: str, _explanation: Explanation) -> Agreement:
    """Compare all class maps by a 1 x 1 convolution with those made one by one; no forward pass."""
    return compare_maps(_explanation, compute_class_maps(_explanation))


def _show_same(scene: Scene) -> None:
    """Show that all class maps at once are those of the other pages."""
    result = _compare_orders(scene.photo.digest, scene.spec.name, scene.exact)
    st.markdown(
        "## The same computation\n"
        "*Network in Network* (2014) ends in one map for each class, and the average of each map is the score. "
        "The network chosen above can be read the same way: a 1 × 1 convolution with the weights of its dense layer "
        "gives the maps of all classes at once. Averages and sums may change places."
    )
    st.html(_draw_orders(scene.exact.features.shape, result.maps.shape) + _draw_facts(result))
    _show_pictures(scene, result)


def _draw_orders(features: tuple[int, int, int], maps: tuple[int, int, int]) -> str:
    """Draw the two orders as HTML, step by step."""
    start = f"feature maps<b>{format_shape(features)}</b>"
    end = f"scores<b>{maps[2]:,}</b>"
    orders = {
        "Average first": (start, "average", f"numbers<b>{features[2]:,}</b>", "dense layer", end),
        "Average last": (
            start,
            "1 × 1 convolution",
            f"class maps<b>{format_shape(maps)}</b>",
            "average + bias",
            end,
        ),
    }
    return "".join(
        f'<div class="flow"><h3>{title}</h3>{"".join(f"<span>{step}</span>" for step in steps)}</div>'
        for title, steps in orders.items()
    )


def _draw_facts(result: Agreement) -> str:
    """Write as HTML how far the maps and the scores of both orders lie apart."""
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
    """Show the photo, and the chosen class's map in both orders, on one scale."""
    chosen = scene.chosen
    size = picture.map_size(scene.photo.size)
    maps = {
        "dense": ("Dense weights, this class alone", scene.exact.heatmap(chosen.index, size=size)),
        "convolution": (
            "1 × 1 convolution, all classes",
            scene.exact.resize_map(result.maps[:, :, chosen.index], size),
        ),
    }
    limit = max(float(np.abs(heatmap).max()) for _, heatmap in maps.values()) or None
    st.markdown(f"The map of **{plain(chosen.label)}** in both orders, on one scale:")
    photo, *columns = st.columns(3, gap="medium")
    with photo:
        picture.show_photo(scene.photo)
    for column, (key, (title, heatmap)) in zip(columns, maps.items(), strict=True):
        with column:
            picture.show_signed(
                scene.photo,
                heatmap,
                key=f"why_{key}",
                title=title,
                alt=f"Evidence for and against {chosen.label}. {title}.",
                limit=limit,
            )


def draw_networks(anatomies: tuple[Anatomy, ...]) -> str:
    """Draw the networks side by side as HTML: the blocks of each as boxes."""
    return f'<div class="networks">{"".join(_draw_network(anatomy) for anatomy in anatomies)}</div>'


def _draw_network(anatomy: Anatomy) -> str:
    kept = [_draw_box(block, anatomy) for block in anatomy.blocks if block.keeps_where]
    lost = [_draw_box(block, anatomy) for block in anatomy.blocks if not block.keeps_where]
    return (
        f'<section><h3>{escape(anatomy.title)}</h3><p class="total">{format_millions(anatomy.parameters)} parameters, '
        f"photo {anatomy.size} × {anatomy.size}</p>"
        f'<div class="keeps"><p>Keeps “where”: each number has a place</p><ol>{"".join(kept)}</ol></div>'
        f'<div class="lost"><p>“Where” is lost: one row of numbers</p><ol>{"".join(lost)}</ol></div>'
        f'<p class="verdict">{_judge(anatomy)}</p></section>'
    )


def _judge(anatomy: Anatomy) -> str:
    """Say whether the engine can explain the network exactly, or only estimate."""
    if not anatomy.refusal:
        return "ClassCam can explain it exactly: one average and one dense layer follow the last maps."
    dense = sum(block.kind == DENSE for block in anatomy.blocks)
    mixes = f"{dense} dense layers mix" if dense > 1 else "what follows the last maps mixes"
    return f"It has no exact map: {mixes} all places before the scores. ClassCam can only estimate one, by gradients."


def _draw_box(block: Block, anatomy: Anatomy) -> str:
    share = block.parameters / anatomy.parameters
    return (
        f'<li style="--share: {100 * share:.2f}%; --side: {_choose_side(block):.2f}rem">'
        f'<span class="name">{escape(_name_block(block, anatomy))}</span>'
        f'<span class="shape">{format_shape(block.shape)}</span>'
        f'<span class="glyph"></span><span class="count">{_format_count(block.parameters)}</span></li>'
    )


def _choose_side(block: Block) -> float:
    """The side in rem of the small square that stands for a map: larger for more cells, nothing without places."""
    return 0.15 * block.shape[0].bit_length() if block.keeps_where else 0.0


def _name_block(block: Block, anatomy: Anatomy) -> str:
    several = sum(other.kind == block.kind for other in anatomy.blocks) > 1
    if block.kind == DENSE:
        return f"Dense layer {block.layers[0]}" if several else "Dense layer"
    if block.kind == CONVOLUTION:
        count = len(block.layers)
        return f"{count} convolution{'s' if count > 1 else ''}"
    return block.kind.capitalize()


def format_shape(shape: tuple[int, ...]) -> str:
    """Format a shape (h, w, K) as it is read, across first: 15 × 7 × 2,048; or, of (K,), 4,096 numbers."""
    if len(shape) == 1:
        return f"{shape[0]:,} numbers"
    height, width, count = shape
    return f"{width:,} × {height:,} × {count:,}"


def _format_count(parameters: int) -> str:
    return f"{parameters:,} parameters" if parameters else "no parameters"


def _list_shares(anatomies: tuple[Anatomy, ...]) -> str:
    """List in Markdown where the parameters of each network sit, in numbers, as the chart shows it."""
    return "\n".join(
        f"* **{row.title}**: {row.dense_share:.1%} of its {format_millions(row.parameters)} parameters are in "
        "dense layers."
        for row in anatomies
    ).replace("%", " %")


def _chart_parameters(anatomies: tuple[Anatomy, ...]) -> alt.Chart:
    """Draw bars of the parameters in millions, one for each network, split into convolutions and dense layers."""
    rows = [
        (row.title, place, count / 1e6)
        for row in anatomies
        for place, count in (
            (_IN_CONVOLUTIONS, row.parameters - row.dense_parameters),
            (_IN_DENSE, row.dense_parameters),
        )
    ]
    table = pd.DataFrame(rows, columns=["network", "place", "millions"])
    size: dict[str, Any] = {"labelFontSize": 15, "titleFontSize": 15}
    return (
        alt.Chart(
            table, height=_CHART_HEIGHT, description="Parameters of three networks, in convolutions and in dense layers"
        )
        .mark_bar()
        .encode(
            x=alt.X("millions", stack=True, axis=alt.Axis(title="Parameters (millions)", tickCount=6, **size)),
            y=alt.Y("network", sort=None, axis=alt.Axis(title=None, labelLimit=200, **size)),
            color=alt.Color(
                "place",
                scale=alt.Scale(domain=[_IN_CONVOLUTIONS, _IN_DENSE], range=[PLACE, NEUTRAL]),
                legend=alt.Legend(title=None, orient="top", labelFontSize=15, labelLimit=300),
            ),
            order=alt.Order("place:O"),
            tooltip=[
                alt.Tooltip("network", title="Network"),
                alt.Tooltip("place", title="Parameters"),
                alt.Tooltip("millions", title="Millions", format=".1f"),
            ],
        )
    )

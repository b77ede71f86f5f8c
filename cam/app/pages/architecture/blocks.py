"""Networks drawn side by side: their blocks as boxes, and a chart of where their parameters sit."""

from html import escape
from typing import Any

import altair as alt
import pandas as pd

from cam.app.colors import NEUTRAL, PLACE
from cam.models.architectures import CONVOLUTION, DENSE, Anatomy, Block

# In pixels, with the axis and the legend. Streamlit fits charts into their place, for which Vega needs a number.
_CHART_HEIGHT = 272
_IN_CONVOLUTIONS, _IN_DENSE = "convolutions", "dense layers"


def drawing(anatomies: tuple[Anatomy, ...]) -> str:
    """HTML: a column for each network."""
    return f'<div class="networks">{"".join(_network(anatomy) for anatomy in anatomies)}</div>'


def _network(anatomy: Anatomy) -> str:
    kept = [_box(block, anatomy) for block in anatomy.blocks if block.keeps_where]
    lost = [_box(block, anatomy) for block in anatomy.blocks if not block.keeps_where]
    return (
        f'<section><h3>{escape(anatomy.title)}</h3><p class="total">{millions(anatomy.parameters)} parameters, '
        f"photo {anatomy.size} × {anatomy.size}</p>"
        f'<div class="keeps"><p>Keeps “where”: each number has a place</p><ol>{"".join(kept)}</ol></div>'
        f'<div class="lost"><p>“Where” is lost: one row of numbers</p><ol>{"".join(lost)}</ol></div>'
        f'<p class="verdict">{_verdict(anatomy)}</p></section>'
    )


def _verdict(anatomy: Anatomy) -> str:
    """What the engine's check of the network comes to: an exact map, or an estimate."""
    if not anatomy.refusal:
        return "ClassCam can explain it exactly: one average and one dense layer follow the last maps."
    dense = sum(block.kind == DENSE for block in anatomy.blocks)
    mixes = f"{dense} dense layers mix" if dense > 1 else "what follows the last maps mixes"
    return f"It has no exact map: {mixes} all places before the scores. ClassCam can only estimate one, by gradients."


def _box(block: Block, anatomy: Anatomy) -> str:
    share = block.parameters / anatomy.parameters
    return (
        f'<li style="--share: {100 * share:.2f}%; --side: {_side(block):.2f}rem">'
        f'<span class="name">{escape(_name(block, anatomy))}</span><span class="shape">{shape_text(block.shape)}</span>'
        f'<span class="glyph"></span><span class="count">{_count(block.parameters)}</span></li>'
    )


def _side(block: Block) -> float:
    """The side in rem of the small square that stands for a map: larger for more cells, nothing without places."""
    return 0.15 * block.shape[0].bit_length() if block.keeps_where else 0.0


def _name(block: Block, anatomy: Anatomy) -> str:
    several = sum(other.kind == block.kind for other in anatomy.blocks) > 1
    if block.kind == DENSE:
        return f"Dense layer {block.layers[0]}" if several else "Dense layer"
    if block.kind == CONVOLUTION:
        count = len(block.layers)
        return f"{count} convolution{'s' if count > 1 else ''}"
    return block.kind.capitalize()


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape (h, w, K) as it is read, across first: 15 × 7 × 2,048; or, of (K,), 4,096 numbers."""
    if len(shape) == 1:
        return f"{shape[0]:,} numbers"
    height, width, count = shape
    return f"{width:,} × {height:,} × {count:,}"


def _count(parameters: int) -> str:
    return f"{parameters:,} parameters" if parameters else "no parameters"


def millions(parameters: int) -> str:
    """A number of parameters in millions, with one decimal."""
    return f"{parameters / 1e6:.1f} million"


def shares_text(anatomies: tuple[Anatomy, ...]) -> str:
    """Markdown: where the parameters of each network sit, in numbers; what the chart shows."""
    return "\n".join(
        f"* **{row.title}**: {row.dense_share:.1%} of its {millions(row.parameters)} parameters are in dense layers."
        for row in anatomies
    ).replace("%", " %")


def chart(anatomies: tuple[Anatomy, ...]) -> alt.Chart:
    """Bars of the parameters in millions, one for each network, split into convolutions and dense layers."""
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

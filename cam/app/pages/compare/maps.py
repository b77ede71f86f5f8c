"""The pictures of the page "Compare": maps side by side, each with what is known of it below."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cam.app.cache import Explained
from cam.app.components import picture
from cam.app.scene import Scene
from cam.app.widgets.messages import plain
from cam.explanation import Prediction
from cam.formatting import format_number, format_percent
from cam.localization import describe_peak

_ROW = ".st-key-compare_row"


@dataclass(frozen=True, eq=False)
class Map:
    """A class map as it is drawn: its title, its class, and the heatmap for a photo shown at `size` (width, height)."""

    title: str
    prediction: Prediction
    explanation: Explained
    size: tuple[int, int]
    heatmap: np.ndarray
    facts: tuple[str, ...] = ()

    @property
    def peak(self) -> float:
        """The strongest evidence, in units of the score; 0 where there is none."""
        return max(0.0, float(self.heatmap.max()))


def make_map(title: str, explanation: Explained, index: int, size: tuple[int, int], facts: tuple[str, ...] = ()) -> Map:
    """Make the map of the class `index`."""
    heatmap = explanation.heatmap(index, size=picture.map_size(size))
    return Map(title, explanation.prediction(index), explanation, size, heatmap, facts)


def show_maps(scene: Scene, maps: Sequence[Map | Callable[[], Map | None]], *, maximum: float | None = None) -> None:
    """Show the maps in one row, equally high; one that is a function is asked for when all before it are shown.

    Args:
        scene: the photo.
        maps: up to four; a function that returns None leaves its place to what it has written there.
        maximum: upper end of the scale of all maps; each its own where there is none.
    """
    # Streamlit takes the gaps from the columns in equal parts, so that a narrow one is lower than it should be.
    widths = [_share_row(scene.photo.size if callable(one) else one.size) for one in maps]
    shares = "".join(
        f"{_ROW} .stColumn:nth-child({place}) {{ flex: {width:.4f} 1 0 }}\n" for place, width in enumerate(widths, 1)
    )
    st.html(f"<style>@media (min-width: 641px) {{ {shares} }}</style>")
    columns = st.container(key="compare_row").columns(len(maps), gap="medium")
    for place, (column, given) in enumerate(zip(columns, maps, strict=True)):
        with column:
            one = given() if callable(given) else given
            if one is not None:
                show_map(scene, one, key=f"compare_{place}", maximum=maximum)


def _share_row(size: tuple[int, int]) -> float:
    """The share of the row that makes pictures of any shape equally high; the text below needs some width."""
    width, height = size
    return min(max(width / height, 0.75), 2.4)


def show_map(scene: Scene, one: Map, *, key: str, value: str | None = None, maximum: float | None = None) -> None:
    """Show one map with its facts; `value` stands over it in place of the probability."""
    picture.show_heat(
        scene.photo,
        one.heatmap,
        key=key,
        size=one.size,
        title=one.title,
        value=format_percent(one.prediction.probability) if value is None else value,
        alt=_describe_map(one),
        maximum=maximum,
        exact=one.explanation.exact,
    )
    st.markdown("  \n".join(one.facts))


def list_input_facts(explanation: Explained, index: int) -> tuple[str, ...]:
    """List what differs when the input or the network is another one."""
    best, one = explanation.top(1)[0], explanation.prediction(index)
    width, height = explanation.input_size
    rows, columns, _ = explanation.features.shape
    score, rank = format_number(one.score, 2), explanation.rank(index)
    return (
        f"Score **{score}** · rank **{rank:,}** of {len(explanation.labels):,}",
        f"Sees **{width} × {height}** pixels · map of **{columns} × {rows}** cells",
        f"Most probable: **{plain(best.label)}**, {format_percent(best.probability)}",
    )


def _describe_map(one: Map) -> str:
    label, probability = one.prediction.label, format_percent(one.prediction.probability)
    named = label if one.title == label else f"{label} ({one.title})"
    if not one.peak:
        return f"Nothing in the photo is evidence for {named}. Probability {probability}."
    place = describe_peak(one.explanation.class_map(one.prediction.index))
    strength = f", {one.peak:.1f} in units of the score" if one.explanation.exact else ""
    return (
        f"Heat over the photo: the strongest evidence for {named} is at the {place}{strength}. "
        f"Probability {probability}."
    )

"""The page "Cover it up": hide or keep regions of the photo and run the network again."""

from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from cam.analysis.box_overlap import Rectangle
from cam.analysis.occlusion import FILLS, Fill, box_mask, cover, hottest
from cam.app import url_state
from cam.app.colors import FOR, NEUTRAL
from cam.app.components import picture
from cam.app.components.box_drawing import check_box, draw_box
from cam.app.pages.occlusion.curves import show_curves
from cam.app.pages.occlusion.passes import Result, cover_at_random, fit_photo, run_network
from cam.app.scene import Scene, open_lesson
from cam.app.widgets.messages import plain
from cam.explanation import Prediction
from cam.formatting import format_percent

_SAMPLE = "german_shepherd"
_SHARES = (10, 20, 30)
_DEEDS = {"hide": "Hide", "keep": "Keep only"}
_CLAIMS = {
    (False, False): "If the probability falls more than at random, that speaks for the map.",
    (True, False): "If more of the probability is left than at random, that speaks for the map.",
    (False, True): "If the probability falls more than at random, the score depends on what is in your box.",
    (True, True): "If more of the probability is left than at random, the score depends on what is in your box.",
}
_LIMITS = (
    "It is no proof: a covered photo is unlike any that the network learned from. *At random* means cells of the map, "
    "drawn by lot."
)
_PARTS = {"heat": "The hottest", "box": "A box by hand"}


_BEFORE = "currentcolor"


@dataclass(frozen=True)
class Choice:
    """The choices on the page: hide or keep the hottest share, in percent, or a box drawn by hand."""

    keep: bool
    by_hand: bool
    share: int
    fill: Fill


def show_page() -> None:
    """Show the page."""
    scene = open_lesson("Cover it up", "Is the heat the reason? Hide it, and run the network again.", sample=_SAMPLE)
    with st.container(key="cover_page"):
        choice = _choose()
        region, covered, numbers = st.columns([1, 1, 1], gap="medium")
        numbers = numbers.container(key="cover_numbers")
        with region:
            mask = _show_region(scene, choice)
        if mask is None:
            _show_uncovered(scene, covered, numbers)
        else:
            _show_covered(scene, choice, mask, covered, numbers)
        st.markdown(f"**What it says.** {_CLAIMS[choice.keep, choice.by_hand]} {_LIMITS}")
        show_curves(scene)


def _choose() -> Choice:
    fills = {row.name: row for row in FILLS}
    # Each is as wide as it is; those that the row has no room for begin another one.
    with st.container(horizontal=True, gap="medium", key="cover_choices"):
        keep = _show_control("What to do", _DEEDS, "cover") == "keep"
        by_hand = _show_control("Which part", _PARTS, "cover_part") == "box"
        percentage = _show_control(
            "Share in %", {share: str(share) for share in _SHARES}, "cover_share", default=20, disabled=by_hand
        )
        name = _show_control("Cover with", {row.name: row.title for row in FILLS}, "cover_fill")
    return Choice(keep, by_hand, percentage, fills[name])


def _show_control(label: str, titles: dict[Any, str], key: str, *, default: Any = None, disabled: bool = False) -> Any:
    first = next(iter(titles)) if default is None else default
    chosen = st.segmented_control(
        label,
        list(titles),
        default=first,
        required=True,
        format_func=titles.__getitem__,
        key=key,
        disabled=disabled,
        wrap=True,
        bind="query-params",
        persist_state="session",
    )
    # A link with an empty value gives None, although one is required.
    return first if chosen is None else chosen


def _show_region(scene: Scene, choice: Choice) -> np.ndarray | None:
    """Show the heat or the photo to draw on; returns the mask of the region, of the size of the network's input."""
    size = scene.explanation.input_size
    box = _draw(scene) if choice.by_hand else None
    url_state.set_numbers("cover_box", box if scene.photo.sample else None)
    if choice.by_hand:
        return None if box is None else box_mask(size, box)
    label = scene.chosen.label
    heatmap = scene.explanation.heatmap(scene.chosen.index, size=picture.map_size(scene.photo.size))
    picture.show_heat(
        scene.photo,
        heatmap,
        title=f"Evidence for {label}",
        alt=f"Heat over the photo: the evidence for {label}.",
        exact=scene.explanation.exact,
    )
    if heatmap.max() <= 0:
        st.markdown(f"No region is evidence for {plain(label)}; the hottest is only the least against it.")
    return hottest(scene.explanation.heatmap(scene.chosen.index, size=size), choice.share / 100)


def _draw(scene: Scene) -> Rectangle | None:
    """Let a box be drawn on this photo; it is kept while another part is chosen."""
    state = st.session_state
    if url_state.is_read("cover_box"):
        state.cover_box = (scene.photo.digest, url_state.named_numbers("cover_box"))
        # A drawing with a new key begins with this box.
        state.cover_turn = state.get("cover_turn", 0) + 1
    digest, kept = state.cover_box
    box = draw_box(
        scene.photo,
        key=f"cover_{state.get('cover_turn', 0)}_{scene.photo.digest[:12]}",
        label="Draw a box on the photo",
        box=check_box(kept) if digest == scene.photo.digest else None,
    )
    state.cover_box = (scene.photo.digest, box)
    return box


def _show_uncovered(scene: Scene, covered: DeltaGenerator, numbers: DeltaGenerator) -> None:
    with covered:
        _show_layer(scene, Image.new("RGBA", (1, 1)), "Nothing is covered yet", by_hand=True)
    with numbers:
        _show_bars(scene.chosen.label, [_draw_bar("Whole photo", "", scene.chosen.probability, _BEFORE)])


def _show_covered(
    scene: Scene, choice: Choice, mask: np.ndarray, covered: DeltaGenerator, numbers: DeltaGenerator
) -> None:
    hidden = ~mask if choice.keep else mask
    image = cover(fit_photo(scene), hidden, choice.fill)
    result = run_network(scene.spec.name, image)
    name, others = _name_cover(choice, mask.mean())
    layer = image.copy()
    layer.putalpha(Image.fromarray(hidden))
    with covered:
        _show_layer(scene, layer, "What the network gets now", by_hand=choice.by_hand, text=f"{name}.")
    with numbers:
        _show_numbers(scene, choice, result, mask, (name, others))


def _show_layer(scene: Scene, layer: Image.Image, title: str, *, by_hand: bool, text: str = "") -> None:
    alt = f"{scene.photo.title}. {text or title}"
    # The photo to draw on has brought the photo already.
    picture.show_layer(scene.photo, layer, key="covered", title=title, alt=alt, brings_photo=not by_hand)


def _show_numbers(scene: Scene, choice: Choice, result: Result, mask: np.ndarray, names: tuple[str, str]) -> None:
    others = cover_at_random(scene, mask.mean(), choice.fill, choice.keep)
    after = float(result.probabilities[scene.chosen.index])
    _show_probabilities(scene.chosen.label, scene.chosen.probability, (names[0], after), (names[1], others))
    _show_best(result.best, scene.chosen)


def _name_cover(choice: Choice, share: float) -> tuple[str, str]:
    """Name what was done, and what it is compared with."""
    part = "your box" if choice.by_hand else f"the hottest {format_short(share)}"
    if choice.keep:
        return f"Only {part}", "As much kept at random"
    return f"Without {part}", "As much hidden at random"


def _show_probabilities(label: str, before: float, covered: tuple[str, float], others: tuple[str, list[float]]) -> None:
    """Show three numbers with bars: the whole photo, the covered one, and as much covered at random."""
    name, values = others
    spread = f"mean of {len(values)} draws, {_format_range(values)}"
    bars = [
        _draw_bar("Whole photo", "", before, _BEFORE),
        _draw_bar(covered[0], "", covered[1], FOR),
        _draw_bar(name, spread, fmean(values), NEUTRAL),
    ]
    _show_bars(label, bars)


def _show_bars(label: str, bars: list[str]) -> None:
    st.html(f'<div class="cover-bars"><h2>Probability of {escape(label)}</h2>{"".join(bars)}</div>')


def format_short(probability: float) -> str:
    """Format a share or a probability where room is scarce: 78 %, < 0.1 %, > 99.9 %, in one piece."""
    text = format_percent(probability).replace("below", "<").replace("above", ">")
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _format_range(values: list[float]) -> str:
    low, high = format_short(min(values)), format_short(max(values))
    return f"each {low}" if low == high else f"from {low} to {high}"


def _draw_bar(name: str, note: str, probability: float, color: str) -> str:
    return (
        f"<p><b>{escape(format_short(probability))}</b><span>{escape(name)}<small>{escape(note)}</small></span>"
        f'<i style="background: {color}; width: {100 * probability:.2f}%"></i></p>'
    )


def _show_best(rows: list[Prediction], chosen: Prediction) -> None:
    """Show the best classes of the covered photo, the chosen one in bold."""
    items = "".join(
        f'<li style="--share: {100 * row.probability:.2f}%"{_mark_chosen(row, chosen)}>'
        f"<span>{escape(row.label)}</span><span>{escape(format_short(row.probability))}</span></li>"
        for row in rows
    )
    st.html(f'<div class="cover-best"><h2>What the network says now</h2><ol>{items}</ol></div>')


def _mark_chosen(row: Prediction, chosen: Prediction) -> str:
    return ' class="chosen"' if row.index == chosen.index else ""

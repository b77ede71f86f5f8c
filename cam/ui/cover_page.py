"""The page "Cover it up": hide or keep regions of the photo and run the network again."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from cam.faithfulness import FILLS, Fill, box_mask, cover, hottest
from cam.guess import Rectangle
from cam.ui import link, picture
from cam.ui.cover_curves import show_curves
from cam.ui.cover_looks import Look, fitted, look, random_probabilities
from cam.ui.cover_result import short, show_before, show_best, show_probabilities
from cam.ui.draw import draw_box, valid_box
from cam.ui.frame import Scene, open_lesson
from cam.ui.messages import plain

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


@dataclass(frozen=True)
class Choice:
    """What is done to the photo: hide or keep the hottest share, in percent, or a box drawn by hand."""

    keep: bool
    by_hand: bool
    share: int
    fill: Fill


def cover_page() -> None:
    """The whole page."""
    scene = open_lesson("Cover it up", "Is the heat the reason? Hide it, and the network looks again.", sample=_SAMPLE)
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
        keep = _control("What to do", _DEEDS, "cover") == "keep"
        by_hand = _control("Which part", _PARTS, "cover_part") == "box"
        percentage = _control(
            "Share in %", {share: str(share) for share in _SHARES}, "cover_share", default=20, disabled=by_hand
        )
        name = _control("Cover with", {row.name: row.title for row in FILLS}, "cover_fill")
    return Choice(keep, by_hand, percentage, fills[name])


def _control(label: str, titles: dict, key: str, *, default: object = None, disabled: bool = False):
    first = next(iter(titles)) if default is None else default
    chosen = st.segmented_control(
        label,
        list(titles),
        default=first,
        required=True,
        format_func=titles.get,
        key=key,
        disabled=disabled,
        wrap=True,
        bind="query-params",
        persist_state="session",
    )
    # A link with an empty value gives None, although one is required.
    return first if chosen is None else chosen


def _show_region(scene: Scene, choice: Choice) -> np.ndarray | None:
    """The heat, or the photo to draw on; the pixels that it names, of the photo as the network sees it."""
    size = scene.explanation.input_size
    box = _draw(scene) if choice.by_hand else None
    link.set_numbers("cover_box", box if scene.photo.sample else None)
    if choice.by_hand:
        return None if box is None else box_mask(size, box)
    label = scene.chosen.label
    heatmap = scene.explanation.heatmap(scene.chosen.index, size=picture.map_size(scene.shown))
    picture.show_heat(
        scene.photo,
        scene.shown,
        heatmap,
        title=f"Evidence for {label}",
        alt=f"Heat over the photo: the evidence for {label}.",
        exact=scene.explanation.exact,
    )
    if heatmap.max() <= 0:
        st.markdown(f"No region is evidence for {plain(label)}; the hottest is only the least against it.")
    return hottest(scene.explanation.heatmap(scene.chosen.index, size=size), choice.share / 100)


def _draw(scene: Scene) -> Rectangle | None:
    """The box on this photo; it is kept while another part is chosen."""
    state = st.session_state
    if link.is_read("cover_box"):
        state.cover_box = (scene.photo.digest, link.named_numbers("cover_box"))
        # A drawing with a new key begins with this box.
        state.cover_turn = state.get("cover_turn", 0) + 1
    digest, kept = state.cover_box
    box = draw_box(
        scene.photo,
        scene.shown,
        key=f"cover_{state.get('cover_turn', 0)}_{scene.photo.digest[:12]}",
        label="Draw a box on the photo",
        box=valid_box(kept) if digest == scene.photo.digest else None,
    )
    state.cover_box = (scene.photo.digest, box)
    return box


def _show_uncovered(scene: Scene, covered, numbers) -> None:
    with covered:
        _show_layer(scene, Image.new("RGBA", (1, 1)), "Nothing is covered yet", by_hand=True)
    with numbers:
        show_before(scene.chosen.label, scene.chosen.probability)


def _show_covered(scene: Scene, choice: Choice, mask: np.ndarray, covered, numbers) -> None:
    hidden = ~mask if choice.keep else mask
    image = cover(fitted(scene), hidden, choice.fill)
    seen = look(scene.spec.name, image)
    name, others = _names(choice, mask.mean())
    layer = image.copy()
    layer.putalpha(Image.fromarray(hidden))
    with covered:
        _show_layer(scene, layer, "What the network gets now", by_hand=choice.by_hand, text=f"{name}.")
    with numbers:
        _show_numbers(scene, choice, seen, mask, (name, others))


def _show_layer(scene: Scene, layer: Image.Image, title: str, *, by_hand: bool, text: str = "") -> None:
    alt = f"{scene.photo.title}. {text or title}"
    # The photo to draw on has brought the photo already.
    picture.show_layer(scene.photo, scene.shown, layer, key="covered", title=title, alt=alt, brings_photo=not by_hand)


def _show_numbers(scene: Scene, choice: Choice, seen: Look, mask: np.ndarray, names: tuple[str, str]) -> None:
    others = random_probabilities(scene, mask.mean(), choice.fill, choice.keep)
    after = float(seen.probabilities[scene.chosen.index])
    show_probabilities(scene.chosen.label, scene.chosen.probability, (names[0], after), (names[1], others))
    show_best(seen.best, scene.chosen)


def _names(choice: Choice, share: float) -> tuple[str, str]:
    """What was done, and what it is compared with, in words."""
    part = "your box" if choice.by_hand else f"the hottest {short(share)}"
    if choice.keep:
        return f"Only {part}", "As much kept at random"
    return f"Without {part}", "As much hidden at random"

"""Compare classes: their maps on one scale, and the difference of two of them."""

from dataclasses import replace
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.analysis.contrast import Difference, choose_decimals, compare_scores, difference_map, probability_ratio
from cam.app import answers, url_state
from cam.app.components import picture
from cam.app.pages.compare.maps import Map, make_map, show_maps
from cam.app.scene import Scene
from cam.app.widgets.messages import plain, show_error
from cam.errors import LabelError
from cam.formatting import format_number
from cam.localization import describe_peak

_MOST_OTHERS = 3
_OTHERS_AT_FIRST = 2
# A ratio of probabilities above this is not worth its digits.
_MANY_TIMES = 1_000_000
# What is said of the scale: one for all maps, or each its own.
_SCALES = {
    True: "Equally bright means equally strong. Switch it off to see what is hidden when each map has its own scale.",
    False: "The brightest place of every map now looks the same, so you cannot see which class is stronger.",
}


def show_classes(scene: Scene, controls: DeltaGenerator) -> None:
    """Show the chosen class and up to three others, side by side."""
    with controls:
        others = _choose_others(scene)
        toggle, sentence = st.columns([1, 2], vertical_alignment="center")
        one_scale = toggle.toggle(
            "One scale for all maps", True, key="one_scale", bind="query-params", disabled=not others
        )
        if others:
            sentence.markdown(_SCALES[one_scale])
        else:
            st.info("Choose at least one class to compare with.", icon=":material/add:")
    maps = [_make_map(scene, index) for index in (scene.chosen.index, *others)]
    show_maps(scene, maps, maximum=max(one.peak for one in maps) if one_scale else None)


def _make_map(scene: Scene, index: int) -> Map:
    label = scene.explanation.labels.names[index]
    drawn = make_map(label, scene.explanation, index, scene.photo.size)
    facts = [f"Score **{format_number(drawn.prediction.score, 2)}**"]
    if not drawn.peak:
        facts.append("no evidence")
    elif scene.explanation.exact:
        facts.append(f"strongest place **{format_number(drawn.peak, 1)}**")
    return replace(drawn, facts=(" · ".join(facts),))


def show_difference(scene: Scene, controls: DeltaGenerator) -> None:
    """Show why the chosen class rather than another one: a signed map, and the sum that it is part of."""
    if not scene.explanation.exact:
        controls.info(
            f"The difference of two maps is exact only where the head is linear, and that of {plain(scene.spec.title)} "
            "is not. Choose another network.",
            icon=":material/info:",
        )
        return
    with controls:
        rival = _choose_rival(scene)
    first, second = scene.chosen.label, scene.exact.labels.names[rival]
    controls.markdown(
        f"**Yellow** speaks more for {plain(first)} than for {plain(second)}, **blue** more for {plain(second)}; "
        "dark is a draw."
    )
    left, right = st.columns(2, gap="medium", vertical_alignment="center")
    with left:
        _show_difference_map(scene, rival, f"{first} rather than {second}")
    difference = compare_scores(scene.exact, scene.chosen.index, rival)
    right.html(_write_equation(difference, first, second))
    right.markdown(_write_odds(difference.total, first, second))


def _show_difference_map(scene: Scene, rival: int, title: str) -> None:
    index, explanation = scene.chosen.index, scene.exact
    cells = explanation.class_map(index) - explanation.class_map(rival)
    speaks_for = f"strongest at the {describe_peak(cells)}" if cells.max() > 0 else "nowhere"
    against = f"strongest at the {describe_peak(-cells)}" if cells.min() < 0 else "nowhere"
    alt = f"Evidence for {title}: {speaks_for}. Evidence against: {against}."
    heatmap = difference_map(explanation, index, rival, picture.map_size(scene.photo.size))
    picture.show_signed(scene.photo, heatmap, key="compare_difference", title=title, alt=alt)


def _write_equation(difference: Difference, first: str, second: str) -> str:
    """Write the sum as HTML: large numbers, each with its name."""
    decimals = choose_decimals(difference)
    first, second = escape(first), escape(second)
    terms = (
        ("", difference.mean, "mean of the map’s cells"),
        ("+", difference.bias, f"bias of {first} − bias of {second}"),
        ("=", difference.total, f"score of {first} − score of {second}"),
    )
    parts = (
        f"<i>{sign}</i><b>{_write_operand(sign, value, decimals)}</b><span>{name}</span>" for sign, value, name in terms
    )
    return f'<div class="compare-equation">{"".join(parts)}</div>'


def _write_operand(sign: str, value: float, decimals: int) -> str:
    text = format_number(value, decimals)
    return f"({text})" if sign == "+" and text.startswith("−") else text


def _write_odds(total: float, first: str, second: str) -> str:
    """Write the ratio of the probabilities that follows from the difference of the scores: exact for a softmax."""
    more, less = map(plain, (first, second) if total >= 0 else (second, first))
    ratio = probability_ratio(abs(total))
    times = f"{ratio:,.10g} times" if ratio <= _MANY_TIMES else "more than a million times"
    return (
        f"The network holds **{more}** to be **{times}** as probable as **{less}**: "
        "the ratio of two probabilities is *e* to the power of the difference of the scores."
    )


def _choose_others(scene: Scene) -> list[int]:
    """Choose up to three classes besides the chosen one."""
    names = scene.explanation.labels.names
    picked = answers.offer(
        st.multiselect,
        f"Compare **{plain(scene.chosen.label)}** with",
        _rank_others(scene),
        _read_others(scene),
        key="compare_picked",
        text=names.__getitem__,
        take=lambda picked: _keep(scene, picked),
        known=range(len(names)),
        max_selections=_MOST_OTHERS,
        filter_mode="contains",
        select_all=False,
        placeholder="Choose a class",
        help=f"Up to {_MOST_OTHERS} classes, the most probable first.",
    )
    _write_link(scene)
    return picked


def _choose_rival(scene: Scene) -> int:
    """Choose the class that the chosen one is set against: the first one that it is compared with."""
    others = _read_others(scene) or _pick_next_best(scene)
    names = scene.explanation.labels.names
    rival = answers.offer(
        st.selectbox,
        f"Why **{plain(scene.chosen.label)}** rather than",
        _rank_others(scene),
        others[0],
        key="compare_rival",
        text=names.__getitem__,
        take=lambda rival: _keep(scene, [rival, *(index for index in others[1:] if index != rival)]),
        known=range(len(names)),
        filter_mode="contains",
    )
    _write_link(scene)
    return rival


def _rank_others(scene: Scene) -> list[int]:
    ranked = scene.explanation.top(len(scene.explanation.labels))
    return [row.index for row in ranked if row.index != scene.chosen.index]


def _pick_next_best(scene: Scene) -> list[int]:
    return _rank_others(scene)[:_OTHERS_AT_FIRST]


def _keep(scene: Scene, others: list[int]) -> None:
    """Keep a choice; it belongs to one photo and one set of classes, as the chosen class does."""
    st.session_state.compare_others = (_subject(scene), others)


def _subject(scene: Scene) -> tuple[str, tuple[str, ...]]:
    """The owner of a choice of classes: the photo, and the classes that the network has."""
    return scene.photo.digest, scene.explanation.labels.names


def _read_others(scene: Scene) -> list[int]:
    """Read the choice for this photo; the next best classes where nothing was, or only what is the chosen class now."""
    state = st.session_state
    if url_state.is_read("compare_others"):
        _keep_link(scene)
    subject, kept = state.compare_others
    others = [index for index in kept if index != scene.chosen.index]
    return _pick_next_best(scene) if subject != _subject(scene) or (kept and not others) else others


def _keep_link(scene: Scene) -> None:
    """Once a session, and for who has gone back: the classes that the link names."""
    st.session_state.compare_others = (None, [])
    try:
        others = [scene.explanation.labels.index(name) for name in url_state.named("vs")[:_MOST_OTHERS]]
    except LabelError as error:
        show_error(str(error))
        return
    if others:
        _keep(scene, list(dict.fromkeys(others)))


def _write_link(scene: Scene) -> None:
    """Keep the address in step; nothing of a custom photo is in the link."""
    subject, kept = st.session_state.compare_others
    chosen = kept if subject == _subject(scene) and scene.photo.sample else []
    url_state.set_part("vs", [scene.explanation.labels.names[index] for index in chosen])

"""Compare classes: their maps on one scale, and the difference of two of them."""

from dataclasses import replace
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cam.compare import Difference, difference_map, difference_of, shown_decimals, times_as_probable
from cam.errors import LabelError
from cam.localize import peak_place
from cam.ui import held, link, picture
from cam.ui.callbacks import whole
from cam.ui.compare_pictures import Map, map_of, show_maps
from cam.ui.frame import Scene
from cam.ui.messages import plain, show_error
from cam.written import number

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
    """The chosen class and up to three others, side by side."""
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
    maps = [_class_map(scene, index) for index in (scene.chosen.index, *others)]
    show_maps(scene, maps, maximum=max(one.peak for one in maps) if one_scale else None)


def _class_map(scene: Scene, index: int) -> Map:
    label = scene.explanation.labels.names[index]
    drawn = map_of(label, scene.explanation, index, scene.shown)
    facts = [f"Score **{number(drawn.prediction.score, 2)}**"]
    if not drawn.peak:
        facts.append("no evidence")
    elif scene.explanation.exact:
        facts.append(f"strongest place **{number(drawn.peak, 1)}**")
    return replace(drawn, facts=(" · ".join(facts),))


def show_difference(scene: Scene, controls: DeltaGenerator) -> None:
    """Why the chosen class rather than another one: a signed map, and the sum that it is part of."""
    if not scene.explanation.exact:
        controls.info(
            f"The difference of two maps is exact only where the head is linear, and that of {plain(scene.spec.title)} "
            "is not. Choose another network.",
            icon=":material/info:",
        )
        return
    with controls:
        rival = _choose_rival(scene)
    first, second = scene.chosen.label, scene.explanation.labels.names[rival]
    controls.markdown(
        f"**Yellow** speaks more for {plain(first)} than for {plain(second)}, **blue** more for {plain(second)}; "
        "dark is a draw."
    )
    left, right = st.columns(2, gap="medium", vertical_alignment="center")
    with left:
        _show_difference_map(scene, rival, f"{first} rather than {second}")
    difference = difference_of(scene.explanation, scene.chosen.index, rival)
    right.html(_equation(difference, first, second))
    right.markdown(_odds(difference.total, first, second))


def _show_difference_map(scene: Scene, rival: int, title: str) -> None:
    index, explanation = scene.chosen.index, scene.explanation
    cells = explanation.class_map(index) - explanation.class_map(rival)
    speaks_for = f"strongest at the {peak_place(cells)}" if cells.max() > 0 else "nowhere"
    against = f"strongest at the {peak_place(-cells)}" if cells.min() < 0 else "nowhere"
    alt = f"Evidence for {title}: {speaks_for}. Evidence against: {against}."
    heatmap = difference_map(explanation, index, rival, picture.map_size(scene.shown))
    picture.show_signed(scene.photo, scene.shown, heatmap, key="compare_difference", title=title, alt=alt)


def _equation(difference: Difference, first: str, second: str) -> str:
    """The sum in large numbers, with what each is beside it."""
    decimals = shown_decimals(difference)
    first, second = escape(first), escape(second)
    terms = (
        ("", difference.mean, "mean of the map’s cells"),
        ("+", difference.bias, f"bias of {first} − bias of {second}"),
        ("=", difference.total, f"score of {first} − score of {second}"),
    )
    parts = (f"<i>{sign}</i><b>{_operand(sign, value, decimals)}</b><span>{name}</span>" for sign, value, name in terms)
    return f'<div class="compare-equation">{"".join(parts)}</div>'


def _operand(sign: str, value: float, decimals: int) -> str:
    text = number(value, decimals)
    return f"({text})" if sign == "+" and text.startswith("−") else text


def _odds(total: float, first: str, second: str) -> str:
    """What the difference of the scores does to the probabilities: exact for a softmax."""
    more, less = map(plain, (first, second) if total >= 0 else (second, first))
    ratio = times_as_probable(abs(total))
    times = f"{ratio:,.10g} times" if ratio <= _MANY_TIMES else "more than a million times"
    return (
        f"The network holds **{more}** to be **{times}** as probable as **{less}**: "
        "the ratio of two probabilities is *e* to the power of the difference of the scores."
    )


def _choose_others(scene: Scene) -> list[int]:
    """Up to three classes besides the chosen one."""
    state = st.session_state
    others = _others(scene)
    held.hold("compare_picked", others, about=(_subject(scene), scene.chosen.index))
    offered, names = _all_but_chosen(scene), scene.explanation.labels.names

    def choose() -> None:
        picked = held.chosen("compare_picked", range(len(names)), names.__getitem__)
        if picked is not None:
            _keep(scene, picked)

    st.multiselect(
        f"Compare **{plain(scene.chosen.label)}** with",
        offered,
        others,
        format_func=lambda index: names[index],
        max_selections=_MOST_OTHERS,
        key="compare_picked",
        filter_mode="contains",
        select_all=False,
        placeholder="Choose a class",
        on_change=whole(choose),
        help=f"Up to {_MOST_OTHERS} classes, the most probable first.",
    )
    _write_link(scene)
    return state.compare_picked


def _choose_rival(scene: Scene) -> int:
    """The class that the chosen one is set against: the first one that it is compared with."""
    state = st.session_state
    others = _others(scene) or _next_best(scene)
    held.hold("compare_rival", others[0], about=(_subject(scene), scene.chosen.index))
    offered, names = _all_but_chosen(scene), scene.explanation.labels.names

    def choose() -> None:
        rival = held.chosen("compare_rival", range(len(names)), names.__getitem__)
        if rival is not None:
            _keep(scene, [rival, *(index for index in others[1:] if index != rival)])

    st.selectbox(
        f"Why **{plain(scene.chosen.label)}** rather than",
        offered,
        offered.index(others[0]),
        format_func=lambda index: names[index],
        key="compare_rival",
        filter_mode="contains",
        on_change=whole(choose),
    )
    _write_link(scene)
    return state.compare_rival


def _all_but_chosen(scene: Scene) -> list[int]:
    ranked = scene.explanation.top(len(scene.explanation.labels))
    return [row.index for row in ranked if row.index != scene.chosen.index]


def _next_best(scene: Scene) -> list[int]:
    return _all_but_chosen(scene)[:_OTHERS_AT_FIRST]


def _keep(scene: Scene, others: list[int]) -> None:
    """Choices belong to one photo and one set of classes, as the chosen class does."""
    st.session_state.compare_others = (_subject(scene), others)


def _subject(scene: Scene) -> tuple[str, tuple[str, ...]]:
    """What the choice of classes belongs to: the photo, and the classes that the network has."""
    return scene.photo.digest, scene.explanation.labels.names


def _others(scene: Scene) -> list[int]:
    """What was chosen for this photo; the next best classes where nothing was, or only what is the chosen class now."""
    state = st.session_state
    if link.is_read("compare_others"):
        _keep_link(scene)
    subject, kept = state.compare_others
    others = [index for index in kept if index != scene.chosen.index]
    return _next_best(scene) if subject != _subject(scene) or (kept and not others) else others


def _keep_link(scene: Scene) -> None:
    """Once a session, and for who has gone back: the classes that the link names."""
    st.session_state.compare_others = (None, [])
    try:
        others = [scene.explanation.labels.index(name) for name in link.named("vs")[:_MOST_OTHERS]]
    except LabelError as error:
        show_error(str(error))
        return
    if others:
        _keep(scene, list(dict.fromkeys(others)))


def _write_link(scene: Scene) -> None:
    """Keep the address in step; of a photo of one's own nothing is in the link."""
    subject, kept = st.session_state.compare_others
    chosen = kept if subject == _subject(scene) and scene.photo.sample else []
    link.set_part("vs", [scene.explanation.labels.names[index] for index in chosen])

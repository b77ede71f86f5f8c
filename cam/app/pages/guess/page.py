"""The page "Guess first": the student marks where the network looks, then the map is revealed."""

import time

import streamlit as st

from cam.analysis import box_overlap
from cam.analysis.box_overlap import Rectangle
from cam.app import answers, url_state
from cam.app.callbacks import run_to_end
from cam.app.components import picture
from cam.app.components.box_drawing import draw_box, read_box
from cam.app.pages.guess.cases import CASES, OWN, Case
from cam.app.pages.guess.tally import (
    Guess,
    Subject,
    count_restarts,
    format_points,
    read_guesses,
    start_again,
    write_tally,
)
from cam.app.scene import Scene, choose_scene, describe_loading
from cam.app.widgets import network_picker
from cam.app.widgets.messages import plain, show_reported
from cam.app.widgets.sample_gallery import list_samples
from cam.explanation import ExplainOptions
from cam.formatting import format_ordinal, format_percent, format_whole_percent
from cam.localization import Box
from cam.server import model_store

# Longer than between the two clicks of a double click, shorter than anybody needs to see the map.
_DOUBLE_CLICK_SECONDS = 0.6
_CASES = {case.name: case for case in CASES}


def show_page() -> None:
    """Show the page."""
    _arrive()
    with st.container(key="guess_title"):
        st.markdown("# Guess first\nMark where you think the network looks. Then see.")
    case = _choose_case()
    with st.container(key="guess_question"):
        scene = choose_scene() if case.name == OWN else _make_scene(case)
    subject = Subject(case.name, scene.photo.digest, scene.spec.name, scene.options.fit, scene.chosen.index)
    made = read_guesses().get(subject)
    left, right = st.columns(2, gap="medium")
    with left:
        box = _show_photo(scene, subject, made)
    with right:
        _show_map(scene, made)
    with st.container(key="guess_result"):
        told, tally = st.columns(2, gap="medium")
    with told:
        with st.container(horizontal=True, vertical_alignment="center", key="guess_numbers"):
            _show_button(case, scene, subject, box)
            if made is not None:
                _show_numbers(made)
        if made is not None:
            st.markdown(_write_lesson(case, scene, made))
    with tally:
        _show_tally()


def _arrive() -> None:
    """Open with a custom photo or the photo that the link names; else with the first case.

    A sample that another page has shown is no guess any more: its map was on the screen a moment ago.
    """
    state, params = st.session_state, st.query_params
    named = "photo" in params
    url_state.open_link(CASES[0].sample)
    if (named or not state.photo.sample) and "case" not in state and "case" not in params:
        state.case = OWN


def _choose_case() -> Case:
    """Choose one of the cases."""
    titles = {name: case.title for name, case in _CASES.items()}
    answers.hold("case", answers.read_latest("case") if "case" in st.session_state else CASES[0].name)
    name = st.radio(
        "Cases",
        list(titles),
        format_func=titles.__getitem__,
        key="case",
        horizontal=True,
        label_visibility="collapsed",
        width="stretch",
        bind="query-params",
    )
    return _CASES[name]


def _make_scene(case: Case) -> Scene:
    """Make the scene of a case; the photo, class and network of the other pages stay as they are."""
    url_state.set_parts({})
    photo, spec = list_samples()[case.sample].photo(), model_store.find_spec(case.network)
    # Written at once: a place that is empty for a moment moves the photo under the finger that draws on it.
    waits = "" if network_picker.is_ready(spec) else f" {describe_loading(spec)}"
    question = st.markdown(f"{case.question}{waits}")
    show_reported()
    options = ExplainOptions(case.fit)
    spec, explanation = network_picker.explain(photo, spec, options)
    if waits:
        question.markdown(case.question)
    return Scene(photo, spec, explanation, explanation.prediction(case.label), options)


def _show_photo(scene: Scene, subject: Subject, made: Guess | None) -> Rectangle | None:
    """Show the photo to mark, or with the guess that was made; returns the box."""
    return draw_box(
        scene.photo,
        key=_name_drawing(subject),
        label=f"Where does the network look for {scene.chosen.label}?" if made is None else "Your guess",
        box=None if made is None else made.box,
        fixed=made is not None,
    )


def _name_drawing(subject: Subject) -> str:
    return f"guess_{count_restarts()}_{subject.key}"


def _show_map(scene: Scene, made: Guess | None) -> None:
    """Show the map once a guess is made; a place for it before."""
    photo, chosen = scene.photo, scene.chosen
    if made is None:
        picture.show_waiting(photo, title="The map", text="Mark the photo, then reveal.")
        return
    size = picture.map_size(photo.size)
    if made.caught is None:
        alt = f"The photo without heat: no place is evidence for {chosen.label}."
    else:
        caught = format_whole_percent(made.caught)
        alt = f"Heat over the photo: {caught} of the evidence for {chosen.label} is in your box."
    picture.show_heat(
        photo,
        scene.explanation.heatmap(chosen.index, size=size),
        key="guess",
        title=f"Evidence for {chosen.label}",
        value=format_percent(chosen.probability),
        alt=alt,
        boxes=[_convert_box(made.box, size)],
        exact=scene.explanation.exact,
    )


def _convert_box(box: Rectangle, size: tuple[int, int]) -> Box:
    """Convert a guess to pixels of the map, as pictures draw it."""
    (left, top, right, bottom), (width, height) = box, size
    return Box(round(left * width), round(top * height), round(right * width), round(bottom * height), 0.0)


def _show_button(case: Case, scene: Scene, subject: Subject, box: Rectangle | None) -> None:
    """Show Reveal, and then Next: one button, so that whoever pressed it by a key is still on it."""
    if subject in read_guesses():
        text = "First case" if case is CASES[-1] else "Next"
        st.button(text, key="guess_go", type="primary", on_click=run_to_end(_go_on), args=(case,))
        return
    st.button("Reveal", key="guess_go", type="primary", on_click=run_to_end(_reveal), args=(case, scene, subject, box))
    if st.session_state.pop("guess_unmarked", None) == subject:
        st.markdown("Mark the photo first.")


def _reveal(case: Case, scene: Scene, subject: Subject, box: Rectangle | None) -> None:
    # The last change may have come with the click itself.
    box = read_box(_name_drawing(subject)) or box
    if box is None:
        st.session_state.guess_unmarked = subject
        return
    heatmap = scene.explanation.heatmap(scene.chosen.index, size=picture.map_size(scene.photo.size))
    title = scene.photo.title if case.name == OWN else case.title
    made = Guess(
        title, scene.chosen.label, box, box_overlap.heat_fraction(heatmap, box), box_overlap.area_fraction(box)
    )
    st.session_state.guesses = {**read_guesses(), subject: made}
    st.session_state.guess_revealed = time.monotonic()


def _go_on(case: Case) -> None:
    # The second click of a double click on Reveal is none on Next.
    if time.monotonic() - st.session_state.guess_revealed > _DOUBLE_CLICK_SECONDS:
        answers.give("case", CASES[(CASES.index(case) + 1) % len(CASES)].name)


def _show_numbers(made: Guess) -> None:
    """Show the result of a guess, large enough for the back of the room; nothing where there was nothing to catch."""
    if made.caught is None or made.points is None:
        return
    with st.container(horizontal=True, width="content", key="guess_metrics"):
        st.metric("Evidence caught", format_whole_percent(made.caught), width="content")
        st.metric("Photo marked", format_whole_percent(made.marked), width="content")
        st.metric("Points", format_points(made.points), width="content")


def _write_lesson(case: Case, scene: Scene, made: Guess) -> str:
    """Write what the case teaches, or that there was nothing to catch."""
    chosen = scene.chosen
    if made.caught is None:
        return f"There is nothing to catch: no place of this photo is evidence for {plain(chosen.label)}."
    facts = {
        "label": plain(chosen.label),
        "rank": format_ordinal(scene.explanation.rank(chosen.index)),
        "classes": f"{len(scene.explanation.labels):,}",
        "probability": format_percent(chosen.probability),
    }
    return case.lesson.format(**facts)


def _show_tally() -> None:
    rows = list(read_guesses().values())
    with st.container(key="guess_tally"):
        if rows:
            st.html(write_tally(rows))
        st.markdown(
            "**Points** are the percent caught minus the percent marked. "
            "A box over everything catches all the evidence and earns nothing."
        )
        if rows:
            st.button("Start again", key="guess_again", type="tertiary", on_click=run_to_end(start_again))

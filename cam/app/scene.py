"""What the pages of the lesson have in common: heading, choice of photo, class and network, loading, and the link."""

from dataclasses import dataclass

import streamlit as st

from cam.app import cache, held, url_state
from cam.app.callbacks import whole
from cam.app.widgets import network_picker
from cam.app.widgets.messages import plain, show_reported
from cam.app.widgets.photo_picker import set_photo
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.explanation import Prediction, Scored
from cam.models.registry import ModelSpec

_OWN = "own"


@dataclass(frozen=True)
class Scene:
    """What a page shows: the photo, the network, what it says about the photo, and the class that was chosen."""

    photo: cache.Photo
    shown: cache.Shown
    spec: ModelSpec
    explanation: Scored
    chosen: Prediction


def open_lesson(title: str, sentence: str, *, sample: str = DEFAULT, exact: bool = False) -> Scene:
    """Heading and choices of a page of the lesson; waits for the network and explains the photo.

    Photo, class and network are those of the page before.

    Args:
        title: of the page.
        sentence: what the page is about, in a line or two.
        sample: the sample that the page opens with when it is the first one; it makes the page's point.
        exact: whether the page needs exact class activation maps.
    """
    url_state.open_link(sample)
    st.markdown(f"# {title}\n{sentence}")
    return choose_scene(exact=exact)


def choose_scene(*, exact: bool = False) -> Scene:
    """The choices of photo, class and network, and what the network says about the photo; `exact` as `open_lesson`."""
    photo_column, class_column, network_column = st.columns(3)
    with photo_column:
        photo = _choose_photo()
    with network_column:
        spec = network_picker.choose_network()
    with st.container():
        show_reported()
    shown = cache.shown(photo)
    slot = class_column
    if not network_picker.is_ready(spec):
        # Only then: a list that is emptied for a moment closes while it is being read.
        slot = class_column.empty()
        slot.markdown(f"Loading {plain(spec.title)}: a few seconds, once.")
    spec, explanation = network_picker.explain(photo, spec, "whole", exact=exact)
    network_picker.remember(spec, explanation)
    url_state.open_class(explanation.labels)
    with slot:
        chosen = _choose_class(explanation)
    url_state.write_link(chosen.label)
    return Scene(photo, shown, spec, explanation, chosen)


def _choose_photo() -> cache.Photo:
    """The samples by title; a photo of one's own, chosen on the first page, stands above them."""
    samples = list_samples()
    photo = st.session_state.photo
    names = list(samples) if photo.sample else [_OWN, *samples]
    shown = photo.sample or _OWN
    held.hold("lesson_photo", shown)
    st.selectbox(
        "Photo",
        names,
        names.index(shown),
        format_func=lambda name: samples[name].title if name in samples else photo.title,
        key="lesson_photo",
        on_change=whole(_take_sample),
        help="Photos of your own are uploaded on the first page; every page shows them.",
    )
    return photo


def _take_sample() -> None:
    if (name := st.session_state.lesson_photo) != _OWN:
        set_photo(list_samples()[name].photo())


def _choose_class(explanation: Scored) -> Prediction:
    """All classes, the most probable first; typing finds one."""
    state = st.session_state
    ranked = [row.index for row in explanation.top(len(explanation.labels))]
    shown = ranked[0] if state.chosen is None else state.chosen
    held.hold("lesson_class", shown, about=(state.photo.digest, explanation.labels.names))
    names = explanation.labels.names

    def choose() -> None:
        if (index := held.chosen("lesson_class", ranked, names.__getitem__)) is not None:
            state.chosen = index

    index = st.selectbox(
        "Class, most probable first",
        ranked,
        ranked.index(shown),
        format_func=lambda index: names[index],
        key="lesson_class",
        filter_mode="contains",
        on_change=whole(choose),
    )
    return explanation.prediction(index)

"""The scene that every page shows: photo, network, explanation and chosen class, how they are chosen, and the link."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from cam.app import answers, cache, url_state
from cam.app.cache import Explained
from cam.app.widgets import network_picker
from cam.app.widgets.class_picker import keep_class
from cam.app.widgets.messages import plain, show_reported
from cam.app.widgets.photo_picker import set_photo
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.explanation import ExplainOptions, Explanation, Prediction
from cam.models.registry import ModelSpec

_OWN = "own"
WHOLE = ExplainOptions()


@dataclass(frozen=True)
class Scene:
    """The subject of a page: a photo, the network's explanation of it by `options`, and the class that was chosen."""

    photo: cache.Photo
    spec: ModelSpec
    explanation: Explained
    chosen: Prediction
    options: ExplainOptions = WHOLE

    @property
    def exact(self) -> Explanation:
        """The explanation, of a network that is known to have exact maps."""
        assert isinstance(self.explanation, Explanation)
        return self.explanation


def open_lesson(title: str, sentence: str, *, sample: str = DEFAULT, exact: bool = False) -> Scene:
    """Write a lesson page's heading and choices, and explain the photo; waits for the network.

    Photo, class and network are those of the page before.

    Args:
        title: of the page.
        sentence: the page's subject, in a line or two.
        sample: the sample that the page opens with when it is the first one; it makes the page's point.
        exact: whether the page needs exact class activation maps.
    """
    url_state.open_link(sample)
    st.markdown(f"# {title}\n{sentence}")
    return choose_scene(exact=exact)


def choose_scene(*, exact: bool = False) -> Scene:
    """Offer the choices of photo, class and network, and explain the photo; `exact` as in `open_lesson`."""
    photo_column, class_column, network_column = st.columns(3)
    with photo_column:
        photo = _choose_photo()
    with network_column:
        spec = network_picker.choose_network()
    with st.container():
        show_reported()
    slot = class_column
    if not network_picker.is_ready(spec):
        # Only then: a list that is emptied for a moment closes while it is being read.
        slot = class_column.empty()
        slot.markdown(describe_loading(spec))
    spec, explanation = network_picker.explain(photo, spec, WHOLE, exact=exact)
    with slot:
        return make_scene(photo, spec, explanation, _choose_class)


def describe_loading(spec: ModelSpec, purpose: str = "") -> str:
    """Say in Markdown that a network loads, and for what."""
    return f"Loading {plain(spec.title)}{purpose}: a few seconds, once."


def make_scene(
    photo: cache.Photo,
    spec: ModelSpec,
    explanation: Explained,
    choose_class: Callable[[Explained], Prediction],
    options: ExplainOptions = WHOLE,
) -> Scene:
    """Make the scene of an explanation: the link's class or the one that `choose_class` returns; writes the link."""
    network_picker.remember(spec, explanation)
    url_state.open_class(explanation.labels)
    chosen = choose_class(explanation)
    url_state.write_link(chosen.label)
    return Scene(photo, spec, explanation, chosen, options)


def _choose_photo() -> cache.Photo:
    """Offer the samples by title; a custom photo, chosen on the first page, stands above them."""
    samples = list_samples()
    photo = st.session_state.photo
    names = list(samples) if photo.sample else [_OWN, *samples]

    def write_title(name: str) -> str:
        return samples[name].title if name in samples else photo.title

    answers.offer(
        st.selectbox,
        "Photo",
        names,
        photo.sample or _OWN,
        key="lesson_photo",
        text=write_title,
        take=_take_sample,
        help="Photos of your own are uploaded on the first page; every page shows them.",
    )
    return photo


def _take_sample(name: str) -> None:
    if name != _OWN:
        set_photo(list_samples()[name].photo())


def _choose_class(explanation: Explained) -> Prediction:
    """Offer all classes, the most probable first; typing finds one."""
    state, names = st.session_state, explanation.labels.names
    ranked = [row.index for row in explanation.top(len(names))]
    index = answers.offer(
        st.selectbox,
        "Class, most probable first",
        ranked,
        ranked[0] if state.chosen is None else state.chosen,
        key="lesson_class",
        text=names.__getitem__,
        take=keep_class,
        filter_mode="contains",
    )
    return explanation.prediction(index)

"""The page "Compare": classes, networks, and the whole photo against the squashed one."""

import streamlit as st

from cam.app.components import picture
from cam.app.pages.compare.classes import show_classes, show_difference
from cam.app.pages.compare.inputs import show_fits, show_networks
from cam.app.pages.compare.methods import show_methods
from cam.app.scene import open_lesson

_SAMPLE = "dog_and_cat"
# What each view is called on screen and in links.
_VIEWS = {
    "Classes": show_classes,
    "Difference": show_difference,
    "Networks": show_networks,
    "Whole and squashed": show_fits,
    "Methods": show_methods,
}
_FIRST = "Classes"


def show_page() -> None:
    """Show the page."""
    scene = open_lesson("Compare", "Maps side by side show what one map alone cannot.", sample=_SAMPLE)
    share = _choose_photo_share(*scene.photo.size)
    controls, photo = st.columns([1 - share, share], gap="medium")
    with photo:
        picture.show_photo(scene.photo)
    view = controls.segmented_control(
        "What to compare",
        list(_VIEWS),
        default=_FIRST,
        required=True,
        key="compare",
        label_visibility="collapsed",
        wrap=True,
        bind="query-params",
    )
    # A link may end in "compare=", which chooses none.
    _VIEWS[view or _FIRST](scene, controls)


def _choose_photo_share(width: int, height: int) -> float:
    """Choose the share of the page's width for the photo, so that it is about as high as the controls beside it."""
    return min(max(0.15 * width / height, 0.14), 0.3)

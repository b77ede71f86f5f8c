"""Let a person draw one rectangle on a photo, with mouse, finger or keyboard."""

import math

import streamlit as st

from cam.analysis.box_overlap import Rectangle
from cam.app.cache import Photo
from cam.app.components import register_component

_drawing = register_component("box_drawing")


def draw_box(
    photo: Photo, *, key: str, label: str, box: Rectangle | None = None, fixed: bool = False
) -> Rectangle | None:
    """Show a photo on which a rectangle can be drawn; the page runs again when one is finished.

    Pictures of `cam.app.components.picture` on the same page take the photo from here: it stands for `show_photo`.

    Args:
        photo: to draw on.
        key: unique on the page; with another key it starts again, from `box`.
        label: over the photo: what the rectangle is for.
        box: the rectangle that is there before one is drawn.
        fixed: whether `box` stays as it is.

    Returns:
        The rectangle in shares of the photo, or None where there is none.
    """
    width, height = photo.size
    state = _drawing(
        key=f"draw_{key}",
        data={
            "id": photo.digest,
            "uri": photo.uri,
            "width": width,
            "height": height,
            "label": label,
            "alt": f"Photo: {photo.title}",
            "below": photo.credit,
            "box": box,
            "fixed": fixed,
        },
        default={"box": None},
        on_box_change=lambda: None,
    )
    return check_box(box if fixed or state.box is None else state.box)


def read_box(key: str) -> Rectangle | None:
    """Read the rectangle that was drawn there last, also in a callback, before the page has run with it."""
    return check_box(st.session_state.get(f"draw_{key}", {}).get("box"))


def check_box(value: object) -> Rectangle | None:
    """Take what a browser sends as a rectangle, if it is one: four finite numbers, in order and inside the photo."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        return None
    if not all(type(number) in (int, float) and math.isfinite(number) for number in value):
        return None
    left, top, right, bottom = map(float, value)
    inside = 0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0
    return (left, top, right, bottom) if inside else None

"""The two pictures: the photo, and the heat over it. Their opacity changes in the browser, without the server."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from cam.cached import Photo, Shown, data_uri
from cam.localize import Box
from cam.render import heat_layer, palette

_HERE = Path(__file__).parent
_picture = st.components.v2.component(
    "classcam_picture",
    css=(_HERE / "picture.css").read_text(encoding="utf-8"),
    js=(_HERE / "picture.js").read_text(encoding="utf-8"),
)
# Colours that the bar below the heat is drawn from.
_BAR_STEPS = 24


def show_photo(photo: Photo, shown: Shown) -> None:
    """The photo with its title and credit; the pictures of the heat take it from here, so it is sent once."""
    _mount("photo", photo, shown, uri=shown.uri, title=photo.title, alt=f"Photo: {photo.title}", below=photo.credit)


def show_waiting(photo: Photo, shown: Shown, *, title: str, text: str) -> None:
    """The photo with a text over it, of the size that the heat will have."""
    _mount("waiting", photo, shown, title=title, wait=text, alt=text)


def show_heat(
    photo: Photo,
    shown: Shown,
    heatmap,
    *,
    title: str,
    value: str,
    alt: str,
    colormap: str,
    opacity: int,
    boxes: Sequence[Box],
) -> None:
    """The heat over the photo, with boxes in the heatmap's pixels; opacity in percent."""
    height, width = heatmap.shape
    colors = palette(colormap)[:: 256 // _BAR_STEPS]
    maximum = max(0.0, float(heatmap.max()))
    bar = {
        "colors": [f"rgb({r} {g} {b})" for r, g, b in colors.tolist()],
        "low": "no evidence",
        "high": f"most evidence ({maximum:.1f})" if maximum else "none here",
        "alt": f"Colour scale of the evidence, from 0 to {maximum:.1f} in units of the score",
    }
    _mount(
        "heat",
        photo,
        shown,
        heat=data_uri(heat_layer(heatmap, colormap), "PNG", compress_level=1),
        title=title,
        value=value,
        alt=alt,
        opacity=opacity,
        bar=bar,
        boxes=[[b.left / width, b.top / height, b.right / width, b.bottom / height] for b in boxes],
    )


def _mount(key: str, photo: Photo, shown: Shown, **data: object) -> None:
    width, height = shown.size
    defaults = {"uri": None, "heat": None, "wait": None, "bar": None, "below": "", "value": "", "boxes": []}
    _picture(key=f"picture_{key}", data={**defaults, "id": photo.digest, "width": width, "height": height, **data})

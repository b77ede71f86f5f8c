"""Save what is seen: the overlay, the map, and a figure; each is made when its button is pressed."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache as keep
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from cam.app import cache
from cam.app.cache import Explained
from cam.app.scene import Scene
from cam.explanation import Explanation, Prediction
from cam.export import HeatStyle, draw_overlay, make_figure_file
from cam.files import escape_formulas
from cam.formatting import format_percent
from cam.images.open import open_image
from cam.server import model_store
from cam.server.telemetry import track
from cam.settings import read_settings
from cam.turns import Turns

# What a file's name does not have on every system, and spaces.
_NOT_IN_NAMES = re.compile(r'[\s/\\:*?"<>|]')

# What is in each file, and what opens it.
_HELP = {
    "Overlay, PNG": "The photo with the heat over it, a picture.",
    "Figure, PNG": "Photo and heat with a title and the colour scale, a picture.",
    "Figure, PDF": "Photo and heat with a title and the colour scale, sharp at any size, for print.",
    "Map, CSV": "The map's numbers as text, one row of cells a line. A spreadsheet opens it.",
    "Map, NPY": "The map's numbers for programs in Python: numpy.load opens it.",
}


@dataclass(frozen=True)
class View:
    """The style of the heat: colour scale, opacity in percent, and the boxes' threshold in percent or None."""

    colormap: str
    opacity: int
    threshold: int | None

    @property
    def look(self) -> HeatStyle:
        """The same in shares, 0 to 1."""
        return HeatStyle(self.colormap, self.opacity / 100, None if self.threshold is None else self.threshold / 100)


def show_save_menu(scene: Scene, view: View) -> None:
    """Show a menu of downloads; opening it tells the server the opacity that the browser has."""
    menu = st.popover("Save", icon=":material/download:", width="stretch", on_change="rerun")
    if not menu.open:
        return
    photo, spec, explanation, chosen = scene.photo, scene.spec, scene.explanation, scene.chosen
    # A custom network is called own/NAME@CORRECTION.
    parts = (photo.sample or "photo", chosen.label, model_store.base_name(spec.name).rpartition("/")[2])
    stem = "-".join(_NOT_IN_NAMES.sub("-", part) for part in parts)
    about = (
        f"{chosen.label}, {format_percent(chosen.probability)}, score {chosen.score:.2f} · {spec.title} · {photo.title}"
    )
    seen = (photo, explanation, chosen, view)
    row = menu.container(horizontal=True)
    _button(row, "Overlay, PNG", f"{stem}.png", "image/png", partial(_overlay, *seen))
    _button(row, "Figure, PNG", f"{stem}-figure.png", "image/png", partial(_figure, *seen, about, "png"))
    _button(row, "Figure, PDF", f"{stem}-figure.pdf", "application/pdf", partial(_figure, *seen, about, "pdf"))
    _button(row, "Map, CSV", f"{stem}.csv", "text/csv", partial(map_csv, explanation, chosen, about))
    _button(row, "Map, NPY", f"{stem}.npy", "application/octet-stream", partial(_map_npy, explanation, chosen))
    menu.caption(
        "The overlay has the photo's own resolution. The map is the grid of signed numbers that the network computed: "
        "its mean plus the bias is the score."
        if explanation.exact
        else "The overlay has the photo's own resolution. The map is the grid of numbers that "
        f"{explanation.method.title} computed."
    )


def _button(row: DeltaGenerator, label: str, name: str, mime: str, make: Callable[[], bytes]) -> None:
    def made() -> bytes:
        with track("save", file=label) as told:
            data = make()
            told["bytes"] = len(data)
            return data

    row.download_button(label, made, name, mime, key=f"save_{label}", help=_HELP[label], on_click="ignore")


@keep
def _line(at_once: int) -> Turns:
    """Make the turns at making pictures of the photo's own resolution."""
    return Turns(at_once)


def _open_whole(photo: cache.Photo) -> Image.Image:
    """Open the photo with every pixel that it has in its file."""
    return open_image(photo.data, draft=False, limits=read_settings().image_limits)


def _overlay(photo: cache.Photo, explanation: Explained, chosen: Prediction, view: View) -> bytes:
    buffer = io.BytesIO()
    # At the photo's own resolution, about 35 bytes a pixel.
    with _line(read_settings().decodes):
        draw_overlay(_open_whole(photo), explanation, chosen, view.look).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _figure(
    photo: cache.Photo, explanation: Explained, chosen: Prediction, view: View, about: str, format: str
) -> bytes:
    title = f"Evidence for {chosen.label} ({format_percent(chosen.probability)})"
    return make_figure_file(photo.image, explanation, chosen, view.look, title=title, note=about, format=format)


def map_csv(explanation: Explained, chosen: Prediction, about: str) -> bytes:
    """Write the class map as text: comments that say what it is, then one row of cells a line."""
    buffer = io.StringIO()
    about = escape_formulas(about)
    if isinstance(explanation, Explanation):
        bias = float(explanation.bias[chosen.index])
        header = f"class activation map: {about}\nmean of the cells + bias {bias:.6g} = score {chosen.score:.6g}"
    else:
        header = f"map by {explanation.method.title}: {about}\n{explanation.method.paper}"
    np.savetxt(buffer, explanation.class_map(chosen.index), fmt="%.6g", delimiter=",", header=header, encoding="utf-8")
    return buffer.getvalue().encode()


def _map_npy(explanation: Explained, chosen: Prediction) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, explanation.class_map(chosen.index))
    return buffer.getvalue()

"""The figure for a slide or a handout: the photo, the heat over it, what it shows, and its colour scale."""

import io
import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

# Width in inches and resolution of the PNG: 1,800 pixels are sharp on a projector.
_WIDTH, _DPI = 12.0, 150
# What the pictures leave to the colour bar, and the heights in inches of a title and of the note.
_PICTURES, _TITLE, _NOTE = 0.92, 0.45, 0.5
_HIGHEST = 14.0
# Where lines break: letters of a title in an inch, and of the note in all.
_TITLE_LETTERS, _NOTE_LETTERS = 8, 130
# Photos wider than this many times their height stand above each other.
_PANORAMA = 1.9


def make_figure(
    image: Image.Image, picture: Image.Image, *, maximum: float, colormap: str, title: str, note: str
) -> Figure:
    """Draw photo and heat side by side, or one above the other where they are very wide.

    Args:
        image: the photo.
        picture: the heat over the photo, of any size and the photo's shape.
        maximum: of the heatmap, in units of the score: the upper end of the colour bar.
        colormap: the scale that `picture` was drawn with.
        title: over the heat.
        note: one line below everything.
    """
    wide = image.width > _PANORAMA * image.height
    rows, columns = (2, 1) if wide else (1, 2)
    side = _PICTURES * _WIDTH / columns
    height = min(rows * (side * image.height / image.width + _TITLE) + _NOTE, _HIGHEST)
    side = min(side, (height - _NOTE) / rows * image.width / image.height)
    # Made without pyplot, whose global state is not safe in a server's threads.
    drawing = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasAgg(drawing)
    left, right = drawing.subplots(rows, columns)
    for axes, pixels, caption in ((left, image, "Photo"), (right, picture, title)):
        axes.imshow(np.asarray(pixels))
        axes.set_title(textwrap.fill(caption, round(side * _TITLE_LETTERS)), loc="left", fontsize=15, parse_math=False)
        axes.set_axis_off()
    scale = ScalarMappable(Normalize(0.0, max(maximum, float(np.finfo(np.float32).tiny))), colormap)
    bar = drawing.colorbar(scale, ax=[left, right], fraction=0.025, pad=0.015)
    bar.set_label("evidence for the class (units of the score)", fontsize=11)
    drawing.supxlabel(textwrap.fill(note, _NOTE_LETTERS), fontsize=10, parse_math=False)
    return drawing


def encode_figure(drawing: Figure, format: str) -> bytes:
    """The bytes of the figure as a file: format "png" or "pdf"."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format=format, dpi=_DPI)
    return buffer.getvalue()

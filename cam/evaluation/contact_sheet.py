"""Draw the best and the worst cases on one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox, TransformedBbox
from PIL import Image

from cam.formatting import shorten
from cam.render import overlay

# Inches of a photo's square, and with its caption; of a heading; and of the line at the end.
_TILE, _ROW, _HEADING, _LEGEND = 1.7, 2.0, 0.3, 0.3
# Pixels of a photo's longer side, and letters of a caption.
_SIDE, _LETTERS = 480, 30
_INK, _FAINT = "#111111", "#555555"
# Sky blue and white stand out from the scale of the heat to every eye; black edges keep them visible on bright photos.
TRUTH, FOUND = "#FFFFFF", "#56B4E9"


@dataclass(frozen=True, eq=False)
class Case:
    """One photo of a contact sheet.

    Attributes:
        image: RGB.
        heatmap: float (height, width) of the image, signed.
        truth: (left, top, right, bottom) in pixels of the image, one a box.
        box: the box around the heat, likewise; empty where there is none.
        caption: up to two lines below the photo, each cut to its width.
    """

    image: Image.Image
    heatmap: np.ndarray
    truth: Sequence[tuple[float, float, float, float]]
    box: tuple[float, float, float, float]
    caption: tuple[str, ...]


def draw_contact_sheet(groups: Sequence[tuple[str, Sequence[Case]]], *, columns: int = 6) -> Figure:
    """Draw a sheet: under each heading its cases row by row, photo and heat with the true boxes and the found one.

    Args:
        groups: (heading, cases).
        columns: photos in a row.
    """
    rows = [math.ceil(len(cases) / columns) for _, cases in groups]
    heights = [_HEADING + count * _ROW for count in rows]
    # Made without pyplot, whose global state is not safe in a server's threads.
    drawing = Figure(figsize=(columns * _TILE, sum(heights) + _LEGEND), layout="constrained")
    FigureCanvasAgg(drawing)
    *parts, foot = drawing.subfigures(len(groups) + 1, squeeze=False, height_ratios=[*heights, _LEGEND]).ravel()
    for (heading, cases), part, count in zip(groups, parts, rows, strict=True):
        part.suptitle(heading, x=0.01, ha="left", color=_INK, fontsize=10, parse_math=False)
        places = part.subplots(count, columns, squeeze=False).ravel()
        for axes in places:
            axes.set_axis_off()
        for axes, case in zip(places, cases, strict=False):
            draw_case(axes, case)
    foot.text(0.01, 0.5, "White: the true boxes. Blue: the box around the heat.", color=_FAINT, fontsize=7)
    return drawing


def draw_case(axes: Axes, case: Case) -> None:
    """Draw a case: photo under its heat, true boxes in white, the found one in blue, and the caption below."""
    picture = overlay(case.image, case.heatmap)
    picture.thumbnail((_SIDE, _SIDE))
    width, height = case.image.size
    axes.imshow(picture, extent=(0, width, height, 0))
    # All photos stand in the middle of equal squares, so that captions stand in one line.
    half = max(width, height) / 2
    axes.set(xlim=(width / 2 - half, width / 2 + half), ylim=(height / 2 + half, height / 2 - half))
    for boxes, color in ((case.truth, TRUTH), ([case.box], FOUND)):
        for left, top, right, bottom in boxes:
            if left < right and top < bottom:
                edges = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, clip_on=False)
                edges.set_path_effects([withStroke(linewidth=2.5, foreground="black")])
                axes.add_patch(edges)
    for line, (text, color) in enumerate(zip(case.caption, (_INK, _FAINT), strict=False)):
        written = axes.text(0, -0.02 - 0.09 * line, shorten(text, _LETTERS), color=color, fontsize=7, va="top")
        written.set(transform=axes.transAxes, parse_math=False, clip_on=True)
        written.set_clip_box(TransformedBbox(Bbox([[0, -1], [1, 1]]), axes.transAxes))

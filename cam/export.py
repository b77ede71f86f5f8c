"""The files that are saved of an explained photo: the overlay and the figure."""

from dataclasses import dataclass

from PIL import Image

from cam import localization, render
from cam.explanation import Prediction, Scored

_FIGURE_SIDE = 1200


@dataclass(frozen=True)
class HeatStyle:
    """Colour scale, opacity 0 to 1, and the boxes' threshold 0 to 1 or None."""

    colormap: str = "inferno"
    opacity: float = 0.5
    threshold: float | None = None


def draw_overlay(image: Image.Image, explanation: Scored, chosen: Prediction, style: HeatStyle) -> Image.Image:
    """Lay the heat of a class over its photo: RGB, of the photo's size."""
    heatmap = explanation.heatmap(chosen.index, size=image.size)
    picture = render.overlay(image, heatmap, colormap=style.colormap, opacity=style.opacity)
    if style.threshold is None:
        return picture
    return render.draw_boxes(picture, localization.boxes(heatmap, style.threshold))


def make_figure_file(
    image: Image.Image, explanation: Scored, chosen: Prediction, style: HeatStyle, *, title: str, note: str, format: str
) -> bytes:
    """Draw photo and heat side by side with the colour scale: the bytes of a file, format "png" or "pdf"."""
    # matplotlib's drawing half takes a while to import, and only this needs it.
    from cam.figure import encode_figure, make_figure

    small = image.copy()
    small.thumbnail((_FIGURE_SIDE, _FIGURE_SIDE))
    drawing = make_figure(
        small,
        draw_overlay(small, explanation, chosen, style),
        maximum=float(explanation.heatmap(chosen.index, size=small.size).max()),
        colormap=style.colormap,
        title=title,
        note=note,
    )
    return encode_figure(drawing, format)

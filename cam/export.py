"""What is saved of a photo that was explained: the overlay, the figure, and names for their files."""

import re
from dataclasses import dataclass

from PIL import Image

from cam import localization, render
from cam.explanation import Prediction, Scored

_FIGURE_SIDE = 1200
# Bytes of a name of a file, of which file systems take 255; endings and the like come on top.
_BYTES = 200


@dataclass(frozen=True)
class Look:
    """How the heat is drawn: colour scale, opacity 0 to 1, and the boxes' threshold 0 to 1 or None."""

    colormap: str = "inferno"
    opacity: float = 0.5
    threshold: float | None = None


def drawn(image: Image.Image, explanation: Scored, chosen: Prediction, look: Look) -> Image.Image:
    """The heat of a class over its photo, RGB, of the photo's size."""
    heatmap = explanation.heatmap(chosen.index, size=image.size)
    picture = render.overlay(image, heatmap, colormap=look.colormap, opacity=look.opacity)
    if look.threshold is None:
        return picture
    return render.draw_boxes(picture, localization.boxes(heatmap, look.threshold))


def figure_file(
    image: Image.Image, explanation: Scored, chosen: Prediction, look: Look, *, title: str, note: str, format: str
) -> bytes:
    """Photo and heat side by side with the colour scale, as a file: format "png" or "pdf"."""
    # matplotlib's drawing half takes a while to import, and only this needs it.
    from cam.figure import figure, figure_bytes

    small = image.copy()
    small.thumbnail((_FIGURE_SIDE, _FIGURE_SIDE))
    drawing = figure(
        small,
        drawn(small, explanation, chosen, look),
        maximum=float(explanation.heatmap(chosen.index, size=small.size).max()),
        colormap=look.colormap,
        title=title,
        note=note,
    )
    return figure_bytes(drawing, format)


def percent(probability: float) -> str:
    """A probability as it is read aloud: 78 %, 3.4 %, below 0.1 %, above 99.9 %."""
    share = 100 * probability
    if share < 0.1:
        return "below 0.1 %"
    if share > 99.9:
        return "above 99.9 %"
    return f"{share:.0f} %" if 9.95 <= share < 99 else f"{share:.1f} %"


def file_stem(*names: str) -> str:
    """Names joined to that of a file, without its ending: what a file system might not take becomes "-"."""
    plain = re.sub(r"[^\w.]+", "-", "-".join(names)).strip("-.")
    return plain.encode()[:_BYTES].decode(errors="ignore")

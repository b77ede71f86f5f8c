"""From a heatmap to pictures: clip, scale, colour, and lay over the photo. The only place that does any of it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from cam.heatmap import require_finite
from cam.localization import Box


@dataclass(frozen=True)
class Colormap:
    """A colour scale: `name` in matplotlib, `title` on screen, and whether equal steps look equal to every eye."""

    name: str
    title: str
    uniform: bool


COLORMAPS = (
    Colormap("inferno", "Inferno", uniform=True),
    Colormap("magma", "Magma", uniform=True),
    Colormap("viridis", "Viridis", uniform=True),
    Colormap("cividis", "Cividis", uniform=True),
    Colormap("jet", "Jet (as in papers)", uniform=False),
)


def normalize_heat(heatmap: np.ndarray, maximum: float | None = None) -> np.ndarray:
    """The evidence for a class as float32 0..1: below zero becomes 0, the maximum 1; all 0 where nothing is above zero.

    Args:
        heatmap: float (height, width), signed.
        maximum: the value that becomes 1, to draw several maps on one scale; the heatmap's own where there is none.

    Raises:
        ValueError: the heatmap is not two-dimensional and finite.
    """
    require_finite(heatmap)
    positive = np.clip(heatmap, 0.0, None).astype(np.float32)
    top = positive.max() if maximum is None else np.float32(maximum)
    return np.minimum(positive / top, 1.0) if top > 0 else np.zeros_like(positive)


def palette(colormap: str) -> np.ndarray:
    """uint8 (256, 3): the RGB colours of a scale from 0 to 1 (ValueError if it is none of `COLORMAPS`)."""
    names = [row.name for row in COLORMAPS]
    if colormap not in names:
        raise ValueError(f"colormap must be one of {', '.join(names)}, not {colormap!r}")
    return _colours(colormap)


def heat_layer(heatmap: np.ndarray, colormap: str = "inferno", *, maximum: float | None = None) -> Image.Image:
    """The coloured heat alone, a palette image of the heatmap's size: 256 steps from no evidence to the maximum."""
    return _draw_steps(normalize_heat(heatmap, maximum) * 255, palette(colormap))


# Diverging, dark in the middle like the scale of the heat, safe for colour-blind eyes: blue against, yellow for.
SIGNED_COLORMAP = "managua_r"


def signed_palette() -> np.ndarray:
    """uint8 (256, 3): the RGB colours of the signed scale, 0 the most against, 255 the most for."""
    return _colours(SIGNED_COLORMAP)


@cache
def _colours(name: str) -> np.ndarray:
    # Takes longer to import than all of ClassCam, and the page can be seen before a map is.
    import matplotlib

    colours = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    colours.flags.writeable = False
    return colours


def signed_layer(heatmap: np.ndarray, limit: float | None = None) -> Image.Image:
    """Evidence for and against, coloured: a palette image of the heatmap's size, centred on zero.

    Args:
        heatmap: finite float (height, width), signed.
        limit: the value at either end of the scale; the largest size in the heatmap where there is none.

    Raises:
        ValueError: the heatmap is not two-dimensional and finite, or the limit is not above zero.
    """
    require_finite(heatmap)
    if limit is not None and not limit > 0:
        raise ValueError(f"limit must be above 0, not {limit}")
    limit = limit or float(np.abs(heatmap).max()) or 1.0
    return _draw_steps((np.clip(heatmap / limit, -1.0, 1.0) + 1.0) * 127.5, signed_palette())


def _draw_steps(steps: np.ndarray, colours: np.ndarray) -> Image.Image:
    """A palette image of float (height, width), 0..255, in the colours of uint8 (256, 3)."""
    layer = Image.fromarray(np.rint(steps).astype(np.uint8))
    layer.putpalette(colours.tobytes())
    return layer


def overlay(image: Image.Image, heatmap: np.ndarray, *, colormap: str = "inferno", opacity: float = 0.5) -> Image.Image:
    """The heat over a photo: RGB, of the photo's size; opacity 0 is the photo, 1 the heat.

    Raises:
        ValueError: the heatmap is not (height, width) of the photo, or opacity is outside 0..1.
    """
    if heatmap.shape != (image.height, image.width):
        raise ValueError(f"the heatmap {heatmap.shape} must be (height, width) = {(image.height, image.width)}")
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"opacity must be between 0 and 1, not {opacity}")
    return Image.blend(image.convert("RGB"), heat_layer(heatmap, colormap).convert("RGB"), opacity)


def draw_boxes(image: Image.Image, boxes: list[Box]) -> Image.Image:
    """A copy of the picture with the boxes' edges on it, white between black so that they show on any colour."""
    picture = image.copy()
    width = max(1, round(max(image.size) / 320))
    colors = ["black"] * width + ["white"] * width + ["black"] * width
    for box in boxes:
        for inset, color in enumerate(colors):
            left, top, right, bottom = box.left + inset, box.top + inset, box.right - inset, box.bottom - inset
            if left < right and top < bottom:
                picture.paste(color, (left, top, right, top + 1))
                picture.paste(color, (left, bottom - 1, right, bottom))
                picture.paste(color, (left, top, left + 1, bottom))
                picture.paste(color, (right - 1, top, right, bottom))
    return picture

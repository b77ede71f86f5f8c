"""Draw the best and the worst cases on one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cam.render import overlay

# Pixels: the square that a photo fits into, the space between photos, and the heights of text.
_TILE, _GAP, _TEXT, _HEADING = 240, 16, 14, 20
_LINE = 20
_BACKGROUND, _INK, _FAINT = "white", "#111111", "#555555"
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


def draw_contact_sheet(groups: Sequence[tuple[str, Sequence[Case]]], *, columns: int = 6) -> Image.Image:
    """Draw an RGB sheet: under each heading its cases row by row, photo and heat with the true boxes and the found one.

    Args:
        groups: (heading, cases).
        columns: photos in a row.
    """
    pitch, lines = _TILE + _GAP, 2
    row_height = _TILE + lines * _LINE + _GAP
    head = _HEADING + 2 * _GAP
    heights = [head + row_height * math.ceil(len(cases) / columns) for _, cases in groups]
    sheet = Image.new("RGB", (_GAP + columns * pitch, sum(heights) + _LINE + _GAP), _BACKGROUND)
    top = 0
    for (heading, cases), height in zip(groups, heights, strict=True):
        ImageDraw.Draw(sheet).text((_GAP, top + _GAP), heading, _INK, _font(_HEADING))
        for place, case in enumerate(cases):
            row, column = divmod(place, columns)
            _paste_case(sheet, case, (_GAP + column * pitch, top + head + row * row_height))
        top += height
    legend = "White: the true boxes. Blue: the box around the heat."
    ImageDraw.Draw(sheet).text((_GAP, top), legend, _FAINT, _font(_TEXT))
    return sheet


def _paste_case(sheet: Image.Image, case: Case, corner: tuple[int, int]) -> None:
    picture = draw_case(case)
    # In the middle of its square, so that captions stand in one line.
    inset = ((_TILE - picture.width) // 2, (_TILE - picture.height) // 2)
    sheet.paste(picture, (corner[0] + inset[0], corner[1] + inset[1]))
    for line, (text, color) in enumerate(zip(case.caption[:2], (_INK, _FAINT), strict=False)):
        ImageDraw.Draw(sheet).text(
            (corner[0], corner[1] + _TILE + 2 + line * _LINE), _shorten(text, _TILE), color, _font(_TEXT)
        )


def draw_case(case: Case) -> Image.Image:
    """Draw a case, RGB, longer side 240 pixels: photo under its heat, true boxes in white, the found one in blue."""
    scale = _TILE / max(case.image.size)
    size = max(1, round(case.image.width * scale)), max(1, round(case.image.height * scale))
    picture = overlay(case.image, case.heatmap).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    factors = np.tile(np.divide(size, case.image.size), 2)
    for boxes, color in ((case.truth, TRUTH), ([case.box], FOUND)):
        for box in boxes:
            left, top, right, bottom = np.rint(np.multiply(box, factors)).astype(int).tolist()
            if left < right and top < bottom:
                # Pillow counts the right and bottom pixel in.
                pen.rectangle((left, top, right - 1, bottom - 1), outline="black", width=4)
                pen.rectangle((left + 1, top + 1, max(left + 1, right - 2), max(top + 1, bottom - 2)), None, color, 2)
    return picture


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shorten(text: str, width: int) -> str:
    """Shorten a text to a width in pixels, with an ellipsis."""
    font = _font(_TEXT)
    if font.getlength(text) <= width:
        return text
    length = next(n for n in range(len(text) - 1, -1, -1) if font.getlength(text[:n].rstrip() + "…") <= width)
    return text[:length].rstrip() + "…"

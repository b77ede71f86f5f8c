"""What can be saved of each photo beside its row: the overlay, the map, the boxes."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image

from cam.batch.sources import printable
from cam.localization import Box
from cam.render import draw_boxes, overlay

# Letters of a photo's own name that the name of its picture keeps; the number before it tells them apart.
_LETTERS = 60


@dataclass(frozen=True)
class Seen:
    """What a picture is made of.

    Attributes:
        image: the photo, RGB.
        cells: float32 (h, w): the class map.
        heatmap: float32 (height, width) of the image.
        boxes: in pixels of the image.
    """

    image: Image.Image
    cells: np.ndarray
    heatmap: np.ndarray
    boxes: list[Box]


@dataclass(frozen=True)
class Picture:
    """One kind: its folder, the ending of its files, and its content."""

    folder: str
    ending: str
    content: Callable[[Seen], bytes]


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _npy(cells: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, cells)
    return buffer.getvalue()


PICTURES = {
    "overlay": Picture("overlays", ".jpg", lambda seen: _jpeg(overlay(seen.image, seen.heatmap))),
    "map": Picture("maps", ".npy", lambda seen: _npy(seen.cells)),
    "box": Picture("boxes", ".jpg", lambda seen: _jpeg(draw_boxes(seen.image, seen.boxes))),
}


def picture_name(kind: str, number: int, path: str) -> str:
    """Where a picture goes in the folder of the run: its own place, whatever other photos are called.

    Args:
        kind: a name in `PICTURES`.
        number: of the photo's row.
        path: of the photo.
    """
    picture = PICTURES[kind]
    # Its name as letters, digits and the like only, so that every file system takes it.
    stem = PurePath(printable(path).replace("\\", "-")).stem
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in stem)
    return f"{picture.folder}/{number:07d}-{plain.encode()[:_LETTERS].decode(errors='ignore')}{picture.ending}"

"""Files that a run can save of each photo beside its row: the overlay, the map, the boxes."""

import io
from pathlib import PurePath

import numpy as np
from PIL import Image

from cam.batch.sources import printable
from cam.formatting import slugify
from cam.localization import Box
from cam.render import draw_boxes, overlay

# Each kind's folder, and the ending of its files.
ARTIFACTS = {"overlay": ("overlays", ".jpg"), "map": ("maps", ".npy"), "box": ("boxes", ".jpg")}


def artifact_path(kind: str, number: int, path: str) -> str:
    """The place of a file in the folder of the run: one of its own, whatever other photos are called.

    Args:
        kind: a name in `ARTIFACTS`.
        number: the photo's row.
        path: the photo.
    """
    folder, ending = ARTIFACTS[kind]
    return f"{folder}/{number:07d}-{slugify(printable(PurePath(path).stem))}{ending}"


def encode_artifact(kind: str, image: Image.Image, cells: np.ndarray, heatmap: np.ndarray, boxes: list[Box]) -> bytes:
    """Encode a file of a kind in `ARTIFACTS`.

    Args:
        kind: of the file.
        image: the photo, RGB.
        cells: float32 (h, w): the class map.
        heatmap: float32 (height, width) of the image.
        boxes: in pixels of the image.
    """
    buffer = io.BytesIO()
    if kind == "map":
        np.save(buffer, cells)
    else:
        picture = overlay(image, heatmap) if kind == "overlay" else draw_boxes(image, boxes)
        picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()

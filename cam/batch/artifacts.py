"""Files that a run can save of each photo beside its row: the overlay, the map, the boxes."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image

from cam.batch.sources import printable
from cam.localization import Box
from cam.render import draw_boxes, overlay

# Bytes of a photo's own name in the name of its file; the row's number before it tells files apart.
_NAME_BYTES = 60


@dataclass(frozen=True)
class Material:
    """What a file is made of.

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
class Artifact:
    """One kind of file: its folder, the ending of its files, and how its content is made."""

    folder: str
    ending: str
    encode: Callable[[Material], bytes]


def _encode_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _encode_npy(cells: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, cells)
    return buffer.getvalue()


ARTIFACTS = {
    "overlay": Artifact("overlays", ".jpg", lambda of: _encode_jpeg(overlay(of.image, of.heatmap))),
    "map": Artifact("maps", ".npy", lambda of: _encode_npy(of.cells)),
    "box": Artifact("boxes", ".jpg", lambda of: _encode_jpeg(draw_boxes(of.image, of.boxes))),
}


def artifact_path(kind: str, number: int, path: str) -> str:
    """The place of a file in the folder of the run: one of its own, whatever other photos are called.

    Args:
        kind: a name in `ARTIFACTS`.
        number: the photo's row.
        path: the photo.
    """
    artifact = ARTIFACTS[kind]
    # Letters, digits and the like only, so that every file system takes the name.
    stem = PurePath(printable(path).replace("\\", "-")).stem
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in stem)
    return f"{artifact.folder}/{number:07d}-{plain.encode()[:_NAME_BYTES].decode(errors='ignore')}{artifact.ending}"

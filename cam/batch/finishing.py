"""From what the network said to a row: boxes around the heat of the top class, and the pictures to be saved."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cam.batch.artifacts import PICTURES, Seen, picture_name
from cam.batch.reading import Loaded
from cam.batch.rows import explained_row, failed_row
from cam.batch.sources import read_photo
from cam.errors import ImageError
from cam.explanation import Prediction, Scored
from cam.heatmap import Extent, photo_extent, resize_map
from cam.images.open import open_image
from cam.localization import Box, boxes

# Share of the heat's maximum that a box goes around (Zhou et al. 2016).
_THRESHOLD = 0.2


@dataclass(frozen=True)
class Heat:
    """What is kept of an explanation, which holds many feature maps: the classes, and the map of the first.

    Attributes:
        input_size: (width, height) at which the network saw the photo.
        classes: those with the highest scores, best first.
        cells: float32 (h, w): the class map.
        span: which part of it is the photo.
    """

    input_size: tuple[int, int]
    classes: Sequence[Prediction]
    cells: np.ndarray
    span: Extent


def heat_of(explanation: Scored, top: int) -> Heat:
    """The `top` best classes and the map of the best."""
    classes = explanation.top(top)
    cells = explanation.class_map(classes[0].index)
    span = photo_extent(cells.shape, explanation.input_size, explanation.cell_stride)
    return Heat(explanation.input_size, classes, cells, span)


def finished_row(
    photo: Loaded, heat: Heat, seconds: float, save: Sequence[str], write: Callable[[str, bytes], None]
) -> dict[str, object]:
    """The row of a photo.

    Args:
        photo: it.
        heat: what the network said.
        seconds: that the network took for it.
        save: names in `PICTURES`.
        write: called with the name and the content of each picture.
    """
    start = time.perf_counter()
    heatmap = resize_map(heat.cells, photo.shown_size, heat.span)
    found = boxes(heatmap, _THRESHOLD)
    names = {kind: picture_name(kind, photo.number, photo.path) for kind in save}
    try:
        # Read once more, because holding all photos until here would take too much memory.
        seen = Seen(open_image(read_photo(photo.path)), heat.cells, heatmap, found) if save else None
    except ImageError as error:
        return failed_row(photo.path, str(error), photo.seconds + seconds + time.perf_counter() - start)
    for kind, name in names.items():
        write(name, PICTURES[kind].content(seen))
    return explained_row(
        photo.path,
        size=photo.size,
        input_size=heat.input_size,
        classes=heat.classes,
        boxes=[_scaled(box, photo.shown_size, photo.size) for box in found],
        pictures=list(names.values()),
        seconds=photo.seconds + seconds + time.perf_counter() - start,
    )


def _scaled(box: Box, shown: tuple[int, int], size: tuple[int, int]) -> Box:
    """A box in pixels of a photo that was decoded smaller, in pixels of the photo itself."""
    if shown == size:
        return box
    across, down = size[0] / shown[0], size[1] / shown[1]
    return replace(
        box,
        left=round(box.left * across),
        top=round(box.top * down),
        right=min(size[0], round(box.right * across)),
        bottom=min(size[1], round(box.bottom * down)),
    )

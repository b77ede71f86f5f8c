"""From a heatmap to boxes: threshold, connected regions, bounding boxes (Zhou et al. 2016, section 3.2).

The page, the batch, the library and `evaluate` all use `find_regions`, so published numbers are of the boxes that users
see. Pixels that touch at a side or a corner are connected, as in OpenCV's contours, with which Choe et al. (Evaluating
Weakly Supervised Object Localization Methods Right, CVPR 2020) and the methods that they compare are measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from cam.heatmap import require_finite

_SIDES_AND_CORNERS = np.ones((3, 3), int)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the heatmap, right and bottom exclusive, and the highest value inside its region.

    It unpacks as Pillow's boxes do: `left, top, right, bottom = box`, `image.crop(tuple(box))`.
    """

    left: int
    top: int
    right: int
    bottom: int
    peak: float

    def __iter__(self) -> Iterator[int]:
        return iter((self.left, self.top, self.right, self.bottom))


class Region(NamedTuple):
    """A connected region of a mask.

    Attributes:
        box: (left, top, right, bottom) in pixels of the mask, right and bottom exclusive.
        inside: bool (bottom - top, right - left), True where the region is.
    """

    box: tuple[int, int, int, int]
    inside: np.ndarray


def find_regions(mask: np.ndarray) -> list[Region]:
    """The connected regions of a bool mask (height, width), in reading order of their first pixels."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return []
    # Looking for regions only where there are any takes half the time.
    top, left = int(rows[0]), int(columns[0])
    labels, _ = scipy.ndimage.label(mask[top : rows[-1] + 1, left : columns[-1] + 1], _SIDES_AND_CORNERS)
    return [
        Region((left + x.start, top + y.start, left + x.stop, top + y.stop), labels[y, x] == number)
        for number, (y, x) in enumerate(scipy.ndimage.find_objects(labels), 1)
    ]


def boxes(heatmap: np.ndarray, threshold: float = 0.2) -> list[Box]:
    """The boxes around the connected regions of a heatmap that reach a share of its maximum, strongest first.

    Zhou et al. keep 20 % of the maximum and the largest region.

    Args:
        heatmap: float (height, width), signed.
        threshold: share of the maximum, above 0 and at most 1.

    Returns:
        One box a region, by falling peak; none where no value is above zero.

    Raises:
        ValueError: the heatmap is not two-dimensional and finite, or the threshold is outside its range.
    """
    require_finite(heatmap)
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    maximum = heatmap.max()
    if maximum <= 0:
        return []
    found = []
    for (left, top, right, bottom), inside in find_regions(heatmap >= threshold * maximum):
        peak = heatmap[top:bottom, left:right][inside].max()
        found.append(Box(left, top, right, bottom, float(peak)))
    return sorted(found, key=lambda box: -box.peak)


def describe_peak(class_map: np.ndarray) -> str:
    """Where a class map (h, w) is highest, in words: the third of the photo, down and across, of that cell's centre."""
    rows, columns = class_map.shape
    row, column = divmod(int(class_map.argmax()), columns)
    down = ("top", "middle", "bottom")[(6 * row + 3) // (2 * rows)]
    across = ("left", "centre", "right")[(6 * column + 3) // (2 * columns)]
    return f"{down} {across}"

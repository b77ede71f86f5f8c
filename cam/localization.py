"""From a heatmap to boxes: threshold, connected components, bounding boxes (Zhou et al. 2016, section 3.2)."""

from dataclasses import dataclass

import numpy as np
import scipy


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the heatmap, right and bottom exclusive, and the highest value inside its component."""

    left: int
    top: int
    right: int
    bottom: int
    peak: float


def boxes(heatmap: np.ndarray, threshold: float = 0.2) -> list[Box]:
    """The boxes around the connected regions of a heatmap that reach a share of its maximum, strongest first.

    Zhou et al. keep 20 % of the maximum and the largest region; `max(boxes, key=area)` gives theirs.

    Args:
        heatmap: float (height, width), signed; pixels that share a side are connected.
        threshold: share of the maximum, above 0 and at most 1.

    Returns:
        One box a region, by falling peak; none where no value is above zero.

    Raises:
        ValueError: the heatmap is not two-dimensional and finite, or the threshold is outside its range.
    """
    if heatmap.ndim != 2 or not np.isfinite(heatmap).all():
        raise ValueError(f"a finite heatmap (height, width) is needed, not one of shape {heatmap.shape}")
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
    maximum = heatmap.max()
    if maximum <= 0:
        return []
    reached = heatmap >= threshold * maximum
    rows, columns = (np.flatnonzero(reached.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    inner = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
    regions, _ = scipy.ndimage.label(reached[inner])
    found = []
    for number, (y, x) in enumerate(scipy.ndimage.find_objects(regions), 1):
        # In this part only: scipy.ndimage.maximum would sort all pixels of the picture.
        peak = heatmap[inner][y, x][regions[y, x] == number].max()
        found.append(Box(left + x.start, top + y.start, left + x.stop, top + y.stop, float(peak)))
    return sorted(found, key=lambda box: -box.peak)


def peak_place(class_map: np.ndarray) -> str:
    """Where a class map (h, w) is highest, in words: the third of the photo, down and across, of that cell's centre."""
    rows, columns = class_map.shape
    row, column = divmod(int(class_map.argmax()), columns)
    down = ("top", "middle", "bottom")[(6 * row + 3) // (2 * rows)]
    across = ("left", "centre", "right")[(6 * column + 3) // (2 * columns)]
    return f"{down} {across}"

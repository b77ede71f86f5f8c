"""Enlarge maps to pictures. Bilinear enlarging is linear, so it may come before or after the sum over feature maps:

    enlarge(sum_k weight[k] * features[:, :, k])  =  sum_k weight[k] * enlarge(features[:, :, k])

The left side enlarges one map, the right side K of them.

Where the cells lie: their centres are as far apart as the network's stride says, and the grid is centred in the photo.
For a network that pads its input the cells then share the photo evenly; one that does not pad (Inception, Xception) has
fewer, and the photo reaches beyond the outermost ones.
"""

import math

import numpy as np
from PIL import Image

# The weights of the up to four cells that a pixel lies between.
_A_PIXEL = 4


# Left, top, right and bottom of the photo, in cells from the left and top edge of the map.
Span = tuple[float, float, float, float]


def covered(shape: tuple[int, ...], input_size: tuple[int, int], pitch: tuple[float, float] | None) -> Span:
    """The part of a map (h, w, ...) that is the photo; beyond 0 and (w, h) where the photo reaches beyond the cells.

    Args:
        shape: of the map.
        input_size: (width, height) in pixels of what the network saw.
        pitch: pixels of it between neighbouring cells, (down, across); None: the cells share the photo evenly.
    """
    rows, columns = shape[:2]
    if pitch is None:
        return 0.0, 0.0, float(columns), float(rows)
    down, across = input_size[1] / pitch[0], input_size[0] / pitch[1]
    return (columns - across) / 2, (rows - down) / 2, (columns + across) / 2, (rows + down) / 2


def centres(count: int, start: float, end: float) -> np.ndarray:
    """float64 (count,): where the centres of a row of cells lie in the photo, whose edges `covered` gives, 0 to 1."""
    return (np.arange(count) + 0.5 - start) / (end - start)


def enlarged(cells: np.ndarray, size: tuple[int, int], span: Span | None = None) -> np.ndarray:
    """float32 (height, width): a map (h, w) at `size` (width, height), bilinear between the centres of its cells.

    Args:
        cells: the map.
        size: of the picture.
        span: what part of the map the picture shows (see `covered`); all of it where there is none. Beyond the
            outermost centres the map goes on as it is there.
    """
    rows, columns = cells.shape
    left, top, right, bottom = span or (0.0, 0.0, columns, rows)
    before = max(0, math.ceil(-left)), max(0, math.ceil(-top))
    after = max(0, math.ceil(right - columns)), max(0, math.ceil(bottom - rows))
    if any((*before, *after)):
        cells = np.pad(cells, ((before[1], after[1]), (before[0], after[0])), mode="edge")
    box = (left + before[0], top + before[1], right + before[0], bottom + before[1])
    return np.array(Image.fromarray(cells.astype(np.float32)).resize(size, Image.Resampling.BILINEAR, box=box))


def enlarged_before_sum(features: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float64 (height, width): each of the K maps in (h, w, K) enlarged to `size` (width, height), then their sum."""
    total = np.zeros(size[::-1])
    for k, weight in enumerate(weights):
        total += weight * enlarged(features[:, :, k], size)
    return total


def largest_difference(features: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> float:
    """How far apart the two orders come out anywhere at `size` (width, height), in the unit of the map."""
    after = enlarged(features @ weights, size)
    return float(np.abs(enlarged_before_sum(features, weights, size) - after).max())


def multiplications(shape: tuple[int, int, int], size: tuple[int, int]) -> tuple[int, int]:
    """How many multiplications both orders take: sum then enlarge, and enlarge then sum.

    Args:
        shape: (h, w, K) of the feature maps.
        size: (width, height) to which they are enlarged, four multiplications a pixel and map.
    """
    rows, columns, maps = shape
    pixels = size[0] * size[1]
    return rows * columns * maps + _A_PIXEL * pixels, maps * (_A_PIXEL * pixels + pixels)

"""Enlarge maps to pictures. Bilinear enlarging is linear, so it may come before or after the sum over feature maps:

    enlarge(sum_k weight[k] * features[:, :, k])  =  sum_k weight[k] * enlarge(features[:, :, k])

The left side enlarges one map, the right side K of them.

Where the cells lie: their centres are as far apart as the network's stride says, and the grid is centred in the photo.
For a network that pads its input the cells then share the photo evenly; one that does not pad (Inception, Xception) has
fewer, and the photo reaches beyond the outermost ones.
"""

import math
from functools import lru_cache

import numpy as np

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

    A picture of fewer pixels than cells averages them, with the weights of a triangle as wide as two pixels.

    Args:
        cells: the map.
        size: of the picture.
        span: what part of the map the picture shows (see `covered`); all of it where there is none. Beyond the
            outermost centres the map goes on as it is there.
    """
    rows, columns = cells.shape
    left, top, right, bottom = span or (0.0, 0.0, columns, rows)
    down, across = _weights(rows, size[1], top, bottom), _weights(columns, size[0], left, right)
    # Unlike `@`, this starts no threads, which would keep the processor from the next pass for a while after it.
    return np.einsum("yr,rx->yx", down, np.einsum("rc,xc->rx", cells.astype(np.float32), across))


@lru_cache(maxsize=64)
def _weights(count: int, pixels: int, start: float, end: float) -> np.ndarray:
    """float32 (pixels, count), each row summing to 1: what each of a row of cells adds to each pixel of a row.

    Args:
        count: of the cells.
        pixels: how many.
        start, end: the edges of the picture, in cells from the edge of the map.
    """
    step = (end - start) / pixels
    places = start + (np.arange(pixels) + 0.5) * step
    # The cells and, where the picture goes on beyond them, copies of the outermost.
    grid = np.arange(min(0, math.floor(start)), max(count, math.ceil(end)))
    weights = np.clip(1 - np.abs(places[:, np.newaxis] - (grid + 0.5)) / max(1.0, step), 0, None)
    copied = np.clip(grid, 0, count - 1)[:, np.newaxis] == np.arange(count)
    return (weights / weights.sum(axis=1, keepdims=True) @ copied).astype(np.float32)


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
    """How many multiplications both orders need: sum then enlarge, and enlarge then sum.

    Args:
        shape: (h, w, K) of the feature maps.
        size: (width, height) to which they are enlarged, four multiplications a pixel and map.
    """
    rows, columns, maps = shape
    pixels = size[0] * size[1]
    return rows * columns * maps + _A_PIXEL * pixels, maps * (_A_PIXEL * pixels + pixels)

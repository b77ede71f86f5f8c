"""Enlarge maps to pictures. Bilinear enlarging is linear, so it may come before or after the sum over feature maps:

    enlarge(sum_k weight[k] * features[:, :, k])  =  sum_k weight[k] * enlarge(features[:, :, k])

The left side enlarges one map, the right side K of them.
"""

import numpy as np
from PIL import Image

# The weights of the up to four cells that a pixel lies between.
_A_PIXEL = 4


def enlarged(cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float32 (height, width): a map (h, w) at `size` (width, height), bilinear between the centres of its cells."""
    return np.array(Image.fromarray(cells.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))


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

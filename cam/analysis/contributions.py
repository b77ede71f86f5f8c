"""A class's score taken apart into its feature maps: score = bias + sum over k of weight[k] * mean(feature map k).

The mean over the cells and the sum over the feature maps can change places (Zhou et al. 2016, their equations 1 and 2),
so the same numbers, added cell by cell, make the class map. All sums here are float64 sums of the float32 features.
Enlarging is linear too, so it may come before or after the sum over feature maps (see `cam.heatmap`).
"""

from dataclasses import dataclass

import numpy as np

from cam.explanation import Explanation, Prediction
from cam.heatmap import resize_map

# The weights of the up to four cells that a pixel lies between.
_WEIGHTS_A_PIXEL = 4


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """The share of each of the K feature maps in the score of one class.

    Attributes:
        weights: float64 (K,), of the dense layer for this class.
        means: float64 (K,), of the feature maps: what global average pooling keeps.
        products: float64 (K,), weight times mean: the share of the score, for (above 0) or against (below 0).
        order: int (K,), the feature maps by the size of their product, the strongest first.
        bias: of the class; the sum of the products plus the bias is the score.
    """

    weights: np.ndarray
    means: np.ndarray
    products: np.ndarray
    order: np.ndarray
    bias: float


def split_score(explanation: Explanation, wanted: int | str | Prediction) -> ScoreParts:
    """Take the score of a class apart (LabelError if there is no such class)."""
    index = explanation.class_index(wanted)
    weights = explanation.weight[:, index].astype(np.float64)
    means = explanation.features.mean(axis=(0, 1), dtype=np.float64)
    products = weights * means
    return ScoreParts(
        weights, means, products, np.argsort(-np.abs(products), kind="stable"), float(explanation.bias[index])
    )


def pick_strongest(parts: ScoreParts, count: int) -> tuple[np.ndarray, np.ndarray]:
    """int (at most `count`,) each: the feature maps that add most to the score, and those that take most from it."""
    adding = parts.order[parts.products[parts.order] > 0]
    taking = parts.order[parts.products[parts.order] < 0]
    return adding[:count], taking[:count]


def weighted_map(explanation: Explanation, parts: ScoreParts, k: int) -> np.ndarray:
    """float32 (h, w), signed: feature map k times its weight, what it adds to each cell of the class map."""
    return (explanation.features[:, :, k] * parts.weights[k]).astype(np.float32)


def partial_map(explanation: Explanation, parts: ScoreParts, count: int) -> np.ndarray:
    """float64 (h, w), signed: the sum of the `count` strongest feature maps, each times its weight.

    With all K of them it is the class map; its mean plus the bias is the partial score.
    """
    used = parts.order[:count]
    return explanation.features[:, :, used].astype(np.float64) @ parts.weights[used]


def partial_scores(parts: ScoreParts) -> np.ndarray:
    """float64 (K + 1,): the score after 0, 1, ... K of the strongest feature maps; the last one is the score."""
    return parts.bias + np.concatenate([[0.0], np.cumsum(parts.products[parts.order])])


def cell_parts(explanation: Explanation, parts: ScoreParts, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` feature maps that add most, for or against, to each cell of the class map.

    Returns:
        int (h, w, count), which feature maps, the strongest first, and float64 (h, w, count), what each adds there.
    """
    added = explanation.features * parts.weights
    largest = np.argsort(-np.abs(added), axis=2, kind="stable")[:, :, :count]
    return largest, np.take_along_axis(added, largest, axis=2)


def sum_resized_maps(features: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float64 (height, width): the weighted sum of the K maps in (h, w, K), each brought to `size` (width, height)."""
    total = np.zeros(size[::-1])
    for k, weight in enumerate(weights):
        total += weight * resize_map(features[:, :, k], size)
    return total


def compare_resize_orders(features: np.ndarray, weights: np.ndarray, size: tuple[int, int]) -> float:
    """The largest difference of the two orders at `size` (width, height), in the unit of the map."""
    after = resize_map(features @ weights, size)
    return float(np.abs(sum_resized_maps(features, weights, size) - after).max())


def count_multiplications(shape: tuple[int, int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The multiplications of both orders: sum then enlarge, and enlarge then sum.

    Args:
        shape: (h, w, K) of the feature maps.
        size: (width, height) to which they are enlarged, four multiplications a pixel and map.
    """
    rows, columns, maps = shape
    pixels = size[0] * size[1]
    return rows * columns * maps + _WEIGHTS_A_PIXEL * pixels, maps * (_WEIGHTS_A_PIXEL * pixels + pixels)

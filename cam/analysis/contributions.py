"""A class's score taken apart into its feature maps: score = bias + sum over k of weight[k] * mean(feature map k).

The mean over the cells and the sum over the feature maps can change places (Zhou et al. 2016, their equations 1 and 2),
so the same numbers, added cell by cell, make the class map. All sums here are float64 sums of the float32 features.
"""

from dataclasses import dataclass

import numpy as np

from cam.explanation import Explanation


@dataclass(frozen=True, eq=False)
class Parts:
    """What each of the K feature maps adds to the score of one class.

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


def parts_of(explanation: Explanation, wanted: int | str) -> Parts:
    """Take the score of a class apart (LabelError if there is no such class)."""
    index = explanation.labels.index(wanted)
    weights = explanation.weight[:, index].astype(np.float64)
    means = explanation.features.mean(axis=(0, 1), dtype=np.float64)
    products = weights * means
    return Parts(weights, means, products, np.argsort(-np.abs(products), kind="stable"), float(explanation.bias[index]))


def strongest(parts: Parts, count: int) -> tuple[np.ndarray, np.ndarray]:
    """int (at most `count`,) each: the feature maps that add most to the score, and those that take most from it."""
    adding = parts.order[parts.products[parts.order] > 0]
    taking = parts.order[parts.products[parts.order] < 0]
    return adding[:count], taking[:count]


def weighted_map(explanation: Explanation, parts: Parts, k: int) -> np.ndarray:
    """float32 (h, w), signed: feature map k times its weight, what it adds to each cell of the class map."""
    return (explanation.features[:, :, k] * parts.weights[k]).astype(np.float32)


def partial_map(explanation: Explanation, parts: Parts, count: int) -> np.ndarray:
    """float64 (h, w), signed: the sum of the `count` strongest feature maps, each times its weight.

    With all K of them it is the class map; its mean plus the bias is the partial score.
    """
    used = parts.order[:count]
    return explanation.features[:, :, used].astype(np.float64) @ parts.weights[used]


def partial_scores(parts: Parts) -> np.ndarray:
    """float64 (K + 1,): the score after 0, 1, ... K of the strongest feature maps; the last one is the score."""
    return parts.bias + np.concatenate([[0.0], np.cumsum(parts.products[parts.order])])


def cell_parts(explanation: Explanation, parts: Parts, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` feature maps that add most, for or against, to each cell of the class map.

    Returns:
        int (h, w, count), which feature maps, the strongest first, and float64 (h, w, count), what each adds there.
    """
    added = explanation.features * parts.weights
    largest = np.argsort(-np.abs(added), axis=2, kind="stable")[:, :, :count]
    return largest, np.take_along_axis(added, largest, axis=2)

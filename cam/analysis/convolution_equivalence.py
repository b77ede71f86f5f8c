"""The class maps of all classes at once, compared with the maps and the scores that the dense layer gives.

Network in Network (Lin, Chen & Yan, ICLR 2014, section 3.2) ends in one map for each class, whose average is the score.
A network that ends in an average and one dense layer is the same computation in another order:

    sum_k weight[k, c] * mean(features[:, :, k])  =  mean(sum_k weight[k, c] * features[:, :, k])
"""

from dataclasses import dataclass

import numpy as np

from cam.explanation import Explanation


@dataclass(frozen=True, eq=False)
class Agreement:
    """The maps of all classes, and their distance from those that are computed one class at a time.

    Attributes:
        maps: float32 (h, w, classes), signed, in units of the score.
        map_difference: the largest anywhere in any map, in units of the score.
        score_difference: the largest between a map's average plus the class's bias and the class's score.
    """

    maps: np.ndarray
    map_difference: float
    score_difference: float


def compute_class_maps(explanation: Explanation) -> np.ndarray:
    """float32 (h, w, classes): the maps of all classes, by a 1 x 1 convolution with the dense layer's weights.

    Such a convolution looks at one cell at a time, so it is one product of matrices, (h * w, K) times (K, classes).
    """
    return np.tensordot(explanation.features, explanation.weight, axes=1)


def compare_maps(explanation: Explanation, maps: np.ndarray) -> Agreement:
    """Compare maps, float32 (h, w, classes), computed in any way, with those of an explanation."""
    classes = range(explanation.weight.shape[1])
    apart = max(float(np.abs(maps[:, :, index] - explanation.class_map(index)).max()) for index in classes)
    scores = maps.mean(axis=(0, 1), dtype=np.float64) + explanation.bias
    return Agreement(maps, apart, float(np.abs(scores - explanation.scores).max()))

"""The class maps of all classes at once, held against the maps and the scores that the dense layer gives.

Network in Network (Lin, Chen & Yan, ICLR 2014, section 3.2) ends in one map for each class, whose average is the score.
A network that ends in an average and one dense layer is the same computation in another order:

    sum_k weight[k, c] * mean(features[:, :, k])  =  mean(sum_k weight[k, c] * features[:, :, k])
"""

from dataclasses import dataclass

import numpy as np

from cam.explanation import Explanation


@dataclass(frozen=True, eq=False)
class Agreement:
    """The maps of all classes, and how far they are from what is computed one class at a time.

    Attributes:
        maps: float32 (h, w, classes), signed, in units of the score.
        map_difference: the largest anywhere in any map, in units of the score.
        score_difference: the largest between a map's average plus the class's bias and the class's score.
    """

    maps: np.ndarray
    map_difference: float
    score_difference: float


def agreement(explanation: Explanation, maps: np.ndarray) -> Agreement:
    """Hold float32 (h, w, classes) maps, computed in any way, against those of an explanation."""
    classes = range(explanation.weight.shape[1])
    apart = max(float(np.abs(maps[:, :, index] - explanation.class_map(index)).max()) for index in classes)
    scores = maps.mean(axis=(0, 1), dtype=np.float64) + explanation.bias
    return Agreement(maps, apart, float(np.abs(scores - explanation.scores).max()))

"""Why one class rather than another: the difference of two class maps, exact because the head is linear.

With score_c = mean over (y, x) of class_map_c + bias_c (see `cam.explanation`) for two classes a and b,

    mean over (y, x) of (class_map_a - class_map_b)  +  (bias_a - bias_b)  =  score_a - score_b
    probability_a / probability_b  =  exp(score_a - score_b)                (the other classes cancel in the softmax)
"""

import math
from dataclasses import dataclass

import numpy as np

from cam.explanation import Explanation, Prediction

# Decimals that a number is shown with, at least and at most.
_DECIMALS = range(2, 9)


@dataclass(frozen=True)
class Difference:
    """The difference of the scores of two classes, in units of the score, in float64.

    Attributes:
        mean: of the difference of their maps.
        bias: the bias of the first class less that of the second; `mean + bias` is `total`.
        total: the first score less the second.
    """

    mean: float
    bias: float
    total: float


def compare_scores(
    explanation: Explanation, wanted: int | str | Prediction, other: int | str | Prediction
) -> Difference:
    """Subtract the score of one class from that of another (LabelError if there is no such class)."""
    pair = [explanation.class_index(wanted), explanation.class_index(other)]
    means = explanation.features.mean(axis=(0, 1), dtype=np.float64) @ explanation.weight[:, pair].astype(np.float64)
    biases = explanation.bias[pair].astype(np.float64)
    first, second = (means + biases).tolist()
    return Difference(float(means[0] - means[1]), float(biases[0] - biases[1]), first - second)


def difference_map(
    explanation: Explanation, wanted: int | str | Prediction, other: int | str | Prediction, size: tuple[int, int]
) -> np.ndarray:
    """float32 (height, width), signed, in units of the score: above zero where the first class has more evidence.

    Enlarged to `size` (width, height); bilinear enlargement is linear, so it may come before the subtraction.
    """
    return explanation.heatmap(wanted, size=size) - explanation.heatmap(other, size=size)


def choose_decimals(difference: Difference) -> int:
    """The fewest decimals, from 2, at which a reader who checks the printed numbers finds what is printed.

    Rounded one by one, the three numbers of a sum can miss it by one in the last place; one more decimal puts it right.
    The exponential of the printed total must be the printed ratio, too.
    """
    return next((n for n in _DECIMALS if _adds_up(difference, n)), _DECIMALS[-1])


def probability_ratio(total: float) -> float:
    """exp of a difference of scores, to two digits; infinite where a float cannot hold it."""
    return float(f"{math.exp(total):.1e}") if total < math.log(1e300) else math.inf


def _adds_up(difference: Difference, decimals: int) -> bool:
    mean, bias, total = (round(value, decimals) for value in (difference.mean, difference.bias, difference.total))
    is_sum = abs(mean + bias - total) < 0.5 * 10**-decimals
    return is_sum and probability_ratio(abs(total)) == probability_ratio(abs(difference.total))

"""What a linear head is: global average pooling (GAP) followed by one dense layer. Numbers only; Keras is not imported.

`cam.backends.classifier_head` finds it in a network.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

SOFTMAX, SIGMOID, LINEAR = "softmax", "sigmoid", "linear"


@dataclass(frozen=True, eq=False)
class Head:
    """The linear head of a network: score_c = mean over (y, x) of sum_k weight[k, c] * features[y, x, k] + bias_c.

    A network with one output unit z decides between two classes (cats against dogs). Their scores are (-z/2, z/2), by
    the weights (-w/2, w/2) and the biases (-b/2, b/2). That is exact: softmax(-z/2, z/2) is (1 - sigmoid(z),
    sigmoid(z)), what Keras' BinaryCrossentropy trains. So z counts as the logit of the second class whether its sigmoid
    is in the network or not; a regression cannot be told apart from that.

    Attributes:
        features: the symbolic tensor (n, h, w, K) that is averaged, of the flattened network; None without Keras.
        weight: float32 (K, classes).
        bias: float32 (classes,).
        activation: what the network itself does to these scores: "linear", "softmax", or "sigmoid" of each class.
        one_unit: whether the two classes were made from one output unit.
    """

    features: "keras.KerasTensor | None"
    weight: np.ndarray
    bias: np.ndarray
    activation: str
    one_unit: bool = False

    def output(self, scores: np.ndarray) -> np.ndarray:
        """(..., classes) -> (..., units): what the network itself puts out where these are its scores."""
        return network_output(scores, self.activation, one_unit=self.one_unit)


def network_output(scores: np.ndarray, activation: str, *, one_unit: bool) -> np.ndarray:
    """(..., classes) -> (..., units): what a network puts out where its scores are these (see `Head`)."""
    if activation == SIGMOID:
        # The sigmoid, without overflow.
        return (1 + np.tanh(scores / 2)) / 2
    if activation == SOFTMAX:
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        scores = powers / powers.sum(-1, keepdims=True)
        return scores[..., 1:] if one_unit else scores
    return scores[..., 1:] - scores[..., :1] if one_unit else scores

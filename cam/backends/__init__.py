"""Runtimes of networks: the `Backend` that each of them is, and the linear head that most networks end in.

Keras and OpenVINO are imported by the modules here, by none at import of this package.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras

    from cam.backends.probe import Probe

SOFTMAX, SIGMOID, LINEAR = "softmax", "sigmoid", "linear"


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head: global average pooling followed by one dense layer.

    score_c = mean over (y, x) of sum_k weight[k, c] * features[y, x, k] + bias_c.

    A network with one output unit z decides between two classes (cats against dogs). Their scores are (-z/2, z/2), by
    the weights (-w/2, w/2) and the biases (-b/2, b/2). That is exact: softmax(-z/2, z/2) is (1 - sigmoid(z),
    sigmoid(z)), what Keras' BinaryCrossentropy trains. So z counts as the logit of the second class whether its sigmoid
    is in the network or not; a regression cannot be told apart from that.

    Attributes:
        features: the symbolic tensor (n, h, w, K) that is averaged, of the flattened network; None without Keras.
        weight: float32 (K, classes).
        bias: float32 (classes,).
        activation: what the network itself applies to these scores: "linear", "softmax", or "sigmoid" of each class.
        one_unit: whether the two classes were made from one output unit.
    """

    features: "keras.KerasTensor | None"
    weight: np.ndarray
    bias: np.ndarray
    activation: str
    one_unit: bool = False

    def output(self, scores: np.ndarray) -> np.ndarray:
        """Turn scores (..., classes) into the network's own output (..., units)."""
        return network_output(scores, self.activation, one_unit=self.one_unit)


def network_output(scores: np.ndarray, activation: str, *, one_unit: bool) -> np.ndarray:
    """Turn scores (..., classes) into a network's own output (..., units); see `Head` for `one_unit`."""
    if activation == SIGMOID:
        # The sigmoid, without overflow.
        return (1 + np.tanh(scores / 2)) / 2
    if activation == SOFTMAX:
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        scores = powers / powers.sum(-1, keepdims=True)
        return scores[..., 1:] if one_unit else scores
    return scores[..., 1:] - scores[..., :1] if one_unit else scores


class Backend(Protocol):
    """A network as a runtime runs it; shared by threads, and each forward pass waits for its turn.

    Photos are float32 (height, width, 3), preprocessed. Every method that runs a photo raises ModelError where the
    runtime fails or the numbers are not finite.

    Attributes:
        head: its linear head, or None.
        refusal: why it has none, as a sentence, or None.
        activation: what the network applies to its scores: "linear", "softmax" or "sigmoid".
        classes: how many.
        native_size: (width, height) of the photos that the original network takes, or None for any.
        fixed_size: (width, height) where this backend takes photos of one size only, else None.
        stride: pixels to which the sides of a whole photo are rounded.
        cell_stride: pixels between neighbouring cells of the last feature maps, (down, across); None if unknown.
        batch_size: how many photos of one size are best run together.
    """

    head: Head | None
    refusal: str | None
    activation: str
    classes: int
    native_size: tuple[int, int] | None
    fixed_size: tuple[int, int] | None
    batch_size: int

    @property
    def stride(self) -> int: ...

    @property
    def cell_stride(self) -> tuple[float, float] | None: ...

    @property
    def has_keras(self) -> bool:
        """Say whether the Keras network is built, which gradients and the names of layers need."""

    @property
    def passes(self) -> int:
        """Count the forward passes run for photos so far."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Name the layers that a heat map can be taken from, in the order of the graph."""

    @property
    def offered_layers(self) -> tuple[str, ...]:
        """Name a few of `layers` that make sense, the best one last."""

    def feature_maps(self, photos: np.ndarray, *, counted: bool = True) -> np.ndarray:
        """Compute float32 (n, h, w, K), the maps that the head averages, of (n, height, width, 3): n passes."""

    def probe(self, pixels: np.ndarray, layer: str | None) -> "Probe":
        """Probe a photo at a layer, None for the last one (ModelError: there is no such layer)."""

    def output(self, pixels: np.ndarray) -> np.ndarray:
        """Compute float32 (units,), the original network's own output by Keras, not counted: the reference."""

    def expected_output(self, pixels: np.ndarray) -> np.ndarray:
        """Compute float32 (units,), the output that follows from this backend's scores, not counted."""

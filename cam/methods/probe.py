"""The interface between a method and a network: one photo, at one layer. `cam.backends.probe.Probe` implements it."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

# Rows of one batch of the methods that need many passes, and the bytes above which a batch has fewer.
_ROWS = 32
_BYTES = 64 * 2**20

# Called with the passes done so far and those needed; an exception raised in it ends the computation.
Report = Callable[[int, int], None]


class Probe(Protocol):
    """One photo in one network, seen at one layer; the arrays are not written to.

    Attributes:
        features: float32 (h, w, K), the layer's activations.
        scores: float32 (classes,), the logits.
        input_size: (width, height) in pixels of what the network sees.
        input_range: highest less lowest number of the preprocessed photo.
        cell_stride: pixels between neighbouring cells, (down, across), or None (see `cam.heatmap.photo_extent`).
        weight: float32 (K, classes) where the scores are global average pooling and one dense layer on these features,
            else None.
    """

    features: np.ndarray
    scores: np.ndarray
    input_size: tuple[int, int]
    input_range: float
    cell_stride: tuple[float, float] | None
    weight: np.ndarray | None

    def gradients(self, direction: np.ndarray) -> np.ndarray:
        """float32 (h, w, K): of the sum over c of direction[c] * score[c] with respect to the features; one pass."""
        ...

    def perturbed(self, noise: np.ndarray) -> "Probe":
        """The probe of the preprocessed photo plus float32 (height, width, 3) noise; one pass."""
        ...

    def masked_scores(self, masks: np.ndarray) -> np.ndarray:
        """float32 (n, classes): of the preprocessed photo times each of float32 (n, height, width); n passes."""
        ...

    def tail_scores(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, classes): where the layer's activations are these, float32 (n, h, w, K); n passes."""
        ...


def no_report(done: int, total: int) -> None:
    """Ignore the progress of a method."""


def one_class(probe: Probe, index: int) -> np.ndarray:
    """float32 (classes,): the direction in which the score of one class grows, 1 at its index and 0 elsewhere."""
    direction = np.zeros(probe.scores.shape, np.float32)
    direction[index] = 1.0
    return direction


def one_gradient(probe: Probe, direction: np.ndarray, report: Report) -> np.ndarray:
    """float64 (h, w, K): the probe's gradient in a direction, reported as the only pass."""
    gradients = probe.gradients(direction).astype(np.float64)
    report(1, 1)
    return gradients


def weighted_sum(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float32 (h, w): sum over k of weights[k] * features[y, x, k], summed in float64."""
    return (features.astype(np.float64) @ weights).astype(np.float32)


def batches(count: int, row_bytes: int) -> Iterator[np.ndarray]:
    """0..count-1 in order, as int arrays of up to 32 that hold at most 64 MiB of rows (one row where it is larger)."""
    size = min(_ROWS, max(1, _BYTES // max(1, row_bytes)))
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))

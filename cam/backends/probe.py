"""Feature maps and gradients of one photo at one layer, for the methods of `cam.methods`. NumPy in and out.

`cam.backends.keras` hands in the function that runs the network, so that passes queue and are counted together.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cam.errors import ModelError


class Tap:
    """A layer of a network: the way from the pixels to its maps, from them to the scores, and back.

    Attributes:
        name: of the layer.
        cell_stride: pixels between neighbouring cells of its maps, (down, across), or None (see
            `cam.heatmap.photo_extent`).
        weight: float32 (K, classes) where the scores are a linear head on these maps, else None.
    """

    def __init__(
        self,
        network: keras.Model,
        maps: keras.KerasTensor,
        scores: keras.KerasTensor,
        *,
        name: str,
        cell_stride: tuple[float, float] | None,
        weight: np.ndarray | None = None,
    ):
        self.name, self.cell_stride, self.weight = name, cell_stride, weight
        self._maps, self._scores = maps, scores
        whole = keras.Model(network.inputs[0], [maps, scores])
        pixels = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
        direction = tf.TensorSpec((None,), tf.float32)

        def there(pixels):
            return whole(pixels, training=False)

        def back(pixels, direction):
            with tf.GradientTape() as tape:
                tape.watch(pixels)
                maps, scores = there(pixels)
                target = tf.linalg.matvec(scores, direction)
            gradients = tape.gradient(target, maps, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return maps, scores, gradients

        self.forward = tf.function(there, input_signature=[pixels], autograph=False)
        self.backward = tf.function(back, input_signature=[pixels, direction], autograph=False)

    @cached_property
    def tail(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """(n, h, w, K) -> scores (n, classes), where everything that reaches the scores goes through this layer.

        Raises:
            ModelError: a shortcut leads past the layer.
        """
        try:
            rest = keras.Model(self._maps, self._scores)
        except ValueError as error:
            raise ModelError(
                f"A shortcut leads past the layer {self.name!r}, so the scores cannot be computed from its maps alone. "
                "Choose the last layer, or one at the end of a block."
            ) from error
        signature = [tf.TensorSpec((None, *self._maps.shape[1:]), tf.float32)]
        return tf.function(lambda maps: rest(maps, training=False), input_signature=signature, autograph=False)


# A TensorFlow function, of one result or several.
Compute = Callable[..., Any]
# Runs such a function on float32 arrays in its turn: (function, passes that it counts as, arrays) -> arrays.
Run = Callable[..., tuple[np.ndarray, ...]]


class Probe:
    """One photo in one network, at one layer; implements `cam.methods.probe.Probe`.

    Attributes:
        features: float32 (h, w, K), the layer's activations; read-only, as all its arrays.
        scores: float32 (classes,), the logits.
        input_size: (width, height) of what the network sees, in pixels.
        input_range: highest less lowest number of the preprocessed photo; the levels of noise are shares of it.
        weight, cell_stride: as the tap has them.
    """

    def __init__(self, tap: Tap, pixels: np.ndarray, run: Run):
        """Run the network once on float32 (height, width, 3), preprocessed."""
        self._tap, self._pixels, self._run = tap, pixels, run
        self.weight, self.cell_stride = tap.weight, tap.cell_stride
        height, width, _ = pixels.shape
        self.input_size = (width, height)
        self.input_range = float(np.ptp(pixels))
        maps, scores = run(tap.forward, 1, pixels[np.newaxis])
        self.features, self.scores = maps[0], scores[0]
        for array in (self.features, self.scores):
            array.flags.writeable = False

    def gradients(self, direction: np.ndarray) -> np.ndarray:
        """float32 (h, w, K): of sum over c of direction[c] * score[c] with respect to the features.

        One pass there and back; direction is float32 (classes,).
        """
        _, _, gradients = self._run(self._tap.backward, 1, self._pixels[np.newaxis], direction.astype(np.float32))
        return gradients[0]

    def perturbed(self, noise: np.ndarray) -> "Probe":
        """The probe of the preprocessed photo plus float32 (height, width, 3) noise; one pass."""
        return Probe(self._tap, (self._pixels + noise).astype(np.float32), self._run)

    def masked_scores(self, masks: np.ndarray) -> np.ndarray:
        """float32 (n, classes): the scores of the preprocessed photo times each of float32 (n, height, width)."""
        _, scores = self._run(self._tap.forward, len(masks), self._pixels * masks[..., np.newaxis])
        return scores

    def tail_scores(self, features: np.ndarray) -> np.ndarray:
        """float32 (n, classes): the scores where the layer's maps are these, float32 (n, h, w, K).

        Raises:
            ModelError: a shortcut leads past the layer.
        """
        (scores,) = self._run(self._tap.tail, len(features), features)
        return scores

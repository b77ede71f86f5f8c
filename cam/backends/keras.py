"""Networks run by Keras and TensorFlow: for photos of any size where it can be, with the head, layer by layer."""

import threading
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from cam.backends import Head, network_output
from cam.backends.batchnorm_folding import fold_batchnorm
from cam.backends.classifier_head import find_head, score_tensor
from cam.backends.graph import any_size, cast, inline_networks, input_form
from cam.backends.passes import check_finite, default_passes, pass_turns, run_pass
from cam.backends.probe import Compute, Probe, Tap
from cam.backends.target_layers import cell_stride, map_tensors, offered_layers
from cam.errors import ModelError

_USUAL_STRIDE = 32


class KerasBackend:
    """The `cam.backends.Backend` of a Keras network, which itself stays as it is.

    Attributes:
        graph: from the photo to the scores as one flat graph, with an input of any size where it allows one.
        turns: the line in which its passes wait.
    """

    # TensorFlow takes a while to begin a pass; but the activations of more leave the processor's caches.
    batch_size = 4
    has_keras = True

    def __init__(self, network: keras.Model, *, linear: bool | None = None, passes: int | None = None):
        """Read the graph; nothing is run.

        Args:
            network: RGB, preprocessed -> one output (n, classes).
            linear: False: do not look for a linear head; True: refuse a network without one; None: either.
            passes: how many run at a time, of all networks together; None: one for every two cores.

        Raises:
            ModelError: the network cannot be explained, or has no linear head where it must.
        """
        self._own = inline_networks(network)
        self.native_size = _photo_size(self._own)
        self.head, self.refusal = _find_head_or_refusal(self._own, linear)
        if self.head is None:
            _, self.activation = score_tensor(self._own)
            self.graph = any_size(self._own) or self._own
            self._scores, _ = score_tensor(self.graph)
        else:
            self.activation = self.head.activation
            self.graph, self._features = _rebuild_head(self._own, self.head)
            self._scores = self.graph.outputs[0]
        self.fixed_size = _photo_size(self.graph)
        self.classes = self._scores.shape[-1]
        self.turns = pass_turns(passes or default_passes())
        self.passes = 0
        self._lock = threading.Lock()
        self._taps: dict[str | None, Tap] = {}

    @cached_property
    def _maps(self) -> dict[str, keras.KerasTensor]:
        return map_tensors(self.graph)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._maps)

    @cached_property
    def offered_layers(self) -> tuple[str, ...]:
        return offered_layers(self.graph)

    @cached_property
    def cell_stride(self) -> tuple[float, float] | None:
        if self.head is not None:
            return cell_stride(self.graph, self._features)
        return cell_stride(self.graph, self._maps[self.offered_layers[-1]]) if self.offered_layers else None

    @property
    def stride(self) -> int:
        return round(max(self.cell_stride or (_USUAL_STRIDE,)))

    @cached_property
    def features(self) -> tf.types.experimental.PolymorphicFunction:
        """(n, height, width, 3), preprocessed -> the feature maps (n, h, w, K) of the head, traced once."""
        body = fold_batchnorm(keras.Model(self.graph.inputs[0], self._features))
        signature = [tf.TensorSpec((None, *self.graph.input_shape[1:]), tf.float32)]
        return tf.function(lambda pixels: body(pixels, training=False), input_signature=signature, autograph=False)

    def feature_maps(self, photos: np.ndarray, *, counted: bool = True) -> np.ndarray:
        return self.run(self.features, len(photos) * counted, photos)[0]

    def probe(self, pixels: np.ndarray, layer: str | None) -> Probe:
        return Probe(self._tap(layer), pixels, self.run)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(self._own(pixels[np.newaxis], training=False))[0]

    def expected_output(self, pixels: np.ndarray) -> np.ndarray:
        scores = keras.Model(self.graph.inputs[0], self._scores)(pixels[np.newaxis], training=False)
        one_unit = self._own.output_shape[-1] == 1
        return network_output(np.asarray(scores)[0], self.activation, one_unit=one_unit)

    def run(self, function: Compute, passes: int, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Call a TensorFlow function of one or more results when it is this call's turn.

        Raises:
            ModelError: it failed, or what it computed are not all numbers.
        """
        with run_pass(self.turns, tf.errors.OpError):
            results = function(*(tf.constant(array, tf.float32) for array in arrays))
        with self._lock:
            self.passes += passes
        return tuple(check_finite(result.numpy().astype(np.float32, copy=False)) for result in tf.nest.flatten(results))

    def _tap(self, layer: str | None) -> Tap:
        with self._lock:
            if layer not in self._taps:
                self._taps[layer] = self._new_tap(layer)
            return self._taps[layer]

    def _new_tap(self, layer: str | None) -> Tap:
        if layer is None and self.head is not None:
            name, maps, weight = "the last feature maps", self._features, self.head.weight
        else:
            name, weight = self._check_layer(layer), None
            maps = self._maps[name]
        return Tap(self.graph, maps, self._scores, name=name, cell_stride=cell_stride(self.graph, maps), weight=weight)

    def _check_layer(self, layer: str | None) -> str:
        if not self.offered_layers:
            raise ModelError("This network has no layer with a map of more than one cell, so it cannot show where.")
        if layer is None:
            return self.offered_layers[-1]
        if layer not in self._maps:
            raise ModelError(f"There is no layer {layer!r} with maps. Sensible ones: {', '.join(self.offered_layers)}.")
        return layer


def _photo_size(network: keras.Model) -> tuple[int, int] | None:
    """(width, height) of the photos that a network takes, or None for any."""
    _, size = input_form(network)
    return None if size is None else (size[1], size[0])


def _rebuild_head(network: keras.Model, head: Head) -> tuple[keras.Model, keras.KerasTensor]:
    """The network up to its feature maps, for photos of any size where it can be, and its head anew; and those maps.

    The head is built from its numbers, so that an average over a fixed number of cells does not tie it to one size.
    """
    body = keras.Model(network.inputs[0], head.features)
    body = any_size(body) or body
    maps = body.outputs[0]
    means = keras.ops.mean(cast(maps, "float32"), axis=(1, 2))
    scores = keras.ops.add(keras.ops.matmul(means, head.weight), head.bias)
    return keras.Model(body.inputs[0], scores), maps


def _find_head_or_refusal(network: keras.Model, linear: bool | None) -> tuple[Head | None, str | None]:
    if linear is False:
        return None, None
    try:
        return find_head(network), None
    except ModelError as error:
        if linear:
            raise
        return None, str(error)

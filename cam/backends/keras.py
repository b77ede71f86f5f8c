"""Networks run by Keras and TensorFlow: for photos of any size where it can be, with the head, layer by layer."""

import threading
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from cam.backends import Head, network_output
from cam.backends.batchnorm_folding import fold_batchnorm
from cam.backends.classifier_head import find_head, score_tensor
from cam.backends.graph import any_size, flattened, input_form
from cam.backends.probe import Probe, Tap
from cam.backends.target_layers import cell_stride, layer_tensor, layers_with_maps, offered_layers
from cam.backends.turns import check_finite, default_passes, pass_turns, run_pass
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
        self._own = flattened(network)
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
        self._taps: dict[str, Tap] = {}

    @cached_property
    def layers(self) -> tuple[str, ...]:
        return layers_with_maps(self.graph)

    @cached_property
    def offered_layers(self) -> tuple[str, ...]:
        return offered_layers(self.graph)

    @cached_property
    def cell_stride(self) -> tuple[float, float] | None:
        if self.head is not None:
            return cell_stride(self.graph, self._features)
        return cell_stride(self.graph, self.offered_layers[-1]) if self.offered_layers else None

    @property
    def stride(self) -> int:
        return round(max(self.cell_stride or (_USUAL_STRIDE,)))

    @cached_property
    def _body(self) -> keras.Model:
        """Up to the feature maps of the head, without what can be folded away."""
        return fold_batchnorm(keras.Model(self.graph.inputs[0], self._features))

    @cached_property
    def features(self) -> tf.types.experimental.PolymorphicFunction:
        """(n, height, width, 3), preprocessed -> the feature maps (n, h, w, K) of the head, traced once."""
        body = self._body
        signature = [tf.TensorSpec((None, *self.graph.input_shape[1:]), tf.float32)]
        return tf.function(lambda pixels: body(pixels, training=False), input_signature=signature, autograph=False)

    @cached_property
    def _maps_and_scores(self) -> tf.types.experimental.PolymorphicFunction:
        """Like `features`, with the scores beside them, float64 as `Explanation.scores` sums them."""
        body = self._body
        weight, bias = (tf.constant(values, tf.float64) for values in (self.head.weight, self.head.bias))

        def call(pixels):
            maps = body(pixels, training=False)
            means = tf.reduce_mean(tf.cast(maps, tf.float64), axis=(1, 2))
            return maps, tf.matmul(means, weight) + bias

        signature = [tf.TensorSpec((None, *self.graph.input_shape[1:]), tf.float32)]
        return tf.function(call, input_signature=signature, autograph=False)

    @property
    def traces(self) -> int:
        return self.features.experimental_get_tracing_count()

    def feature_maps(self, pixels: np.ndarray, *, passes: int = 1) -> np.ndarray:
        return self.run(self.features, passes, pixels[np.newaxis])[0][0]

    def maps_and_scores(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.run(self._maps_and_scores, len(batch), batch)

    def probe(self, pixels: np.ndarray, layer: str | None) -> Probe:
        return Probe(self._tap(layer), pixels, self.run)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(self._own(pixels[np.newaxis], training=False))[0]

    def expected_output(self, pixels: np.ndarray) -> np.ndarray:
        scores = keras.Model(self.graph.inputs[0], self._scores)(pixels[np.newaxis], training=False)
        one_unit = self._own.output_shape[-1] == 1
        return network_output(np.asarray(scores)[0], self.activation, one_unit=one_unit)

    def run(self, function, passes: int, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Call a TensorFlow function of one or more results when it is this call's turn.

        Raises:
            ModelError: it failed, or what it computed are not all numbers.
        """
        with run_pass(self.turns, tf.errors.OpError):
            results = function(*(tf.constant(array, tf.float32) for array in arrays))
        with self._lock:
            self.passes += passes
        results = results if isinstance(results, (tuple, list)) else (results,)
        return tuple(check_finite(result.numpy().astype(np.float32, copy=False)) for result in results)

    def _tap(self, layer: str | None) -> Tap:
        with self._lock:
            if layer not in self._taps:
                self._taps[layer] = self._new_tap(layer)
            return self._taps[layer]

    def _new_tap(self, layer: str | None) -> Tap:
        if layer is None and self.head is not None:
            maps, name, head = self._features, "the last feature maps", (self.head.weight, self.head.bias)
        else:
            name, head = self._check_layer(layer), (None, None)
            maps = layer_tensor(self.graph, name)
        return Tap(self.graph, maps, self._scores, name=name, cell_stride=cell_stride(self.graph, maps), head=head)

    def _check_layer(self, layer: str | None) -> str:
        if not self.offered_layers:
            raise ModelError("This network has no layer with a map of more than one cell, so it cannot show where.")
        if layer is None:
            return self.offered_layers[-1]
        if layer not in self.layers:
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
    wide = maps if maps.dtype == "float32" else keras.ops.cast(maps, "float32")
    means = keras.ops.mean(wide, axis=(1, 2))
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

"""Find the linear head of a network, by its graph: global average pooling -> [Flatten, Dropout] -> one Dense layer."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from cam.errors import ModelError

_WHY = "A class activation map needs global average pooling followed by one dense layer"
# What may stand between the pooling and the dense layer; each leaves the K numbers as they are when a network is run.
_PASSES_THROUGH = (layers.Flatten, layers.Dropout)
_ACTIVATIONS = ("linear", "softmax")


@dataclass(frozen=True, eq=False)
class Head:
    """The linear head of a network.

    Attributes:
        features: the symbolic tensor (n, h, w, K) that is averaged.
        weight: float32 (K, classes).
        bias: float32 (classes,).
        activation: "linear", or "softmax" where the network itself turns its scores into probabilities.
    """

    features: keras.KerasTensor
    weight: np.ndarray
    bias: np.ndarray
    activation: str


def _producer(tensor: keras.KerasTensor) -> tuple[layers.Layer, list[keras.KerasTensor]]:
    """The layer that a symbolic tensor comes out of, and that layer's own inputs."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def _is_global_average(layer: layers.Layer, given: keras.KerasTensor, result: keras.KerasTensor) -> bool:
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return layer.data_format == "channels_last"
    if isinstance(layer, layers.AveragePooling2D) and layer.data_format == "channels_last":
        return tuple(layer.pool_size) == tuple(given.shape[1:3]) and tuple(result.shape[1:3]) == (1, 1)
    return False


def _named(layer: layers.Layer) -> str:
    return f"{layer.name!r} ({type(layer).__name__})"


def find_head(network: keras.Model) -> Head:
    """Follow the network's output back to the feature maps.

    Raises:
        ModelError: the network has no linear head; the text names the layer that stands in the way.
    """
    if len(network.outputs) != 1:
        raise ModelError(f"{_WHY}; the network {network.name!r} has {len(network.outputs)} outputs instead of one.")
    dense, inputs = _producer(network.outputs[0])
    if not isinstance(dense, layers.Dense):
        raise ModelError(f"{_WHY}; the last layer is {_named(dense)}.")
    activation = keras.activations.serialize(dense.activation)
    if activation not in _ACTIVATIONS:
        raise ModelError(f"{_WHY}; the dense layer {dense.name!r} ends in {activation!r}, not in a score a class.")
    result = inputs[0]
    layer, inputs = _producer(result)
    while isinstance(layer, _PASSES_THROUGH):
        result = inputs[0]
        layer, inputs = _producer(result)
    if not _is_global_average(layer, inputs[0] if inputs else None, result):
        raise ModelError(
            f"{_WHY}; before the dense layer {dense.name!r} stands {_named(layer)}, so its scores are not a sum over "
            "places in the photo."
        )
    weight = np.asarray(dense.kernel, np.float32)
    bias = np.asarray(dense.bias, np.float32) if dense.use_bias else np.zeros(weight.shape[1], np.float32)
    return Head(inputs[0], weight, bias, activation)

"""Find a network's linear head, and its scores before softmax or sigmoid.

A linear head is global average pooling (GAP) followed by one dense layer. It is found by the graph, never by position.
"""

import keras
import numpy as np

from cam.backends import LINEAR, SIGMOID, SOFTMAX, Head
from cam.backends.graph import (
    Node,
    activation_of,
    cast,
    describe_layer,
    inline_networks,
    input_form,
    is_global_average,
    is_view,
    kind,
    producer,
)
from cam.errors import ModelError

_WHY = "A class activation map needs global average pooling followed by one dense layer"
_PROBABILITIES = (SOFTMAX, SIGMOID)
# One output unit z as the scores of two classes.
_HALVES = np.array([-0.5, 0.5], np.float32)


def find_head(network: keras.Model) -> Head:
    """Follow the network's output back to the feature maps; networks inside the network are inlined first.

    Between the pooling and the dense layer may stand what leaves the K numbers as they are (dropout, flatten, reshape),
    and batch normalisation, which is linear when a network is run and is folded into weight and bias in float64.

    Raises:
        ModelError: the network has no linear head; the text names the layer that stands in the way.
    """
    output = _output(inline_networks(network), _WHY)
    tensor, last, _ = _split_activation(output)
    node = producer(_through_views(tensor)[0])
    dense = node.operation
    if kind(dense) != "Dense":
        end = producer(output).operation
        after = "" if end is dense else f" after {describe_layer(dense)}"
        raise ModelError(f"{_WHY}; the last layer is {describe_layer(end)}{after}.")
    own = activation_of(dense)
    if own not in (LINEAR, *_PROBABILITIES) or LINEAR not in (own, last):
        then = "" if last == LINEAR else f" and then in {last!r}"
        raise ModelError(f"{_WHY}; the dense layer {dense.name!r} ends in {own!r}{then}, not in a score a class.")
    activation = last if own == LINEAR else own
    features, weight, bias = _fold_into_dense(node)
    one_unit = weight.shape[1] == 1
    if one_unit:
        weight, bias, activation = weight * _HALVES, bias * _HALVES, _two_class_activation(activation, dense)
    return Head(features, weight.astype(np.float32), bias.astype(np.float32), activation, one_unit)


def score_tensor(network: keras.Model) -> tuple[keras.KerasTensor, str]:
    """Find the scores of a flat network, float32 (n, classes), before softmax or sigmoid; and which of them follows.

    The second is "linear", "softmax" or "sigmoid", as in `Head`, and one output unit becomes two classes as there.
    Where the activation is inside a dense layer or a convolution, its sum is built anew from the layer's own kernel and
    bias, which are shared. A last layer of another kind counts as scores, "linear".

    Raises:
        ModelError: the network has not one output (n, classes), or takes something else than one photo.
    """
    output = _output(network, "The heat of a class needs a score for each class")
    tensor, activation, views = _split_activation(output)
    layer = producer(tensor).operation
    own = activation_of(layer)
    if activation == LINEAR and kind(layer) in ("Dense", "Conv2D") and own in _PROBABILITIES:
        if own == SIGMOID or tensor.shape[-1] == output.shape[-1]:
            tensor, activation = _preactivation(layer, producer(tensor).input_tensors[0]), own
    scores = cast(output if activation == LINEAR else _replay_views(tensor, views), "float32")
    if output.shape[1] > 1:
        return scores, activation
    return keras.ops.multiply(scores, _HALVES), _two_class_activation(activation, layer)


def _output(network: keras.Model, why: str) -> keras.KerasTensor:
    """Return the one output of a network, (n, classes)."""
    input_form(network)
    if len(network.outputs) != 1:
        raise ModelError(f"{why}; the network {network.name!r} has {len(network.outputs)} outputs instead of one.")
    shape = tuple(network.outputs[0].shape)
    if len(shape) != 2 or shape[1] is None:
        last = describe_layer(producer(network.outputs[0]).operation)
        raise ModelError(f"{why}; the last layer is {last}, which gives {shape} and not (number of photos, classes).")
    return network.outputs[0]


def _through_views(tensor: keras.KerasTensor) -> tuple[keras.KerasTensor, list[Node]]:
    """Go back past the layers that leave all numbers as they are; list their calls, the last one first."""
    views = []
    while is_view((node := producer(tensor)).operation):
        views.append(node)
        tensor = node.input_tensors[0]
    return tensor, views


def _replay_views(tensor: keras.KerasTensor, views: list[Node]) -> keras.KerasTensor:
    """Send another tensor through the same calls."""
    for node in reversed(views):
        args, kwargs = node.arguments.fill_in({id(node.input_tensors[0]): tensor})
        tensor = node.operation(*args, **kwargs)
    return tensor


def _split_activation(output: keras.KerasTensor) -> tuple[keras.KerasTensor, str, list[Node]]:
    """Find the input of the softmax or sigmoid layer that ends a network, which of them it is, and the views after it.

    Without such a layer: the input of the views, and "linear".
    """
    tensor, views = _through_views(output)
    node = producer(tensor)
    activation = activation_of(node.operation)
    if kind(node.operation) in ("Activation", "Softmax", "Sigmoid") and activation in _PROBABILITIES:
        if activation == SIGMOID or tensor.shape[-1] == output.shape[-1]:
            return node.input_tensors[0], activation, views
    return tensor, LINEAR, views


def _preactivation(layer: keras.Layer, given: keras.KerasTensor) -> keras.KerasTensor:
    """Compute a dense layer or a convolution without its activation."""
    given = keras.ops.cast(given, layer.kernel.dtype)
    if kind(layer) == "Dense":
        result = keras.ops.matmul(given, layer.kernel)
    else:
        shape = {"strides": list(layer.strides), "padding": layer.padding, "dilation_rate": list(layer.dilation_rate)}
        result = keras.ops.conv(given, layer.kernel, data_format=layer.data_format, **shape)
    return keras.ops.add(result, layer.bias) if layer.use_bias else result


def _two_class_activation(activation: str, layer: keras.Operation) -> str:
    """Name the activation of two classes that were made from one unit with this activation, in this layer."""
    if activation == SOFTMAX:
        raise ModelError(
            f"The layer {describe_layer(layer)} has one output unit with softmax, which is 1 for every photo. "
            "Train it again with sigmoid for two classes, or with one unit for each class."
        )
    return SOFTMAX if activation == SIGMOID else activation


def _fold_into_dense(dense: Node) -> tuple[keras.KerasTensor, np.ndarray, np.ndarray]:
    """Find the maps before a dense layer, and fold the layers in between into weight and bias, float64."""
    layer, tensor = dense.operation, dense.input_tensors[0]
    weight = np.asarray(layer.kernel).astype(np.float64)
    bias = np.asarray(layer.bias).astype(np.float64) if layer.use_bias else np.zeros(weight.shape[1])
    node = producer(tensor)
    while is_view(node.operation) or _is_scaling(node, len(weight)):
        if not is_view(node.operation):
            scale, shift = scale_and_shift(node.operation)
            weight, bias = scale[:, np.newaxis] * weight, bias + shift @ weight
        tensor = node.input_tensors[0]
        node = producer(tensor)
    if not node.input_tensors or not is_global_average(node) or tensor.shape[-1] != len(weight):
        raise ModelError(
            f"{_WHY}; before the dense layer {layer.name!r} stands {describe_layer(node.operation)}, so its scores "
            "are not a sum over places in the photo."
        )
    return node.input_tensors[0], weight, bias


def _is_scaling(node: Node, channels: int) -> bool:
    """True for batch normalisation of one number a channel."""
    layer, shape = node.operation, node.outputs[0].shape
    if kind(layer) != "BatchNormalization" or layer.axis not in (-1, len(shape) - 1):
        return False
    return shape[-1] == channels and all(side == 1 for side in shape[1:-1])


def scale_and_shift(layer: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """float64 (K,) each: x -> scale * x + shift (Ioffe & Szegedy, ICML 2015, algorithm 2, step 11)."""
    mean, variance = (np.asarray(value).astype(np.float64) for value in (layer.moving_mean, layer.moving_variance))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma).astype(np.float64)
    shift = -mean * scale
    return scale, shift + np.asarray(layer.beta).astype(np.float64) if layer.center else shift

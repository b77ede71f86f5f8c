"""Fold batch normalisations into the convolutions before them: the same numbers, sooner.

A normalisation multiplies and shifts each channel by fixed numbers when a network is run (Ioffe & Szegedy, ICML 2015,
algorithm 2, step 11), so kernel and bias of the convolution can do it:

    scale * (conv(x, kernel) + bias) + shift  =  conv(x, scale * kernel) + (scale * bias + shift)
"""

from collections import Counter
from typing import Any

import keras
import numpy as np

from cam.backends import LINEAR
from cam.backends.classifier_head import scale_and_shift
from cam.backends.graph import Node, activation_of, copy_layer, kind, nodes, rebuild

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")


def fold_batchnorm(network: keras.Model) -> keras.Model:
    """Build the same network of one input and one output, for running only. The given one stays as it is.

    The convolutions that something was folded into are new, with weights of their own; all else is shared. A
    normalisation stays where something else stands before it, or where the convolution's result goes elsewhere too.
    """
    pairs = _pairs(network)
    twins = {id(convolution): _twin(convolution, norm) for convolution, norm in pairs}
    gone = {id(norm) for _, norm in pairs}

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if id(layer) in gone:
            return args[0] if args else kwargs["inputs"]
        return twins.get(id(layer), layer)(*args, **kwargs)

    return rebuild(network, network.inputs[0], call)


def _pairs(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """List each convolution whose result goes to one batch normalisation only, and that normalisation."""
    calls = nodes(network)
    times = Counter(id(node.operation) for node in calls)
    readers = Counter(id(tensor) for node in calls for tensor in node.input_tensors)
    readers.update(id(tensor) for tensor in network.outputs)
    made_by = {id(tensor): node.operation for node in calls for tensor in node.outputs}
    pairs = []
    for node in calls:
        given = id(node.input_tensors[0])
        convolution = made_by.get(given)
        alone = readers[given] == times[id(node.operation)] == times[id(convolution)] == 1
        if alone and _is_norm(node) and _is_plain(convolution):
            pairs.append((convolution, node.operation))
    return pairs


def _is_norm(node: Node) -> bool:
    layer = node.operation
    channels_last = kind(layer) == "BatchNormalization" and layer.axis in (-1, len(node.outputs[0].shape) - 1)
    return channels_last and layer.compute_dtype == "float32"


def _is_plain(layer: keras.Operation) -> bool:
    """True for a convolution without an activation, in float32."""
    if kind(layer) not in _CONVOLUTIONS or layer.data_format != "channels_last" or layer.compute_dtype != "float32":
        return False
    return activation_of(layer) == LINEAR and layer.kernel.dtype == "float32"


def _twin(convolution: keras.Layer, norm: keras.layers.BatchNormalization) -> keras.Layer:
    """Copy the convolution with the normalisation in its kernel and bias, computed in float64."""
    scale, shift = scale_and_shift(norm)
    kernel = np.asarray(convolution.kernel).astype(np.float64)
    bias = np.asarray(convolution.bias).astype(np.float64) if convolution.use_bias else 0.0
    # The last axes are the channels of the result: one, or of each input channel the few that are made of it.
    depthwise = kind(convolution) == "DepthwiseConv2D"
    shape = kernel.shape[2:] if depthwise else (-1,)
    # The weights are overwritten at once, and random ones would take most of the time.
    initializer = "depthwise_initializer" if depthwise else "kernel_initializer"
    changes = {"use_bias": True, initializer: "zeros"}
    return copy_layer(convolution, changes, [kernel * scale.reshape(shape), scale * bias + shift])

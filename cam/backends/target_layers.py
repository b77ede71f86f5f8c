"""Layers whose output is a map: which there are, which to offer, and how far apart their cells stand.

All of it by shape inference; nothing is run. The networks here are flat (see `cam.backends.graph.flattened`).
"""

import math
from typing import Any

import keras

from cam.backends.graph import Node, input_form, is_global_average, kind, nodes

# A dense layer on a map is a convolution of 1 x 1.
_CONVOLUTIONS = frozenset(
    "Conv2D DepthwiseConv2D SeparableConv2D Conv2DTranspose Dense "
    "Conv DepthwiseConv SeparableConv ConvTranspose".split()
)
# Ends of blocks: where branches meet, and the activations after convolutions, as layers or as operations.
_MERGES = frozenset("Add Concatenate Multiply Average Maximum Subtract".split())
_ACTIVATIONS = frozenset(
    "Activation ReLU LeakyReLU PReLU ELU Relu Relu6 LeakyRelu Elu Selu Silu HardSilu Gelu Tanh".split()
)
# Two input sizes that all usual strides divide, so the quotient of the differences is exact whatever the padding.
_SIDES = (80_640, 161_280)


def map_tensors(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Find the maps (n, h, w, K) that a heat map can be taken from, by layer name, from the photo to the scores.

    Convolutions, and the ends of blocks after them: additions, concatenations, activations; and whatever is averaged
    over all places at the end. Maps of one cell are left out. A layer that is used twice counts where it is used last.
    """
    necks = _bottlenecks(network)
    averaged = {id(node.input_tensors[0]) for node in nodes(network) if is_global_average(node)} & necks
    convolved: set[int] = set()
    found: dict[str, keras.KerasTensor] = {}
    for node in nodes(network):
        own, tensor = kind(node.operation), node.outputs[0]
        if own in ("", *_CONVOLUTIONS) or any(id(given) in convolved for given in node.input_tensors):
            convolved.update(map(id, node.outputs))
            merges = own in _MERGES and len(node.input_tensors) > 1
            wanted = merges or own in _CONVOLUTIONS or own in _ACTIVATIONS or id(tensor) in averaged
            if wanted and _is_map(node):
                found.pop(node.operation.name, None)
                found[node.operation.name] = tensor
    return found


def offered_layers(network: keras.Model) -> tuple[str, ...]:
    """Choose a few of the layers of `map_tensors`, from the photo to the scores; the last is the default.

    Of each size of map the last layer that everything passes through, so that no shortcut leads past it.
    """
    maps, necks = map_tensors(network), _bottlenecks(network)
    shapes = _shapes(network, _SIDES[0])
    by_size = {}
    for name, tensor in maps.items():
        if id(tensor) in necks:
            wide = id(tensor) in shapes
            # The logarithm, because padding makes a map a little larger or smaller in between.
            by_size[wide, round(math.log2((shapes[id(tensor)] if wide else tensor.shape)[1]))] = name
    return tuple(name for name in maps if name in by_size.values()) or tuple(maps)[-1:]


def cell_stride(network: keras.Model, tensor: keras.KerasTensor) -> tuple[float, float] | None:
    """Measure the pixels of the input between neighbouring cells of a map (n, h, w, K) of a network, (down, across).

    None where the map has the same size for all photos, or where its layers take one size of photo only.
    """
    until = keras.Model(network.inputs, tensor)
    small, large = (_shapes(until, side).get(id(tensor)) for side in _SIDES)
    if small is None or large is None or len(small) != 4:
        return None
    down, across = large[1] - small[1], large[2] - small[2]
    pixels = _SIDES[1] - _SIDES[0]
    return (pixels / down, pixels / across) if down and across else None


def _is_map(node: Node) -> bool:
    shape = node.outputs[0].shape
    last = getattr(node.operation, "data_format", None) != "channels_first"
    return len(shape) == 4 and last and all(side is None or side > 1 for side in shape[1:3])


def _bottlenecks(network: keras.Model) -> set[int]:
    """The ids of the tensors that everything passes through on its way from the photo to the scores."""
    calls = nodes(network)
    last_use = {id(given): place for place, node in enumerate(calls) for given in node.input_tensors}
    last_use.update((id(tensor), len(calls)) for tensor in network.outputs)
    waiting, necks = {id(tensor) for tensor in network.inputs}, set()
    for place, node in enumerate(calls):
        waiting.update(map(id, node.outputs))
        waiting = {tensor for tensor in waiting if last_use.get(tensor, -1) > place}
        if len(waiting) == 1:
            necks |= waiting & set(map(id, node.outputs))
    return necks


def _shapes(network: keras.Model, side: int) -> dict[int, tuple[Any, ...]]:
    """Infer the shape of each tensor, by its id, for photos of side x side pixels; some have none."""
    channels, _ = input_form(network)
    inputs = network.inputs[0]
    values = {id(inputs): keras.KerasTensor((None, side, side, channels), inputs.dtype)}
    for node in nodes(network):
        if all(id(given) in values for given in node.input_tensors):
            args, kwargs = node.arguments.fill_in(values)
            try:
                outputs = node.operation.compute_output_spec(*args, **kwargs)
            except (ValueError, TypeError):
                continue
            values.update(zip(map(id, node.outputs), keras.tree.flatten(outputs), strict=True))
    return {key: tuple(tensor.shape) for key, tensor in values.items()}

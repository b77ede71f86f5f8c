"""Networks as graphs of layers: read the layers, inline networks inside, rebuild them for photos of any size.

Everything here is symbolic: no photo is run, and the networks that are given keep their layers and their weights.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

from cam.backends import LINEAR
from cam.errors import ModelError

# What leaves every number as it is when a network is run, though the shape may be another.
_VIEWS = frozenset(
    "Flatten Reshape Squeeze Identity Cast Dropout SpatialDropout2D GaussianDropout AlphaDropout GaussianNoise "
    "ActivityRegularization".split()
)


# A call of a layer in a graph, with `.operation`, `.input_tensors`, `.outputs` and `.arguments`.
Node = Any
# Makes one step of a network: (layer, *args, **kwargs) -> outputs.
Call = Callable[..., Any]
# From a layer to the one that stands for it.
Own = Callable[[keras.Operation], keras.Operation]


class InputForm(NamedTuple):
    """The input of a network: channels of a photo, and (height, width) in pixels or None where any size will do."""

    channels: int
    size: tuple[int, int] | None


def kind(operation: keras.Operation) -> str:
    """Name the class of a layer or operation; "" for a class that is not Keras' own, which may do anything."""
    return type(operation).__name__ if type(operation).__module__.startswith("keras.") else ""


def describe_layer(operation: keras.Operation) -> str:
    return f"{operation.name!r} ({type(operation).__name__})"


# Keras has no public way to walk the graph of a network: hence its private parts in the two functions below.
def producer(tensor: keras.KerasTensor) -> Node:
    """Find the node that a symbolic tensor comes out of."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def nodes(network: keras.Model) -> list[Node]:
    """List the calls of layers and operations in a network, each after those it depends on, without its inputs."""
    graph = keras.Model(network.inputs, network.outputs) if isinstance(network, keras.Sequential) else network
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def activation_of(operation: keras.Operation) -> str:
    """Name the activation that a layer applies, "linear" for none; with its module if it is not Keras' own."""
    if kind(operation) in ("Softmax", "Sigmoid"):
        axis = getattr(operation, "axis", -1)
        return kind(operation).lower() if axis in (-1, [-1]) else f"{kind(operation)} over axis {axis}"
    activation = getattr(operation, "activation", None) or keras.activations.linear
    if isinstance(activation, keras.Operation):
        return activation_of(activation) if kind(activation) in ("Softmax", "Sigmoid") else type(activation).__name__
    name, module = (getattr(activation, key, None) or "?" for key in ("__name__", "__module__"))
    return name if module.startswith("keras.") else f"{module}.{name}"


def is_view(operation: keras.Operation) -> bool:
    """True if a layer leaves every number as it is when a network is run: dropout, flatten, reshape, noise, ..."""
    return kind(operation) in _VIEWS or (kind(operation) == "Activation" and activation_of(operation) == LINEAR)


def is_global_average(node: Node) -> bool:
    """True if a call averages maps (n, h, w, K) over all places: K numbers a photo."""
    layer, given, result = node.operation, node.input_tensors[0].shape, node.outputs[0].shape
    if len(given) != 4 or getattr(layer, "data_format", None) == "channels_first":
        return False
    if kind(layer) == "Mean":
        return sorted(axis % 4 for axis in layer.axis or ()) == [1, 2]
    if kind(layer) == "AveragePooling2D":
        return tuple(layer.pool_size) == tuple(given[1:3]) and tuple(result[1:3]) == (1, 1)
    if kind(layer) == "AdaptiveAveragePooling2D":
        return tuple(result[1:3]) == (1, 1)
    return kind(layer) == "GlobalAveragePooling2D"


def has_graph(layer: Any) -> bool:
    """True for a network that is a graph of layers (Functional or Sequential)."""
    own = isinstance(layer, keras.Function | keras.Sequential)
    return own and type(layer).call.__module__.startswith("keras.")


def input_form(network: keras.Model) -> InputForm:
    """Read the form of photo that a network takes.

    Raises:
        ModelError: it takes something else than one photo.
    """
    shapes = [tuple(tensor.shape) for tensor in network.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] is None:
        raise ModelError(
            f"The network {network.name!r} takes inputs of shapes {shapes}; a network that can be explained takes one "
            "photo, (number, height, width, channels)."
        )
    _, height, width, channels = shapes[0]
    return InputForm(channels, None if None in (height, width) else (height, width))


def inline_networks(network: keras.Model) -> keras.Model:
    """Inline the networks inside a network, to any depth: the same network as one graph of layers.

    For running, not for training: how a network inside was called (`training=False`) is forgotten. Layers and weights
    are shared and the inputs are the network's own tensors; a flat network is returned as it is. Only where two layers
    have the same name does the second get a copy, of its weights too, under a name of its own.

    Raises:
        ModelError: the network is not a graph of layers.
    """
    if not has_graph(network):
        raise ModelError(
            f"The network {network.name!r} is a class with code of its own ({type(network).__name__}), so its layers "
            "cannot be followed from the scores back to the photo. Build it with keras.Sequential or as "
            "keras.Model(inputs, outputs), and save it again."
        )
    connected = getattr(network, "inputs", None)
    if connected and not any(has_graph(node.operation) for node in nodes(network)):
        return network
    if not connected and not _is_built(network):
        raise ModelError(
            f"The network {network.name!r} has no weights yet, because it has never seen a photo. Begin it with "
            "keras.Input((height, width, 3)), train it, and save it again."
        )
    inputs = connected or [keras.Input((None, None, 3))]
    own = _unique_names(tensor._keras_history.operation for tensor in inputs)
    return keras.Model(_single(inputs), _single(_inline(network, inputs, own)), name=network.name)


def _is_built(layer: keras.Layer) -> bool:
    """True if a layer has its weights; a sequential network may have them though it was never connected itself."""
    return all(map(_is_built, layer.layers)) if isinstance(layer, keras.Sequential) else layer.built


def _single(tensors: list[keras.KerasTensor]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def _inline(network: keras.Model, tensors: list[keras.KerasTensor], own: Own) -> list[keras.KerasTensor]:
    """Compute the outputs of a network on symbolic tensors by its layers and those of the networks inside."""

    def call(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if not has_graph(operation):
            return own(operation)(*args, **kwargs)
        given = args[0] if args else kwargs["inputs"]
        return _single(_inline(operation, keras.tree.flatten(given), own))

    # A network converts what it is given to the type of its input.
    wanted = [tensor.dtype for tensor in getattr(network, "inputs", None) or tensors]
    tensors = [cast(tensor, dtype) for tensor, dtype in zip(tensors, wanted, strict=True)]
    if not isinstance(network, keras.Sequential):
        return _replay(network, tensors, call)
    for layer in network.layers:
        tensors = [call(layer, _single(tensors))]
    return tensors


def cast(tensor: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    """Return the tensor in another type, or itself where it has that type."""
    return tensor if tensor.dtype == dtype else keras.ops.cast(tensor, dtype)


def call_layer(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
    """Make one step of a network, with its own layer."""
    return operation(*args, **kwargs)


def rebuild(network: keras.Model, inputs: keras.KerasTensor, call: Call = call_layer) -> keras.Model:
    """Build a network of one input on another input, each step by `call`; layers and weights are shared."""
    return keras.Model(inputs, _single(_replay(network, [inputs], call)), name=network.name)


def _replay(network: keras.Model, tensors: list[keras.KerasTensor], call: Call) -> list[keras.KerasTensor]:
    """Compute the outputs of a network on other tensors, each step by `call`."""
    values = dict(zip(map(id, network.inputs), tensors, strict=True))
    for node in nodes(network):
        args, kwargs = node.arguments.fill_in(values)
        outputs = keras.tree.flatten(call(node.operation, *args, **kwargs))
        values.update(zip(map(id, node.outputs), outputs, strict=True))
    return [values[id(tensor)] for tensor in network.outputs]


def _unique_names(taken: Iterable[keras.Operation]) -> Own:
    """Make a function that returns each layer, or a copy under another name where another layer has the same."""
    owners = {operation.name: operation for operation in taken}
    twins: dict[int, keras.Operation] = {}

    def own(operation: keras.Operation) -> keras.Operation:
        if owners.setdefault(operation.name, operation) is operation:
            return operation
        if id(operation) not in twins:
            number = 2
            while f"{operation.name}_{number}" in owners:
                number += 1
            twin = copy_layer(operation, {"name": f"{operation.name}_{number}"})
            twins[id(operation)] = owners[twin.name] = twin
        return twins[id(operation)]

    return own


def copy_layer(
    operation: keras.Operation, changes: dict[str, Any], weights: list[np.ndarray] | None = None
) -> keras.Operation:
    """Copy a layer with changes of its config, and with the weights that are given or else its own."""
    twin = type(operation).from_config(operation.get_config() | changes)
    if isinstance(operation, keras.Layer) and operation.weights:
        twin.build_from_config(operation.get_build_config())
        twin.set_weights(operation.get_weights() if weights is None else weights)
    return twin


def any_size(network: keras.Model) -> keras.Model | None:
    """Rebuild a network for photos of any size (n, None, None, channels); None where its layers need one size.

    The layers and weights are shared. A network that takes any size is returned as it is.
    """
    channels, size = input_form(network)
    if size is None:
        return network

    def connected(height: int | None, width: int | None) -> keras.Model:
        tensor = network.inputs[0]
        return rebuild(network, keras.Input((height, width, channels), dtype=tensor.dtype, name=tensor.name))

    try:
        # An unknown size is accepted by layers that no other size fits, so one that is known is tried first.
        tried = connected(2 * size[0], 3 * size[1])
        same = [tuple(tensor.shape) for tensor in tried.outputs if len(tensor.shape) == 2]
        wanted = [tuple(tensor.shape) for tensor in network.outputs if len(tensor.shape) == 2]
        return connected(None, None) if same == wanted else None
    except (ValueError, TypeError):
        return None

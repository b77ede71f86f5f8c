"""Measure the memory that a custom model asks for, before any of it is given.

The network is built without values in its weights, and the shapes of what its layers put out for one photo are worked
out one by one. (Keras makes the constants of a Normalization layer at once, so that is left out of this sketch.)
"""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from cam.errors import ModelError

_SIDE = 224
_CONSTANTS = "Normalization"
_STAND_IN = "Identity"


@dataclass(frozen=True)
class Demand:
    """The memory that a network asks for.

    Attributes:
        numbers: how many its weights are, trained or not.
        weight_bytes: what they take.
        largest_bytes: what the largest output of one layer takes, for one photo of the size that the network has, or
            of 224 x 224 pixels where it takes any.
        largest: the name of that layer.
    """

    numbers: int
    weight_bytes: int
    largest_bytes: int
    largest: str


def build(config: dict) -> keras.Model:
    """The network of an architecture that `check_config` gave, its weights still to be loaded."""
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    return kind.from_config(copy.deepcopy(config["config"]))  # Keras takes the description apart


def measure(config: dict) -> Demand:
    """Work out what a checked architecture asks for.

    Raises:
        ModelError: it does not go from one photo to one row of scores.
    """
    # Keras lists the variables that got no values, per thread, to give them some later; this thread ends before.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="own-model") as alone:
        return alone.submit(_measure, config).result()


def _measure(config: dict) -> Demand:
    with keras.StatelessScope(initialize_variables=False):
        network = build(_sketch(config))
        _check_ends(network)
        shape = (1, *(side or _SIDE for side in network.inputs[0].shape[1:3]), 3)
        photo = keras.KerasTensor(shape, network.inputs[0].dtype)
        sizes = [(_bytes(photo), network.inputs[0].name)]
        _run(network, photo, sizes)
        largest, layer = max(sizes)
        numbers = sum(math.prod(weight.shape) for weight in network.weights)
        weight_bytes = sum(math.prod(weight.shape) * _width(weight.dtype) for weight in network.variables)
    return Demand(numbers, weight_bytes, largest, layer)


def _sketch(value: object) -> object:
    if isinstance(value, list):
        return [_sketch(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == _CONSTANTS and isinstance(value.get("config"), dict):
        return value | {"class_name": _STAND_IN, "config": {"name": value["config"].get("name")}}
    return {key: _sketch(item) for key, item in value.items()}


def _check_ends(network: keras.Model) -> None:
    """Refuse a network that does not take one photo or does not give one row of scores."""
    if not network.built or not network.inputs:
        raise ModelError("it was saved before it had an input. Give it keras.Input((height, width, 3)) and save again.")
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelError(f"it has {len(network.inputs)} inputs and {len(network.outputs)} outputs; one each is needed.")
    given, scores = network.inputs[0].shape, network.outputs[0].shape
    if len(given) != 4 or given[-1] != 3 or given[0] not in (None, 1):
        raise ModelError(f"its input is {given}; one photo in colour is needed: (None, height, width, 3).")
    if len(scores) != 2 or not scores[-1]:
        raise ModelError(f"its output is {scores}; one score a class is needed: (None, classes).")


def _run(network: keras.Model, given: object, sizes: list[tuple[int, str]]) -> object:
    """Like calling the network, but on shapes alone, and without a trace in its graph."""
    if isinstance(network, keras.Sequential):
        for layer in network.layers:
            given = _spec(layer, sizes, given)
        return given
    return network._run_through_graph(given, operation_fn=lambda layer: partial(_spec, layer, sizes))


def _spec(layer: keras.Operation, sizes: list[tuple[int, str]], *args: object, **kwargs: object) -> object:
    if isinstance(layer, keras.Model):
        return _run(layer, args[0], sizes)
    result = layer.compute_output_spec(*args, **kwargs)
    sizes.extend((_bytes(tensor), layer.name) for tensor in keras.tree.flatten(result))
    return result


def _bytes(tensor: keras.KerasTensor) -> int:
    return math.prod(_SIDE if side is None else side for side in tensor.shape) * _width(tensor.dtype)


def _width(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize

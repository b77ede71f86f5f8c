"""Build a custom network from its checked description, and move its numbers from the child that tried it."""

import copy
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import keras
import numpy as np

from cam.custom_models.config import Config
from cam.errors import ModelError
from cam.formatting import shorten
from cam.models.weights import megabytes

# Pixels of the photo that a network for any size is tried with.
_SIDE = 224


def build(config: Config) -> keras.Model:
    """The network of a description that `check_config` gave, its weights zero."""
    return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)  # Keras takes it apart


def try_network(config: Config, weights: Path, limit_bytes: int, *, version: str = "") -> list[bytes]:
    """Build a network, load its weights and run it on one photo, in a process that may come to nothing.

    Args:
        config: checked.
        weights: an HDF5 file of plain arrays.
        limit_bytes: of memory, for the weights and the largest output of its layers.
        version: of Keras that saved it.

    Returns:
        The description as one line of JSON, and the numbers of each weight.

    Raises:
        ModelError: Keras cannot build it, it asks for too much memory, or it does not go from one photo to one row of
            scores; the text says which layer it is, where that is known.
    """
    import tensorflow as tf

    try:
        _check_memory(config, limit_bytes)
        network = build(config)
        network.load_weights(weights)
        height, width = (side or _SIDE for side in network.inputs[0].shape[1:3])
        network.predict_on_batch(np.zeros((1, height, width, 3), np.float32))
    except ModelError:
        raise
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise ModelError(f"it asks for more memory than it may have; {_limit(limit_bytes)}") from error
    # Keras ends in nearly any exception on a description that does not fit.
    except Exception as error:
        raise ModelError(_explain_failure(error, version)) from error
    return [json.dumps(config).encode() + b"\n", *(np.asarray(weight).tobytes() for weight in network.weights)]


def unpack_network(config: Config, numbers: memoryview) -> keras.Model:
    """The network of a checked description, with its numbers as `try_network` gave them.

    Raises:
        ModelError: there are more or fewer numbers than it has.
    """
    network = build(config)
    arrays = [np.asarray(weight) for weight in network.weights]
    if sum(array.nbytes for array in arrays) != len(numbers):
        raise ModelError("its weights do not fit its architecture.")
    start = 0
    for weight, array in zip(network.weights, arrays, strict=True):
        found = np.frombuffer(numbers, array.dtype, array.size, start)
        weight.assign(found.reshape(array.shape))
        start += array.nbytes
    # Those of models inside too, for which Keras has no public name.
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return network


def _explain_failure(error: Exception, version: str) -> str:
    # Keras wraps what went wrong in one layer into what it says of each model around it.
    text = str(error)
    innermost = text.rpartition("config={")[2]
    layer = re.search(r"'name': '([^']{1,60})'|name=(\w{1,60})|[Ll]ayer \W?(\w{1,60})", innermost)
    reason = re.sub(r"^A total of .*?>:", "", text.rpartition("Exception encountered:")[2], flags=re.DOTALL)
    named = repr(next(filter(None, layer.groups()))) if layer else ""
    made = f" It was saved by Keras {version}." if version else ""
    return (
        f"Keras {keras.__version__} cannot open {f'its layer {named}' if named else 'it'} "
        f"({shorten(' '.join(reason.split()) or type(error).__name__, 200)}).{made} Save the model again with "
        "model.save('name.keras'), if you can with Keras 3."
    )


def _check_memory(config: Config, limit_bytes: int) -> None:
    """Work out what a network asks for, before any of it is given.

    It is built without values in its weights, and the shapes of what its layers put out for one photo are worked out
    one by one.
    """
    # Keras lists the variables that got no values, per thread, to give them some later; this thread ends before.
    with ThreadPoolExecutor(max_workers=1) as alone:
        weight_bytes, (largest_bytes, layer) = alone.submit(_measure, config).result()
    if weight_bytes + largest_bytes > limit_bytes:
        raise ModelError(
            f"it asks for {megabytes(weight_bytes + largest_bytes)} of memory, {megabytes(weight_bytes)} for its "
            f"weights and {megabytes(largest_bytes)} for what its layer {layer[:60]!r} puts out; {_limit(limit_bytes)}"
        )


def _limit(limit_bytes: int) -> str:
    return f"the limit is {megabytes(limit_bytes)}. The setting CAM_MODEL_MB raises it."


def _measure(config: Config) -> tuple[int, tuple[int, str]]:
    """Bytes of the weights, bytes of the largest output of one layer for one photo, and the name of that layer."""
    with keras.StatelessScope(initialize_variables=False):
        network = build(config)
        _check_ends(network)
        shape = (1, *(side or _SIDE for side in network.inputs[0].shape[1:3]), 3)
        photo = keras.KerasTensor(shape, network.inputs[0].dtype)
        sizes = [(_bytes(photo), network.inputs[0].name)]
        _run(network, photo, sizes)
        return sum(map(_bytes, network.variables)), max(sizes)


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
    # The part of a call that Keras has no public name for.
    return network._run_through_graph(given, operation_fn=lambda layer: partial(_spec, layer, sizes))


def _spec(layer: keras.Operation, sizes: list[tuple[int, str]], *args: object, **kwargs: object) -> object:
    if isinstance(layer, keras.Model):
        return _run(layer, args[0], sizes)
    result = layer.compute_output_spec(*args, **kwargs)
    sizes.extend((_bytes(tensor), layer.name) for tensor in keras.tree.flatten(result))
    return result


def _bytes(tensor: keras.KerasTensor | keras.Variable) -> int:
    width = 2 if tensor.dtype == "bfloat16" else np.dtype(tensor.dtype).itemsize
    return math.prod(_SIDE if side is None else side for side in tensor.shape) * width

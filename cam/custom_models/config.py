"""Check the architecture that an own model's file describes, and rewrite it so that nothing else is left in it.

Keras builds a network from such a description by looking up the classes and functions that it names, and has been made
to run code that way again and again (CVE-2024-3660, 2025-1550, 2025-8747, 2025-9905, 2025-9906, 2025-12058, 2025-49655,
2026-1462). So what is built here is never the file's own description. It is a copy of plain values and of classes that
`own_allowed` lists, each under the module that is written there; what only training needs is left out.
"""

from collections.abc import Callable

from cam.custom_models.allowed import ACTIVATIONS, LAYERS, MODELS, NUMBERS, OPERATIONS, POLICIES
from cam.errors import ModelError
from cam.formatting import shorten

_DEPTH = 100
_DILATION = 64
_LAYERS = 5_000
# Each takes Keras about a millisecond, and models inside models multiply them.
_CALLS = 20_000
_REBUILD = "Rebuild the model with Keras' own layers and save it again."
# Where Keras looks for classes without a module.
_WITHOUT_MODULE = ("keras.layers", *MODELS.values())
# Settings that earlier versions wrote, with the value that means nothing: (class, key, value).
_RETIRED = (("DepthwiseConv2D", "groups", 1), ("SeparableConv2D", "groups", 1), ("Conv2DTranspose", "groups", 1))


def checked_config(config: object) -> dict:
    """A copy of an architecture, as decoded JSON, that is safe to build.

    Raises:
        ModelError: it names a class or function that is not allowed, or is too deep or too long; the text names the
            layer.
    """
    if not isinstance(config, dict) or config.get("class_name") not in MODELS:
        named = _quoted(config.get("class_name") if isinstance(config, dict) else type(config).__name__)
        raise ModelError(
            f"its architecture is {named}, not a Sequential or functional model. A subclass of Model cannot be read "
            f"without its code. {_REBUILD}"
        )
    checked = _class(config, "", 0)
    if (count := _layers(checked) - 1) > _LAYERS:
        raise ModelError(f"it has {count:,} layers, and at most {_LAYERS:,} are opened.")
    if (calls := _costs(checked)[0]) > _CALLS:
        raise ModelError(f"building it takes {_count(calls)} calls of layers, and at most {_CALLS:,} are made.")
    return checked


def _clean(value: object, layer: str, depth: int) -> object:
    if depth > _DEPTH:
        raise ModelError(f"its architecture is nested more than {_DEPTH} deep.")
    if isinstance(value, list):
        return [_clean(item, layer, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        return _class(value, layer, depth)
    return {key: _entry(key, item, layer, depth + 1) for key, item in value.items()}


def _class(value: dict, layer: str, depth: int) -> object:
    name, config = value["class_name"], value.get("config")
    if isinstance(name, str) and (special := _SPECIAL.get(name)):
        return special(value, layer, depth + 1)
    own = config.get("name", value.get("name", "")) if isinstance(config, dict) else ""
    module = _module(value, f"the layer {_quoted(own)} ({name if isinstance(name, str) else '?'})", layer)
    kept = {key: item for key, item in config.items() if (name, key, item) not in _RETIRED}
    checked = {"class_name": name, "config": _clean(kept, str(own) or layer, depth + 1)}
    if module:
        checked |= {"module": module, "registered_name": None}
    if "name" in value:
        checked["name"] = str(value["name"])
    if "inbound_nodes" in value:
        checked["inbound_nodes"] = _clean(value["inbound_nodes"], str(own), depth + 1)
    return checked


def _module(value: dict, what: str, layer: str) -> str | None:
    """The module to take a class from; None for layers in the format without modules, of HDF5 files."""
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    inside = f", in {_quoted(layer)}," if layer else ""
    if not isinstance(value.get("config"), dict):
        raise ModelError(f"{what}{inside} has no settings. {_REBUILD}")
    if registered not in (None, name):
        raise ModelError(f"{what}{inside} is custom code, registered as {_quoted(registered)}. {_REBUILD}")
    if module is not None and (not isinstance(module, str) or module.split(".")[0] not in ("keras", "tf_keras")):
        raise ModelError(f"{what}{inside} comes from {_quoted(module)}, not from Keras. {_REBUILD}")
    if isinstance(name, str) and name in OPERATIONS and _is_operation(value):
        return OPERATIONS[name]
    if isinstance(name, str) and (found := (LAYERS | MODELS).get(name)):
        return None if "module" not in value and found in _WITHOUT_MODULE else found
    raise ModelError(
        f"{what}{inside} is not one of the layers of Keras that only compute on photos, so it is not opened. {_REBUILD}"
    )


def _is_operation(value: dict) -> bool:
    """Whether it is Keras' operation and not the layer of the same name, such as Add; layers say what is trained."""
    module = value.get("module")
    return ".ops." in f"{module}." if module else "trainable" not in value["config"]


def _entry(key: str, value: object, layer: str, depth: int) -> object:
    """The value of one setting of a layer."""
    if key.endswith(("_regularizer", "_constraint")):
        return None
    if key.endswith("_initializer"):
        # The weights come from the file, so what they would have begun as need not be computed.
        return None if value is None else "zeros"
    if rule := _SETTINGS.get(key):
        return rule(value, layer, depth)
    return _clean(value, layer, depth)


def _activation(value: object, layer: str, depth: int) -> object:
    if isinstance(value, str) and value not in ACTIVATIONS:
        raise ModelError(
            f"the layer {_quoted(layer)} uses the function {_quoted(value)}, which is not one of Keras' own."
        )
    return _clean(value, layer, depth)


def _dtype(value: object, layer: str, depth: int) -> str | None:
    inner = value.get("config") if isinstance(value, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else value
    if name is not None and (not isinstance(name, str) or name not in POLICIES | NUMBERS):
        raise ModelError(
            f"the layer {_quoted(layer)} computes in {_quoted(name)}. Save the model without quantising it."
        )
    return name


def _seed(value: object, layer: str, depth: int) -> int | None:
    return value if isinstance(value, int) else None


def _channels(value: object, layer: str, depth: int) -> object:
    if value not in (None, "channels_last"):
        raise ModelError(f"the layer {_quoted(layer)} has its channels first. Build the model with channels last.")
    return value


def _dilation(value: object, layer: str, depth: int) -> object:
    """TensorFlow cuts a photo into dilation x dilation parts, each with its own margin."""
    for side in value if isinstance(value, list) else [value]:
        if not isinstance(side, int) or side > _DILATION:
            raise ModelError(f"the layer {_quoted(layer)} has dilation {_quoted(side)}; at most {_DILATION} is opened.")
    return value


def _no_quantization(value: object, layer: str, depth: int) -> None:
    if value is not None:
        raise ModelError(f"the layer {_quoted(layer)} is quantised. Save the model without quantising it.")


_SETTINGS: dict[str, Callable] = {
    "activation": _activation,
    "data_format": _channels,
    "dilation_rate": _dilation,
    "dtype": _dtype,
    "quantization_config": _no_quantization,
    "seed": _seed,
}


def _function(value: dict, layer: str, depth: int) -> str:
    name = value.get("config")
    if not isinstance(name, str) or name not in ACTIVATIONS or value.get("registered_name") not in (None, name):
        raise ModelError(
            f"the layer {_quoted(layer)} uses the function {_quoted(name)} of {_quoted(value.get('module'))}, which is "
            f"not one of Keras' activations. {_REBUILD}"
        )
    return name


def _tensor(value: dict, layer: str, depth: int) -> dict:
    config = value.get("config")
    if not isinstance(config, dict) or config.get("dtype") not in NUMBERS:
        raise ModelError(f"{_quoted(layer)} is given something that is not made of numbers.")
    kept = ("shape", "dtype", "keras_history") if value["class_name"] == "__keras_tensor__" else ("value", "dtype")
    return {"class_name": value["class_name"], "config": {key: _plain(config.get(key), layer, depth) for key in kept}}


def _slice(value: dict, layer: str, depth: int) -> dict:
    config = value.get("config")
    parts = {key: config.get(key) if isinstance(config, dict) else None for key in ("start", "stop", "step")}
    return {"class_name": "__slice__", "config": _plain(parts, layer, depth)}


def _items(value: dict, layer: str, depth: int) -> object:
    return _clean(value.get("items"), layer, depth)


def _plain(value: object, layer: str, depth: int) -> object:
    if depth > _DEPTH:
        raise ModelError(f"its architecture is nested more than {_DEPTH} deep.")
    if isinstance(value, list):
        return [_plain(item, layer, depth + 1) for item in value]
    if isinstance(value, dict):
        if "class_name" in value:
            raise ModelError(f"{_quoted(layer)} is given something that is not made of numbers.")
        return {key: _plain(item, layer, depth + 1) for key, item in value.items()}
    return value


# What the two formats write for values that JSON does not have.
_SPECIAL: dict[str, Callable] = {
    "function": _function,
    "__keras_tensor__": _tensor,
    "__tensor__": _tensor,
    "__numpy__": _tensor,
    "__slice__": _slice,
    "__ellipsis__": lambda value, layer, depth: {"class_name": "__ellipsis__", "config": {}},
    "__tuple__": _items,
    "TensorShape": _items,
}


def _quoted(value: object) -> str:
    return repr(shorten(str(value)))


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**12 else "more than 10**12"


def _inner(value: object) -> list[dict]:
    """The layers that a layer's settings hold, at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in _inner(item)]
    if isinstance(value, dict):
        name = value.get("class_name")
        if name in MODELS or name in LAYERS or name in OPERATIONS:
            return [value]
        return [found for item in value.values() for found in _inner(item)]
    return []


def _layers(layer: dict) -> int:
    return 1 + sum(_layers(inner) for inner in _inner(layer["config"]))


def _costs(layer: dict) -> tuple[int, int]:
    """(calls of layers to build it, calls of layers each time it is called)."""
    inner = _inner(layer["config"])
    costs = [_costs(each) for each in inner]
    nodes = [max(1, len(each.get("inbound_nodes") or ())) for each in inner]
    call = 1 + sum(cost[1] * count for cost, count in zip(costs, nodes, strict=True))
    # Keras builds a Sequential model again after each layer that is added.
    rounds = max(1, len(inner) // 2) if layer["class_name"] == "Sequential" else 1
    return sum(cost[0] for cost in costs) + call * rounds, call

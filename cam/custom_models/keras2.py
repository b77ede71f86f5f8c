"""Put the description of a model that Keras 1 or 2 wrote into the words of Keras 3, as data; nothing is built here.

The description is one that nobody has checked: what does not look as Keras writes it stays as it is.
"""

from collections.abc import Iterator
from typing import Any, TypeGuard

from cam.custom_models.config import Config

_MODELS = ("Sequential", "Functional", "Model")
# What Keras 1 called it -> what Keras 2 and 3 call it.
_CLASSES = {
    "Convolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
_KEYS = {
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    "bias": "use_bias",
    "output_dim": "units",
    "p": "rate",
}
_ORDERS = {"tf": "channels_last", "th": "channels_first"}
# Settings that Keras 3 has no more, and that change nothing when a photo is run; None: of every layer.
_RETIRED: dict[str | None, tuple[str, ...]] = {
    None: (
        *("batch_input_shape", "input_dtype", "input_dim", "rng_type", "mode", "init", "nb_row", "nb_col"),
        *("dim_ordering", "W_regularizer", "b_regularizer", "W_constraint", "b_constraint"),
        *("beta_init", "gamma_init", "beta_regularizer", "gamma_regularizer"),
    ),
    "InputLayer": ("sparse", "ragged", "optional"),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DepthwiseConv2D": ("groups",),
    "Conv2DTranspose": ("groups",),
}
# Layers of Keras 2 and 3 that have a setting of the name that is retired elsewhere.
_KEPT = {("RandomFlip", "mode")}
# A function of TensorFlow with the number y -> scale and offset of the Rescaling that does the same.
_RESCALINGS = {
    "truediv": lambda y: (1 / y, 0.0),
    "multiply": lambda y: (y, 0.0),
    "subtract": lambda y: (1.0, -y),
    "sub": lambda y: (1.0, -y),
    "add": lambda y: (1.0, y),
}


def upgrade_config(value: object) -> object:
    """Translate a description, decoded JSON, to Keras 3; one by Keras 3 comes out as it is."""
    if isinstance(value, list):
        return [upgrade_config(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("class_name"), str):
        value = _upgrade_layer(value)
    return {key: upgrade_config(item) for key, item in value.items()}


def _upgrade_layer(layer: Config) -> Config:
    name, config = layer["class_name"], layer.get("config")
    name = _CLASSES.get(name, name)
    if name == "Sequential" and isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    if not isinstance(config, dict):
        return layer
    if name == "TFOpLambda":
        return _as_rescaling(layer, config)
    layers = config.get("layers")
    if name in _MODELS and isinstance(layers, list) and all(isinstance(each, dict) for each in layers):
        config = _with_input(config, layers) if name == "Sequential" else _upgrade_graph(config, layers)
    return layer | {"class_name": name, "config": _upgrade_settings(name, config)}


def _upgrade_settings(name: str, config: Config) -> Config:
    if "nb_row" in config:
        config = config | {"kernel_size": [config["nb_row"], config.get("nb_col")]}
    if isinstance(order := config.get("dim_ordering"), str):
        config = config | {"data_format": _ORDERS.get(order, order)}
    if name == "InputLayer" and "batch_input_shape" in config:
        config = config | {"batch_shape": config["batch_input_shape"]}
    if name == "BatchNormalization" and isinstance(axis := config.get("axis"), list) and len(axis) == 1:
        config = config | {"axis": axis[0]}
    retired = {key for key in (*_RETIRED[None], *_RETIRED.get(name, ())) if (name, key) not in _KEPT}
    return {_KEYS.get(key, key): item for key, item in config.items() if key not in retired}


def _with_input(config: Config, layers: list[Config]) -> Config:
    """Put the input first that older versions kept in the first layer."""
    if layers and layers[0].get("class_name") != "InputLayer" and (shape := _input_shape(layers[0])):
        name = f"{config.get('name', 'sequential')}_input"
        first = {"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": "float32", "name": name}}
        return config | {"layers": [first, *layers]}
    return config


def _input_shape(layer: Config) -> object:
    config = layer.get("config")
    if isinstance(config, dict):
        if shape := config.get("batch_input_shape") or config.get("batch_shape"):
            return shape
        config = config.get("layers")
    return _input_shape(config[0]) if isinstance(config, list) and config and isinstance(config[0], dict) else None


def _upgrade_graph(config: Config, layers: list[Config]) -> Config:
    """Correct the ends of a functional model, and the numbers of the calls of models inside it."""
    ends = {key: _unwrap(config[key]) for key in ("input_layers", "output_layers") if key in config}
    if not any(isinstance(node, list) for layer in layers for node in _nodes(layer)):
        return config | ends
    # Of a model inside, call 0 was how it was made, and is not there any more.
    models = {str(layer.get("name")): layer for layer in layers if layer.get("class_name") in _MODELS}
    calls: dict[str, int] = dict.fromkeys(models, 0)
    for source in _sources(layers, models):
        calls[source[0]] = max(calls[source[0]], source[1])
    counted = {name for name, last in calls.items() if last >= len(_nodes(models[name]))}

    def shift(value: object) -> object:
        if not isinstance(value, list):
            return value
        if _is_source(value):
            return [value[0], value[1] - (value[0] in counted), *value[2:]]
        return [shift(item) for item in value]

    return config | ends | {"layers": [layer | {"inbound_nodes": shift(_nodes(layer))} for layer in layers]}


def _unwrap(ends: object) -> object:
    return ends[0] if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list) else ends


def _nodes(layer: Config) -> list[Any]:
    nodes = layer.get("inbound_nodes")
    return nodes if isinstance(nodes, list) else []


def _sources(layers: list[Config], models: dict[str, Config]) -> Iterator[list[Any]]:
    waiting: list[Any] = [_nodes(layer) for layer in layers]
    while waiting:
        value = waiting.pop()
        if _is_source(value):
            if value[0] in models:
                yield value
        elif isinstance(value, list):
            waiting.extend(value)


def _is_source(value: object) -> TypeGuard[list[Any]]:
    """True for where a layer's input comes from: [layer, call, output, arguments]."""
    return isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int)


def _as_rescaling(layer: Config, config: Config) -> Config:
    """Turn arithmetic with a number, which `preprocess_input` leaves in a model, into a layer that does the same."""
    rescale = _RESCALINGS.get(str(config.get("function")).rpartition(".")[2])
    source = next(iter(_nodes(layer)), None)
    if not rescale or len(_nodes(layer)) != 1 or not _is_source(source) or len(source) != 4:
        return layer
    number = source[3].get("y") if isinstance(source[3], dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not number:
        return layer
    scale, offset = rescale(number)
    settings = {"name": config.get("name"), "scale": scale, "offset": offset}
    node = [[*source[:3], {}]]
    return {"class_name": "Rescaling", "name": layer.get("name"), "config": settings, "inbound_nodes": [node]}

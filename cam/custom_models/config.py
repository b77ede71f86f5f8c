"""Check the architecture that a custom model's file describes, and rewrite it so that nothing else is left in it.

Keras builds a network from such a description by looking up the classes and functions that it names, and has been made
to run code that way again and again (CVE-2024-3660, 2025-1550, 2025-8747, 2025-9905, 2025-9906, 2025-12058, 2025-49655,
2026-1462). So what is built here is never the file's own description. It is a copy of plain values and of classes that
are listed here, each under the module that is written here; what only training needs is left out.

What a model may be made of are the layers, operations and functions of Keras that only compute. Left out on purpose:
what runs code of the file or of other modules (Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer, FlaxLayer), what reads
files (StringLookup, IntegerLookup, TextVectorization), what is not for a photo (Embedding, recurrent layers), and what
repeats layers as often as the file says (TimeDistributed).
"""

from collections.abc import Callable
from typing import Any

from cam.errors import ModelError
from cam.formatting import shorten

# A description in decoded JSON.
Config = dict[str, Any]
# Name of a class -> the module that it is taken from, whatever the file says.
MODELS = {"Functional": "keras.src.models.functional", "Model": "keras", "Sequential": "keras"}

_KERAS_LAYERS = """
    InputLayer Identity Dense Conv1D Conv2D Conv2DTranspose DepthwiseConv2D SeparableConv2D
    Activation ELU LeakyReLU PReLU ReLU Softmax
    Add Average Concatenate Maximum Minimum Multiply Subtract
    BatchNormalization GroupNormalization LayerNormalization RMSNormalization SpectralNormalization UnitNormalization
    AveragePooling2D MaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    Cropping2D Flatten Permute Reshape UpSampling2D ZeroPadding2D
    ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D
    CenterCrop Normalization Rescaling Resizing
    AugMix AutoContrast Pipeline RandAugment Solarization
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
"""

LAYERS = {name: "keras.layers" for name in _KERAS_LAYERS.split()} | {"LayerScale": "keras.src.applications.convnext"}

_OPERATIONS = {
    "keras.src.ops.numpy": """
        Absolute Add Amax Amin Clip Concatenate Divide Exp ExpandDims Flip GetItem Log Log1p Matmul Max Maximum Mean Min
        Minimum Moveaxis Multiply Negative Pad Power Ravel Reciprocal Reshape Sqrt Square Squeeze Stack Std Subtract Sum
        Swapaxes Tanh Transpose TrueDivide Var
    """,
    "keras.src.ops.nn": """
        AveragePool Celu DepthToSpace Elu Gelu HardSigmoid HardSilu HardTanh LeakyRelu LogSigmoid LogSoftmax MaxPool
        Normalize Relu Relu6 Selu Sigmoid Silu Softmax Softplus Softsign SpaceToDepth
    """,
    "keras.src.ops.core": "Cast StopGradient",
    "keras.src.ops.image": "CropImages PadImages RGBToGrayscale Resize",
    "keras.src.ops.math": "Rsqrt",
}

OPERATIONS = {name: module for module, names in _OPERATIONS.items() for name in names.split()}

ACTIVATIONS = frozenset(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax squareplus
    swish tanh tanh_shrink threshold
    """.split()
)

# How layers compute; quantised ones keep no plain weights.
POLICIES = frozenset({"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"})
# What numbers in an architecture may be: no strings or records, whose width is made up by the file.
NUMBERS = frozenset({"float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"})

_DILATION = 64
# Each takes Keras about a millisecond, and models inside models multiply them.
_CALLS = 20_000
_REBUILD = "Rebuild the model with Keras' own layers and save it again."


def check_config(config: object) -> Config:
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
    try:
        checked = _check_class(config, "")
        calls = _count_calls(checked)[0]
    except RecursionError as error:
        raise ModelError("its architecture is nested too deep.") from error
    if calls > _CALLS:
        raise ModelError(f"building it takes more calls of layers than the {_CALLS:,} that are made at most.")
    return checked


def _check(value: object, layer: str) -> object:
    if isinstance(value, list):
        return [_check(item, layer) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        special = _SPECIAL.get(value["class_name"]) if isinstance(value["class_name"], str) else None
        return special(value, layer) if special else _check_class(value, layer)
    return {key: _check_setting(key, item, layer) for key, item in value.items()}


def _check_class(value: Config, layer: str) -> Config:
    """A layer, operation or model, with its module as it is written here."""
    name, config = str(value["class_name"]), value.get("config")
    own = str(config.get("name", value.get("name", "")) if isinstance(config, dict) else "")
    checked = {
        "class_name": name,
        "module": _find_module(value, f"the layer {_quoted(own)} ({name})", f", in {_quoted(layer)}," if layer else ""),
        "registered_name": None,
        "config": _check(config, own or layer),
    }
    if "name" in value:
        checked["name"] = str(value["name"])
    if "inbound_nodes" in value:
        checked["inbound_nodes"] = _check(value["inbound_nodes"], own)
    return checked


def _find_module(value: Config, what: str, inside: str) -> str:
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not isinstance(value.get("config"), dict) or "class_name" in value["config"]:
        raise ModelError(f"{what}{inside} has no settings. {_REBUILD}")
    if registered not in (None, name):
        raise ModelError(f"{what}{inside} is custom code, registered as {_quoted(registered)}. {_REBUILD}")
    if module is not None and (not isinstance(module, str) or module.split(".")[0] not in ("keras", "tf_keras")):
        raise ModelError(f"{what}{inside} comes from {_quoted(module)}, not from Keras. {_REBUILD}")
    # Some operations are called as a layer is, such as Add; only layers say what is trained.
    is_operation = ".ops." in str(module) if module else "trainable" not in value["config"]
    known = LAYERS | MODELS | OPERATIONS if is_operation else OPERATIONS | LAYERS | MODELS
    if not isinstance(name, str) or name not in known:
        raise ModelError(
            f"{what}{inside} is not one of the layers of Keras that only compute on photos, so it is not opened. "
            f"{_REBUILD}"
        )
    return known[name]


def _check_setting(key: str, value: object, layer: str) -> object:
    """The value of one setting of a layer."""
    if key.endswith(("_regularizer", "_constraint")):
        return None
    if key.endswith("_initializer"):
        # The weights come from the file, so what they would have begun as need not be computed.
        return None if value is None else "zeros"
    if key == "seed":
        return value if isinstance(value, int) else None
    if key == "dtype":
        inner = value.get("config") if isinstance(value, dict) else None
        value = inner.get("name") if isinstance(inner, dict) else value
    if problem := _find_problem(key, value):
        raise ModelError(f"the layer {_quoted(layer)} {problem}")
    return _check(value, layer)


def _find_problem(key: str, value: object) -> str | None:
    match key:
        case "activation" if isinstance(value, str) and value not in ACTIVATIONS:
            return f"uses the function {_quoted(value)}, which is not one of Keras' own."
        case "data_format" if value not in (None, "channels_last"):
            return "has its channels first. Build the model with channels last."
        case "dilation_rate":
            # TensorFlow cuts a photo into dilation x dilation parts, each with its own margin.
            for side in value if isinstance(value, list) else [value]:
                if not isinstance(side, int) or side > _DILATION:
                    return f"has dilation {_quoted(side)}; at most {_DILATION} is opened."
        case "dtype" if value is not None and (not isinstance(value, str) or value not in POLICIES | NUMBERS):
            return f"computes in {_quoted(value)}. Save the model without quantising it."
        case "quantization_config" if value is not None:
            return "is quantised. Save the model without quantising it."
    return None


def _check_function(value: Config, layer: str) -> str:
    name = value.get("config")
    if not isinstance(name, str) or name not in ACTIVATIONS or value.get("registered_name") not in (None, name):
        raise ModelError(
            f"the layer {_quoted(layer)} uses the function {_quoted(name)} of {_quoted(value.get('module'))}, which is "
            f"not one of Keras' activations. {_REBUILD}"
        )
    return name


def _check_numbers(*kept: str) -> Callable[[Config, str], Config]:
    """A check of what stands for a tensor or a slice: of its settings, `kept` are left, without any class in them."""

    def check(value: Config, layer: str) -> Config:
        config = value.get("config")
        settings = {key: config.get(key) for key in kept} if isinstance(config, dict) else {}
        if settings.get("dtype", "float32") not in NUMBERS or not settings or _holds_class(settings):
            raise ModelError(f"{_quoted(layer)} is given something that is not made of numbers.")
        return {"class_name": value["class_name"], "config": settings}

    return check


def _holds_class(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict) and "class_name" in value) or any(map(_holds_class, inner))


# What Keras writes for values that JSON does not have.
_SPECIAL: dict[str, Callable[[Config, str], object]] = {
    "function": _check_function,
    "__keras_tensor__": _check_numbers("shape", "dtype", "keras_history"),
    "__tensor__": _check_numbers("value", "dtype"),
    "__numpy__": _check_numbers("value", "dtype"),
    "__slice__": _check_numbers("start", "stop", "step"),
    "__ellipsis__": lambda value, layer: {"class_name": "__ellipsis__", "config": {}},
    "__tuple__": lambda value, layer: _check(value.get("items"), layer),
    "TensorShape": lambda value, layer: _check(value.get("items"), layer),
}


def _quoted(value: object) -> str:
    return repr(shorten(str(value)))


def _count_calls(value: object) -> tuple[int, int]:
    """Count the calls of layers to build a checked description, and those each time it is called."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    if isinstance(value, list):
        inner = [(_count_calls(each), _count_nodes(each)) for each in value]
        return sum(counts[0] for counts, _ in inner), sum(counts[1] * nodes for counts, nodes in inner)
    if not isinstance(value, dict) or value["class_name"].startswith("__"):
        return 0, 0
    build, call = _count_calls(value["config"])
    # Keras builds a Sequential model again after each layer that is added.
    rounds = max(1, len(value["config"].get("layers") or ()) // 2) if value["class_name"] == "Sequential" else 1
    return build + (call + 1) * rounds, call + 1


def _count_nodes(layer: object) -> int:
    return max(1, len(layer.get("inbound_nodes") or ())) if isinstance(layer, dict) else 1

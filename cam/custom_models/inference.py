"""Guess what a custom model's file does not say: names of classes, preprocessing, size of photos."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cam.backends.graph import has_graph, kind, nodes
from cam.custom_models.sidecar import Sidecar
from cam.errors import ModelError
from cam.labels import imagenet_labels

_SIZE = 224
_IMAGENET = 1000
# A layer that a known network has -> what that network was trained on; the first that fits counts. Those that scale
# photos themselves (EfficientNet, ConvNeXt, MobileNetV3, ...) are known by that, and are not here.
_BASES = (
    ("conv2_block1_preact_bn", "-1..1"),  # ResNetV2
    ("conv2_block1_concat", "standard"),  # DenseNet
    ("conv2_block1_0_conv", "caffe"),  # ResNet
    ("block1_conv1_bn", "-1..1"),  # Xception
    ("block1_conv1", "caffe"),  # VGG
    ("Conv1_relu", "-1..1"),  # MobileNetV2
    ("conv_dw_1", "-1..1"),  # MobileNet
    ("mixed0", "-1..1"),  # InceptionV3
    ("mixed_5b", "-1..1"),  # InceptionResNetV2
    ("stem_bn1", "-1..1"),  # NASNet
)
_OTHERWISE = "0..1"


@dataclass(frozen=True)
class Completed:
    """All that is needed to explain a custom model.

    Attributes:
        title: its name on screen.
        labels: the names of its classes, two for one output unit.
        preprocessing: a name in `PREPROCESSINGS`.
        size: side in pixels of its square photos.
        guessed: which of the fields above are guesses.
    """

    title: str
    labels: tuple[str, ...]
    preprocessing: str
    size: int
    guessed: tuple[str, ...]


def guess(network: keras.Model, sidecar: Sidecar, *, title: str) -> Completed:
    """Complete what the sidecar says by what the network shows; `title` is for where it has none.

    Raises:
        ModelError: the sidecar names more or fewer classes than the network has.
    """
    classes = max(2, network.outputs[0].shape[-1])
    if sidecar.labels is not None and len(sidecar.labels) != classes:
        raise ModelError(f"'labels' must name {classes} classes, as the network has, not {len(sidecar.labels)}.")
    numbered = tuple(f"class {i}" for i in range(classes))
    labels = sidecar.labels or (imagenet_labels().names if classes == _IMAGENET else numbered)
    preprocessing = sidecar.preprocessing or _input_range(network) or _of_known_base(network) or _OTHERWISE
    own_size = _own_size(network)
    guessed = {
        "labels": sidecar.labels is None,
        "preprocessing": sidecar.preprocessing is None,
        "size": sidecar.size is None and own_size is None,
    }
    missing = tuple(name for name, is_guess in guessed.items() if is_guess)
    return Completed(sidecar.title or title, labels, preprocessing, sidecar.size or own_size or _SIZE, missing)


def _own_size(network: keras.Model) -> int | None:
    """The side of the square that the network takes; of the same area where it is no square."""
    height, width = network.inputs[0].shape[1:3]
    return None if None in (height, width) else round((height * width) ** 0.5)


def _calls(network: keras.Model) -> Iterator[Any]:
    """The calls of layers in a network and in the networks inside it, from the photo on."""
    for node in nodes(network):
        if has_graph(node.operation):
            yield from _calls(node.operation)
        else:
            yield node


def _of_known_base(network: keras.Model) -> str | None:
    names = {node.operation.name for node in _calls(network)}
    return next((preprocessing for name, preprocessing in _BASES if name in names), None)


def _input_range(network: keras.Model) -> str | None:
    """Preprocessing of a network that scales its photos itself before its first trained layer; None if it does not."""
    for node in _calls(network):
        if (takes_bytes := _takes_bytes(node)) is not None:
            return "0..255" if takes_bytes else "0..1"
        if getattr(node.operation, "weights", None):
            return None
    return None


def _takes_bytes(node: Any) -> bool | None:
    """True if a call scales numbers of 0..255, False for 0..1; None where it does not scale."""
    layer = node.operation
    if kind(layer) == "Rescaling":
        return _largest(layer.scale) < 0.1 or _largest(layer.offset) > 2
    if kind(layer) == "Normalization":
        return _largest(layer.mean) > 2
    if kind(layer) not in ("TrueDivide", "Divide", "Multiply", "Subtract", "Add"):
        return None
    numbers = [value for value in node.arguments.args if not isinstance(value, keras.KerasTensor)]
    if not numbers:
        return None
    number = _largest(numbers[0])
    return number < 0.1 if kind(layer) == "Multiply" else number > 2


def _largest(values: object) -> float:
    return float(np.abs(np.asarray(values, np.float32)).max())

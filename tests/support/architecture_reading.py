"""Read by Keras what three networks are made of, for `cam/models/architectures.json`.

`python tests/support/architecture_reading.py` writes the file anew; a test compares it. No weight is allocated for it:
VGG-16 alone would take 550 MB.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
from keras import layers

from cam.backends.classifier_head import find_head
from cam.errors import ModelError
from cam.models.architectures import AVERAGE, CONVOLUTION, DENSE, FLATTEN, POOLING, Anatomy, Block
from cam.models.efficientnet_lite import build_network
from cam.models.registry import find_spec

FILE = Path(__file__).parents[2] / "cam" / "models" / "architectures.json"
# What decides the kind of a block; normalisation, activations, padding and additions only belong to one.
_KINDS: dict[type[layers.Layer], str] = {
    layers.Conv2D: CONVOLUTION,
    layers.DepthwiseConv2D: CONVOLUTION,
    layers.MaxPooling2D: POOLING,
    layers.AveragePooling2D: POOLING,
    layers.GlobalAveragePooling2D: AVERAGE,
    layers.Flatten: FLATTEN,
    layers.Dense: DENSE,
}


def read_anatomies() -> tuple[Anatomy, ...]:
    """Read VGG-16, ResNet-50 and the embedded EfficientNet-Lite2; call it as `read_anatomy`."""
    resnet, lite = find_spec("resnet50"), find_spec("efficientnet-lite2")
    rows: tuple[tuple[str, int, Callable[[], keras.Model]], ...] = (
        ("VGG-16", 224, lambda: keras.applications.VGG16(weights=None)),
        (resnet.title, resnet.size, lambda: keras.applications.ResNet50(weights=None)),
        (lite.title, lite.size, lambda: build_network(width=1.1, depth=1.2)),
    )
    return tuple(read_anatomy(*row) for row in rows)


def read_anatomy(title: str, size: int, build: Callable[[], keras.Model]) -> Anatomy:
    """Build a network without values in its weights and read it.

    Keras lists the variables that got no values, per thread, to give them some later. So call this where the process
    or the thread ends before Keras is used for anything else.
    """
    with keras.StatelessScope(initialize_variables=False):
        network = build()
        return Anatomy(title, size, read_blocks(network, size), _refusal(network))


def _refusal(network: keras.Model) -> str | None:
    try:
        find_head(network)
    except ModelError as error:
        return str(error)
    return None


def read_blocks(network: keras.Model, size: int) -> tuple[Block, ...]:
    """The blocks of a network for photos of `size` x `size` pixels.

    A block takes in all layers between two halvings of the height; what has no height is a block for each layer.
    """
    groups: dict[object, list[layers.Layer]] = {}
    for layer in _at_size(network, size).layers:
        shape = layer.output.shape[1:]
        # The logarithm, because padding makes a map a little larger in between.
        key = round(math.log2(size / shape[0])) if len(shape) == 3 else layer.name
        groups.setdefault(key, []).append(layer)
    return tuple(_block(group) for group in groups.values() if any(type(layer) in _KINDS for layer in group))


def _at_size(network: keras.Model, size: int) -> keras.Model:
    """The same architecture for an input of one size, where it was built for any."""
    if None not in network.input_shape[1:3]:
        return network
    return keras.models.clone_model(network, input_tensors=keras.Input((size, size, 3)))


def _block(group: list[layers.Layer]) -> Block:
    kinds = [(_KINDS[type(layer)], layer) for layer in group if type(layer) in _KINDS]
    kind = CONVOLUTION if any(kind == CONVOLUTION for kind, _ in kinds) else kinds[0][0]
    parameters = sum(math.prod(weight.shape) for layer in group for weight in layer.trainable_weights)
    names = tuple(layer.name for own, layer in kinds if own == kind)
    return Block(kind, names, tuple(kinds[-1][1].output.shape[1:]), parameters)


def architectures_json() -> str:
    """Write down `read_anatomies`; call it as `read_anatomy`."""
    return json.dumps([asdict(anatomy) for anatomy in read_anatomies()], indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(architectures_json(), encoding="utf-8")

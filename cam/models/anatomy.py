"""What networks are made of, read from their architectures alone: layers as blocks, and where the parameters sit.

No weight is allocated for it: VGG-16 alone would take 550 MB.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import keras
from keras import layers

from cam.errors import ModelError
from cam.models.efficientnet_lite import build_network
from cam.models.head import find_head
from cam.models.registry import find_spec

CONVOLUTION, POOLING, FLATTEN, DENSE = "convolution", "pooling", "flatten", "dense"
AVERAGE = "global average pooling"
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


@dataclass(frozen=True)
class Block:
    """A run of layers that is drawn as one box.

    Attributes:
        kind: one of the kinds above; a block with any convolution in it is a convolution.
        layers: the names of its layers of that kind.
        shape: of what comes out: (height, width, channels), or (numbers,) where there are no places any more.
        parameters: how many numbers are trained in it; running averages do not count.
    """

    kind: str
    layers: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int

    @property
    def keeps_where(self) -> bool:
        """Whether what comes out still has a height and a width, so that each number has a place in the photo."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class Anatomy:
    """A network as blocks, from the photo to the scores.

    Attributes:
        title: its name on screen.
        size: side in pixels of the square it was trained for; the shapes of the blocks are those for this size.
        blocks: in the order of the graph.
        refusal: why it has no class activation map, as `find_head` says it; None where it has one.
    """

    title: str
    size: int
    blocks: tuple[Block, ...]
    refusal: str | None

    @property
    def parameters(self) -> int:
        """All that are trained."""
        return sum(block.parameters for block in self.blocks)

    @property
    def dense_parameters(self) -> int:
        """Those in dense layers; all others are in convolutions and their normalisation."""
        return sum(block.parameters for block in self.blocks if block.kind == DENSE)

    @property
    def dense_share(self) -> float:
        """The share of the parameters that is in dense layers, 0..1."""
        return self.dense_parameters / self.parameters


def anatomies() -> tuple[Anatomy, ...]:
    """VGG-16, which has no class activation map, ResNet-50, and the embedded EfficientNet-Lite2."""
    resnet, lite = find_spec("resnet50"), find_spec("efficientnet-lite2")
    rows: tuple[tuple[str, int, Callable[[], keras.Model]], ...] = (
        ("VGG-16", 224, lambda: keras.applications.VGG16(weights=None)),
        (resnet.title, resnet.size, lambda: keras.applications.ResNet50(weights=None)),
        (lite.title, lite.size, lambda: build_network(width=1.1, depth=1.2)),
    )
    # Keras lists the variables that got no values, per thread, to give them some later; this thread ends before.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="anatomy") as alone:
        return tuple(alone.map(lambda row: read_anatomy(*row), rows))


def read_anatomy(title: str, size: int, build: Callable[[], keras.Model]) -> Anatomy:
    """Build a network without values in its weights and read it; call it in a thread that ends (see `anatomies`)."""
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

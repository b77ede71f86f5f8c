"""EfficientNet-Lite in Keras: the embedded networks (Tan & Le, EfficientNet, ICML 2019; its Lite variants).

Against EfficientNet-B0: ReLU6 for swish, no squeeze-and-excitation, and a stem and a head that keep their width.
"""

import math
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from cam.errors import ModelError
from cam.models.torch_checkpoint import read_checkpoint


class _Stage(NamedTuple):
    """A run of inverted-residual blocks, as in EfficientNet-B0 (Table 1); only the first block takes the stride."""

    kernel: int
    blocks: int
    filters: int
    expansion: int
    stride: int


_STAGES = (
    _Stage(kernel=3, blocks=1, filters=16, expansion=1, stride=1),
    _Stage(kernel=3, blocks=2, filters=24, expansion=6, stride=2),
    _Stage(kernel=5, blocks=2, filters=40, expansion=6, stride=2),
    _Stage(kernel=3, blocks=3, filters=80, expansion=6, stride=2),
    _Stage(kernel=5, blocks=3, filters=112, expansion=6, stride=1),
    _Stage(kernel=5, blocks=4, filters=192, expansion=6, stride=2),
    _Stage(kernel=3, blocks=1, filters=320, expansion=6, stride=1),
)
_STEM_FILTERS, _HEAD_FILTERS, _CLASSES = 32, 1280, 1000


def _scaled_filters(filters: int, width: float) -> int:
    """Scale to the nearest multiple of 8, but never below 90 % of the exact number."""
    exact = filters * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def _scaled_stages(width: float, depth: float) -> list[_Stage]:
    """The stages of one variant; the first and the last keep their depth."""
    edges = {0, len(_STAGES) - 1}
    return [
        stage._replace(
            filters=_scaled_filters(stage.filters, width),
            blocks=stage.blocks if i in edges else math.ceil(stage.blocks * depth),
        )
        for i, stage in enumerate(_STAGES)
    ]


def _conv(x: keras.KerasTensor, filters: int, kernel: int, name: str, *, stride: int = 1) -> keras.KerasTensor:
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=name)(x)


def _block(x: keras.KerasTensor, stage: _Stage, stride: int, name: str) -> keras.KerasTensor:
    """Expand (1x1), filter each channel (depthwise), project (1x1), and add the input where the shapes agree."""
    inputs = x
    if stage.expansion > 1:
        x = _norm(_conv(x, inputs.shape[-1] * stage.expansion, 1, f"{name}._expand_conv"), f"{name}._bn0")
        x = layers.ReLU(6.0, name=f"{name}._relu0")(x)
    depthwise = f"{name}._depthwise_conv"
    x = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", use_bias=False, name=depthwise)(x)
    x = layers.ReLU(6.0, name=f"{name}._relu1")(_norm(x, f"{name}._bn1"))
    x = _norm(_conv(x, stage.filters, 1, f"{name}._project_conv"), f"{name}._bn2")
    if stride == 1 and inputs.shape[-1] == stage.filters:
        x = layers.Add(name=f"{name}._add")([inputs, x])
    return x


def build_network(width: float, depth: float) -> keras.Model:
    """The untrained network: float32 (n, height, width, 3), preprocessed -> logits (n, 1000).

    Layers are named after the entries of the PyTorch checkpoints that `set_weights` reads.

    Args:
        width: multiplier of the stages' filters (1.0 for Lite0, 1.1 for Lite2).
        depth: multiplier of the stages' blocks (1.0 for Lite0, 1.2 for Lite2).
    """
    inputs = keras.Input((None, None, 3))
    x = _norm(_conv(inputs, _STEM_FILTERS, 3, "_conv_stem", stride=2), "_bn0")
    x = layers.ReLU(6.0, name="_relu_stem")(x)
    index = 0
    for stage in _scaled_stages(width, depth):
        for i in range(stage.blocks):
            x = _block(x, stage, stage.stride if i == 0 else 1, f"_blocks.{index}")
            index += 1
    x = _norm(_conv(x, _HEAD_FILTERS, 1, "_conv_head"), "_bn1")
    x = layers.ReLU(6.0, name="_relu_head")(x)
    x = layers.GlobalAveragePooling2D(name="_avg_pooling")(x)
    x = layers.Dropout(0.2, name="_dropout")(x)
    return keras.Model(inputs, layers.Dense(_CLASSES, name="_fc")(x))


# PyTorch's parameters of each kind of layer in the order of Keras's weights, with the axes that change place.
_PARAMETERS: dict[type, tuple[tuple[str, tuple[int, ...]], ...]] = {
    layers.Conv2D: (("weight", (2, 3, 1, 0)),),
    layers.DepthwiseConv2D: (("weight", (2, 3, 0, 1)),),
    layers.BatchNormalization: tuple((name, (0,)) for name in ("weight", "bias", "running_mean", "running_var")),
    layers.Dense: (("weight", (1, 0)), ("bias", (0,))),
}


def set_weights(network: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Fill a network that was just built with the tensors of a checkpoint; every entry must be used.

    Raises:
        ModelError: an entry is missing, left over, or of another shape.
    """
    unused = {name for name in tensors if not name.endswith(".num_batches_tracked")}
    for layer in network.layers:
        values = []
        for weight, (parameter, axes) in zip(layer.weights, _PARAMETERS.get(type(layer), ()), strict=True):
            name = f"{layer.name}.{parameter}"
            if name not in unused:
                raise ModelError(f"The weights have no entry {name!r}; they belong to another network.")
            tensor = tensors[name]
            # What the checkpoint must have for its axes, in their new order, to be those of the layer.
            expected = tuple(weight.shape[axes.index(axis)] for axis in range(len(axes)))
            if tensor.shape != expected:
                raise ModelError(
                    f"The entry {name!r} of the weights has the shape {tensor.shape} instead of {expected}; they "
                    "belong to another network."
                )
            values.append(tensor.transpose(axes))
            unused.remove(name)
        layer.set_weights(values)
    if unused:
        raise ModelError(f"The weights have entries that this network lacks, such as {min(unused)!r}.")


def lite0(weights: Path) -> keras.Model:
    """EfficientNet-Lite0 with the weights of a PyTorch checkpoint."""
    return _load(weights, width=1.0, depth=1.0)


def lite2(weights: Path) -> keras.Model:
    """EfficientNet-Lite2 with the weights of a PyTorch checkpoint."""
    return _load(weights, width=1.1, depth=1.2)


def lite2_shuffled(weights: Path) -> keras.Model:
    """EfficientNet-Lite2 that knows nothing: the trained numbers of each layer in random places, from a fixed seed.

    For the sanity check of Adebayo et al. (Sanity Checks for Saliency Maps, NeurIPS 2018). The numbers keep their
    distribution, so that activations neither vanish nor explode.
    """
    network = lite2(weights)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
            layer.set_weights([rng.permutation(values.ravel()).reshape(values.shape) for values in layer.get_weights()])
    return network


def _load(weights: Path, *, width: float, depth: float) -> keras.Model:
    network = build_network(width, depth)
    set_weights(network, read_checkpoint(weights))
    return network

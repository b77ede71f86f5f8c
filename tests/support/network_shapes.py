"""Small networks of all the shapes that people build for transfer learning, with numbers in their weights."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

SIZE = (16, 12)


def fill(network: keras.Model, *, gain: float = 1.6) -> keras.Model:
    """Numbers from a seed in every weight, scaled so that a photo still matters after many layers."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        shape = tuple(weight.shape)
        if len(shape) > 1:
            depthwise = len(shape) == 4 and shape[3] == 1
            weight.assign(rng.normal(0, gain * np.prod(shape[:2] if depthwise else shape[:-1]) ** -0.5, shape))
        elif weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(rng.normal(0, 0.3, shape))
        else:
            weight.assign(rng.uniform(0.5, 1.5, shape))
    return network


def photo(size: tuple[int, int] = SIZE, channels: int = 3, count: int = 2) -> np.ndarray:
    """float32 (count, *size, channels), 0..1; noise, the last photo the brightest."""
    brightness = np.linspace(0.2, 1.0, count, dtype=np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    return brightness * np.random.default_rng(1).random((count, *size, channels), np.float32)


def base(*, size: tuple = SIZE, average: bool = False, convolution: str | None = None) -> keras.Model:
    """Two convolutions of stride 2, with a shortcut and normalisation: (n, *size, 3) -> (n, h, w, 5), or averaged."""
    inputs = keras.Input((*size, 3))
    x = layers.Conv2D(5, 3, 2, padding="same", name=convolution)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(5, 3, 2, padding="same", activation="relu")(x)
    x = layers.Add()([layers.AveragePooling2D(2)(x), y])
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x) if average else x)


def tail(*after: Callable | layers.Layer) -> keras.Model:
    """The base's graph and what comes after its maps."""
    inputs = keras.Input((*SIZE, 3))
    x = base()(inputs)
    for step in after:
        x = step(x)
    return keras.Model(inputs, x)


def around(prepare: Callable) -> keras.Model:
    """A functional network around the base, with the photo prepared inside."""
    inputs = keras.Input((*SIZE, 3))
    x = base()(prepare(inputs), training=False)
    return keras.Model(inputs, layers.Dense(3)(layers.Dropout(0.2)(gap()(x))))


def gap(**options) -> layers.Layer:
    return layers.GlobalAveragePooling2D(**options)


def of_one_name() -> keras.Model:
    inner = base(convolution="conv")
    inputs = keras.Input((*SIZE, 3))
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")(inputs)
    return keras.Model(inputs, layers.Dense(3)(gap()(inner(x))))


def three_deep() -> keras.Model:
    inner = keras.Sequential([keras.Input((*SIZE, 3)), base()])
    inputs = keras.Input((*SIZE, 3))
    middle = keras.Model(inputs, layers.Dropout(0.2)(inner(inputs)))
    return keras.Sequential([middle, gap(), layers.Dense(3)])


def two_networks_of_one_kind() -> keras.Model:
    """Both were saved by sessions of their own, so all their layers have the same names."""
    first, second = base(average=True), base(average=True)
    inputs = keras.Input((*SIZE, 3))
    twin = keras.Model.from_config({**first.get_config(), "name": "twin"})
    assert {layer.name for layer in first.layers} == {layer.name for layer in twin.layers}
    return keras.Model(inputs, layers.Dense(3)(layers.Concatenate()([first(inputs), twin(inputs), second(inputs)])))


EXACT: dict[str, Callable[[], keras.Model]] = {
    "Sequential of a base": lambda: keras.Sequential([base(), gap(), layers.Dropout(0.2), layers.Dense(3)]),
    "average in the base": lambda: keras.Sequential([base(average=True), layers.Dense(3)]),
    "three deep": three_deep,
    "training=False": lambda: around(lambda x: x),
    "2 classes": lambda: tail(gap(), layers.Dense(2)),
    "7 classes": lambda: tail(gap(), layers.Dense(7, "softmax")),
    "without bias": lambda: tail(gap(), layers.Dense(3, use_bias=False)),
    "softmax layer": lambda: tail(gap(), layers.Dense(3), layers.Softmax()),
    "softmax layer inside": lambda: tail(gap(), layers.Dense(3, activation=layers.Softmax())),
    "softmax activation": lambda: tail(gap(), layers.Dense(3), layers.Activation("softmax", dtype="float32")),
    "softmax operation": lambda: tail(gap(), layers.Dense(3), keras.ops.softmax),
    "sigmoids": lambda: tail(gap(), layers.Dense(3, "sigmoid")),
    "sigmoid activation": lambda: tail(gap(), layers.Dense(3), layers.Activation("sigmoid")),
    "one sigmoid": lambda: tail(gap(), layers.Dense(1, "sigmoid")),
    "one sigmoid activation": lambda: tail(gap(), layers.Dense(1), layers.Activation("sigmoid")),
    "one sigmoid operation": lambda: tail(gap(), layers.Dense(1, use_bias=False), keras.ops.sigmoid),
    "one linear unit": lambda: tail(gap(), layers.Dense(1)),
    "Rescaling": lambda: around(layers.Rescaling(2.0, -1.0)),
    "augmentation": lambda: around(keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2)])),
    "caffe operations": lambda: around(keras.applications.resnet50.preprocess_input),
    "x / 127.5 - 1": lambda: around(lambda x: x / 127.5 - 1),
    "mean operation": lambda: tail(lambda x: keras.ops.mean(x, axis=(1, 2)), layers.Dense(3)),
    "mean operation, keepdims": lambda: tail(
        lambda x: keras.ops.mean(x, axis=(-2, -3), keepdims=True), layers.Flatten(), layers.Dense(3)
    ),
    "keepdims, Reshape": lambda: tail(gap(keepdims=True), layers.Reshape((5,)), layers.Dense(3)),
    "average of all": lambda: tail(layers.AveragePooling2D((4, 3)), layers.Flatten(), layers.Dense(3)),
    "adaptive average": lambda: tail(layers.AdaptiveAveragePooling2D((1, 1)), layers.Flatten(), layers.Dense(3)),
    "noise": lambda: tail(
        gap(), layers.GaussianNoise(1.0), layers.AlphaDropout(0.5), layers.GaussianDropout(0.5), layers.Dense(3)
    ),
    "linear activations": lambda: tail(
        gap(), layers.Activation("linear"), layers.Identity(), layers.Dense(3), layers.Activation("linear")
    ),
    "normalised": lambda: tail(gap(), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3)),
    "normalised twice": lambda: tail(
        gap(keepdims=True),
        layers.BatchNormalization(scale=False),
        layers.Flatten(),
        layers.BatchNormalization(center=False, epsilon=0.1),
        layers.Dense(3, "softmax"),
    ),
    "one name twice": of_one_name,
}

GRADIENTS: dict[str, Callable[[], keras.Model]] = {
    "VGG": lambda: tail(layers.Flatten(), layers.Dense(6, "relu"), layers.Dense(3, "softmax")),
    "VGG, softmax outside": lambda: tail(layers.Flatten(), layers.Dense(6, "relu"), layers.Dense(3), layers.Softmax()),
    "ConvNeXt": lambda: tail(gap(), layers.LayerNormalization(), layers.Dense(3, "softmax")),
    "scores only": lambda: tail(gap(), layers.LayerNormalization(), layers.Dense(3)),
    "convolution with softmax": lambda: tail(
        gap(keepdims=True),
        layers.Conv2D(4, 1, activation="relu"),
        layers.Conv2D(3, 1, activation="softmax"),
        layers.Flatten(),
    ),
    "convolution over all": lambda: tail(
        layers.Conv2D(3, (4, 3), use_bias=False, activation="softmax"), layers.Dropout(0.5), layers.Reshape((3,))
    ),
    "strided convolution": lambda: tail(
        layers.Conv2D(3, 3, strides=4, padding="same", activation="sigmoid"), layers.Flatten()
    ),
    "softmax, then flat": lambda: tail(
        gap(keepdims=True), layers.Conv2D(3, 1), layers.Activation("softmax"), layers.Flatten()
    ),
    "flat, then softmax": lambda: tail(
        gap(keepdims=True), layers.Conv2D(3, 1), layers.Flatten(), layers.Activation("softmax")
    ),
    "average of scores": lambda: tail(layers.Conv2D(3, 1), gap(), layers.Softmax()),
    "sigmoids": lambda: tail(layers.GlobalMaxPooling2D(), layers.Dense(3, "sigmoid", use_bias=False)),
    "one sigmoid": lambda: tail(layers.GlobalMaxPooling2D(), layers.Dense(1, "sigmoid")),
    "one sigmoid outside": lambda: tail(layers.GlobalMaxPooling2D(), layers.Dense(1), layers.Activation("sigmoid")),
    "one linear unit": lambda: tail(layers.GlobalMaxPooling2D(), layers.Dense(1)),
    "another activation": lambda: tail(layers.GlobalMaxPooling2D(), layers.Dense(3, "tanh")),
    "two networks of one kind": two_networks_of_one_kind,
}

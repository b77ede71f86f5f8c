"""Batch normalisations folded into convolutions: the same numbers, fewer layers, and the given network as it was."""

import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import base, fill, photo

from cam.backends.batchnorm_folding import fold_batchnorm

CONVOLUTIONS = {
    "with a bias": lambda: layers.Conv2D(4, 3, 2, padding="same"),
    "without one": lambda: layers.Conv2D(4, 3, use_bias=False, dilation_rate=2),
    "in groups": lambda: layers.Conv2D(6, 3, groups=3),
    "depthwise": lambda: layers.DepthwiseConv2D(3, padding="same", use_bias=False),
    "depthwise, two of each": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
}
NORMS = {
    "whole": lambda: layers.BatchNormalization(epsilon=0.1),
    "axis by number": lambda: layers.BatchNormalization(axis=3),
    "only shifts": lambda: layers.BatchNormalization(scale=False),
    "only scales": lambda: layers.BatchNormalization(center=False),
}


def network(*steps) -> keras.Model:
    inputs = x = keras.Input((None, None, 3))
    for step in steps:
        x = step(x)
    return fill(keras.Model(inputs, x))


def norms(model: keras.Model) -> int:
    return sum(isinstance(layer, layers.BatchNormalization) for layer in model.layers)


def assert_same(found: keras.Model, expected: keras.Model) -> None:
    """The same numbers for two photos, within 1e-5 of the largest, and for another size of photo too."""
    for pixels in (photo(), photo((20, 28))):
        numbers = np.asarray(expected(pixels, training=False))
        largest = float(np.abs(numbers).max())
        assert largest > 0.1
        np.testing.assert_allclose(np.asarray(found(pixels, training=False)), numbers, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("convolution", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)
def test_a_norm_after_a_convolution_goes_and_the_numbers_stay(convolution, norm):
    given = network(convolution(), norm(), layers.ReLU())
    before = [value.copy() for value in given.get_weights()]
    found = fold_batchnorm(given)
    assert (norms(given), norms(found)) == (1, 0)
    assert_same(found, given)
    for value, old in zip(given.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def two_readers() -> keras.Model:
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    return keras.Model(inputs, layers.Add()([x, layers.BatchNormalization()(x)]))


def called_twice() -> keras.Model:
    inputs = keras.Input((None, None, 3))
    convolution, norm = layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()
    return keras.Model(inputs, norm(convolution(norm(convolution(inputs)))))


@pytest.mark.parametrize(
    "make",
    [
        two_readers,
        called_twice,
        lambda: network(layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization()),
        lambda: network(layers.BatchNormalization(), layers.Conv2D(4, 3)),
        lambda: network(layers.Conv2D(4, 3, dtype="mixed_float16"), layers.BatchNormalization()),
        lambda: network(layers.SeparableConv2D(4, 3), layers.BatchNormalization()),
    ],
    ids=["two readers", "called twice", "after an activation", "before a convolution", "half floats", "separable"],
)
def test_a_norm_that_is_not_alone_after_a_plain_convolution_stays(make):
    given = fill(make())
    found = fold_batchnorm(given)
    assert norms(found) == norms(given) == 1
    assert_same(found, given)


def test_what_nothing_was_folded_into_is_shared():
    given = fill(base(size=(None, None)))
    found = fold_batchnorm(given)
    assert norms(found) == 0
    assert_same(found, given)
    shared = {id(weight) for weight in found.weights} & {id(weight) for weight in given.weights}
    assert (len(given.weights), len(found.weights), len(shared)) == (8, 4, 2)


def test_the_embedded_network_has_no_norms_left_and_its_features_are_its_own(by_keras, noise_photo):
    network = by_keras.backend
    plain = keras.Model(network.graph.inputs[0], network._features)
    assert norms(plain) == 49 and norms(fold_batchnorm(plain)) == 0
    pixels = by_keras.noise()
    expected = np.asarray(plain(pixels[np.newaxis], training=False))[0]
    np.testing.assert_allclose(
        network.feature_maps(pixels[np.newaxis])[0], expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )

"""The table of networks that people build for transfer learning: each has a linear head that reproduces it."""

import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import EXACT, fill, photo

from cam.backends.classifier_head import find_head


def scores_of_the_maps(network, photos):
    """The head, and float64 mean(features) @ weight + bias of float32 photos."""
    head = find_head(network)
    maps = keras.Model(network.inputs[0], head.features)(photos, training=False)
    return head, np.asarray(maps, np.float64).mean((1, 2)) @ head.weight + head.bias


def assert_exact(network, photos):
    head, scores = scores_of_the_maps(network, photos)
    expected = np.asarray(network(photos, training=False))
    assert expected.std(0).max() > 1e-3, "photos that look the same to the network show nothing"
    np.testing.assert_allclose(head.output(scores), expected, rtol=1e-5, atol=1e-5)


def photos_for(shape):
    """Those that the preparation inside a network expects."""
    return photo() * (255 if shape == "x / 127.5 - 1" else 1)


@pytest.mark.parametrize("shape", EXACT)
def test_the_head_of_every_shape_of_network_reproduces_it(shape):
    assert_exact(fill(EXACT[shape]()), photos_for(shape))


# Saving: NumPy's new keyword is not known to TensorFlow's arrays yet.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("shape", EXACT)
def test_the_same_holds_after_saving_and_loading(shape, tmp_path):
    network = fill(EXACT[shape]())
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert_exact(loaded, photos_for(shape))
    head, original = find_head(loaded), find_head(network)
    assert (head.activation, head.one_unit) == (original.activation, original.one_unit)
    np.testing.assert_array_equal(head.weight, original.weight)
    np.testing.assert_array_equal(head.bias, original.bias)


@pytest.mark.parametrize(
    ("shape", "activation", "classes", "one_unit"),
    [
        ("2 classes", "linear", 2, False),
        ("7 classes", "softmax", 7, False),
        ("softmax layer", "softmax", 3, False),
        ("sigmoids", "sigmoid", 3, False),
        ("one sigmoid", "softmax", 2, True),
        ("one sigmoid activation", "softmax", 2, True),
        ("one linear unit", "linear", 2, True),
    ],
)
def test_a_head_says_what_the_network_does_to_its_scores(shape, activation, classes, one_unit):
    head = find_head(EXACT[shape]())
    assert (head.activation, head.weight.shape[1], head.one_unit) == (activation, classes, one_unit)


def test_the_average_inside_a_network_of_keras_applications_is_found():
    inner = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3), alpha=0.35
    )
    network = fill(keras.Sequential([layers.Rescaling(2.0, -1.0), inner, layers.Dense(3)]))
    network.build((None, 32, 32, 3))
    assert_exact(fill(network), photo((32, 32)))

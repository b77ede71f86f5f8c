"""Scores before softmax or sigmoid of networks of any kind of head."""

import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import EXACT, GRADIENTS, SIZE, base, fill, gap, photo, tail

from cam.backends import network_output
from cam.backends.classifier_head import find_head, score_tensor
from cam.backends.graph import any_size, inline_networks, producer
from cam.backends.target_layers import map_tensors, offered_layers
from cam.errors import ModelError

# What each head must be found to do to its scores; the classes are those of the scores.
ACTIVATIONS = {
    "VGG": ("softmax", 3),
    "VGG, softmax outside": ("softmax", 3),
    "ConvNeXt": ("softmax", 3),
    "scores only": ("linear", 3),
    "convolution with softmax": ("softmax", 3),
    "convolution over all": ("softmax", 3),
    "softmax, then flat": ("softmax", 3),
    "flat, then softmax": ("softmax", 3),
    "average of scores": ("softmax", 3),
    "strided convolution": ("sigmoid", 3),
    "sigmoids": ("sigmoid", 3),
    "one sigmoid": ("softmax", 2),
    "one sigmoid outside": ("softmax", 2),
    "one linear unit": ("linear", 2),
    "another activation": ("linear", 3),
    "two networks of one kind": ("linear", 3),
}


def scores_of(network, photos):
    """float32 (n, classes), and what follows."""
    tensor, activation = score_tensor(network)
    return np.asarray(keras.Model(network.inputs[0], tensor)(photos, training=False)), activation


def assert_scores(network, photos):
    scores, activation = scores_of(network, photos)
    expected = np.asarray(network(photos, training=False))
    assert expected.std(0).max() > 1e-4, "photos that look the same to the network show nothing"
    given = network_output(scores, activation, one_unit=expected.shape[1] == 1)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", GRADIENTS)
def test_the_scores_of_every_kind_of_head_give_the_networks_own_output(shape):
    network = inline_networks(fill(GRADIENTS[shape]()))
    assert_scores(network, photo())
    scores, activation = scores_of(network, photo())
    assert (activation, scores.shape[1]) == ACTIVATIONS[shape]
    # Probabilities would be 0..1.
    assert np.ptp(scores) > 1 or shape == "another activation"


@pytest.mark.parametrize("shape", EXACT)
def test_the_scores_of_a_linear_head_are_those_of_its_weights(shape):
    network = inline_networks(fill(EXACT[shape]()))
    scores, activation = scores_of(network, photo())
    head = find_head(network)
    maps = np.asarray(keras.Model(network.inputs[0], head.features)(photo(), training=False))
    np.testing.assert_allclose(scores, maps.mean((1, 2)) @ head.weight + head.bias, rtol=1e-4, atol=1e-4)
    assert activation == head.activation


@pytest.mark.parametrize(
    ("name", "gain", "options"),
    [
        ("MobileNet", 1.6, {"alpha": 0.25}),
        ("MobileNetV3Small", 1.0, {"minimalistic": True, "alpha": 0.75}),
    ],
)
def test_the_scores_of_networks_of_keras_applications(name, gain, options):
    build = getattr(keras.applications, name)
    network = fill(build(weights=None, input_shape=(32, 32, 3), classes=4, **options), gain=gain)
    assert_scores(network, photo((32, 32)) * 255)
    assert score_tensor(network)[1] == "softmax"
    assert_scores(any_size(network), photo((64, 32)) * 255)


def test_scores_share_the_weights_of_the_layer():
    network = inline_networks(tail(gap(), layers.LayerNormalization(), layers.Dense(2, "softmax")))
    score = keras.Model(network.inputs[0], score_tensor(network)[0])
    network.layers[-1].set_weights([np.zeros((5, 2), np.float32), np.array([3, -4], np.float32)])
    np.testing.assert_array_equal(np.asarray(score(photo())), [[3, -4]] * 2)


def test_one_unit_gives_half_its_sum_for_and_against():
    network = inline_networks(tail(layers.GlobalMaxPooling2D(), layers.Dense(1, "sigmoid")))
    network.layers[-1].set_weights([np.zeros((5, 1), np.float32), np.array([3], np.float32)])
    scores, activation = scores_of(network, photo())
    assert (scores.tolist(), activation) == ([[-1.5, 1.5]] * 2, "softmax")


def test_scores_that_exist_in_the_graph_are_not_computed_anew():
    network = inline_networks(GRADIENTS["VGG, softmax outside"]())
    assert score_tensor(network)[0] is producer(network.outputs[0]).input_tensors[0]


def test_scores_follow_from_the_maps_alone():
    network = inline_networks(fill(GRADIENTS["VGG"]()))
    scores, _ = score_tensor(network)
    maps = map_tensors(network)[offered_layers(network)[-1]]
    features, expected = keras.Model(network.inputs[0], [maps, scores])(photo(), training=False)
    rest = keras.Model(maps, scores)
    np.testing.assert_allclose(rest(features, training=False), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_scores_of_half_precision_become_float32(policy):
    head = [layers.Dense(3, "softmax", dtype=policy)]
    network = inline_networks(fill(tail(gap(), layers.LayerNormalization(dtype=policy), *head)))
    scores, activation = scores_of(network, photo())
    assert scores.dtype == np.float32
    expected = np.asarray(network(photo(), training=False)).astype(np.float32)
    np.testing.assert_allclose(network_output(scores, activation, one_unit=False), expected, atol=5e-3)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ([gap(keepdims=True), layers.Dense(3, name="fc")], r"'fc' \(Dense\), which gives \(None, 1, 1, 3\)"),
        ([layers.Conv2D(3, 1, name="last")], r"'last' \(Conv2D\), which gives \(None, 4, 3, 3\) and not \(number of"),
        ([gap(), layers.Dense(1, "softmax", name="fc")], r"'fc' \(Dense\) has one output unit with softmax"),
    ],
)
def test_an_output_that_is_no_score_a_class_is_refused(after, reason):
    with pytest.raises(ModelError, match=reason):
        score_tensor(inline_networks(tail(*after)))


def test_a_network_of_two_outputs_is_refused():
    inputs = keras.Input((*SIZE, 3))
    pooled = base(average=True)(inputs)
    network = keras.Model(inputs, [layers.Dense(4)(pooled), layers.Dense(4)(pooled)], name="twins")
    with pytest.raises(ModelError, match="'twins' has 2 outputs instead of one"):
        score_tensor(inline_networks(network))

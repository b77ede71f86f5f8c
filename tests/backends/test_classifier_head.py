import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import fill, gap, tail

from cam.backends import network_output
from cam.backends.classifier_head import find_head
from cam.errors import ModelError


def features(size=(8, 8)):
    """An input and the last feature maps (size, K = 5)."""
    inputs = keras.Input((*size, 3))
    return inputs, layers.Conv2D(5, 3, padding="same", activation="relu", name="maps")(inputs)


HEADS = {
    "GAP, Dense": [layers.GlobalAveragePooling2D],
    "GAP, Dropout, Dense": [layers.GlobalAveragePooling2D, lambda: layers.Dropout(0.5)],
    "GAP, Dropout, Dropout, Dense": [layers.GlobalAveragePooling2D, *[lambda: layers.Dropout(0.5)] * 2],
    "GAP(keepdims), Flatten, Dense": [lambda: layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten],
    "AveragePooling2D(8), Flatten, Dense": [lambda: layers.AveragePooling2D(8), layers.Flatten],
    "AveragePooling2D(8), Dropout, Flatten, Dense": [
        lambda: layers.AveragePooling2D((8, 8)),
        lambda: layers.Dropout(0.5),
        layers.Flatten,
    ],
}


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_a_linear_head_is_found_and_reproduces_the_network(head, use_bias, activation):
    inputs, maps = features()
    x = maps
    for make in HEADS[head]:
        x = make()(x)
    dense = layers.Dense(4, activation=activation, use_bias=use_bias, bias_initializer="random_normal")
    network = keras.Model(inputs, dense(x))
    found = find_head(network)
    assert found.features is maps
    assert found.activation == (activation or "linear")
    photo = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    scores = np.asarray(keras.Model(inputs, found.features)(photo))[0].mean((0, 1)) @ found.weight + found.bias
    expected = np.exp(scores) / np.exp(scores).sum() if activation else scores
    np.testing.assert_allclose(np.asarray(network(photo))[0], expected, atol=1e-6)


def weighted(network, kernel, bias):
    network.layers[-1].set_weights([np.array(kernel, np.float32), np.array(bias, np.float32)])
    return network


def test_one_unit_becomes_two_classes_of_half_its_weights():
    head = find_head(weighted(tail(gap(), layers.Dense(1, "sigmoid")), [[2], [4], [0], [-6], [1]], [3]))
    assert head.weight.tolist() == [[-1, 1], [-2, 2], [0, 0], [3, -3], [-0.5, 0.5]]
    assert head.bias.tolist() == [-1.5, 1.5]
    # z = log(3): sigmoid(z) = 3 / 4.
    scores = np.array([-np.log(3) / 2, np.log(3) / 2])
    np.testing.assert_allclose(head.output(scores), [0.75])
    np.testing.assert_allclose(network_output(scores, "linear", one_unit=True), [np.log(3)])
    np.testing.assert_allclose(network_output(scores, "softmax", one_unit=False), [0.25, 0.75])
    np.testing.assert_allclose(network_output(2 * scores, "sigmoid", one_unit=False), [0.25, 0.75])
    large = np.array([-1e4, 1e4], np.float32)
    for activation in ("softmax", "sigmoid"):
        assert network_output(large, activation, one_unit=False).tolist() == [0, 1]


def test_batch_normalisation_is_folded_into_weight_and_bias():
    norm = layers.BatchNormalization(epsilon=1.0)
    network = weighted(tail(gap(), norm, layers.Dense(2)), [[10, 1], [1, 0], [1, 0], [1, 0], [1, 0]], [1, 2])
    gamma, beta, mean, variance = [4, 1, 1, 1, 1], [5, 0, 0, 0, 7], [1, 0, 0, 0, 0], [3, 0, 0, 0, 0]
    norm.set_weights([np.array(values, np.float32) for values in (gamma, beta, mean, variance)])
    head = find_head(network)
    # The first channel: 4 * (x - 1) / sqrt(3 + 1) + 5 = 2 x + 3; the last: x + 7.
    np.testing.assert_allclose(head.weight, [[20, 2], [1, 0], [1, 0], [1, 0], [1, 0]])
    np.testing.assert_allclose(head.bias, [1 + 30 + 7, 2 + 3])


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16"])
def test_weights_of_half_precision_become_float32(policy):
    network = tail(gap(dtype=policy), layers.BatchNormalization(dtype=policy), layers.Dense(3, dtype=policy))
    head = find_head(fill(network))
    assert (head.weight.dtype, head.bias.dtype) == (np.float32, np.float32)
    dense = np.asarray(network.layers[-1].kernel).astype(np.float32)
    norm = network.layers[-2]
    scale = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance, np.float32) + norm.epsilon)
    np.testing.assert_allclose(head.weight, np.float32(scale)[:, np.newaxis] * dense, rtol=1e-3)


def test_a_head_without_bias_has_a_bias_of_zeros():
    inputs, maps = features()
    network = keras.Model(inputs, layers.Dense(4, use_bias=False)(layers.GlobalAveragePooling2D()(maps)))
    found = find_head(network)
    assert found.bias.dtype == np.float32
    assert found.bias.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_the_head_is_found_by_graph_though_its_layers_were_made_in_another_order():
    dense, pool = layers.Dense(4), layers.GlobalAveragePooling2D()
    inputs, maps = features()
    decoy = layers.Dense(9)(layers.GlobalAveragePooling2D()(maps))
    output = dense(pool(maps))
    layers.Conv2D(7, 1)(maps)
    assert decoy.shape == (None, 9)
    found = find_head(keras.Model(inputs, output))
    assert found.features is maps
    np.testing.assert_array_equal(found.weight, dense.kernel.numpy())


def test_average_pooling_inside_the_network_is_not_taken_for_the_head():
    """Squeeze-and-excitation averages globally as well."""
    inputs, maps = features()
    squeezed = layers.Reshape((1, 1, 5))(layers.Dense(5, "sigmoid")(layers.GlobalAveragePooling2D()(maps)))
    excited = layers.Multiply()([maps, squeezed])
    found = find_head(keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(excited))))
    assert found.features is excited


def test_a_layer_used_twice_is_followed_along_the_path_of_the_output():
    inputs, maps = features()
    pool, dense = layers.GlobalAveragePooling2D(), layers.Dense(4)
    other = layers.Conv2D(5, 1)(maps)
    first, second = dense(pool(maps)), dense(pool(other))
    assert find_head(keras.Model(inputs, first)).features is maps
    assert find_head(keras.Model(inputs, second)).features is other


def test_the_head_of_a_sequential_network_around_a_network_is_found():
    base = keras.Model(*features())
    network = keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(4)])
    network.build((None, 8, 8, 3))
    photo = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    found = find_head(network)
    maps = np.asarray(keras.Model(network.inputs[0], found.features)(photo))
    np.testing.assert_array_equal(maps, np.asarray(base(photo)))


def test_finding_the_head_leaves_the_network_as_it_was():
    inputs, maps = features()
    network = keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(maps)))
    before, listed, config = network.get_weights(), list(network.layers), network.get_config()
    nodes = [len(layer._inbound_nodes) for layer in listed]
    find_head(network)
    assert all(a is b for a, b in zip(network.layers, listed, strict=True))
    assert [len(layer._inbound_nodes) for layer in network.layers] == nodes
    assert network.get_config() == config
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def softmax(x):
    """Not what it is named for."""
    return x**2


class Squared(layers.Dense):
    def call(self, inputs):
        return super().call(inputs) ** 2


def dense(units=4, **options):
    return layers.Dense(units, **options)


# What stands after the feature maps (8, 8, 5), and what the reason must name.
REFUSED = {
    "VGG": ([layers.Flatten(), dense(6, name="fc1"), dense()], "'fc1' (Dense)"),
    "Flatten": ([layers.Flatten(), dense()], "'maps' (Conv2D)"),
    "pooling of a part": (
        [layers.AveragePooling2D(4, name="part"), layers.Flatten(), dense()],
        "'part' (AveragePooling2D)",
    ),
    "overlapping pooling": (
        [layers.AveragePooling2D(8, strides=1, padding="same", name="lap"), layers.Flatten(), dense()],
        "'lap' (AveragePooling2D)",
    ),
    "GlobalMaxPooling": ([layers.GlobalMaxPooling2D(name="max"), dense()], "'max' (GlobalMaxPooling2D)"),
    "hard sigmoid": (
        [layers.GlobalAveragePooling2D(), dense(activation="hard_sigmoid", name="fc")],
        "'fc' ends in 'hard_sigmoid'",
    ),
    "a layer inside": (
        [layers.GlobalAveragePooling2D(), dense(activation=layers.LeakyReLU(), name="fc")],
        "'fc' ends in 'LeakyReLU'",
    ),
    "code of its own inside": (
        [layers.GlobalAveragePooling2D(), dense(activation=softmax, name="fc")],
        ".softmax', not",
    ),
    "softmax twice": (
        [layers.GlobalAveragePooling2D(), dense(activation="softmax", name="fc"), layers.Softmax()],
        "'fc' ends in 'softmax' and then in 'softmax'",
    ),
    "relu, softmax": (
        [layers.GlobalAveragePooling2D(), dense(activation="relu", name="fc"), layers.Activation("softmax")],
        "'fc' ends in 'relu' and then in 'softmax'",
    ),
    "relu": ([layers.GlobalAveragePooling2D(), dense(activation="relu", name="fc")], "'fc' ends in 'relu'"),
    "Conv2D": ([layers.Conv2D(4, 8, name="last")], "'last' (Conv2D)"),
    "softmax over photos": (
        [layers.GlobalAveragePooling2D(), dense(), layers.Softmax(axis=0, name="soft")],
        "'soft' (Softmax)",
    ),
    "dense on each number": (
        [layers.GlobalAveragePooling2D(), layers.Reshape((5, 1), name="column"), dense(1), layers.Flatten()],
        "'global_average",
    ),
    "dense with code of its own": (
        [layers.GlobalAveragePooling2D(), Squared(4, name="squared")],
        "'squared' (Squared)",
    ),
    "mean over one axis": (
        [lambda x: keras.ops.mean(x, axis=1), layers.Flatten(), dense()],
        "(Mean)",
    ),
    "normalised by rows": (
        [
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.BatchNormalization(axis=1, name="rows"),
            layers.Flatten(),
            dense(),
        ],
        "'rows' (BatchNormalization)",
    ),
    "scores at a place": (
        [layers.GlobalAveragePooling2D(keepdims=True), dense(name="fc")],
        "'fc' (Dense), which gives",
    ),
    "two dense": ([layers.GlobalAveragePooling2D(), dense(6, name="fc1"), dense()], "'fc1' (Dense)"),
    "LayerNormalization": (
        [layers.GlobalAveragePooling2D(), layers.LayerNormalization(name="norm"), dense()],
        "'norm' (LayerNormalization)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_head_that_is_not_linear_is_refused_with_the_name_of_the_layer(case):
    tail, named = REFUSED[case]
    inputs, x = features()
    for layer in tail:
        x = layer(x)
    with pytest.raises(ModelError) as caught:
        find_head(keras.Model(inputs, x))
    assert "needs global average pooling followed by one dense layer" in str(caught.value)
    assert named in str(caught.value)


def test_one_unit_with_softmax_is_refused_because_it_says_the_same_of_every_photo():
    with pytest.raises(
        ModelError, match=r"'fc' \(Dense\) has one output unit with softmax, which is 1 for every photo"
    ):
        find_head(tail(gap(), layers.Dense(1, "softmax", name="fc")))


def test_a_network_of_two_photos_is_refused():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    scores = layers.Dense(4)(gap()(layers.Concatenate()([first, second])))
    with pytest.raises(ModelError, match="takes one photo"):
        find_head(keras.Model([first, second], scores))


def test_a_network_of_two_outputs_is_refused():
    inputs, maps = features()
    pooled = layers.GlobalAveragePooling2D()(maps)
    network = keras.Model(inputs, [layers.Dense(4)(pooled), layers.Dense(4)(pooled)], name="twins")
    with pytest.raises(ModelError, match="'twins' has 2 outputs instead of one"):
        find_head(network)


def test_average_pooling_of_another_channel_order_is_refused():
    inputs, maps = features()
    pooled = layers.GlobalAveragePooling2D(data_format="channels_first", name="rows")(maps)
    with pytest.raises(ModelError, match="'rows'"):
        find_head(keras.Model(inputs, layers.Dense(4)(pooled)))


@pytest.mark.parametrize(
    ("name", "layer"), [("VGG16", "'fc2'"), ("MobileNet", "'predictions'"), ("ConvNeXtTiny", "head_layernorm'")]
)
def test_real_networks_without_a_linear_head_are_refused(name, layer):
    network = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    with pytest.raises(ModelError, match=layer):
        find_head(network)

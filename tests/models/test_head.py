import keras
import numpy as np
import pytest
from keras import layers

from cam.errors import ModelError
from cam.models.head import find_head


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
    "sigmoid": ([layers.GlobalAveragePooling2D(), dense(activation="sigmoid", name="fc")], "'fc' ends in 'sigmoid'"),
    "relu": ([layers.GlobalAveragePooling2D(), dense(activation="relu", name="fc")], "'fc' ends in 'relu'"),
    "Conv2D": ([layers.Conv2D(4, 8, name="last")], "'last' (Conv2D)"),
    "softmax layer": ([layers.GlobalAveragePooling2D(), dense(), layers.Softmax(name="soft")], "'soft' (Softmax)"),
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

import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import EXACT, GRADIENTS, SIZE, base, fill, gap, photo, tail, two_networks_of_one_kind

from cam.backends.graph import InputForm, any_size, has_graph, inline_networks, input_form, kind, nodes
from cam.errors import ModelError

ALL = {
    f"{shape} ({table})": make for table, shapes in (("e", EXACT), ("g", GRADIENTS)) for shape, make in shapes.items()
}


def output(network, photos):
    return np.asarray(network(photos, training=False))


@pytest.mark.parametrize("shape", ALL)
def test_a_flattened_network_has_no_networks_inside_and_gives_the_same(shape):
    network = fill(ALL[shape]())
    flat = inline_networks(network)
    assert any(has_graph(layer) for layer in network.layers)
    assert not any(isinstance(node.operation, keras.Model) for node in nodes(flat))
    assert flat.inputs[0] is network.inputs[0]
    np.testing.assert_allclose(output(flat, photo()), output(network, photo()), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", ALL)
def test_flattening_leaves_the_network_as_it_was(shape):
    network = fill(ALL[shape]())
    config, weights, expected = network.get_config(), network.get_weights(), output(network, photo())
    any_size(inline_networks(network))
    assert network.get_config() == config
    np.testing.assert_array_equal(output(network, photo()), expected)
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_layers_of_a_flattened_network_are_those_of_the_networks_inside():
    network = EXACT["three deep"]()
    inner = network.layers[0].layers[1].layers[0]
    assert kind(inner) == "Functional"
    flat = inline_networks(network)
    assert {id(layer) for layer in inner.layers[1:]} <= {id(layer) for layer in flat.layers}
    assert {id(weight) for weight in flat.weights} == {id(weight) for weight in network.weights}


@pytest.mark.parametrize("make", [base, lambda: keras.Sequential([keras.Input((*SIZE, 3)), layers.Conv2D(2, 3)])])
def test_a_flat_network_is_returned_as_it_is(make):
    network = make()
    called = [len(layer._inbound_nodes) for layer in network.layers]
    assert inline_networks(network) is network
    assert [len(layer._inbound_nodes) for layer in network.layers] == called


def test_a_network_inside_that_is_used_twice_is_inlined_twice():
    inner, inputs = base(average=True), keras.Input((*SIZE, 3))
    mirrored = keras.ops.flip(inputs, axis=2)
    network = fill(keras.Model(inputs, layers.Dense(3)(layers.Average()([inner(inputs), inner(mirrored)]))))
    flat = inline_networks(network)
    assert sum(kind(node.operation) == "Conv2D" for node in nodes(flat)) == 4
    assert len(flat.weights) == len(network.weights)
    np.testing.assert_allclose(output(flat, photo()), output(network, photo()), rtol=1e-6)


def test_a_network_inside_with_several_inputs_and_outputs_is_inlined():
    first, second = keras.Input((*SIZE, 3), name="a"), keras.Input((*SIZE, 3), name="b")
    outputs = {"sum": layers.Add()([first, second]), "less": layers.Subtract()([first, second])}
    inner, inputs = keras.Model({"a": first, "b": second}, outputs), keras.Input((*SIZE, 3))
    both = inner({"a": inputs, "b": layers.Rescaling(0.25)(inputs)})
    network = keras.Model(inputs, gap()(layers.Rescaling(1, 0)(both["sum"]) - 2 * both["less"]))
    # 1.25 x - 2 * 0.75 x
    np.testing.assert_allclose(output(inline_networks(network), photo()), -0.25 * photo().mean((1, 2)), rtol=1e-5)


def test_layers_of_one_name_keep_their_own_weights():
    network = fill(EXACT["one name twice"]())
    flat = inline_networks(network)
    first, second = (flat.get_layer(name) for name in ("conv", "conv_2"))
    outer, inner = network.get_layer("conv"), network.layers[2].get_layer("conv")
    assert first is outer and second is not inner
    np.testing.assert_array_equal(second.kernel, inner.kernel)
    assert inner.name == "conv"


def test_copies_of_a_whole_network_are_told_apart():
    network = fill(two_networks_of_one_kind())
    names = [layer.name for layer in inline_networks(network).layers]
    assert len(set(names)) == len(names)


def test_whole_numbers_are_converted_as_by_the_network_inside():
    inputs = keras.Input((*SIZE, 3), dtype="uint8")
    network = fill(keras.Model(inputs, layers.Dense(3)(gap()(base()(inputs)))))
    photos = (photo() * 255).astype(np.uint8)
    np.testing.assert_allclose(output(inline_networks(network), photos), output(network, photos), rtol=1e-6)


def test_a_sequential_network_that_was_never_connected_is_connected():
    inner = fill(base())
    convolution, norm, relu = (layer for layer in inner.layers[1:4])
    loose = keras.Sequential([keras.Sequential([convolution, norm]), relu])
    assert not loose.built
    flat = inline_networks(loose)
    assert flat.input_shape == (None, None, None, 3)
    np.testing.assert_array_equal(output(flat, photo()), output(keras.Model(inner.inputs[0], relu.output), photo()))


def test_a_network_without_weights_is_refused():
    with pytest.raises(ModelError, match=r"'blank' has no weights yet.*Begin it with keras.Input"):
        inline_networks(keras.Sequential([layers.Conv2D(2, 3), gap(), layers.Dense(3)], name="blank"))


class Own(keras.Model):
    def call(self, inputs):
        return inputs


class Doubled(keras.Model):
    """A graph of layers by its construction, but another function by its code."""

    def __init__(self, **options):
        inputs = keras.Input((*SIZE, 3))
        super().__init__(inputs, layers.Conv2D(2, 3)(inputs), **options)

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs)


@pytest.mark.parametrize("make", [Own, Doubled])
def test_a_network_with_code_of_its_own_is_refused(make):
    with pytest.raises(
        ModelError, match=rf"'odd' is a class with code of its own \({make.__name__}\).*keras.Sequential"
    ):
        inline_networks(make(name="odd"))


# What may come after maps at 4 x 3 cells in a network for any size of photo.
ANY = ("Sequential of a base", "average in the base", "three deep", "augmentation", "caffe operations", "x / 127.5 - 1")
ANY += ("mean operation", "keepdims, Reshape", "adaptive average", "normalised twice", "one name twice")


@pytest.mark.parametrize("shape", ANY)
def test_a_network_with_global_average_pooling_takes_any_size(shape):
    network = fill(EXACT[shape]())
    free = any_size(inline_networks(network))
    assert free.input_shape == (None, None, None, 3)
    np.testing.assert_allclose(output(free, photo()), output(network, photo()), rtol=1e-5, atol=1e-6)
    assert np.isfinite(output(free, photo((40, 28)))).all()


def test_the_scores_at_another_size_are_those_of_the_same_layers_built_for_it():
    network = fill(keras.Sequential([base(), gap(), layers.Dense(3)]))
    larger = keras.Sequential([base(size=(40, 28)), gap(), layers.Dense(3)])
    larger.set_weights(network.get_weights())
    free = any_size(inline_networks(network))
    np.testing.assert_allclose(output(free, photo((40, 28))), output(larger, photo((40, 28))), rtol=1e-5)


def patches() -> keras.Model:
    """As a vision transformer: the cells as a list of a fixed number."""
    return tail(layers.Reshape((12, 5)), layers.Dense(4), layers.GlobalAveragePooling1D(), layers.Dense(3))


@pytest.mark.parametrize(
    "make", [GRADIENTS["VGG"], GRADIENTS["convolution over all"], EXACT["average of all"], patches]
)
def test_a_network_for_one_size_takes_no_other(make):
    network = fill(make())
    expected = output(network, photo())
    assert any_size(inline_networks(network)) is None
    np.testing.assert_array_equal(output(network, photo()), expected)


@pytest.mark.parametrize("shape", ["ConvNeXt", "convolution with softmax", "average of scores", "one sigmoid"])
def test_other_heads_that_collapse_all_places_take_any_size(shape):
    network = fill(GRADIENTS[shape]())
    free = any_size(inline_networks(network))
    np.testing.assert_allclose(output(free, photo()), output(network, photo()), rtol=1e-5, atol=1e-6)
    assert np.isfinite(output(free, photo((28, 40)))).all()


def test_a_network_for_any_size_is_returned_as_it_is():
    network = base(size=(None, None))
    assert any_size(network) is network


def test_the_maps_alone_take_any_size_though_the_scores_do_not():
    network = inline_networks(fill(GRADIENTS["VGG"]()))
    (maps,) = (node.outputs[0] for node in nodes(network) if kind(node.operation) == "Add")
    free = any_size(keras.Model(network.inputs[0], maps))
    larger = base(size=(40, 28))
    larger.set_weights(network.get_weights()[: len(larger.weights)])
    np.testing.assert_allclose(output(free, photo((40, 28))), output(larger, photo((40, 28))), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "channels", "form"),
    [((16, 12), 3, InputForm(3, (16, 12))), ((None, None), 1, InputForm(1, None)), ((None, 12), 4, InputForm(4, None))],
)
def test_the_form_of_photo_that_a_network_takes(size, channels, form):
    inputs = keras.Input((*size, channels))
    assert input_form(keras.Model(inputs, layers.Conv2D(2, 3)(inputs))) == form


@pytest.mark.parametrize("shape", [(10,), (4, 16, 12, 3)])
def test_an_input_that_is_no_photo_is_refused(shape):
    inputs = keras.Input(shape)
    with pytest.raises(ModelError, match=r"takes inputs of shapes .* takes one photo"):
        input_form(keras.Model(inputs, layers.Dense(2)(inputs)))


def test_grey_photos_of_whole_numbers_stay_so_at_any_size():
    inputs = keras.Input((*SIZE, 1), dtype="uint8")
    free = any_size(keras.Model(inputs, layers.Conv2D(2, 3)(layers.Rescaling(0.5)(inputs))))
    assert (free.input_shape, free.inputs[0].dtype) == ((None, None, None, 1), "uint8")

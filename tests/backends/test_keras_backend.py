"""Networks of all kinds through the engine: what is exact, what is not and why, and what they say at which size."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from support.network_shapes import fill

from cam.backends.keras import KerasBackend
from cam.errors import ModelError
from cam.explanation import Attribution, Explanation
from cam.images.open import resized
from cam.labels import Labels
from cam.model import Model

SIDE = 32


def preprocess(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) / 127.5 - 1


def body(inputs) -> keras.KerasTensor:
    """Maps of a quarter of the photo's sides."""
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu", name="block1_conv")(inputs)
    x = layers.MaxPooling2D(2, name="block1_pool")(x)
    return layers.Conv2D(5, 3, padding="same", activation="relu", name="block2_conv")(x)


def vgg_like(size=(SIDE, SIDE)) -> keras.Model:
    """Convolutions, then two dense layers on all cells: it takes photos of one size."""
    inputs = keras.Input((*size, 3))
    x = layers.Dense(6, activation="relu", name="fc1")(layers.Flatten(name="flatten")(body(inputs)))
    return fill(keras.Model(inputs, layers.Dense(3, activation="softmax", name="predictions")(x)))


def convnext_like(size=(SIDE, SIDE)) -> keras.Model:
    """Global average pooling and then a layer normalisation, which is not linear, before the dense layer."""
    inputs = keras.Input((*size, 3))
    x = layers.GlobalAveragePooling2D()(body(inputs))
    x = layers.LayerNormalization(name="head_norm")(x)
    return fill(keras.Model(inputs, layers.Dense(3, name="predictions")(x)))


def pooled(units: int, activation: str | None, size=(SIDE, SIDE)) -> keras.Model:
    inputs = keras.Input((*size, 3))
    x = layers.GlobalAveragePooling2D()(body(inputs))
    return fill(keras.Model(inputs, layers.Dense(units, activation=activation, name="predictions")(x)))


@pytest.fixture
def modelled(tiny_spec, tiny_labels):
    """A function that makes a `Model` of a network; its row says whether its head is linear."""

    def make(network: keras.Model, *, exact: bool | None = None, labels: Labels = tiny_labels) -> Model:
        return Model(
            dataclasses.replace(tiny_spec, exact=exact), KerasBackend(network, linear=exact), preprocess, labels
        )

    return make


def own_output(network: keras.Model, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(network(preprocess(resized(image, size))[np.newaxis], training=False))[0].astype(np.float64)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores.astype(np.float64) - scores.max())
    return powers / powers.sum()


def test_a_network_of_dense_layers_is_shown_one_size_and_explained_by_gradients(modelled, noise_photo):
    own, image = vgg_like(), noise_photo(90, 40)
    model = modelled(own)
    assert (model.exact, model.method) == (False, "grad-cam")
    found = model.explain(image)
    assert isinstance(found, Attribution)
    assert (found.input_size, found.image_size, found.method.name) == ((SIDE, SIDE), (90, 40), "grad-cam")
    np.testing.assert_allclose(found.probabilities, own_output(own, image, (SIDE, SIDE)), rtol=0, atol=1e-5)
    # Scores, not probabilities: their softmax is what the network puts out.
    np.testing.assert_allclose(softmax(found.scores), own_output(own, image, (SIDE, SIDE)), rtol=0, atol=1e-5)
    assert abs(found.scores.sum() - 1) > 0.01
    assert found.heatmap("red").shape == (40, 90)
    assert model.offered_layers[-1] == "block2_conv"


def test_the_map_of_a_network_of_dense_layers_is_what_its_gradients_say(modelled, noise_photo):
    own, image = vgg_like(), noise_photo(50, 50)
    found = modelled(own).explain(image, layer="block2_conv")
    last_maps, fc1, predictions = (own.get_layer(name) for name in ("block2_conv", "fc1", "predictions"))
    pixels = preprocess(resized(image, (SIDE, SIDE)))[np.newaxis]
    maps = np.asarray(keras.Model(own.inputs[0], last_maps.output)(pixels))[0].astype(np.float64)
    np.testing.assert_allclose(found.features, maps, rtol=0, atol=1e-5)
    # The ReLU of fc1 lets through the units that are on: score = on-units' weights times predictions' weights.
    (kernel, bias), (last, _) = fc1.get_weights(), predictions.get_weights()
    on = maps.ravel() @ kernel + bias > 0
    assert 0 < on.sum() < len(on)
    for index in range(3):
        gradients = (kernel[:, on] @ last[on, index]).reshape(maps.shape)
        expected = maps @ gradients.mean(axis=(0, 1))
        np.testing.assert_allclose(found.class_map(index), expected, rtol=0, atol=1e-4)


def test_a_network_with_a_norm_behind_the_average_is_explained_at_any_size(modelled, noise_photo):
    own, image = convnext_like(), noise_photo(90, 40)
    model = modelled(own)
    found = model.explain(image)
    assert not model.exact and found.input_size == (48, 20)  # 8 * 1.5 and 8 / 1.5 cells of 4 pixels
    wide = convnext_like((20, 48))
    wide.set_weights(own.get_weights())
    np.testing.assert_allclose(found.scores, own_output(wide, image, (48, 20)), rtol=0, atol=1e-4)
    assert model.offered_layers == ("block1_conv", "block2_conv")
    assert (found.features.shape, found.cell_stride) == ((5, 12, 5), (4.0, 4.0))
    assert len(model.views(detail=True)) == 6


@pytest.mark.parametrize("exact", [True, None])
def test_one_unit_decides_between_two_classes_exactly(modelled, noise_photo, exact):
    own, image = pooled(1, "sigmoid"), noise_photo(64, 64)
    model = modelled(own, exact=exact, labels=Labels(("cats", "dogs"), ((), ())))
    found = model.explain(image)
    assert isinstance(found, Explanation) and model.exact
    (dogs,) = own_output(own, image, found.input_size)
    np.testing.assert_allclose(found.probabilities, [1 - dogs, dogs], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.class_map("dogs"), -found.class_map("cats"))
    means = [found.class_map(label).mean() for label in ("cats", "dogs")]
    np.testing.assert_allclose(means + found.bias, found.scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.scores[1] - found.scores[0], np.log(dogs / (1 - dogs)), rtol=0, atol=1e-4)
    assert np.abs(found.class_map("dogs")).max() > 1e-3


def test_one_unit_behind_dense_layers_decides_between_two_classes_too(modelled, noise_photo):
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Dense(6, activation="relu")(layers.Flatten()(body(inputs)))
    own, image = fill(keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))), noise_photo(64, 64)
    found = modelled(own, labels=Labels(("cats", "dogs"), ((), ()))).explain(image)
    (dogs,) = own_output(own, image, (SIDE, SIDE))
    np.testing.assert_allclose(found.probabilities, [1 - dogs, dogs], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.class_map("dogs"), -found.class_map("cats"), rtol=0, atol=1e-6)
    assert np.abs(found.class_map("dogs")).max() > 1e-6


@pytest.mark.parametrize("exact", [None, False])
def test_classes_with_a_sigmoid_each_have_probabilities_of_their_own(modelled, noise_photo, exact):
    own, image = pooled(3, "sigmoid"), noise_photo(64, 64)
    found = modelled(own, exact=exact).explain(image)
    assert (found.activation, found.exact) == ("sigmoid", exact is None)
    expected = own_output(own, image, found.input_size)
    assert abs(expected.sum() - 1) > 0.01
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-6)


def test_the_row_decides_whether_a_linear_head_is_looked_for(modelled, noise_photo):
    own, image = pooled(3, None), noise_photo(64, 64)
    exact, found, gradients = (modelled(own, exact=exact) for exact in (True, None, False))
    assert (exact.exact, found.exact, gradients.exact) == (True, True, False)
    assert (exact.method, found.method, gradients.method) == ("cam", "cam", "grad-cam")
    assert exact.refusal is found.refusal is gradients.refusal is None
    np.testing.assert_array_equal(exact.explain(image).class_map(1), found.explain(image).class_map(1))
    plain, other = exact.explain(image), gradients.explain(image)
    np.testing.assert_allclose(other.scores, plain.scores, rtol=0, atol=1e-5)
    cells = plain.features.shape[0] * plain.features.shape[1]
    np.testing.assert_allclose(other.class_map(1) * cells, plain.class_map(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("build", "layer"), [(vgg_like, "fc1"), (convnext_like, "head_norm")])
def test_a_network_that_must_be_exact_and_is_not_is_refused_with_the_layer(modelled, build, layer):
    with pytest.raises(ModelError, match=f"before the dense layer 'predictions' stands '{layer}'"):
        modelled(build(), exact=True)


@pytest.mark.parametrize(("build", "layer"), [(vgg_like, "fc1"), (convnext_like, "head_norm")])
def test_cam_is_refused_with_the_reason_and_what_to_use(modelled, noise_photo, build, layer):
    model = modelled(build())
    assert layer in model.refusal
    before = model.passes
    with pytest.raises(ModelError, match=rf"^CAM cannot be made for Tiny\. .*'{layer}'.*\. Grad-CAM works for it\.$"):
        model.explain(noise_photo(40, 40), method="cam")
    assert model.passes == before


def test_cam_is_refused_where_no_linear_head_was_looked_for(modelled, noise_photo):
    with pytest.raises(ModelError, match=r"^CAM cannot be made for Tiny\. Its head is not linear\. Grad-CAM works"):
        modelled(pooled(3, None), exact=False).explain(noise_photo(40, 40), method="cam")


def test_an_unknown_method_or_layer_is_named_with_the_known_ones(modelled, noise_photo):
    model, image = modelled(vgg_like()), noise_photo(40, 40)
    with pytest.raises(ModelError, match=r"There is no method 'gradcam'\. Known: cam, grad-cam, "):
        model.explain(image, method="gradcam")
    with pytest.raises(
        ModelError, match=r"There is no layer 'conv9' with maps\. Sensible ones: block1_conv, block2_conv"
    ):
        model.explain(image, layer="conv9")
    # A dense layer has no map.
    with pytest.raises(ModelError, match="There is no layer 'fc1' with maps"):
        model.explain(image, layer="fc1")
    assert model.passes == 0


@pytest.mark.parametrize("layer", ["block1_conv", "block2_conv"])
def test_any_layer_of_the_body_has_maps_of_its_own_grid(modelled, noise_photo, layer):
    own, image = vgg_like(), noise_photo(60, 44)
    model = modelled(own)
    assert layer in model.layers
    found = model.explain(image, method="hirescam", layer=layer)
    maps = keras.Model(own.inputs[0], own.get_layer(layer).output)
    expected = np.asarray(maps(preprocess(resized(image, (SIDE, SIDE)))[np.newaxis]))[0]
    np.testing.assert_allclose(found.features, expected, rtol=0, atol=1e-5)
    side = {"block1_conv": 16, "block2_conv": 8}[layer]
    assert found.class_map(0).shape == (side, side)
    assert found.heatmap(0).shape == (44, 60)


def test_a_network_whose_maps_have_one_cell_cannot_show_where(tiny_spec, tiny_labels, noise_photo):
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Flatten()(layers.Conv2D(4, SIDE)(inputs))
    own = fill(keras.Model(inputs, layers.Dense(3)(layers.Dense(4, activation="relu")(x))))
    model = Model(dataclasses.replace(tiny_spec, exact=None), KerasBackend(own), preprocess, tiny_labels)
    with pytest.raises(ModelError, match="no layer with a map of more than one cell, so it cannot show where"):
        model.explain(noise_photo(40, 40))


@pytest.mark.parametrize("build", [vgg_like, convnext_like])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(modelled, build, number):
    own = build()
    *weights, bias = own.get_weights()
    own.set_weights([*weights, np.full_like(bias, number)])
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ModelError, match=r"^Tiny cannot be .*scores are not all numbers"),
    ):
        modelled(own)


def test_corrected_labels_share_the_network_and_must_fit(tiny_spec, noise_photo):
    row = dataclasses.replace(
        tiny_spec, exact=None, builder="builtins:len", preprocessing="-1..1", labels=("a", "b", "c")
    )
    model = Model(row, KerasBackend(vgg_like()))
    other = model.corrected(dataclasses.replace(row, labels=("x", "y", "z"), preprocessing="0..1"))
    image = noise_photo(40, 40)
    one, two = model.explain(image), other.explain(image)
    assert (one.labels.names, two.labels.names) == (("a", "b", "c"), ("x", "y", "z"))
    assert other.backend is model.backend
    assert np.abs(one.scores - two.scores).max() > 1e-3
    with pytest.raises(ModelError, match="Tiny has 3 classes, but 2 labels"):
        model.corrected(dataclasses.replace(row, labels=("x", "y")))


def test_the_networks_own_layers_and_weights_stay_as_they_are(modelled, noise_photo):
    own = vgg_like()
    config, weights = own.get_config(), own.get_weights()
    modelled(own).explain(noise_photo(40, 40)).class_map(0)
    assert own.get_config() == config
    for before, after in zip(weights, own.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_sizes_and_heads_as_they_are_found():
    fixed, any_size, linear = (
        KerasBackend(vgg_like((24, SIDE))),
        KerasBackend(convnext_like((24, SIDE))),
        KerasBackend(pooled(3, None)),
    )
    assert (fixed.native_size, fixed.fixed_size) == ((SIDE, 24), (SIDE, 24))
    assert (any_size.native_size, any_size.fixed_size) == ((SIDE, 24), None)
    assert (linear.native_size, linear.fixed_size) == ((SIDE, SIDE), None)
    assert fixed.head is any_size.head is None and linear.head.weight.shape == (5, 3)
    assert (fixed.activation, any_size.activation, linear.activation) == ("softmax", "linear", "linear")
    assert "fc1" in fixed.refusal and "head_norm" in any_size.refusal and linear.refusal is None
    assert [network.classes for network in (fixed, any_size, linear)] == [3, 3, 3]
    assert [network.cell_stride for network in (any_size, linear)] == [(4.0, 4.0)] * 2

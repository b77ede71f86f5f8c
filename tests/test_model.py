"""One pass explains every class exactly: the mean of a class map plus the bias is the network's own score."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import cam.backends.keras
from cam.errors import ModelError
from cam.images.open import open_image, resized
from cam.labels import Labels
from cam.model import ExplainOptions, Model
from cam.models import registry

EXTREME_SHAPES = [(16, 16), (400, 16), (16, 400), (97, 61)]


@pytest.fixture(scope="module")
def keras_networks(tiny_network):
    """Name -> (the Keras network built apart from the engine, its preprocessing written out)."""
    networks = {"tiny_model": (tiny_network, lambda pixels: pixels / np.float32(127.5) - 1)}
    for name in ("lite0", "lite2"):
        spec = registry.find_spec(f"efficientnet-{name}")
        networks[name] = spec.resolve()(spec.source.require()), lambda pixels: (pixels - np.float32(127)) / 128
    return networks


def own_output(network, preprocess, image, input_size) -> np.ndarray:
    """What the Keras network itself says about a photo at the size that the engine chose."""
    pixels = preprocess(resized(image, input_size).astype(np.float32))
    return np.asarray(network(pixels[np.newaxis], training=False))[0]


def check_identity(model, image, fit, expected_from) -> None:
    explanation = model.explain(image, fit=fit)
    expected = own_output(*expected_from, image, explanation.input_size)
    means = [explanation.class_map(i).mean(dtype=np.float64) for i in range(len(model.labels))]
    np.testing.assert_allclose(means + explanation.bias, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(explanation.scores, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("fit", ["whole", "squash"])
@pytest.mark.parametrize("photo", ["dog_and_cat", "koala", "chelsea_cat"])
@pytest.mark.parametrize("name", ["tiny_model", "lite0", "lite2"])
def test_mean_of_map_plus_bias_is_the_score_of_every_class(request, keras_networks, sample, name, photo, fit):
    check_identity(request.getfixturevalue(name), sample(photo), fit, keras_networks[name])


@pytest.mark.parametrize("size", EXTREME_SHAPES)
@pytest.mark.parametrize("name", ["tiny_model", "lite0"])
def test_mean_of_map_plus_bias_is_the_score_at_any_shape(request, keras_networks, noise_photo, name, size):
    check_identity(request.getfixturevalue(name), noise_photo(*size), "whole", keras_networks[name])


def test_a_class_map_is_the_sum_of_weighted_features_cell_by_cell(tiny_model, tiny_network, noise_photo):
    explanation = tiny_model.explain(noise_photo(90, 40))
    kernel = tiny_network.layers[-1].kernel.numpy().astype(np.float64)
    rows, columns, depth = explanation.features.shape
    assert (rows, columns, depth) == (5, 12, 5)
    for index, name in enumerate(("red", "green", "blue")):
        expected = np.zeros((rows, columns))
        for y in range(rows):
            for x in range(columns):
                for k in range(depth):
                    expected[y, x] += kernel[k, index] * explanation.features[y, x, k]
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(explanation.class_map(name), expected, rtol=0, atol=1e-5)


def test_softmax_at_the_end_of_a_network_is_taken_off_the_scores(make_tiny, tiny_network, tiny_model, noise_photo):
    features = tiny_network.layers[-2].output
    network = keras.Model(tiny_network.inputs[0], layers.Dense(3, activation="softmax")(features))
    network.layers[-1].set_weights(tiny_network.layers[-1].get_weights())
    image = noise_photo(64, 64)
    explanation = make_tiny(network=network).explain(image)
    np.testing.assert_allclose(explanation.scores, tiny_model.explain(image).scores, atol=1e-5)
    powers = np.exp(explanation.scores.astype(np.float64))
    output = own_output(network, lambda pixels: pixels / 127.5 - 1, image, explanation.input_size)
    np.testing.assert_allclose(powers / powers.sum(), output, atol=1e-6)
    assert abs(explanation.scores.sum() - 1) > 0.01


@pytest.mark.parametrize("pooled", ["global", "full size"])
def test_a_network_of_a_fixed_size_sees_whole_photos_too(make_tiny, tiny_network, tiny_model, noise_photo, pooled):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(5, 3, 2, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x) if pooled == "global" else layers.Flatten()(layers.AveragePooling2D(8)(x))
    network = keras.Model(inputs, layers.Dense(3)(x))
    network.set_weights(tiny_network.get_weights())
    config = network.get_config()
    for size in EXTREME_SHAPES:
        expected = tiny_model.explain(noise_photo(*size))
        explanation = make_tiny(network=network).explain(noise_photo(*size))
        assert explanation.features.shape == expected.features.shape
        np.testing.assert_allclose(explanation.scores, expected.scores, rtol=0, atol=1e-5)
    assert network.get_config() == config


def test_a_head_that_does_not_give_the_scores_of_the_network_is_refused(make_tiny, monkeypatch):
    def wrong_head(network):
        head = find_head(network)
        return dataclasses.replace(head, bias=head.bias + np.float32([0, 0.5, 0]))

    find_head = cam.backends.keras.find_head
    monkeypatch.setattr(cam.backends.keras, "find_head", wrong_head)
    with pytest.raises(
        ModelError, match=r"^Tiny cannot be explained exactly: .* differs from its own scores by 0\.5\.$"
    ):
        make_tiny()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_network_with_damaged_numbers_is_refused(make_tiny, tiny_network, number):
    network = keras.models.clone_model(tiny_network)
    *weights, bias = tiny_network.get_weights()
    network.set_weights([*weights, np.full_like(bias, number)])
    with np.errstate(invalid="ignore"), pytest.raises(ModelError, match="cannot be explained exactly"):
        make_tiny(network=network)


def test_a_network_of_another_number_of_classes_than_labels_is_refused(make_tiny):
    with pytest.raises(ModelError, match="Tiny has 3 classes, but 2 labels"):
        make_tiny(labels=Labels(("red", "green"), ((), ())))


def test_a_network_without_a_linear_head_is_refused(make_tiny, tiny_network):
    network = keras.Model(tiny_network.inputs[0], tiny_network.layers[-3].output)
    with pytest.raises(ModelError, match="needs global average pooling followed by one dense layer"):
        make_tiny(network=network)


def test_an_unknown_fit_is_named_with_the_known_ones(tiny_model, noise_photo):
    with pytest.raises(ValueError, match="fit must be one of whole, squash, given, not 'crop'"):
        tiny_model.explain(noise_photo(20, 20), fit="crop")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16", "F"])
def test_an_image_of_another_mode_is_converted_as_when_it_is_opened(tiny_model, noise_photo, mode, tmp_path):
    image = noise_photo(20, 20).convert("L" if mode in ("I;16", "F") else mode)
    if mode in ("I;16", "F"):
        image = Image.fromarray(np.asarray(image).astype(np.uint16 if mode == "I;16" else np.float32) * 100)
    if mode == "RGBA":
        image.putalpha(90)
    path = tmp_path / "photo.tiff"
    image.save(path)
    assert image.mode == mode
    expected = tiny_model.explain(open_image(path)).scores
    np.testing.assert_array_equal(tiny_model.explain(image).scores, expected)
    assert tiny_model.explain(image).image.mode == "RGB"
    with pytest.raises(ValueError, match=f"not mode {mode}; open_image gives one"):
        tiny_model.explain_with(image, ExplainOptions())


def test_a_photo_may_be_a_path_or_its_pixels(tiny_model, noise_photo, tmp_path):
    image, path = noise_photo(30, 20), tmp_path / "photo.png"
    image.save(path)
    expected = tiny_model.explain(image).scores
    for given in (path, str(path), np.asarray(image)):
        np.testing.assert_array_equal(tiny_model.explain(given).scores, expected)
    for explanation in tiny_model.explain_many([path, np.asarray(image)]):
        np.testing.assert_allclose(explanation.scores, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((20, 30, 3)), r"float64 \(20, 30, 3\)"),
        (np.zeros((3, 20, 30), np.uint8), r"uint8 \(3, 20, 30\)"),
        (np.zeros((0, 30, 3), np.uint8), r"uint8 \(0, 30, 3\)"),
        (b"bytes", "not bytes; open_image opens"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_photo_is_refused_with_what_is(tiny_model, given, said):
    for explain in (tiny_model.explain, lambda photo: tiny_model.explain_many([photo])):
        with pytest.raises(ValueError, match=f"a path, a Pillow image, or its RGB pixels as uint8 .*{said}"):
            explain(given)


def test_options_are_one_value(tiny_model, noise_photo):
    image = noise_photo(30, 20)
    options = ExplainOptions("squash", "grad-cam", None, True)
    assert options == ExplainOptions(fit="squash", method="grad-cam", detail=True) and len({options, options}) == 1
    one = tiny_model.explain_with(image, options)
    other = tiny_model.explain(image, fit="squash", method="grad-cam", detail=True)
    np.testing.assert_array_equal(one.class_map(0), other.class_map(0))
    assert one.image is None and other.image is image
    with pytest.raises(ValueError, match="fit must be one of"):
        ExplainOptions(fit="crop")


def test_a_keras_network_can_be_given_as_it_is(tiny_model, tiny_network, noise_photo):
    model = Model(tiny_model.spec, tiny_network, preprocess=tiny_model._preprocess, labels=tiny_model.labels)
    image = noise_photo(30, 20)
    np.testing.assert_array_equal(model.explain(image).scores, tiny_model.explain(image).scores)
    assert (model.reference, model.explain(image).network) == (None, None)


def test_explaining_changes_neither_photo_nor_pixels_nor_weights(make_tiny, tiny_network, noise_photo):
    seen = []

    def keep(pixels):
        seen.append((pixels, pixels.copy()))
        return pixels

    image, weights = noise_photo(32, 32), tiny_network.get_weights()
    before = image.tobytes()
    model = make_tiny(preprocess=keep)
    explanation = model.explain(image, fit="squash")
    explanation.heatmap(1)
    explanation.top(3)
    assert image.tobytes() == before
    assert len(seen) == 2  # the check of the new network, and the photo
    for pixels, copied in seen:
        np.testing.assert_array_equal(pixels, copied)
    for old, new in zip(weights, tiny_network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("fit", "size", "input_size"),
    [
        ("squash", (200, 50), (32, 32)),
        ("whole", (200, 50), (64, 16)),  # 64 cells of 4 pixels in the shape 4:1 are 16 x 4
        ("whole", (50, 50), (32, 32)),
        ("whole", (16, 400), (8, 160)),  # sqrt(64 / 25) = 1.6 and sqrt(64 * 25) = 40 cells
        ("given", (200, 48), (200, 48)),
    ],
)
def test_the_fit_decides_the_size_at_which_a_photo_is_seen(tiny_model, noise_photo, fit, size, input_size):
    explanation = tiny_model.explain(noise_photo(*size), fit=fit)
    assert explanation.input_size == input_size
    assert explanation.image_size == size
    assert explanation.features.shape[:2] == (input_size[1] // 4, input_size[0] // 4)


@pytest.mark.parametrize(("label", "half"), [(235, "left"), (285, "right")])
def test_the_heat_of_dog_and_cat_is_on_the_dog_and_on_the_cat(lite2, sample, label, half):
    heat = lite2.explain(sample("dog_and_cat")).heatmap(label).clip(0)
    middle = heat.shape[1] // 2
    part = heat[:, :middle] if half == "left" else heat[:, middle:]
    assert part.sum() > 0.7 * heat.sum() > 0

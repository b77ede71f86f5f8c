"""What the methods see of a network, against its own layers called by hand and against finite differences."""

import keras
import numpy as np
import pytest
from keras import layers

from cam.backends.keras import KerasBackend
from cam.errors import ModelError
from cam.images.open import resized
from cam.methods import METHODS
from cam.methods.gradient import finer_cam

STEP = 1e-2


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """A wide photo, preprocessed: float32 (22, 30, 3)."""
    return np.random.default_rng(7).uniform(-1, 1, (22, 30, 3)).astype(np.float32)


@pytest.fixture
def network(tiny_network) -> KerasBackend:
    return KerasBackend(tiny_network)


@pytest.fixture(scope="module")
def convolutions(tiny_network) -> list[str]:
    """The names of the two convolutions: an inner layer and the last one."""
    return [layer.name for layer in tiny_network.layers[1:3]]


@pytest.fixture(scope="module")
def shortcut() -> KerasBackend:
    """first -> inner -> sum (with first again) -> last -> GAP -> 3 scores."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    first = layers.Conv2D(4, 3, 2, padding="same", activation="relu", name="first")(inputs)
    inner = layers.Conv2D(4, 3, padding="same", activation="relu", name="inner")(first)
    x = layers.Add(name="sum")([first, inner])
    x = layers.Conv2D(5, 3, 2, padding="same", activation="relu", name="last")(x)
    return KerasBackend(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))))


def by_hand(tiny_network, maps: np.ndarray, start: int) -> np.ndarray:
    """float64 (n, classes): the layers from `start` on, on maps (n, h, w, K); pooling and dense layer in NumPy."""
    for layer in tiny_network.layers[start:3]:
        maps = np.asarray(layer(maps))
    kernel, bias = (weight.astype(np.float64) for weight in tiny_network.layers[-1].get_weights())
    return maps.mean(axis=(1, 2), dtype=np.float64) @ kernel + bias


@pytest.mark.parametrize("place", [0, 1, None], ids=["inner", "last", "default"])
def test_features_and_scores_are_those_of_the_layers(network, tiny_network, convolutions, pixels, place):
    probe = network.probe(pixels, None if place is None else convolutions[place])
    expected = pixels[np.newaxis]
    for layer in tiny_network.layers[1 : 2 if place == 0 else 3]:
        expected = np.asarray(layer(expected))
    np.testing.assert_allclose(probe.features, expected[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(probe.scores, np.asarray(tiny_network(pixels[np.newaxis]))[0], rtol=0, atol=1e-5)
    assert probe.input_size == (30, 22)
    assert probe.input_range == pytest.approx(pixels.max() - pixels.min())
    assert probe.cell_stride == ((2.0, 2.0) if place == 0 else (4.0, 4.0))


def test_only_the_probe_of_the_head_knows_its_weight(network, tiny_network, convolutions, pixels):
    kernel, _ = tiny_network.layers[-1].get_weights()
    np.testing.assert_array_equal(network.probe(pixels, None).weight, kernel)
    assert network.probe(pixels, convolutions[0]).weight is None


@pytest.mark.parametrize("start", [2, 3], ids=["inner", "last"])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, 1), (0.5, -2, 1)])
def test_gradients_agree_with_finite_differences(network, tiny_network, convolutions, pixels, start, direction):
    probe, wanted = network.probe(pixels, convolutions[start - 2]), np.array(direction, np.float32)
    gradients = probe.gradients(wanted)
    assert gradients.shape == probe.features.shape
    rng = np.random.default_rng(start)
    cells = [tuple(rng.integers(0, side) for side in gradients.shape) for _ in range(40)]
    above, below = (np.repeat(probe.features[np.newaxis], len(cells), axis=0) for _ in range(2))
    for n, cell in enumerate(cells):
        above[(n, *cell)] += STEP
        below[(n, *cell)] -= STEP
    change = (by_hand(tiny_network, above, start) - by_hand(tiny_network, below, start)) @ wanted / (2 * STEP)
    assert np.abs(change).max() > 1e-3
    # Where a ReLU behind the layer turns on or off within the step there is no derivative to agree with.
    agree = np.isclose([gradients[cell] for cell in cells], change, rtol=0, atol=2e-5)
    assert agree.mean() >= (0.9 if start == 2 else 1.0)


def test_the_gradients_at_the_head_are_the_weights_shared_by_the_cells(network, tiny_network, pixels):
    probe = network.probe(pixels, None)
    rows, columns, _ = probe.features.shape
    kernel = tiny_network.layers[-1].get_weights()[0]
    for index in range(3):
        gradients = probe.gradients(np.eye(3)[index])
        np.testing.assert_allclose(gradients, np.broadcast_to(kernel[:, index] / (rows * columns), gradients.shape))


@pytest.mark.parametrize("place", [0, 1])
def test_gradients_are_linear_in_the_direction(network, convolutions, pixels, place):
    probe = network.probe(pixels, convolutions[place])
    parts = [probe.gradients(row) for row in np.eye(3, dtype=np.float32)]
    both = probe.gradients(np.float32([1, -0.25, 3]))
    np.testing.assert_allclose(both, parts[0] - 0.25 * parts[1] + 3 * parts[2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("start", [2, 3], ids=["inner", "last"])
def test_tail_scores_are_those_of_the_layers_behind(network, tiny_network, convolutions, pixels, start):
    probe = network.probe(pixels, convolutions[start - 2])
    np.testing.assert_allclose(probe.tail_scores(probe.features[np.newaxis])[0], probe.scores, rtol=0, atol=1e-5)
    others = np.random.default_rng(0).normal(size=(3, *probe.features.shape)).astype(np.float32)
    expected = by_hand(tiny_network, others, start)
    assert np.ptp(expected, axis=0).min() > 1e-3
    np.testing.assert_allclose(probe.tail_scores(others), expected, rtol=0, atol=1e-5)


def test_masked_scores_are_those_of_the_photo_times_each_mask(network, tiny_network, pixels):
    masks = np.random.default_rng(1).uniform(0, 1, (4, 22, 30)).astype(np.float32)
    masks[0], masks[1] = 1, 0
    probe = network.probe(pixels, None)
    found = probe.masked_scores(masks)
    np.testing.assert_allclose(found[0], probe.scores, rtol=0, atol=1e-5)
    for mask, scores in zip(masks, found, strict=True):
        expected = np.asarray(tiny_network((pixels * mask[:, :, np.newaxis])[np.newaxis]))[0]
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)
    assert np.ptp(found, axis=0).min() > 1e-3


def test_a_perturbed_probe_is_that_of_the_photo_and_the_noise(network, convolutions, pixels):
    noise = np.random.default_rng(2).normal(0, 0.2, pixels.shape).astype(np.float32)
    probe = network.probe(pixels, convolutions[0])
    same = probe.perturbed(np.zeros_like(pixels))
    np.testing.assert_array_equal(same.features, probe.features)
    np.testing.assert_array_equal(same.scores, probe.scores)
    other, expected = probe.perturbed(noise), network.probe(pixels + noise, convolutions[0])
    np.testing.assert_array_equal(other.features, expected.features)
    np.testing.assert_array_equal(other.gradients(np.float32([1, 0, 0])), expected.gradients(np.float32([1, 0, 0])))
    assert other.input_range == expected.input_range
    assert np.abs(other.scores - probe.scores).max() > 1e-3


def test_neither_photo_nor_what_is_handed_in_is_changed_and_the_arrays_are_read_only(network, pixels):
    given = pixels.copy()
    probe = network.probe(given, None)
    features = np.repeat(probe.features[np.newaxis], 2, axis=0)
    masks, direction = np.full((2, 22, 30), 0.5, np.float32), np.float32([1, 0, 0])
    handed = [features.copy(), masks.copy(), direction.copy()]
    probe.tail_scores(features)
    probe.masked_scores(masks)
    probe.gradients(direction)
    probe.perturbed(np.ones_like(given))
    for before, after in zip([pixels, *handed], [given, features, masks, direction], strict=True):
        np.testing.assert_array_equal(before, after)
    for array in (probe.features, probe.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_layer_beside_a_shortcut_has_gradients_but_no_tail(shortcut, pixels):
    probe = shortcut.probe(pixels, "inner")
    assert np.abs(probe.gradients(np.float32([1, 0, 0]))).max() > 0
    with pytest.raises(ModelError, match=r"^A shortcut leads past the layer 'inner', .* Choose the last layer"):
        probe.tail_scores(probe.features[np.newaxis])
    with pytest.raises(ModelError, match="A shortcut leads past the layer 'inner'"):
        METHODS["ablation-cam"].compute(probe, 0)


@pytest.mark.parametrize("layer", ["first", "sum", "last", None])
def test_a_layer_that_everything_goes_through_has_a_tail_with_the_shortcuts_behind_it(shortcut, pixels, layer):
    probe = shortcut.probe(pixels, layer)
    np.testing.assert_allclose(probe.tail_scores(probe.features[np.newaxis])[0], probe.scores, rtol=0, atol=1e-5)


def test_the_gradient_at_a_fork_is_that_of_both_ways(shortcut, pixels):
    # What `first` gives reaches the scores through `inner` and past it: the tail runs both ways.
    probe, direction = shortcut.probe(pixels, "first"), np.float32([0, 1, 0])
    gradients = probe.gradients(direction)
    step = 0.01 * gradients / np.linalg.norm(gradients)
    above, below = probe.tail_scores(np.stack([probe.features + step, probe.features - step]))
    np.testing.assert_allclose((above - below)[1] / 2, (gradients * step).sum(), rtol=0.02)


def test_passes_are_counted_a_photo_each(network, convolutions, pixels):
    counts = []

    def counted(act):
        before = network.passes
        result = act()
        counts.append(network.passes - before)
        return result

    probe = counted(lambda: network.probe(pixels, convolutions[0]))
    counted(lambda: probe.gradients(np.float32([1, 0, 0])))
    counted(lambda: probe.perturbed(np.zeros_like(pixels)))
    counted(lambda: probe.masked_scores(np.ones((5, 22, 30), np.float32)))
    counted(lambda: probe.tail_scores(np.repeat(probe.features[np.newaxis], 7, axis=0)))
    counted(lambda: network.output(pixels))
    assert counts == [1, 1, 1, 5, 7, 0]


def test_photos_of_many_shapes_share_one_trace(network, convolutions):
    rng = np.random.default_rng(4)
    for side in range(12):
        photo = rng.normal(size=(9 + 5 * side, 70 - 4 * side, 3)).astype(np.float32)
        probe = network.probe(photo, convolutions[0])
        probe.gradients(np.float32([1, 0, 0]))
        probe.tail_scores(np.repeat(probe.features[np.newaxis], 1 + side, axis=0))
        probe.masked_scores(np.ones((1 + side, *photo.shape[:2]), np.float32))
    tap = network._tap(convolutions[0])
    traced = [function.experimental_get_tracing_count() for function in (tap.forward, tap.backward, tap.tail)]
    assert traced == [1, 1, 1]


def probe_of(model, image, size):
    pixels = model._preprocess(resized(image, size))
    return model.backend.probe(pixels, None)


@pytest.mark.parametrize("name", ["tiny_model", "lite0"])
def test_on_a_linear_head_the_methods_are_the_class_activation_map(request, sample, name):
    model, image = request.getfixturevalue(name), sample("dog_and_cat")
    plain = model.explain(image)
    cells = plain.features.shape[0] * plain.features.shape[1]
    classes = range(3) if name == "tiny_model" else (235, 285, 0)
    for method in ("grad-cam", "hirescam", "xgrad-cam"):
        other = model.explain(image, method=method)
        assert other.method.name == method and not other.exact and plain.exact
        np.testing.assert_allclose(other.scores, plain.scores, rtol=0, atol=1e-4)
        for index in classes:
            expected = plain.class_map(index)
            found = other.class_map(index) * cells
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("name", "one", "other"), [("tiny_model", 0, 2), ("lite0", 235, 285)])
def test_the_contrast_of_two_classes_is_the_difference_of_their_maps(request, sample, name, one, other):
    model, image = request.getfixturevalue(name), sample("dog_and_cat")
    plain = model.explain(image)
    difference = plain.class_map(one) - plain.class_map(other)
    rows, columns, _ = plain.features.shape
    probe = probe_of(model, image, plain.input_size)
    # Where OpenVINO is there, it ran the one and TensorFlow the other.
    np.testing.assert_allclose(probe.features, plain.features, rtol=0, atol=1e-4)
    finer = finer_cam(probe, one, references=[other], strength=1.0) * rows * columns
    direction = np.zeros(len(model.labels), np.float32)
    direction[[one, other]] = 1, -1
    by_gradient = (probe.gradients(direction) * probe.features).sum(axis=-1) * rows * columns
    for found in (finer, by_gradient):
        np.testing.assert_allclose(found, difference, rtol=0, atol=1e-4 * np.abs(difference).max())


@pytest.mark.parametrize("name", ["tiny_model", "lite0"])
def test_cam_by_the_probe_is_cam_by_the_engine(request, sample, name):
    model, image = request.getfixturevalue(name), sample("koala")
    plain = model.explain(image)
    probe = probe_of(model, image, plain.input_size)
    best = int(plain.scores.argmax())
    np.testing.assert_allclose(METHODS["cam"].compute(probe, best), plain.class_map(best), rtol=0, atol=1e-4)
    mean = METHODS["cam"].compute(probe, best).mean(dtype=np.float64)
    np.testing.assert_allclose(mean + plain.bias[best], probe.scores[best], rtol=0, atol=1e-4)

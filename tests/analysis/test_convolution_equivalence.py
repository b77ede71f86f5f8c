import numpy as np
import pytest

from cam.analysis.convolution_equivalence import compare_maps
from cam.explanation import Explanation
from cam.labels import Labels

# Two cells, two feature maps, two classes.
FEATURES = np.array([[[1, 2], [3, 0]]], np.float32)
WEIGHT = np.array([[1, -2], [0.5, 4]], np.float32)
MAPS = np.array([[[2, 6], [3, -6]]], np.float32)


@pytest.fixture
def tiny():
    labels = Labels(("a", "b"), ((), ()))
    return Explanation(FEATURES, WEIGHT, np.array([0.25, -1], np.float32), labels, (2, 1), (2, 1))


def test_the_right_maps_agree_in_every_cell_and_score(tiny):
    result = compare_maps(tiny, MAPS)
    assert result.maps is MAPS
    assert (result.map_difference, result.score_difference) == (0.0, 0.0)


def test_one_wrong_cell_of_one_class_is_found_with_its_size(tiny):
    wrong = MAPS.copy()
    wrong[0, 1, 1] += 0.5
    result = compare_maps(tiny, wrong)
    # The average over two cells moves by half of it.
    assert (result.map_difference, result.score_difference) == (0.5, 0.25)


def test_a_difference_below_is_as_large_as_one_above(tiny):
    wrong = MAPS.copy()
    wrong[0, 0, 0] -= 3
    assert (compare_maps(tiny, wrong).map_difference, compare_maps(tiny, wrong).score_difference) == (3.0, 1.5)


def test_the_convolution_gives_the_maps_by_hand(tiny):
    from cam.analysis.convolution_equivalence import compute_class_maps

    maps = compute_class_maps(tiny)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps, MAPS)


def test_the_convolution_is_that_of_keras(shuffled, noise_photo):
    import keras

    from cam.analysis.convolution_equivalence import compute_class_maps

    explanation = shuffled.explain(noise_photo(300, 120))
    kernel = explanation.weight[np.newaxis, np.newaxis]
    expected = np.asarray(keras.ops.conv(explanation.features[np.newaxis], kernel, strides=1, padding="valid"))[0]
    maps = compute_class_maps(explanation)
    assert (maps.shape, maps.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(maps, expected, atol=1e-5 * np.abs(expected).max())


def test_the_convolution_adds_up_in_another_order_than_a_map_of_one_class(lite2, noise_photo):
    """So that the difference that the page shows is one between two computations."""
    from cam.analysis.convolution_equivalence import compute_class_maps

    explanation = lite2.explain(noise_photo(300, 120))
    assert 0 < compare_maps(explanation, compute_class_maps(explanation)).map_difference < 1e-4


def test_the_convolution_gives_all_maps_of_a_network_without_a_forward_pass(tiny_model, noise_photo):
    from cam.analysis.convolution_equivalence import compute_class_maps

    explanation = tiny_model.explain(noise_photo(90, 40))
    before = tiny_model.passes
    maps = compute_class_maps(explanation)
    assert tiny_model.passes == before
    exact = np.einsum("yxk,kc->yxc", explanation.features.astype(float), explanation.weight.astype(float))
    np.testing.assert_allclose(maps, exact, atol=1e-6)
    assert compare_maps(explanation, maps).map_difference < 1e-6
    assert compare_maps(explanation, maps).score_difference < 1e-6

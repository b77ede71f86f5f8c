"""Enlarging by hand, and that it may come before or after the sum."""

import numpy as np
import pytest

from cam.enlarge import enlarged, enlarged_before_sum, largest_difference, multiplications


def test_one_row_is_enlarged_between_the_centres_of_its_cells():
    # Pixel centres at 1/4, 3/4, 5/4 and 7/4 of a cell; the cells' own are at 1/2 and 3/2.
    np.testing.assert_allclose(enlarged(np.array([[0.0, 4.0]]), (4, 1)), [[0, 1, 3, 4]], atol=1e-6)


def test_a_column_is_enlarged_downwards():
    np.testing.assert_allclose(enlarged(np.array([[0.0], [4.0]]), (1, 4)), [[0], [1], [3], [4]], atol=1e-6)


def test_maps_enlarged_first_are_summed_with_their_weights():
    features = np.array([[[0, 1], [4, 1]]], np.float32)
    np.testing.assert_allclose(enlarged_before_sum(features, np.array([2, -3]), (4, 1)), [[-3, -1, 3, 5]], atol=1e-6)


@pytest.mark.parametrize("size", [(56, 40), (7, 5), (61, 83)])
def test_both_orders_give_the_same_picture(size):
    rng = np.random.default_rng(3)
    features, weights = rng.normal(size=(5, 7, 30)).astype(np.float32), rng.normal(size=30)
    assert largest_difference(features, weights, size) < 1e-5
    # The difference is measured where there is one.
    other = enlarged_before_sum(features, weights + np.eye(30)[0], size) - enlarged(features @ weights, size)
    np.testing.assert_allclose(other, enlarged(features[:, :, 0], size), atol=1e-5)


def test_the_difference_is_that_of_the_two_pictures():
    features, weights = np.random.default_rng(4).normal(size=(3, 4, 200)).astype(np.float32), np.linspace(-9, 9, 200)
    difference = enlarged_before_sum(features, weights, (24, 30)) - enlarged(features @ weights, (24, 30))
    assert largest_difference(features, weights, (24, 30)) == np.abs(difference).max() > 0


def test_the_work_is_counted_by_hand():
    # 2 * 3 cells times 5 maps, then 4 for each of 10 * 20 pixels; or, for 5 maps, 4 + 1 for each of these pixels.
    assert multiplications((2, 3, 5), (10, 20)) == (30 + 800, 5 * 1000)

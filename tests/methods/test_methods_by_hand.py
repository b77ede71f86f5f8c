"""Maps worked out on paper: two cells in a row, two maps, a head whose score is half the curvature times the square."""

import numpy as np
import pytest
from support.analytic import AnalyticProbe, channels, linear, photo_of, quadratic

from cam.methods import METHODS
from cam.methods.grad_cam_plus_plus import smooth_grad_cam_plus_plus
from cam.methods.gradient import finer_cam

# Features (1, 2, 2): 1 and 2 at the left cell, 3 and 2 at the right one.
FEATURES = [[[1, 2], [3, 2]]]
# Class 0 has the gradient (2, -2) left and (3, 4) right, and the score (2 - 4 + 9 + 8) / 2 = 7.5.
# Class 1 has the gradient (0, 2) left and (-3, 0) right, and the score (4 - 9) / 2 = -2.5.
CURVATURE = [[[[2, 0], [-1, 1]], [[1, -1], [2, 0]]]]


def quadratic_probe() -> AnalyticProbe:
    return AnalyticProbe(quadratic(channels(2), CURVATURE), photo_of(FEATURES))


def one_map_probe(features, weight: float = 1.0, bias: float = 0.0) -> AnalyticProbe:
    """One map, one class, linear."""
    return AnalyticProbe(linear(channels(1), [[weight]], [bias]), photo_of(features))


def test_the_scores_are_those_worked_out():
    np.testing.assert_array_equal(quadratic_probe().scores, [7.5, -2.5])


@pytest.mark.parametrize(
    ("name", "index", "left", "right"),
    [
        # Mean gradients 5/2 and 1; -3/2 and 1.
        ("grad-cam", 0, 2.5 + 2, 7.5 + 2),
        ("grad-cam", 1, -1.5 + 2, -4.5 + 2),
        ("hirescam", 0, 2 - 4, 9 + 8),
        ("hirescam", 1, 4, -9),
        # (2 * 1 + 3 * 3) / 4 and (-2 * 2 + 4 * 2) / 4.
        ("xgrad-cam", 0, 11 / 4 + 2, 33 / 4 + 2),
        ("layercam", 0, 2, 9 + 8),
        ("layercam", 1, 4, 0),
        # alpha * g = g / (2 + 4 * g): 2/10 + 3/14 = 29/70, and 4/18 where the left one is negative.
        ("grad-cam++", 0, 29 / 70 + 4 / 9, 87 / 70 + 4 / 9),
        # Without the first map (-4 + 8) / 2 = 2 is left of 7.5, without the second (2 + 9) / 2 = 5.5.
        ("ablation-cam", 0, 5.5 / 7.5 + 4 / 7.5, 16.5 / 7.5 + 4 / 7.5),
        # -2.5 becomes 2 and -4.5: drops of -4.5 and 2, divided by 2.5.
        ("ablation-cam", 1, -1.8 + 1.6, -5.4 + 1.6),
        # Class 0 less 0.6 of class 1: mean gradients 2.5 + 0.9 and 1 - 0.6.
        ("finer-cam", 0, 3.4 + 0.8, 10.2 + 0.8),
    ],
)
def test_the_map_is_that_worked_out(name, index, left, right):
    cells = METHODS[name].compute(quadratic_probe(), index)
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells, [[left, right]], rtol=1e-6)


def test_cam_is_the_features_times_the_weights_of_the_class():
    probe = AnalyticProbe(linear(channels(2), [[1, 5], [-2, 7]], [0, 0]), photo_of(FEATURES))
    np.testing.assert_array_equal(METHODS["cam"].compute(probe, 0), [[1 - 4, 3 - 4]])
    np.testing.assert_array_equal(METHODS["cam"].compute(probe, 1), [[5 + 14, 15 + 14]])


def test_score_cam_weights_each_map_with_the_score_of_the_photo_seen_through_it():
    # The first map shows the right cell, where the second channel is 2: mean 1, score ln 3. The second map is the same
    # everywhere and shows nothing: score 0. The softmax of (ln 3, 0) is (3/4, 1/4).
    probe = AnalyticProbe(linear(channels(2), [[0], [np.log(3)]], [0]), photo_of(FEATURES))
    np.testing.assert_allclose(METHODS["score-cam"].compute(probe, 0), [[3 / 4 + 2 / 4, 9 / 4 + 2 / 4]], rtol=1e-6)
    np.testing.assert_array_equal(probe.masks, [[[0, 1]], [[0, 0]]])


@pytest.mark.parametrize(
    ("cell_stride", "mask"),
    [(None, [0, 1 / 4, 3 / 4, 1]), ((1.0, 1.0), [0, 0, 1, 1])],
    ids=["cells share the photo", "cells one pixel apart in its middle"],
)
def test_score_cam_enlarges_the_map_where_its_cells_lie(cell_stride, mask):
    network = linear(lambda photos: np.array([[[[3.0], [7.0]]]] * len(photos), np.float32), [[1]], [0])
    probe = AnalyticProbe(network, np.ones((1, 4, 3), np.float32), cell_stride)
    METHODS["score-cam"].compute(probe, 0)
    np.testing.assert_allclose(probe.masks, [[mask]], atol=1e-6)


@pytest.mark.parametrize(
    ("features", "cells"),
    [
        # One component of length 5: the cells are 5 and 10 along it.
        ([[[3, 4], [6, 8]]], [[5, 10]]),
        ([[[3, 4], [-6, -8]]], [[5, -10]]),
        ([[[-3, -4], [-6, -8]]], [[-5, -10]]),
        # Not centred: the longer of two directions, not the one between them.
        ([[[2, 0], [0, 1]]], [[2, 0]]),
        ([[[0, 1], [2, 0]]], [[0, 2]]),
    ],
)
def test_eigen_cam_is_the_longest_direction_with_the_sign_of_the_activity(features, cells):
    probe = AnalyticProbe(linear(channels(2), [[1], [1]], [0]), photo_of(features))
    np.testing.assert_allclose(METHODS["eigen-cam"].compute(probe, 0), cells, atol=1e-6)


def test_finer_cam_takes_given_references_and_strength():
    cells = finer_cam(quadratic_probe(), 1, references=[0], strength=2.0)
    # Mean gradients -3/2 - 2 * 5/2 and 1 - 2 * 1.
    np.testing.assert_allclose(cells, [[-6.5 - 2, -19.5 - 2]], rtol=1e-6)
    np.testing.assert_array_equal(finer_cam(quadratic_probe(), 0, references=[]), [[4.5, 9.5]])


class GivenGradients:
    """The probe of a photo whose noisy copies have the gradients that the test gives, one after the other."""

    scores, input_size, input_range = np.zeros(1, np.float32), (2, 1), 0.0

    def __init__(self, features, gradients):
        self.features = np.array(features, np.float32)
        self._gradients = iter(np.array(gradients, np.float32))

    def perturbed(self, noise):
        return self

    def gradients(self, direction):
        return next(self._gradients)


def test_smooth_grad_cam_takes_the_means_of_three_powers():
    # Left g is 1 and 3: means 2, 5, 14, S = 4, so alpha = 5 / (10 + 56). Right it is -1 and 1: mean 0.
    probe = GivenGradients([[[1], [3]]], [[[[1], [-1]]], [[[3], [1]]]])
    cells = smooth_grad_cam_plus_plus(probe, 0, samples=2)
    np.testing.assert_allclose(cells, [[5 / 66 * 2, 5 / 66 * 2 * 3]], rtol=1e-6)


def test_smooth_grad_cam_holds_alpha_at_one_half_where_the_third_power_is_negative():
    # 2, 2, -3: means 1/3, 17/3 and -11/3; alpha would be 17/3 / (34/3 - 22/3) = 17/12 with S = 2.
    cells = smooth_grad_cam_plus_plus(GivenGradients([[[2]]], [[[[2]]], [[[2]]], [[[-3]]]]), 0, samples=3)
    np.testing.assert_allclose(cells, [[1 / 3 / 2 * 2]], rtol=1e-6)


def test_grad_cam_plus_plus_sums_only_features_above_zero():
    # S = 1 instead of -2, so alpha = 1 / (2 + 4) with g = 4 at both cells; it would be 1 / (2 - 8).
    cells = METHODS["grad-cam++"].compute(one_map_probe([[[1], [-3]]], weight=8.0), 0)
    np.testing.assert_allclose(cells, [[8 / 6, -3 * 8 / 6]], rtol=1e-6)


def test_xgrad_cam_takes_the_plain_mean_where_a_map_sums_to_zero():
    network = quadratic(channels(1), [[[[2]], [[-4]]]])
    # Gradients 2 and 4, mean 3.
    cells = METHODS["xgrad-cam"].compute(AnalyticProbe(network, photo_of([[[1], [-1]]])), 0)
    np.testing.assert_array_equal(cells, [[3, -3]])


def test_ablation_cam_does_not_divide_by_a_score_of_zero():
    # Mean 2 less 2 is the score 0; without the map it is -2.
    cells = METHODS["ablation-cam"].compute(one_map_probe([[[1], [3]]], bias=-2.0), 0)
    np.testing.assert_array_equal(cells, [[2, 6]])

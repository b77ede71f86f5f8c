"""What holds on a linear head for any numbers, and is known in closed form."""

import numpy as np
import pytest
from support.analytic import random_probe

from cam.methods import METHODS
from cam.methods.grad_cam_plus_plus import NOISE, SAMPLES, smooth_grad_cam_plus_plus
from cam.methods.gradient import REFERENCES, STRENGTH, finer_cam, similar_classes
from cam.render import normalize_heat

SEEDS = pytest.mark.parametrize("seed", range(3))
CLASSES = range(5)


@SEEDS
def test_the_mean_of_cam_and_the_bias_are_the_score(seed):
    probe = random_probe(seed)
    bias = probe.network.head(np.zeros((1, 1, 1, 7), np.float32))[0]
    means = [METHODS["cam"].compute(probe, index).mean() for index in CLASSES]
    np.testing.assert_allclose(means + bias, probe.scores, atol=1e-5)


@SEEDS
@pytest.mark.parametrize("name", ["grad-cam", "hirescam", "xgrad-cam"])
def test_the_gradient_maps_are_cam_divided_by_the_cells(name, seed):
    probe = random_probe(seed)
    for index in CLASSES:
        expected = METHODS["cam"].compute(probe, index)
        cells = METHODS[name].compute(probe, index)
        np.testing.assert_allclose(cells * 12, expected, atol=2e-6)
        np.testing.assert_allclose(normalize_heat(cells), normalize_heat(expected), atol=2e-6)


@SEEDS
def test_the_contrast_of_two_classes_is_the_difference_of_their_maps(seed):
    probe = random_probe(seed)
    for one, other in [(0, 1), (3, 2)]:
        difference = METHODS["cam"].compute(probe, one) - METHODS["cam"].compute(probe, other)
        np.testing.assert_allclose(finer_cam(probe, one, references=[other], strength=1.0) * 12, difference, atol=2e-6)


@SEEDS
def test_finer_cam_takes_off_the_mean_of_the_three_nearest_classes(seed):
    probe = random_probe(seed)
    cam = [METHODS["cam"].compute(probe, index) for index in CLASSES]
    best = int(probe.scores.argmax())
    following = np.argsort(-probe.scores)[1:4]
    expected = cam[best] - STRENGTH * np.mean([cam[other] for other in following], axis=0)
    np.testing.assert_allclose(METHODS["finer-cam"].compute(probe, best) * 12, expected, atol=3e-6)
    assert (STRENGTH, REFERENCES) == (0.6, 3)


def test_similar_classes_are_those_with_the_nearest_scores():
    scores = np.array([5.0, 1.0, 4.0, -2.0, 1.5], np.float32)
    assert similar_classes(scores, 0) == [2, 4, 1]
    assert similar_classes(scores, 1) == [4, 2, 3]
    assert similar_classes(scores[:2], 1) == [0]
    assert similar_classes(scores[:1], 0) == []


@SEEDS
def test_ablation_cam_weights_are_the_shares_of_the_score_that_the_maps_bring(seed):
    probe = random_probe(seed)
    brought = probe.features.mean(axis=(0, 1))[:, np.newaxis] * probe.weight
    for index in CLASSES:
        weights = brought[:, index] / abs(probe.scores[index])
        np.testing.assert_allclose(
            METHODS["ablation-cam"].compute(probe, index), probe.features @ weights, rtol=1e-4, atol=1e-5
        )


@SEEDS
def test_layercam_is_cam_of_the_positive_weights(seed):
    probe = random_probe(seed)
    for index in CLASSES:
        expected = probe.features @ np.maximum(probe.weight[:, index], 0)
        np.testing.assert_allclose(METHODS["layercam"].compute(probe, index) * 12, expected, atol=2e-6)


@SEEDS
def test_grad_cam_plus_plus_has_the_weights_w_over_2_plus_w_times_the_mean(seed):
    # With g = w / n at n cells and S = n * m: n * g / (2 + S * g) = w / (2 + m * w), for positive w.
    probe = random_probe(seed)
    means = probe.features.mean(axis=(0, 1))
    for index in CLASSES:
        positive = np.maximum(probe.weight[:, index], 0)
        expected = probe.features @ (positive / (2 + means * positive))
        np.testing.assert_allclose(METHODS["grad-cam++"].compute(probe, index), expected, rtol=1e-5)


@SEEDS
def test_smooth_grad_cam_plus_plus_is_grad_cam_plus_plus_where_the_gradient_never_changes(seed):
    # A linear head's gradient is the same for all photos, so noise changes nothing.
    probe = random_probe(seed)
    for index in CLASSES:
        expected = METHODS["grad-cam++"].compute(probe, index)
        np.testing.assert_allclose(smooth_grad_cam_plus_plus(probe, index), expected, rtol=1e-5)


@pytest.mark.parametrize("maps", [3, 40], ids=["fewer maps than cells", "more maps than cells"])
def test_eigen_cam_is_the_first_term_of_the_singular_value_decomposition(maps):
    probe = random_probe(maps=maps)
    left, values, _ = np.linalg.svd(probe.features.reshape(12, maps))
    expected = np.abs(left[:, 0] * values[0]).reshape(3, 4)
    np.testing.assert_allclose(METHODS["eigen-cam"].compute(probe, 0), expected, rtol=1e-5)


def test_the_noise_is_normal_a_share_of_the_range_and_always_the_same():
    first, second = random_probe(), random_probe()
    for probe in (first, second):
        METHODS["smooth-grad-cam++"].compute(probe, 0)
    assert len(first.noises) == SAMPLES
    noise = np.stack(first.noises)
    assert noise.shape[1:] == first.photo.shape
    # 16 * 144 numbers: the deviation of their deviation is 1.5 %.
    np.testing.assert_allclose(noise.std(), NOISE * np.ptp(first.photo), rtol=0.05)
    np.testing.assert_allclose(noise.mean(), 0.0, atol=0.1 * noise.std())
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.3
    np.testing.assert_array_equal(noise, second.noises)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_only_a_class_free_method_has_one_map_for_all_classes(method):
    probe = random_probe()
    same = np.allclose(method.compute(probe, 0), method.compute(probe, 1), rtol=1e-3)
    assert same == method.class_free


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_only_signed_methods_go_below_zero_on_features_behind_a_relu(method):
    lowest = min(method.compute(random_probe(seed), index).min() for seed in range(3) for index in CLASSES)
    assert (lowest < -1e-3) == method.signed

"""A score taken apart: three feature maps that a person can check, and the identities that hold for any."""

import numpy as np
import pytest

from cam.analysis.contributions import (
    cell_parts,
    compare_resize_orders,
    count_multiplications,
    partial_map,
    partial_scores,
    pick_strongest,
    split_score,
    sum_resized_maps,
    weighted_map,
)
from cam.errors import LabelError
from cam.explanation import Explanation
from cam.heatmap import resize_map
from cam.labels import Labels

# Of means 1, 2 and 0.5.
MAPS = np.array([[[1, 0], [0, 3]], [[2, 2], [2, 2]], [[0, 2], [0, 0]]], np.float32)
WEIGHTS = np.array([[2, 1], [-3, 1], [8, 0]], np.float32)


def explanation(maps=MAPS, weight=WEIGHTS, bias=(0.5, 0)) -> Explanation:
    names = tuple(f"class {i}" for i in range(len(bias)))
    labels = Labels(names, ((),) * len(bias))
    return Explanation(np.moveaxis(maps, 0, 2), weight, np.array(bias, np.float32), labels, (4, 4), (64, 64))


@pytest.fixture(params=[0, 1, 2])
def random_explanation(request) -> Explanation:
    rng = np.random.default_rng(request.param)
    maps, weight = rng.normal(size=(40, 5, 7)), rng.normal(size=(40, 3))
    return explanation(maps.astype(np.float32), weight.astype(np.float32), rng.normal(size=3))


def test_each_feature_map_adds_its_weight_times_its_mean():
    parts = split_score(explanation(), 0)
    assert parts.weights.tolist() == [2, -3, 8]
    assert parts.means.tolist() == [1, 2, 0.5]
    assert parts.products.tolist() == [2, -6, 4]
    assert parts.bias == 0.5


def test_the_strongest_come_first_whether_for_or_against():
    assert split_score(explanation(), 0).order.tolist() == [1, 2, 0]


def test_equally_strong_ones_stay_in_their_order():
    twice = explanation(weight=np.array([[4, 1], [-2, 1], [8, 0]], np.float32))
    assert split_score(twice, 0).order.tolist() == [0, 1, 2]


def test_the_strongest_for_and_against_are_told_apart():
    parts = split_score(explanation(), 0)
    assert [found.tolist() for found in pick_strongest(parts, 1)] == [[2], [1]]
    assert [found.tolist() for found in pick_strongest(parts, 5)] == [[2, 0], [1]]


def test_what_adds_nothing_is_neither_for_nor_against():
    # The weight of the third map for the second class is 0.
    assert [found.tolist() for found in pick_strongest(split_score(explanation(), 1), 5)] == [[1, 0], []]


def test_a_weighted_map_is_the_feature_map_times_its_weight():
    assert weighted_map(explanation(), split_score(explanation(), 0), 0).tolist() == [[2, 0], [0, 6]]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, [[0, 0], [0, 0]]),
        (1, [[-6, -6], [-6, -6]]),
        (2, [[-6, 10], [-6, -6]]),
        (3, [[-4, 10], [-6, 0]]),
    ],
)
def test_the_partial_map_is_the_sum_of_the_strongest(count, expected):
    assert partial_map(explanation(), split_score(explanation(), 0), count).tolist() == expected


def test_the_partial_scores_go_from_the_bias_to_the_score():
    assert partial_scores(split_score(explanation(), 0)).tolist() == [0.5, -5.5, -1.5, 0.5]


def test_the_mean_of_every_partial_map_plus_the_bias_is_its_partial_score(random_explanation):
    parts = split_score(random_explanation, 1)
    means = [partial_map(random_explanation, parts, count).mean() for count in range(41)]
    np.testing.assert_allclose(np.array(means) + parts.bias, partial_scores(parts), rtol=0, atol=1e-12)


def test_all_together_are_the_class_map_and_the_score(random_explanation):
    parts = split_score(random_explanation, 2)
    np.testing.assert_allclose(
        partial_map(random_explanation, parts, 40), random_explanation.class_map(2), rtol=0, atol=1e-5
    )
    assert partial_scores(parts)[-1] == pytest.approx(float(random_explanation.scores[2]), abs=1e-5)


def test_a_cell_is_made_of_its_own_strongest_feature_maps():
    which, added = cell_parts(explanation(), split_score(explanation(), 0), 2)
    assert which[0, 1].tolist() == [2, 1] and added[0, 1].tolist() == [16, -6]
    assert which[1, 0].tolist() == [1, 0] and added[1, 0].tolist() == [-6, 0]
    assert added[1, 1].tolist() == [6, -6]


def test_the_parts_of_a_cell_add_up_to_it(random_explanation):
    which, added = cell_parts(random_explanation, split_score(random_explanation, 0), 40)
    np.testing.assert_allclose(added.sum(axis=2), random_explanation.class_map(0), rtol=0, atol=1e-5)
    assert (np.sort(which, axis=2) == np.arange(40)).all()
    assert (np.diff(np.abs(added), axis=2) <= 0).all()


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(LabelError, match="no class 2"):
        split_score(explanation(), 2)


def test_maps_enlarged_first_are_summed_with_their_weights():
    features = np.array([[[0, 1], [4, 1]]], np.float32)
    np.testing.assert_allclose(sum_resized_maps(features, np.array([2, -3]), (4, 1)), [[-3, -1, 3, 5]], atol=1e-6)


@pytest.mark.parametrize("size", [(56, 40), (7, 5), (61, 83)])
def test_both_orders_give_the_same_picture(size):
    rng = np.random.default_rng(3)
    features, weights = rng.normal(size=(5, 7, 30)).astype(np.float32), rng.normal(size=30)
    assert compare_resize_orders(features, weights, size) < 1e-5
    # The difference is measured where there is one.
    other = sum_resized_maps(features, weights + np.eye(30)[0], size) - resize_map(features @ weights, size)
    np.testing.assert_allclose(other, resize_map(features[:, :, 0], size), atol=1e-5)


def test_the_difference_is_that_of_the_two_pictures():
    features, weights = np.random.default_rng(4).normal(size=(3, 4, 200)).astype(np.float32), np.linspace(-9, 9, 200)
    difference = sum_resized_maps(features, weights, (24, 30)) - resize_map(features @ weights, (24, 30))
    assert compare_resize_orders(features, weights, (24, 30)) == np.abs(difference).max() > 0


def test_the_work_is_counted_by_hand():
    # 2 * 3 cells times 5 maps, then 4 for each of 10 * 20 pixels; or, for 5 maps, 4 + 1 for each of these pixels.
    assert count_multiplications((2, 3, 5), (10, 20)) == (30 + 800, 5 * 1000)

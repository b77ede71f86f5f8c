"""Why one class rather than another: sums by hand on a network of two feature maps, and the engine's own scores."""

import math

import numpy as np
import pytest

from cam.analysis.contrast import Difference, choose_decimals, compare_scores, difference_map, probability_ratio
from cam.errors import LabelError
from cam.explanation import Explanation
from cam.labels import Labels

LABELS = Labels(names=("red", "green", "blue"), synonyms=((), (), ()))


@pytest.fixture(scope="module")
def tiny() -> Explanation:
    """One row of two cells, two feature maps (1, 3) and (2, 0), three classes."""
    features = np.array([[[1, 2], [3, 0]]], np.float32)
    weight = np.array([[1, -1, 0], [2, 0.5, 0]], np.float32)
    bias = np.array([0.25, 1, -4], np.float32)
    return Explanation(features, weight, bias, LABELS, image_size=(2, 1), input_size=(64, 32))


def test_the_difference_by_hand(tiny):
    # Maps: red 1 + 4, 3 + 0; green -1 + 1, -3 + 0. Means 4 and -1.5; scores 4.25 and -0.5.
    assert compare_scores(tiny, "red", "green") == Difference(mean=5.5, bias=-0.75, total=4.75)
    assert compare_scores(tiny, 1, 0) == Difference(mean=-5.5, bias=0.75, total=-4.75)
    assert compare_scores(tiny, "red", "red") == Difference(mean=0.0, bias=0.0, total=0.0)


def test_the_map_of_the_difference_by_hand(tiny):
    assert difference_map(tiny, "red", "green", (2, 1)).tolist() == [[5.0, 6.0]]
    assert difference_map(tiny, "green", "red", (2, 1)).tolist() == [[-5.0, -6.0]]


def test_an_unknown_class_is_refused(tiny):
    with pytest.raises(LabelError, match="orange"):
        compare_scores(tiny, "red", "orange")
    with pytest.raises(LabelError, match="3"):
        difference_map(tiny, 3, "red", (2, 1))


@pytest.mark.parametrize(("first", "second"), [(281, 285), (235, 285), (849, 0)])
def test_a_real_network_agrees_with_its_scores_probabilities_and_maps(lite0, sample, first, second):
    explanation = lite0.explain(sample("dog_and_cat"))
    difference = compare_scores(explanation, first, second)
    cells = explanation.class_map(first).astype(np.float64) - explanation.class_map(second)
    assert difference.mean == pytest.approx(cells.mean(), abs=1e-5)
    assert difference.mean + difference.bias == pytest.approx(difference.total, abs=1e-12)
    assert difference.total == pytest.approx(float(explanation.scores[first] - explanation.scores[second]), abs=1e-4)
    ratio = explanation.probabilities[first] / explanation.probabilities[second]
    assert math.exp(difference.total) == pytest.approx(ratio, rel=1e-4)


def test_the_enlarged_map_of_the_difference_is_the_enlargement_of_the_cells(lite0, sample):
    explanation = lite0.explain(sample("dog_and_cat"))
    height, width, _ = explanation.features.shape
    cells = explanation.class_map(281) - explanation.class_map(285)
    # An odd multiple has a pixel right at the centre of each cell.
    large = difference_map(explanation, 281, 285, (3 * width, 3 * height))
    np.testing.assert_allclose(large[1::3, 1::3], cells, atol=1e-4)


@pytest.mark.parametrize(
    ("mean", "bias", "decimals"),
    [
        (1.5, 0.25, 2),
        # 1.23 + 2.23 would be printed as 3.47.
        (1.234, 2.234, 3),
        # 1.004 + 2.004 as 3.008 is right in three places, but in two 1.00 + 2.00 = 3.01 is not.
        (1.004, 2.004, 3),
        (-1.004, -2.004, 3),
        # e to the 1.01 is 2.746, but to the 1.012 it is 2.751.
        (1.012, 0.0, 3),
        # Thirds never add up in the last place.
        (2 / 3, 2 / 3, 8),
    ],
)
def test_what_is_printed_adds_up_as_it_is_printed(mean, bias, decimals):
    assert choose_decimals(Difference(mean, bias, mean + bias)) == decimals


def test_sums_of_many_numbers_add_up_as_they_are_printed():
    numbers = np.random.default_rng(0).normal(0, 3, (500, 2)).tolist()
    wrong = []
    for mean, bias in numbers:
        decimals = choose_decimals(Difference(mean, bias, mean + bias))
        digits = [round(float(f"{value:.{decimals}f}") * 10**decimals) for value in (mean, bias, mean + bias)]
        wrong += [(mean, bias)] if digits[0] + digits[1] != digits[2] else []
    assert len(wrong) <= 1


@pytest.mark.parametrize(
    ("total", "times"), [(0.0, 1.0), (1.0, 2.7), (2.303, 10.0), (-1.0, 0.37), (7.0, 1100.0), (1000.0, math.inf)]
)
def test_the_ratio_of_probabilities_has_two_digits(total, times):
    assert probability_ratio(total) == times

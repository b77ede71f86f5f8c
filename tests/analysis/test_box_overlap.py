"""How much a guess catches: numbers by hand, and against a count of many small pixels."""

import numpy as np
import pytest

from cam.analysis.box_overlap import area_fraction, count_points, heat_fraction

ALL = (0.0, 0.0, 1.0, 1.0)
# What is below zero is no evidence; the rest adds up to 8.
HEATMAP = np.array([[1, 3], [-5, 4]], np.float32)


@pytest.mark.parametrize(
    ("box", "eighths"),
    [
        (ALL, 8),
        ((0.5, 0.0, 1.0, 1.0), 7),
        ((0.0, 0.5, 0.5, 1.0), 0),
        ((0.25, 0.0, 1.0, 1.0), 7.5),
        ((0.0, 0.0, 0.25, 0.25), 0.25),
        ((0.25, 0.25, 0.75, 0.75), 2),
    ],
)
def test_the_share_of_the_evidence_in_a_box_with_cut_pixels_by_their_area(box, eighths):
    assert heat_fraction(HEATMAP, box) == pytest.approx(eighths / 8, abs=1e-15)


def test_a_count_of_small_pixels_gives_the_same():
    heatmap = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    left, top, right, bottom = 3 / 80, 11 / 100, 62 / 80, 67 / 100
    small = np.kron(np.maximum(heatmap, 0), np.ones((20, 10)))
    expected = small[11:67, 3:62].sum() / small.sum()
    assert heat_fraction(heatmap, (left, top, right, bottom)) == pytest.approx(expected, rel=1e-6)


def test_the_parts_of_a_photo_catch_everything_together():
    heatmap = np.random.default_rng(2).normal(size=(7, 3))
    parts = [(0.0, 0.0, 0.3, 1.0), (0.3, 0.0, 1.0, 0.41), (0.3, 0.41, 1.0, 1.0)]
    assert sum(heat_fraction(heatmap, part) for part in parts) == pytest.approx(1, abs=1e-12)
    assert sum(area_fraction(part) for part in parts) == pytest.approx(1, abs=1e-12)


def test_of_even_evidence_a_box_catches_what_it_marks():
    box = (0.13, 0.2, 0.77, 0.9)
    assert heat_fraction(np.full((4, 9), 2.5), box) == pytest.approx(area_fraction(box), abs=1e-12)
    assert area_fraction(box) == pytest.approx(0.64 * 0.7, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_where_nothing_is_evidence_there_is_nothing_to_catch(value):
    assert heat_fraction(np.full((2, 2), value), ALL) is None


def test_the_heatmap_stays_as_it_is():
    heatmap = HEATMAP.copy()
    heat_fraction(heatmap, ALL)
    np.testing.assert_array_equal(heatmap, HEATMAP)


@pytest.mark.parametrize(
    "box",
    [(-0.1, 0, 1, 1), (0, 0, 1.1, 1), (0, 0.5, 1, 0.5), (0.6, 0, 0.4, 1), (0, 0, float("nan"), 1), (2, 2, 3, 3)],
)
def test_a_box_outside_the_photo_or_empty_is_refused(box):
    with pytest.raises(ValueError, match="a box .* inside 0..1 is needed"):
        heat_fraction(HEATMAP, box)
    with pytest.raises(ValueError, match="a box .* inside 0..1 is needed"):
        area_fraction(box)


@pytest.mark.parametrize(
    ("caught_share", "marked_share", "expected"), [(1, 1, 0), (0.624, 0.196, 42), (0, 0.3, -30), (0.9, 0, 90)]
)
def test_points_are_the_difference_of_the_whole_percents_on_screen(caught_share, marked_share, expected):
    assert count_points(caught_share, marked_share) == expected

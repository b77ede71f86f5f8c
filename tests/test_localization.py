"""Boxes on heatmaps drawn by hand."""

import numpy as np
import pytest
from PIL import Image

from cam.evaluation import metrics
from cam.localization import Box, boxes, describe_peak


def two_blobs() -> np.ndarray:
    """float32 (6, 8): a small blob that peaks at 10 and a large one that peaks at 4; the rest is 0.5."""
    heatmap = np.full((6, 8), 0.5, np.float32)
    heatmap[1:3, 1:3] = [[3, 10], [2, 1]]
    heatmap[2:6, 5:8] = 3
    heatmap[4, 6] = 4
    return heatmap


def test_two_blobs_give_two_boxes_with_the_strongest_first():
    # 20 % of 10 is 2, so the 1 in the small blob is left out but its row and column are held by the 2 and the 10.
    assert boxes(two_blobs()) == [Box(1, 1, 3, 3, 10.0), Box(5, 2, 8, 6, 4.0)]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.04, [Box(0, 0, 8, 6, 10.0)]),
        (0.1, [Box(1, 1, 3, 3, 10.0), Box(5, 2, 8, 6, 4.0)]),
        (0.3, [Box(1, 1, 3, 2, 10.0), Box(5, 2, 8, 6, 4.0)]),
        (0.4, [Box(2, 1, 3, 2, 10.0), Box(6, 4, 7, 5, 4.0)]),
        (0.5, [Box(2, 1, 3, 2, 10.0)]),
        (1.0, [Box(2, 1, 3, 2, 10.0)]),
    ],
)
def test_a_higher_threshold_gives_smaller_and_fewer_boxes(threshold, expected):
    assert boxes(two_blobs(), threshold) == expected


def test_the_order_is_by_peak_and_not_by_place_or_area():
    row = np.array([[3, 3, 3, 0, 5, 0, 4, 4]], np.float32)
    assert boxes(row) == [Box(4, 0, 5, 1, 5.0), Box(6, 0, 8, 1, 4.0), Box(0, 0, 3, 1, 3.0)]


def test_regions_of_equal_peak_stay_in_reading_order():
    row = np.array([[2, 0, 2, 0, 2]], np.float32)
    assert [box.left for box in boxes(row)] == [0, 2, 4]


def test_pixels_that_touch_at_a_corner_are_connected():
    assert boxes(np.array([[2, 0], [0, 1]], np.float32)) == [Box(0, 0, 2, 2, 2.0)]


def test_pixels_that_share_a_side_are_connected():
    assert boxes(np.array([[2, 0], [1, 1]], np.float32)) == [Box(0, 0, 2, 2, 2.0)]


def test_boxes_of_separate_regions_may_overlap():
    heatmap = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 2]], np.float32)
    assert boxes(heatmap) == [Box(2, 2, 3, 3, 2.0), Box(0, 0, 3, 3, 1.0)]


def test_a_box_unpacks_as_pillow_crops():
    left, top, right, bottom = boxes(two_blobs())[1]
    assert (left, top, right, bottom) == (5, 2, 8, 6)
    assert Image.fromarray(two_blobs()).crop(tuple(boxes(two_blobs())[1])).size == (3, 4)


def test_the_page_and_the_metrics_have_the_same_boxes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        heatmap = rng.random((12, 17)).astype(np.float32)
        found, _ = metrics.find_boxes(heatmap >= 0.8 * heatmap.max())
        assert sorted(map(tuple, found.tolist())) == sorted(tuple(box) for box in boxes(heatmap, 0.8))


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_where_nothing_is_above_zero_there_is_no_box(value):
    assert boxes(np.full((3, 4), value, np.float32)) == []


def test_negative_evidence_is_never_boxed():
    assert boxes(np.array([[-9, -9, 1, -9]], np.float32), 0.01) == [Box(2, 0, 3, 1, 1.0)]


def test_even_heat_is_one_box_of_the_whole_photo():
    assert boxes(np.full((3, 4), 0.7, np.float32), 1.0) == [Box(0, 0, 4, 3, pytest.approx(0.7))]


def test_one_pixel_is_a_box_of_one_pixel():
    assert boxes(np.array([[0.5]], np.float32)) == [Box(0, 0, 1, 1, 0.5)]


def test_boxes_hold_numbers_of_python():
    box = boxes(two_blobs())[0]
    assert [type(value) for value in (box.left, box.top, box.right, box.bottom)] == [int] * 4
    assert type(box.peak) is float


@pytest.mark.parametrize("threshold", [0.0, -0.2, 1.01, float("nan")])
def test_a_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold must be above 0 and at most 1, not {threshold}"):
        boxes(two_blobs(), threshold)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_heatmap_that_is_not_finite_is_refused(value):
    heatmap = two_blobs()
    heatmap[0, 0] = value
    with pytest.raises(ValueError, match="finite"):
        boxes(heatmap)


@pytest.mark.parametrize("shape", [(6,), (6, 8, 1)])
def test_a_heatmap_that_is_not_two_dimensional_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(height, width\)"):
        boxes(np.ones(shape, np.float32))


def test_the_heatmap_is_not_modified():
    heatmap = two_blobs()
    heatmap.flags.writeable = False
    boxes(heatmap)
    assert np.array_equal(heatmap, two_blobs())


@pytest.mark.parametrize(
    ("shape", "peak", "words"),
    [
        ((3, 3), (0, 0), "top left"),
        ((3, 3), (2, 1), "bottom centre"),
        ((7, 15), (2, 4), "middle left"),  # centres at 2.5 / 7 = 0.36 and 4.5 / 15 = 0.30
        ((7, 15), (1, 14), "top right"),
        ((1, 6), (0, 3), "middle centre"),
    ],
)
def test_the_peak_is_placed_by_the_centre_of_its_cell(shape, peak, words):
    class_map = np.zeros(shape, np.float32)
    class_map[peak] = 1.0
    assert describe_peak(class_map) == words

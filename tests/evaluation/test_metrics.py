"""Every metric on maps and boxes drawn by hand, where the answer is known on paper."""

from collections import deque

import numpy as np
import pytest
from scipy import stats

from cam.evaluation import metrics
from cam.evaluation.metrics import LEVELS, THRESHOLDS

WHOLE = np.array([[0, 0, 6, 4]], float)
BLOCK = np.array([[1, 1, 3, 3]], float)
PIXEL = np.array([[5, 0, 6, 1]], float)
HALF = 127  # the map's 0.5 in 8 bits: nothing of it is above this level


def block_and_pixel() -> np.ndarray:
    """float32 (4, 6): four pixels of 0.5 in a block, one of 1 in the corner, 0 elsewhere."""
    heatmap = np.zeros((4, 6), np.float32)
    heatmap[1:3, 1:3] = 0.5
    heatmap[0, 5] = 1.0
    return heatmap


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 2, 2), 1.0),
        ((1, 0, 3, 2), 1 / 3),  # 2 shared, 4 + 4 - 2 in all
        ((0, 0, 1, 1), 1 / 4),
        ((0, 0, 4, 4), 1 / 4),
        ((2, 0, 4, 2), 0.0),
        ((0.5, 0, 2, 2), 3 / 4),
        ((5, 5, 6, 6), 0.0),
        ((0, 0, 0, 0), 0.0),
    ],
)
def test_iou_is_the_shared_area_by_that_of_both(box, expected):
    assert metrics.iou(np.array([box]), np.array([[0, 0, 2, 2]])).item() == pytest.approx(expected)


def test_iou_of_several_boxes_has_a_row_for_each_and_a_column_for_each_true_one():
    found = metrics.iou([[0, 0, 2, 2], [1, 0, 3, 2]], [[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 4, 2]])
    np.testing.assert_allclose(found, [[1, 0, 1 / 2], [1 / 3, 1 / 3, 1 / 2]])


def test_pixels_that_touch_at_a_corner_are_one_component():
    boxes, largest = metrics.find_boxes(np.eye(3, dtype=bool))
    assert boxes.tolist() == [[0, 0, 3, 3]] and largest == 0


def test_the_largest_component_has_the_most_pixels_not_the_largest_box():
    diagonal_and_row = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 1, 1]], bool)
    boxes, largest = metrics.find_boxes(diagonal_and_row)
    assert boxes.tolist() == [[0, 0, 3, 3], [4, 2, 6, 4]] and largest == 1


def test_the_sweep_follows_the_largest_component_from_the_block_to_the_pixel():
    found = metrics.sweep(block_and_pixel(), BLOCK)
    assert found.boxes[:HALF].tolist() == [[1, 1, 3, 3]] * HALF
    assert found.boxes[HALF:].tolist() == [[5, 0, 6, 1]] * (LEVELS - HALF)
    assert found.largest.tolist() == [1.0] * HALF + [0.0] * (LEVELS - HALF)


@pytest.mark.parametrize(
    ("truth", "largest", "best"),
    [
        (BLOCK, (1, 0), (1, 0)),
        (PIXEL, (0, 1), (1, 1)),
        (np.concatenate([BLOCK, PIXEL]), (1, 1), (1, 1)),
        (WHOLE, (4 / 24, 1 / 24), (4 / 24, 1 / 24)),
    ],
)
def test_the_best_component_may_be_another_and_any_true_box_may_match(truth, largest, best):
    found = metrics.sweep(block_and_pixel(), truth)
    for reached, (low, high) in ((found.largest, largest), (found.best, best)):
        np.testing.assert_allclose(reached, [low] * HALF + [high] * (LEVELS - HALF), rtol=1e-6)


@pytest.mark.parametrize(
    "change", [lambda heat: 3 * heat - 7, lambda heat: heat / 1000, lambda heat: heat.astype(float)]
)
def test_the_sweep_scales_the_map_itself(change):
    expected, found = metrics.sweep(block_and_pixel(), PIXEL), metrics.sweep(change(block_and_pixel()), PIXEL)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.best, expected.best)


@pytest.mark.parametrize("value", [-2.0, 0.0, 5.0])
def test_even_heat_has_no_box_at_any_threshold(value):
    found = metrics.sweep(np.full((4, 6), value, np.float32), WHOLE)
    assert not found.boxes.any() and not found.largest.any() and not found.best.any()
    assert found.boxes.shape == (LEVELS, 4)


def test_the_sweep_refuses_a_map_that_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        metrics.sweep(np.array([[np.nan, 1.0]]), WHOLE)


def test_the_sweep_leaves_the_map_alone():
    heatmap = block_and_pixel()
    heatmap.flags.writeable = False
    metrics.sweep(heatmap, BLOCK)


def flooded(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """The components of a mask, pixel by pixel."""
    left, found = set(zip(*map(list, np.nonzero(mask)), strict=True)), []
    while left:
        queue, here = deque([left.pop()]), []
        while queue:
            y, x = queue.popleft()
            here.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            queue.extend(near)
        found.append(here)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_sweep_is_what_the_papers_thousand_thresholds_give(seed):
    """The published recipe step by step: t = 0, 0.001, ..., a map of 8 bits, pixels above int(255 t)."""
    heatmap = np.random.default_rng(seed).normal(size=(9, 7)).astype(np.float32)
    truth = np.array([[1, 1, 6, 5], [0, 4, 3, 9]], float)
    found = metrics.sweep(heatmap, truth)
    scaled = (heatmap.astype(float) - heatmap.min()) / (heatmap.max() - float(heatmap.min()))
    image = (scaled * 255).astype(np.uint8)
    for t in np.arange(0, 1, 0.001)[::7]:
        level = int(t * 255)
        regions = flooded(image > level)
        boxes = [(min(x), min(y), max(x) + 1, max(y) + 1) for y, x in (zip(*region, strict=True) for region in regions)]
        fits = metrics.iou(np.array(boxes, float), truth).max(axis=1)
        sizes = [len(region) for region in regions]
        assert found.best[level] == pytest.approx(fits.max())
        assert found.largest[level] in [np.float32(fits[i]) for i in range(len(fits)) if sizes[i] == max(sizes)]


def test_all_of_the_papers_thresholds_are_among_the_levels():
    assert {int(t * 255) for t in np.arange(0, 1, 0.001)} == set(range(LEVELS))
    assert THRESHOLDS[0] == 0 and THRESHOLDS[51] == pytest.approx(0.2)


@pytest.mark.parametrize("size", [(10, 10), (40, 20), (21, 33)])
def test_the_centre_box_is_in_the_middle_at_every_threshold_and_of_the_photos_shape(size):
    boxes = metrics.sweep(metrics.center_heat(size), np.array([[0, 0, *size]])).boxes
    np.testing.assert_array_equal(boxes[:, 0] + boxes[:, 2], np.full(LEVELS, size[0]))
    np.testing.assert_array_equal(boxes[:, 1] + boxes[:, 3], np.full(LEVELS, size[1]))
    assert boxes[0].tolist() == [0, 0, *size]
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert np.abs(widths / size[0] - heights / size[1]).max() <= 2 / min(size)
    assert (np.diff(widths) <= 0).all() and widths[-1] <= 2


def test_the_centre_box_finds_what_is_in_the_middle_and_not_what_is_in_the_corner():
    heatmap = metrics.center_heat((40, 40))
    assert metrics.sweep(heatmap, np.array([[10, 10, 30, 30]])).largest.max() == 1
    # Half the side is the best for a corner's quarter: of all centred boxes, the whole photo has the highest IoU.
    assert metrics.sweep(heatmap, np.array([[0, 0, 20, 20]])).largest.max() == pytest.approx(0.25)


def test_max_box_acc_takes_the_threshold_that_is_best_for_the_whole_set():
    reached = np.array([[0.6, 0.6, 0.1], [0.4, 0.5, 0.6]], np.float32)
    assert metrics.value(metrics.hits(reached, (0.5,))) == 1.0
    assert metrics.value(metrics.hits(reached[:, ::2], (0.5,))) == 0.5  # each photo has its own, the set has none


def test_max_box_acc_v2_is_the_mean_over_three_levels_of_iou():
    reached = np.array([[0.35, 0.6], [0.72, 0.2]], np.float32)
    # 0.3: both at the first threshold; 0.5: one at either; 0.7: one at the first.
    assert metrics.value(metrics.hits(reached)) == pytest.approx((1 + 0.5 + 0.5) / 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_iou_of_exactly_the_level_is_a_hit(dtype):
    reached = np.array([[3 / 10, 5 / 10, 7 / 10]], dtype)
    assert metrics.hits(reached).tolist() == [[[1, 1, 1]], [[0, 1, 1]], [[0, 0, 1]]]


def test_the_box_at_twenty_percent_holds_the_largest_region_not_the_strongest():
    heatmap = np.full((6, 8), 0.5, np.float32)
    heatmap[0, 0] = 10
    heatmap[2:6, 5:8] = 2  # exactly 20 %
    assert metrics.box_at_share(heatmap).tolist() == [5, 2, 8, 6]
    assert metrics.box_at_share(heatmap, 0.21).tolist() == [0, 0, 1, 1]


def test_where_nothing_is_above_zero_the_box_is_empty():
    assert metrics.box_at_share(np.full((3, 3), -1.0)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("k", "missed"),
    [(1, [0, 1, 1, 1, 1]), (5, [0, 1, 0, 1, 1]), (None, [0, 1, 0, 0, 1])],
)
def test_the_localization_error_asks_for_the_class_and_the_box(k, missed):
    fit, rank = np.array([0.5, 0.49, 0.9, 0.9, 0.0]), np.array([1, 1, 5, 6, 7])
    assert metrics.localization_error(fit, rank, k).tolist() == missed


@pytest.mark.parametrize(
    ("point", "hit"),
    [
        ((100, 100), True),
        ((119, 139), True),  # the last pixel inside
        ((134, 120), True),  # 15 right of it
        ((135, 120), False),
        ((85, 120), True),
        ((84, 120), False),
        ((91, 88), True),  # 9 and 12: 15 away over the corner
        ((90, 88), False),
        ((150, 300), False),
        ((310, 300), True),  # near the second box
    ],
)
def test_a_point_is_a_hit_inside_a_box_or_within_fifteen_pixels_of_one(point, hit):
    assert metrics.pointing(point, np.array([[100, 100, 120, 140], [300, 300, 301, 301]], float)) is hit


def test_without_tolerance_the_point_must_be_inside():
    box = np.array([[2, 2, 4, 4]], float)
    assert metrics.pointing((3, 3), box, tolerance=0) and not metrics.pointing((4, 3), box, tolerance=0)


def test_the_peak_is_the_first_of_the_highest_pixels():
    assert metrics.peak(np.array([[0, 1, 5], [5, 2, 0]])) == (2, 0)


def test_the_weighted_photo_is_each_pixel_times_its_share_of_the_heat():
    pixels = np.array([[[200, 100, 50], [200, 100, 50]], [[200, 100, 50], [255, 255, 255]]], np.uint8)
    found = metrics.weighted_photo(pixels, np.array([[4.0, 1.0], [-3.0, 2.0]]))
    assert found.tolist() == [[[200, 100, 50], [50, 25, 12]], [[0, 0, 0], [128, 128, 128]]]
    assert found.dtype == np.uint8


def test_without_heat_the_weighted_photo_is_black():
    assert not metrics.weighted_photo(np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2))).any()


def test_the_drop_is_a_share_of_the_probability_and_never_negative():
    np.testing.assert_allclose(metrics.drop([0.8, 0.5, 0.2, 0.4], [0.2, 0.5, 0.9, 0.0]), [0.75, 0, 0, 1])


def test_only_a_higher_probability_is_an_increase():
    assert metrics.increase([0.8, 0.5, 0.2], [0.2, 0.5, 0.9]).tolist() == [0, 0, 1]


def test_the_value_of_one_number_a_photo_is_their_mean():
    assert metrics.value(np.array([0.0, 1.0, 1.0, 0.2])) == pytest.approx(0.55)


def test_the_interval_of_what_never_varies_is_a_point():
    assert metrics.interval(np.full(20, 0.25)) == (0.25, 0.25)


def test_the_best_threshold_is_chosen_anew_for_every_draw():
    """Two photos that need different thresholds: drawn both, half are found; one of them twice, all."""
    measure = np.array([[[1, 0], [0, 1]]], np.float32)
    assert metrics.value(measure) == 0.5
    assert metrics.interval(measure) == (0.5, 1.0)


def test_the_interval_is_that_of_scipys_bootstrap():
    sample = np.random.default_rng(1).random(80) ** 2
    expected = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=9999, rng=2).confidence_interval
    np.testing.assert_allclose(metrics.interval(sample), expected, atol=0.006)


def test_about_as_many_intervals_as_they_say_hold_the_true_share():
    random = np.random.default_rng(3)
    samples = [(random.random(100) < 0.7).astype(float) for _ in range(100)]
    held = [low <= 0.7 <= high for low, high in (metrics.interval(sample, resamples=200) for sample in samples)]
    assert 0.88 <= np.mean(held) <= 0.99


def test_the_same_photos_are_drawn_for_every_measure():
    sample = np.random.default_rng(4).integers(0, 2, 50).astype(float)
    low, high = metrics.interval(sample)
    assert metrics.interval(1 - sample) == pytest.approx((1 - high, 1 - low))
    assert metrics.interval(sample) == (low, high)
    assert metrics.interval(np.repeat(sample[np.newaxis, :, np.newaxis], 3, axis=2)) == pytest.approx((low, high))


def test_another_seed_draws_others():
    sample = np.random.default_rng(5).random(30)
    assert metrics.interval(sample, seed=1) != metrics.interval(sample, seed=2)

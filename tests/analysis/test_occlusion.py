"""Hiding regions and the curves, on images whose numbers can be worked out by hand."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from cam.analysis.occlusion import (
    BLUR,
    BLUR_RADIUS,
    FILLS,
    GREY,
    MEAN_COLOUR,
    box_mask,
    cover,
    curve_area,
    deletion,
    hottest,
    insertion,
    random_heat,
    random_mask,
)

HEAT = np.array([[3.0, -1.0, 2.0], [0.0, 5.0, 2.0]], np.float32)


def image_of(rows: list) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


@pytest.fixture
def photo(noise_photo) -> Image.Image:
    return noise_photo(40, 30)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, [[0, 0, 0], [0, 0, 0]]),
        (1 / 6, [[0, 0, 0], [0, 1, 0]]),
        (0.4, [[1, 0, 0], [0, 1, 0]]),  # 2.4 pixels are 2
        (0.5, [[1, 0, 1], [0, 1, 0]]),  # of the two 2s, the first one read
        (5 / 6, [[1, 0, 1], [1, 1, 1]]),  # values below zero come last
        (1.0, [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_the_hottest_pixels_are_taken_in_falling_order(share, expected):
    np.testing.assert_array_equal(hottest(HEAT, share), np.array(expected, bool))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.777, 1.0])
@pytest.mark.parametrize("heatmap", [np.zeros((37, 23)), -np.ones((37, 23)), np.arange(851.0).reshape(37, 23)])
def test_as_many_pixels_as_the_share_says_whatever_the_heat(heatmap, share):
    assert hottest(heatmap, share).sum() == round(share * 37 * 23)


def test_hottest_leaves_the_heatmap_alone():
    before = HEAT.copy()
    hottest(HEAT, 0.5)
    np.testing.assert_array_equal(HEAT, before)


@pytest.mark.parametrize("heatmap", [np.zeros(4), np.array([[1.0, np.nan]]), np.array([[np.inf]])])
def test_a_heatmap_that_has_no_order_is_refused(heatmap):
    with pytest.raises(ValueError, match="a finite heatmap"):
        hottest(heatmap, 0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        hottest(HEAT, share)


def test_the_random_heat_has_one_value_a_cell_and_each_value_once():
    heat = random_heat((6, 4), (2, 3), seed=0)
    blocks = heat.reshape(2, 2, 3, 2)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    assert sorted(blocks[:, 0, :, 0].ravel()) == [0, 1, 2, 3, 4, 5]


def test_the_random_mask_takes_whole_cells_and_cuts_only_the_last():
    mask = random_mask((6, 4), (2, 3), 10 / 24, seed=3)  # 10 of 24 pixels: two cells of 4 and half of a third
    counts = mask.reshape(2, 2, 3, 2).sum(axis=(1, 3))
    assert sorted(counts.ravel()) == [0, 0, 0, 2, 4, 4]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 17 / 851])
def test_random_and_hottest_take_the_same_number_of_pixels(share):
    heatmap = np.random.default_rng(1).normal(size=(37, 23))
    for seed in range(5):
        assert random_mask((23, 37), (5, 3), share, seed).sum() == hottest(heatmap, share).sum()


def test_the_seed_decides_the_random_mask():
    masks = [random_mask((60, 40), (4, 6), 0.2, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0.0, 0.0, 1.0, 1.0), (0, 4), (0, 10)),
        ((0.2, 0.25, 0.5, 0.75), (1, 3), (2, 5)),
        ((0.52, 0.5, 0.53, 0.51), (2, 3), (5, 6)),  # thinner than a pixel
        ((0.99, 0.99, 1.0, 1.0), (3, 4), (9, 10)),
    ],
)
def test_a_box_in_shares_is_a_rectangle_of_pixels(box, rows, columns):
    expected = np.zeros((4, 10), bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(box_mask((10, 4), box), expected)


def test_grey_is_127():
    image = image_of([[[0, 10, 20], [250, 251, 252]]])
    covered = cover(image, np.array([[True, False]]), GREY)
    np.testing.assert_array_equal(covered, [[[127, 127, 127], [250, 251, 252]]])


def test_the_mean_colour_is_that_of_the_whole_image_rounded():
    image = image_of([[[0, 10, 1], [200, 20, 2], [100, 90, 3], [100, 0, 1]]])
    covered = cover(image, np.array([[False, True, True, False]]), MEAN_COLOUR)
    # 400 / 4, 120 / 4 and 7 / 4 = 1.75
    np.testing.assert_array_equal(covered, [[[0, 10, 1], [100, 30, 2], [100, 30, 2], [100, 0, 1]]])


def test_the_blur_is_a_gaussian_of_a_twentieth_of_the_side():
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[:, 100:] = 200
    covered = np.asarray(cover(Image.fromarray(pixels), np.ones((200, 200), bool), BLUR), float)
    expected = ndimage.gaussian_filter1d(pixels[0, :, 0].astype(float), BLUR_RADIUS * 200, mode="nearest")
    assert BLUR_RADIUS * 200 == 10
    # Pillow's Gaussian is three box filters.
    assert np.abs(covered - expected[:, np.newaxis]).max() <= 3


def test_the_blur_shows_only_through_the_mask(photo):
    mask = hottest(np.random.default_rng(0).normal(size=(30, 40)), 0.3)
    everything = np.asarray(cover(photo, np.ones_like(mask), BLUR))
    covered = np.asarray(cover(photo, mask, BLUR))
    np.testing.assert_array_equal(covered[mask], everything[mask])
    np.testing.assert_array_equal(covered[~mask], np.asarray(photo)[~mask])


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.name)
def test_covering_nothing_gives_the_image_and_never_edits_it(photo, fill):
    before = photo.tobytes()
    untouched = cover(photo, np.zeros((30, 40), bool), fill)
    assert (untouched.mode, untouched.tobytes()) == ("RGB", before)
    assert cover(photo, np.ones((30, 40), bool), fill).tobytes() != before
    assert photo.tobytes() == before


@pytest.mark.parametrize("mask", [np.zeros((40, 30), bool), np.zeros((30, 40), np.uint8), np.zeros((30, 40, 1), bool)])
def test_a_mask_that_does_not_fit_is_refused(photo, mask):
    with pytest.raises(ValueError, match=r"a bool mask \(30, 40\) is needed"):
        cover(photo, mask, GREY)


def corner(image: Image.Image) -> float:
    """A network that looks at the top left pixel alone, 0 to 1."""
    return float(np.asarray(image)[0, 0, 0]) / 255


# The score of grey and the heat that has the top left pixel in the second place of four.
DIM = 127 / 255
SECOND = np.array([[3.0, 4.0], [1.0, 2.0]])


def test_deletion_falls_where_the_pixel_that_counts_is_hidden():
    white = image_of([[[255] * 3] * 2] * 2)
    assert list(deletion(corner, white, SECOND, steps=4)) == pytest.approx([1, 1, DIM, DIM, DIM])


def test_insertion_rises_where_the_pixel_that_counts_is_shown():
    white = image_of([[[255] * 3] * 2] * 2)
    assert list(insertion(corner, white, SECOND, steps=4, fill=GREY)) == pytest.approx([DIM, DIM, 1, 1, 1])


def test_insertion_starts_from_the_blurred_image_and_ends_with_the_sharp_one(photo):
    seen = []
    list(insertion(lambda image: seen.append(image.tobytes()) or 0.0, photo, np.zeros((30, 40)), steps=2))
    assert seen[0] == cover(photo, np.ones((30, 40), bool), BLUR).tobytes()
    assert seen[2] == photo.tobytes()


def test_a_curve_is_walked_step_by_step_and_can_be_left(photo):
    calls = []
    curve = deletion(lambda image: calls.append(image) or 0.5, photo, np.zeros((30, 40)), steps=20)
    assert calls == []
    assert [next(curve), next(curve)] == [0.5, 0.5]
    assert len(calls) == 2
    assert len(list(curve)) == 19


def test_each_step_hides_its_share_of_the_pixels():
    black = Image.new("RGB", (7, 9))
    curve = deletion(lambda image: np.asarray(image)[..., 0].astype(bool).sum(), black, np.zeros((9, 7)), steps=20)
    assert list(curve) == [round(step * 63 / 20) for step in range(21)]


@pytest.mark.parametrize(
    ("scores", "area"),
    [
        ([1, 0], 0.5),
        ([1, 1, 0.5, 0.5, 0.5], (1 + 0.75 + 0.5 + 0.5) / 4),
        ([0.3, 0.3, 0.3], 0.3),
        ([0, 0, 1], 0.25),
    ],
)
def test_the_area_is_that_of_the_trapezoids(scores, area):
    assert curve_area(scores) == pytest.approx(area)

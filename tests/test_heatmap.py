"""Enlarging by hand."""

import numpy as np
import pytest
from scipy import ndimage

from cam.heatmap import cell_centres, photo_extent, resize_map


def test_one_row_is_enlarged_between_the_centres_of_its_cells():
    # Pixel centres at 1/4, 3/4, 5/4 and 7/4 of a cell; the cells' own are at 1/2 and 3/2.
    np.testing.assert_allclose(resize_map(np.array([[0.0, 4.0]]), (4, 1)), [[0, 1, 3, 4]], atol=1e-6)


def test_a_column_is_enlarged_downwards():
    np.testing.assert_allclose(resize_map(np.array([[0.0], [4.0]]), (1, 4)), [[0], [1], [3], [4]], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "input_size", "cell_stride", "span"),
    [
        ((7, 16), (512, 224), None, (0, 0, 16, 7)),
        ((7, 16), (512, 224), (32, 32), (0, 0, 16, 7)),  # padded: as many cells as strides
        ((5, 14, 2048), (512, 224), (32, 32), (-1, -1, 15, 6)),  # 16 x 7 strides, two fewer cells each way
        ((8, 8), (299, 299), (32, 32), (-0.671875, -0.671875, 8.671875, 8.671875)),  # 9.34375 strides, as Inception
        ((2, 2), (45, 45), (32, 32), (0.296875, 0.296875, 1.703125, 1.703125)),  # 1.40625 strides, rounded up
        ((4, 10), (60, 40), (8, 6), (0, -0.5, 10, 4.5)),  # the cell_stride is (down, across)
    ],
)
def test_the_grid_is_centred_in_the_photo(shape, input_size, cell_stride, span):
    assert photo_extent(shape, input_size, cell_stride) == span


def test_the_centres_of_cells_as_shares_of_the_photo():
    np.testing.assert_allclose(cell_centres(2, 0, 2), [1 / 4, 3 / 4])
    np.testing.assert_allclose(cell_centres(2, -1, 3), [3 / 8, 5 / 8])
    np.testing.assert_allclose(cell_centres(3, 0.5, 2.5), [0, 1 / 2, 1])


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((-1, 0, 3, 1), [0, 0, 0, 1, 3, 4, 4, 4]),  # pixel centres at -3/4, -1/4, ...; the cells' own at 1/2 and 3/2
        ((-0.5, 0, 2.5, 1), [0, 0, 1, 3, 4, 4]),
        ((-0.5, 0, 2, 1), [0, 0, 1, 3, 4]),
        ((0.5, 0, 1.5, 1), [0.5, 1.5, 2.5, 3.5]),  # within the map it goes on beyond the picture
        ((0, 0, 2, 1), [0, 1, 3, 4]),
    ],
)
def test_a_span_says_where_the_picture_ends_in_the_map(span, expected):
    row, count = np.array([[0.0, 4.0]]), len(expected)
    np.testing.assert_allclose(resize_map(row, (count, 1), span), [expected], atol=1e-6)
    left, top, right, bottom = span
    turned = resize_map(row.T, (1, count), (top, left, bottom, right))
    np.testing.assert_allclose(turned[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("span", [(-1.0, -0.7, 6.2, 4.6), (0.3, 0.1, 4.9, 3.9), (-2.4, 0.2, 4.0, 6.0), (0, 0, 5, 4)])
def test_a_map_with_a_span_is_linear_between_its_centres_and_level_beyond(span):
    cells = np.random.default_rng(5).normal(size=(4, 5))
    width, height = 61, 47
    across = np.interp((np.arange(width) + 0.5) / width, cell_centres(5, span[0], span[2]), np.arange(5))
    down = np.interp((np.arange(height) + 0.5) / height, cell_centres(4, span[1], span[3]), np.arange(4))
    expected = ndimage.map_coordinates(cells, np.meshgrid(down, across, indexing="ij"), order=1)
    before = cells.copy()
    np.testing.assert_allclose(resize_map(cells, (width, height), span), expected, atol=1e-5)
    np.testing.assert_array_equal(cells, before)

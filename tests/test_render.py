"""Scaling, colouring, blending and drawing by hand."""

import numpy as np
import pytest
from PIL import Image

from cam.localization import Box
from cam.render import COLORMAPS, draw_boxes, heat_layer, normalize_heat, overlay, palette

NAMES = [row.name for row in COLORMAPS]


def test_normalizing_drops_what_is_against_and_scales_the_maximum_to_one():
    heat = normalize_heat(np.array([[-2, 0, 1], [2, 3, 4]], np.float32))
    assert heat.dtype == np.float32
    assert heat.tolist() == [[0, 0, 0.25], [0.5, 0.75, 1]]


@pytest.mark.parametrize(("value", "expected"), [(-3.0, 0.0), (0.0, 0.0), (5.0, 1.0), (1e-38, 1.0), (3e38, 1.0)])
def test_an_even_heatmap_normalizes_to_all_of_nothing_or_of_everything(value, expected):
    assert normalize_heat(np.full((2, 2), value, np.float32)).tolist() == [[expected] * 2] * 2


def test_normalizing_does_not_modify_its_input():
    heatmap = np.array([[-2.0, 4.0]], np.float32)
    normalize_heat(heatmap)
    assert heatmap.tolist() == [[-2, 4]]


@pytest.mark.parametrize("heatmap", [np.array([[0, np.nan]]), np.array([[np.inf, 0]]), np.ones(4), np.ones((2, 2, 1))])
def test_normalizing_refuses_what_is_no_finite_heatmap(heatmap):
    with pytest.raises(ValueError, match="finite heatmap"):
        normalize_heat(heatmap)


@pytest.mark.parametrize("name", NAMES)
def test_the_heat_layer_runs_from_the_first_to_the_last_colour(name):
    layer = heat_layer(np.array([[-7.0, 0.0, 1.0, 2.0]], np.float32), name)
    colours = np.asarray(layer.convert("RGB"))[0]
    # 1 is half the maximum: 127.5 rounds to step 128.
    assert np.array_equal(colours, palette(name)[[0, 0, 128, 255]])


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_a_heat_layer_without_evidence_is_all_of_the_first_colour(value):
    layer = np.asarray(heat_layer(np.full((2, 3), value, np.float32), "viridis").convert("RGB"))
    assert np.array_equal(layer, np.broadcast_to(palette("viridis")[0], (2, 3, 3)))


def photo() -> Image.Image:
    return Image.fromarray(np.array([[[10, 20, 30], [200, 100, 50]]], np.uint8))


HEATMAP = np.array([[-1.0, 3.0]], np.float32)


def test_opacity_0_is_exactly_the_photo():
    assert np.array_equal(overlay(photo(), HEATMAP, opacity=0), photo())


@pytest.mark.parametrize("name", NAMES)
def test_opacity_1_is_exactly_the_colours(name):
    picture = np.asarray(overlay(photo(), HEATMAP, colormap=name, opacity=1))
    assert np.array_equal(picture[0], palette(name)[[0, 255]])


def test_opacity_a_half_is_the_average_of_photo_and_colours():
    # Viridis: (68, 1, 84) and (253, 231, 36), each within 1.
    picture = np.asarray(overlay(photo(), HEATMAP, colormap="viridis", opacity=0.5)).astype(int)
    np.testing.assert_allclose(picture[0], [[39, 10.5, 57], [226.5, 165.5, 43]], rtol=0, atol=1)


def test_opacity_a_quarter_leaves_three_quarters_of_the_photo():
    picture = np.asarray(overlay(photo(), HEATMAP, colormap="viridis", opacity=0.25)).astype(int)
    np.testing.assert_allclose(picture[0, 1], [213.25, 132.75, 46.5], rtol=0, atol=1)


def test_a_grey_photo_is_overlaid_in_colour():
    picture = overlay(photo().convert("L"), HEATMAP, opacity=0)
    # Grey by BT.601: 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15.
    assert picture.mode == "RGB"
    assert picture.getpixel((0, 0)) == (18, 18, 18)


def test_overlaying_modifies_neither_photo_nor_heatmap():
    image, heatmap = photo(), HEATMAP.copy()
    overlay(image, heatmap)
    assert np.array_equal(image, photo())
    assert np.array_equal(heatmap, HEATMAP)


@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (2,), (1, 2, 1)])
def test_a_heatmap_of_another_size_is_refused_with_both_sizes(shape):
    with pytest.raises(ValueError, match=r"\(height, width\) = \(1, 2\)"):
        overlay(photo(), np.ones(shape, np.float32))


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_opacity_outside_its_range_is_refused(opacity):
    with pytest.raises(ValueError, match=f"opacity must be between 0 and 1, not {opacity}"):
        overlay(photo(), HEATMAP, opacity=opacity)


def test_overlaying_refuses_an_unknown_colour_scale():
    with pytest.raises(ValueError, match="'rainbow'"):
        overlay(photo(), HEATMAP, colormap="rainbow")


@pytest.mark.parametrize(("side", "line"), [(40, 1), (640, 2)])
def test_a_box_is_a_white_line_between_black_ones_inside_its_rectangle(side, line):
    drawn = np.asarray(draw_boxes(Image.new("RGB", (side, side), "red"), [Box(10, 12, 30, 36, 1.0)]))
    expected = np.full((side, side, 3), (255, 0, 0), np.uint8)
    for ring, colour in enumerate([(0, 0, 0), (255, 255, 255), (0, 0, 0), (255, 0, 0)]):
        inset = ring * line
        expected[12 + inset : 36 - inset, 10 + inset : 30 - inset] = colour
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize("side", range(1, 8))
def test_a_small_box_is_not_drawn_outside_its_rectangle(side):
    drawn = np.asarray(draw_boxes(Image.new("RGB", (40, 30), "red"), [Box(10, 12, 10 + side, 12 + side, 1.0)]))
    painted = (drawn != (255, 0, 0)).any(axis=2)
    assert painted[12, 10]
    painted[12 : 12 + side, 10 : 10 + side] = False
    assert not painted.any()


def test_every_box_is_drawn():
    drawn = draw_boxes(Image.new("RGB", (40, 30), "red"), [Box(0, 0, 8, 8, 2.0), Box(30, 20, 40, 30, 1.0)])
    assert [drawn.getpixel(xy) for xy in ((0, 0), (7, 7), (30, 20), (39, 29))] == [(0, 0, 0)] * 4
    assert drawn.getpixel((20, 15)) == (255, 0, 0)


def test_drawing_boxes_leaves_the_picture_itself_unmodified():
    image = Image.new("RGB", (40, 30), "red")
    draw_boxes(image, [Box(0, 0, 40, 30, 1.0)])
    assert image.getcolors() == [(1200, (255, 0, 0))]

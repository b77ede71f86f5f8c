"""How the heat is drawn: colours, opacity, boxes, and a map that has nothing to show."""

import numpy as np
import pytest
from support.app_page import DOG, NAMES, decoded, engine, file_of, heat_pixels, open_page, picture, upload, works

from cam import localization
from cam.app.widgets.sample_gallery import DEFAULT
from cam.render import COLORMAPS, heat_layer, palette

# The cup of coffee has classes for which no cell at all is evidence.
BARREN = "espresso"


@pytest.fixture(scope="module")
def barren_class() -> int:
    explanation = engine(BARREN)
    maxima = (explanation.features @ explanation.weight).max(axis=(0, 1))
    index = int(maxima.argmin())
    assert maxima[index] < 0
    return index


@pytest.mark.parametrize("colormap", [row.name for row in COLORMAPS])
def test_each_colour_scale_draws_the_same_map_in_its_colours(colormap):
    at = open_page()
    at.selectbox(key="colors").set_value(colormap).run()
    pixels = heat_pixels(at)
    height, width, _ = pixels.shape
    heatmap = engine(DEFAULT).heatmap(285, size=(width, height))
    np.testing.assert_array_equal(pixels, np.asarray(heat_layer(heatmap, colormap).convert("RGB")))
    np.testing.assert_array_equal(pixels[np.unravel_index(heatmap.argmax(), heatmap.shape)], palette(colormap)[255])


@pytest.mark.parametrize("colormap", [row.name for row in COLORMAPS])
def test_the_bar_runs_through_the_colours_of_the_scale_from_end_to_end(colormap):
    at = open_page()
    at.selectbox(key="colors").set_value(colormap).run()
    colors = [[int(part) for part in text[4:-1].split()] for text in picture(at, "heat")["bar"]["colors"]]
    assert colors[0] == palette(colormap)[0].tolist()
    assert np.abs(np.subtract(colors[-1], palette(colormap)[255].astype(int))).max() <= 24
    assert all(color in palette(colormap).tolist() for color in colors)


def test_the_bar_says_the_maximum_of_the_map_in_units_of_the_score():
    at = open_page()
    height, width, _ = heat_pixels(at).shape
    maximum = engine(DEFAULT).heatmap(285, size=(width, height)).max()
    assert f"({maximum:.1f})" in picture(at, "heat")["bar"]["high"]


@pytest.mark.parametrize("opacity", [0, 35, 100])
def test_the_opacity_goes_to_the_browser_and_leaves_the_heat_as_it_is(opacity):
    at = open_page()
    before = picture(at, "heat")
    at.slider(key="opacity").set_value(opacity).run()
    assert picture(at, "heat") == {**before, "opacity": opacity}


def test_there_are_no_boxes_and_no_threshold_until_they_are_wanted():
    at = open_page()
    assert picture(at, "heat")["boxes"] == []
    assert at.slider(key="threshold").disabled
    at.toggle(key="box").set_value(True).run()
    assert picture(at, "heat")["boxes"]
    assert not at.slider(key="threshold").disabled


@pytest.mark.parametrize("threshold", [5, 20, 60, 95])
def test_boxes_are_those_of_the_map_as_shares_of_the_picture(threshold):
    at = open_page(box="true")
    at.slider(key="threshold").set_value(threshold).run()
    height, width, _ = heat_pixels(at).shape
    expected = localization.boxes(engine(DEFAULT).heatmap(285, size=(width, height)), threshold / 100)
    drawn = np.multiply(picture(at, "heat")["boxes"], [width, height, width, height])
    np.testing.assert_allclose(drawn, [[b.left, b.top, b.right, b.bottom] for b in expected], atol=1e-9)
    assert len(drawn) >= 1


def test_a_box_encloses_every_pixel_that_reaches_the_threshold_and_touches_one_on_each_side():
    at = open_page(photo="red_panda", box="true")
    at.slider(key="threshold").set_value(50).run()
    height, width, _ = heat_pixels(at).shape
    layer = np.asarray(decoded(picture(at, "heat")["heat"]))
    boxes = np.rint(np.multiply(picture(at, "heat")["boxes"], [width, height, width, height])).astype(int)
    covered = np.zeros_like(layer, bool)
    for left, top, right, bottom in boxes:
        covered[top:bottom, left:right] = True
        inside = layer[top:bottom, left:right] >= 127
        assert inside.any(axis=1)[[0, -1]].all() and inside.any(axis=0)[[0, -1]].all()
    assert covered[layer >= 129].all()


def test_the_words_for_the_heat_say_the_class_and_in_which_third_its_strongest_cell_lies():
    at = open_page()
    at.radio(key="row").set_value(DOG).run()
    cells = engine(DEFAULT).class_map(DOG)
    row, column = np.unravel_index(cells.argmax(), cells.shape)
    down = ("top", "middle", "bottom")[int(3 * (row + 0.5) / cells.shape[0])]
    across = ("left", "centre", "right")[int(3 * (column + 0.5) / cells.shape[1])]
    said = picture(at, "heat")["alt"]
    assert NAMES[DOG] in said
    assert said.endswith(f"at the {down} {across}.")


def test_the_only_row_of_a_panorama_is_called_its_middle(noise_photo):
    data = file_of(noise_photo(1600, 20))
    assert engine(data).features.shape[0] == 1
    assert "at the middle" in picture(upload(open_page(), data), "heat")["alt"]


def test_the_words_for_the_heat_count_the_boxes():
    heat = picture(open_page(photo="crab", box="true", **{"class": "tabby"}), "heat")
    assert len(heat["boxes"]) > 1
    assert f" {len(heat['boxes'])} boxes drawn." in heat["alt"]


def test_one_box_is_not_called_boxes():
    at = open_page(photo="red_panda", box="true")
    assert len(picture(at, "heat")["boxes"]) == 1
    assert "1 boxes" not in picture(at, "heat")["alt"]


def test_a_map_without_evidence_is_calm_says_so_and_has_no_boxes(barren_class):
    at = open_page(photo=BARREN, box="true", **{"class": NAMES[barren_class]})
    heat = picture(at, "heat")
    assert works(at) and not at.error
    assert np.asarray(decoded(heat["heat"])).max() == 0
    assert (heat["bar"]["high"], heat["boxes"]) == ("none here", [])
    assert heat["alt"].startswith("Nothing") and NAMES[barren_class] in heat["alt"]


def test_a_class_with_a_trace_of_evidence_is_not_called_barren():
    explanation = engine(BARREN)
    maxima = (explanation.features @ explanation.weight).max(axis=(0, 1))
    faint = int(np.where(maxima > 0, maxima, np.inf).argmin())
    heat = picture(open_page(photo=BARREN, **{"class": NAMES[faint]}), "heat")
    assert np.asarray(decoded(heat["heat"])).max() == 255
    assert heat["bar"]["high"] != "none here" and not heat["alt"].startswith("Nothing")

"""The contact sheet: where photos, boxes, headings and captions stand."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from cam.evaluation.contact_sheet import FOUND, TRUTH, Case, draw_case, draw_contact_sheet


def case(size=(120, 120), truth=((30, 30, 90, 90),), box=(0, 0, 60, 60), caption=("tabby", "IoU 0.14")) -> Case:
    return Case(Image.new("RGB", size, (40, 40, 40)), np.zeros(size[::-1], np.float32), truth, box, caption)


def drawn(one: Case):
    """The axes that a case is drawn on: a figure of 240 pixels, all of it."""
    drawing = Figure(figsize=(2.4, 2.4), dpi=100)
    FigureCanvasAgg(drawing)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    draw_case(axes, one)
    return axes


def pixels(drawing: Figure) -> np.ndarray:
    """int (height, width, 3) of a drawing."""
    drawing.canvas.draw()
    return np.asarray(drawing.canvas.buffer_rgba(), int)[..., :3]


def shown(sheet: Figure) -> list:
    """The axes of a sheet with a photo on them, once they are in their places."""
    pixels(sheet)
    return [axes for axes in sheet.get_axes() if axes.images]


def test_the_true_box_is_white_and_the_found_one_blue_with_black_edges():
    """A photo of 120 pixels at twice its size: the box 30..90 has its edges at 60 and 180."""
    assert (TRUTH, FOUND) == ("#FFFFFF", "#56B4E9")
    axes = drawn(case())
    true, found = axes.patches
    assert (true.get_bbox().extents.tolist(), to_hex(true.get_edgecolor())) == ([30, 30, 90, 90], "#ffffff")
    assert (found.get_bbox().extents.tolist(), to_hex(found.get_edgecolor())) == ([0, 0, 60, 60], "#56b4e9")
    row = pixels(axes.figure)[150, 50:70].mean(axis=1)
    white = int(row.argmax())
    assert row[white] > 180 and abs(50 + white - 60) <= 1
    assert row[white - 2] < 30 and row[white + 2] < 30


def test_the_heat_lies_over_the_photo():
    heatmap = np.zeros((120, 120), np.float32)
    heatmap[:, 60:] = 1
    picture = pixels(drawn(Case(Image.new("RGB", (120, 120)), heatmap, (), (0, 0, 0, 0), ())).figure)
    assert picture[:, 130:].sum() > 10 * picture[:, :110].sum()


def test_no_box_draws_nothing():
    axes = drawn(case(truth=(), box=(0, 0, 0, 0), caption=()))
    plain = pixels(axes.figure)
    assert not axes.patches and (plain == plain[120, 120]).all()


@pytest.mark.parametrize("size", [(100, 50), (50, 400), (480, 480)])
def test_photos_keep_their_shape_in_the_middle_of_equal_squares(size):
    axes = drawn(case(size=size, truth=(), box=(0, 0, 0, 0)))
    rows, columns = np.nonzero((pixels(axes.figure) < 200).all(axis=2))
    sides = [ends.max() - ends.min() + 1 for ends in (columns, rows)]
    np.testing.assert_allclose(sides, 240 * np.array(size) / max(size), atol=1)
    np.testing.assert_allclose([columns.min() + columns.max(), rows.min() + rows.max()], 239, atol=1)


def test_boxes_of_a_pixel_can_be_drawn():
    assert len(drawn(case(size=(240, 240), truth=((5, 5, 6, 6),), box=(9, 9, 11, 10))).patches) == 2


def test_each_group_has_its_rows_below_its_heading():
    sheet = draw_contact_sheet([("Best $5", [case()] * 4), ("Worst", [case()])], columns=3)
    best, worst, foot = sheet.subfigs
    assert [part.get_suptitle() for part in (best, worst)] == ["Best $5", "Worst"]
    assert foot.texts[0].get_text() == "White: the true boxes. Blue: the box around the heat."
    places = [axes.get_position().transformed(axes.figure.transSubfigure) for axes in shown(sheet)]
    assert len(places) == 5
    tops = [round(place.y1) for place in places]
    assert tops[0] == tops[1] == tops[2] > places[0].y0 > tops[3] > places[3].y0 > tops[4]
    sides = [(place.width, place.height) for place in places]
    np.testing.assert_allclose(sides, sides[0][0], rtol=0.02)


def test_one_row_more_makes_the_sheet_higher_by_a_row():
    one, four, seven = (draw_contact_sheet([("Best", [case()] * n)], columns=3).get_size_inches() for n in (1, 4, 7))
    assert one[0] == four[0] and seven[1] - four[1] == pytest.approx(four[1] - one[1]) and four[1] > one[1]


def test_photos_stand_in_columns_in_their_order():
    sheet = draw_contact_sheet([("", [case(caption=(name,)) for name in "ab"])], columns=2)
    left, right = shown(sheet)
    assert (left.texts[0].get_text(), right.texts[0].get_text()) == ("a", "b")
    assert left.get_window_extent().x1 < right.get_window_extent().x0


def test_a_caption_stands_below_its_photo_and_a_long_one_is_cut_to_its_width():
    for caption in (("tabby", "IoU 0.9 $5"), ("eastern diamondback rattlesnake " * 3, "IoU 0.9, seen as " + "w" * 60)):
        sheet = draw_contact_sheet([("", [case(caption=caption), case(caption=())])], columns=2)
        first, second = shown(sheet)
        ink = (pixels(sheet) < 200).any(axis=2)
        place, height = first.get_window_extent(), ink.shape[0]
        below = ink[height - int(place.y0) + 2 : height - int(place.y0) + int(0.3 * place.height)]
        lines = below[:, int(place.x0) : int(place.x1) + 1].any(axis=1)
        # Two lines and the space between them.
        assert np.flatnonzero(np.diff(lines.astype(int)) == 1).size >= 2
        assert not below[: int(0.15 * place.height), int(second.get_window_extent().x0) :].any()


def test_without_a_caption_nothing_stands_below():
    (axes,) = shown(draw_contact_sheet([("", [case(caption=())])], columns=1))
    assert not axes.texts

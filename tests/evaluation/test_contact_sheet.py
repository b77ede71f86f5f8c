"""The contact sheet, looked at pixel by pixel where a box, a heading or a caption must stand."""

import numpy as np
import pytest
from PIL import Image

from cam.evaluation.contact_sheet import FOUND, TRUTH, Case, draw_case, draw_contact_sheet

WHITE, BLUE, BLACK = (255, 255, 255), (0x56, 0xB4, 0xE9), (0, 0, 0)


def case(size=(120, 120), truth=((30, 30, 90, 90),), box=(0, 0, 60, 60), caption=("tabby", "IoU 0.14")) -> Case:
    return Case(Image.new("RGB", size, (40, 40, 40)), np.zeros(size[::-1], np.float32), truth, box, caption)


def test_the_true_box_is_white_and_the_found_one_blue_with_black_edges():
    """A photo of 120 pixels at twice its size: the box 30..90 has its outermost pixels at 60 and 179."""
    assert (TRUTH, FOUND) == ("#FFFFFF", "#56B4E9")
    picture = draw_case(case())
    assert picture.size == (240, 240)
    row = [picture.getpixel((x, 150)) for x in range(58, 66)]
    assert row[2:6] == [BLACK, WHITE, WHITE, BLACK] and WHITE not in row[:2] + row[6:]
    assert picture.getpixel((178, 150)) == WHITE and picture.getpixel((179, 150)) == BLACK
    assert picture.getpixel((20, 118)) == BLUE and picture.getpixel((20, 119)) == BLACK
    assert picture.getpixel((1, 60)) == BLUE


def test_the_heat_lies_over_the_photo():
    heatmap = np.zeros((120, 120), np.float32)
    heatmap[:, 60:] = 1
    picture = np.asarray(draw_case(Case(Image.new("RGB", (120, 120)), heatmap, (), (0, 0, 0, 0), ())), int)
    assert picture[:, 130:].sum() > 10 * picture[:, :110].sum()


def test_no_box_draws_nothing():
    plain = np.asarray(draw_case(case(truth=(), box=(0, 0, 0, 0))))
    assert (plain == plain[0, 0]).all()


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 50), (240, 120)), ((50, 400), (30, 240)), ((480, 480), (240, 240))]
)
def test_photos_keep_their_shape(size, expected):
    assert draw_case(case(size=size, truth=(), box=(0, 0, 0, 0))).size == expected


def test_boxes_of_a_pixel_can_be_drawn():
    assert draw_case(case(size=(240, 240), truth=((5, 5, 6, 6),), box=(9, 9, 11, 10))).size == (240, 240)


def ink(sheet: Image.Image) -> np.ndarray:
    """bool (height, width): where the sheet is not background."""
    return (np.asarray(sheet) != 255).any(axis=2)


def test_each_group_has_its_rows_below_each_other():
    one, four = (draw_contact_sheet([("Best", [case()] * count)], columns=3) for count in (1, 4))
    assert one.width == four.width == 16 + 3 * 256
    row = 240 + 2 * 20 + 16
    assert four.height - one.height == row
    both = draw_contact_sheet([("Best", [case()] * 4), ("Worst", [case()])], columns=3)
    assert both.height == four.height + one.height - 36  # one legend for all
    assert ink(both)[:, 16 : 16 + 240].any(axis=1).sum() > 3 * 240


def test_photos_stand_in_columns_in_their_order():
    bright = Case(Image.new("RGB", (50, 50), "white"), np.zeros((50, 50), np.float32), (), (0, 0, 0, 0), ())
    pixels = np.asarray(draw_contact_sheet([("", [case(), bright])], columns=2), int)
    middle = 20 + 2 * 16 + 120
    assert pixels[middle, 16 + 256 + 120].sum() > pixels[middle, 16 + 230].sum()


def test_a_narrow_photo_stands_in_the_middle_of_its_square():
    narrow = case(size=(60, 240), truth=(), box=(0, 0, 0, 0), caption=())
    columns = ink(draw_contact_sheet([("", [narrow])], columns=1))[52:292].any(axis=0)
    assert np.flatnonzero(columns).tolist() == list(range(16 + 90, 16 + 150))


def test_a_caption_stands_below_its_photo_and_a_long_one_is_cut_to_its_width():
    top = 20 + 2 * 16 + 240
    for caption in (("tabby", "IoU 0.9"), ("eastern diamondback rattlesnake " * 3, "IoU 0.9, seen as " + "w" * 60)):
        sheet = draw_contact_sheet([("", [case(caption=caption), case(caption=())])], columns=2)
        below = ink(sheet)[top + 1 : top + 40]
        assert below[:18, 16:256].any() and below[20:, 16:256].any()
        assert not below[:, 256:].any()


def test_without_a_caption_nothing_stands_below():
    sheet = draw_contact_sheet([("", [case(caption=())])], columns=1)
    assert not ink(sheet)[20 + 2 * 16 + 240 : -36].any()

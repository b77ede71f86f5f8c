"""The figure for a slide: two pictures of the photo's shape side by side or stacked, their texts, and a colour bar."""

import io

import numpy as np
import pytest
from PIL import Image

from cam.figure import encode_figure, make_figure
from cam.render import palette

SHAPES = {"square": (400, 400), "landscape": (640, 427), "tall": (200, 600), "wide": (900, 300), "panorama": (1200, 60)}


def drawn(image: Image.Image, **parts):
    usual = {"maximum": 9.5, "colormap": "inferno", "title": "Evidence for tabby (78 %)", "note": "tabby · Lite2 · Cat"}
    drawing = make_figure(image, Image.new("RGB", image.size, "red"), **{**usual, **parts})
    drawing.canvas.draw()
    return drawing


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shaped(request, noise_photo):
    return drawn(noise_photo(*request.param)), request.param


def boxes(drawing):
    """Where the two pictures are, in pixels of the drawing."""
    return [axes.get_window_extent() for axes in drawing.axes[:2]]


def test_the_texts_stand_where_they_belong():
    drawing = drawn(Image.new("RGB", (400, 300)))
    photo, heat, bar = drawing.axes
    assert photo.get_title(loc="left") == "Photo"
    assert heat.get_title(loc="left") == "Evidence for tabby (78 %)"
    assert drawing.get_supxlabel() == "tabby · Lite2 · Cat"
    assert "units of the score" in bar.get_ylabel()


def test_photo_and_heat_are_drawn_pixel_by_pixel(noise_photo):
    image = noise_photo(300, 200)
    left, right = drawn(image).axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), np.asarray(image))
    np.testing.assert_array_equal(right.images[0].get_array(), np.full((200, 300, 3), (255, 0, 0)))


@pytest.mark.parametrize("colormap", ["inferno", "jet"])
def test_the_colour_bar_runs_from_zero_to_the_maximum_in_the_colours_of_the_heat(colormap):
    bar = drawn(Image.new("RGB", (400, 300)), colormap=colormap, maximum=9.5).axes[2]
    assert bar.get_ylim() == (0, 9.5)
    mappable = bar._colorbar.mappable
    np.testing.assert_array_equal(mappable.to_rgba([0, 9.5], bytes=True)[:, :3], palette(colormap)[[0, 255]])


@pytest.mark.parametrize("maximum", [0.0, 1e-6, 1e6])
def test_any_maximum_can_be_drawn(maximum):
    bar = drawn(Image.new("RGB", (64, 64)), maximum=maximum).axes[2]
    assert bar.get_ylim() == pytest.approx((0, maximum), abs=1e-30)


def test_both_pictures_keep_the_photos_shape(shaped):
    drawing, (width, height) = shaped
    for box in boxes(drawing):
        assert box.width / box.height == pytest.approx(width / height, rel=0.01)


def test_pictures_are_equally_large_inside_the_figure_and_beside_each_other(shaped):
    drawing, _ = shaped
    left, right = boxes(drawing)
    assert left.width == pytest.approx(right.width, rel=0.01)
    assert left.x1 <= right.x0 + 1 or left.y0 >= right.y1 - 1
    for box in (left, right):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= drawing.bbox.x1 and box.y1 <= drawing.bbox.y1


@pytest.mark.parametrize(("name", "stacked"), [("square", False), ("tall", False), ("wide", True), ("panorama", True)])
def test_only_wide_photos_stand_above_each_other(name, stacked, noise_photo):
    left, right = boxes(drawn(noise_photo(*SHAPES[name])))
    assert (left.y0 >= right.y1) == stacked
    assert (left.x1 <= right.x0) != stacked


def test_the_pictures_fill_the_figure(shaped):
    drawing, (width, height) = shaped
    area = sum(box.width * box.height for box in boxes(drawing))
    least = 0.3 if max(width, height) > 10 * min(width, height) else 0.5
    assert area / (drawing.bbox.width * drawing.bbox.height) > least


def test_no_text_is_cut_off_or_lies_on_another(shaped):
    drawing, _ = shaped
    texts = [*(axes._left_title for axes in drawing.axes[:2]), drawing._supxlabel]
    extents = [text.get_window_extent() for text in texts]
    for extent in extents:
        assert extent.x0 >= 0 and extent.x1 <= drawing.bbox.x1 and extent.y0 >= 0 and extent.y1 <= drawing.bbox.y1
    pairs = [(a, b) for i, a in enumerate(extents) for b in extents[i + 1 :]]
    assert not any(a.overlaps(b) for a, b in pairs)


def test_the_longest_class_name_fits_over_the_heat_of_a_tall_photo(noise_photo):
    title = "Evidence for eastern diamondback rattlesnake (below 0.1 %)"
    drawing = drawn(noise_photo(200, 600), title=title)
    extent = drawing.axes[1]._left_title.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= drawing.bbox.x1


def test_a_note_with_a_long_file_name_is_not_cut_off():
    note = f"eastern diamondback rattlesnake, below 0.1 %, score -12.34 · EfficientNet-Lite2 · {'holiday ' * 12}.jpg"
    drawing = drawn(Image.new("RGB", (400, 300)), note=note)
    extent = drawing._supxlabel.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= drawing.bbox.x1


def test_dollars_are_dollars_and_not_formulas():
    paid, unpaid = (drawn(Image.new("RGB", (64, 64)), note=text) for text in ("for $5 or $6", "for 5 or 6"))
    assert paid._supxlabel.get_window_extent().width > unpaid._supxlabel.get_window_extent().width


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_png_is_sharp_and_not_larger_than_a_poster(shape, noise_photo):
    drawing = drawn(noise_photo(*shape))
    with Image.open(io.BytesIO(encode_figure(drawing, "png"))) as image:
        assert image.format == "PNG"
        assert image.width == 1800 and 300 <= image.height <= 2100


def test_the_png_of_a_square_photo_has_the_size_computed_by_hand(noise_photo):
    """12 inches by 0.92 * 6 for the pictures, 0.45 for the title and 0.5 for the note, at 150 pixels an inch."""
    with Image.open(io.BytesIO(encode_figure(drawn(noise_photo(400, 400)), "png"))) as image:
        assert image.size == (1800, 970)


def test_the_pdf_is_one_page_that_holds_both_pictures(noise_photo):
    data = encode_figure(drawn(noise_photo(400, 300)), "pdf")
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert data.count(b"/Subtype /Image") >= 2 and b"/Count 1" in data


def test_the_same_figure_has_the_same_pixels(noise_photo):
    once, again = (np.asarray(Image.open(io.BytesIO(encode_figure(drawn(noise_photo(90, 60)), "png")))) for _ in "ab")
    np.testing.assert_array_equal(once, again)

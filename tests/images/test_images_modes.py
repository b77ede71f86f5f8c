"""Opening: transparency, grey of any depth, palettes, inks and other pixel modes become 8-bit RGB, by hand."""

import io

import numpy as np
import pytest
from PIL import Image
from support.photo_files import encoded

from cam.images.open import open_image


def first_pixels(data: bytes, count: int) -> list[tuple[int, int, int]]:
    image = open_image(data)
    assert image.mode == "RGB"
    return [image.getpixel((x, 0)) for x in range(count)]


def in_columns(values: list, dtype: str) -> Image.Image:
    """A picture 16 pixels high whose first columns have the values and whose other columns repeat the last one."""
    row = np.array(values + [values[-1]] * (16 - len(values)), dtype)
    return Image.fromarray(np.stack([row] * 16))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_colours_with_alpha_are_laid_on_white(format):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 0], pixels[:, 1], pixels[:, 2] = (200, 100, 0, 255), (200, 100, 0, 128), (200, 100, 0, 0)
    # 200 * 128/255 + 255 * 127/255 = 227.4, and so on.
    expected = [(200, 100, 0), (227, 177, 127), (255, 255, 255)]
    assert first_pixels(encoded(Image.fromarray(pixels), format), 3) == expected


def test_grey_with_alpha_is_laid_on_white():
    pixels = np.zeros((16, 16, 2), np.uint8)
    pixels[:, 0], pixels[:, 1], pixels[:, 2] = (90, 255), (0, 128), (90, 0)
    data = encoded(Image.fromarray(pixels, "LA"), "PNG")
    assert first_pixels(data, 3) == [(90, 90, 90), (127, 127, 127), (255, 255, 255)]


def palette_picture() -> Image.Image:
    """Columns 0, 1, 2 are orange, blue, green by palette."""
    picture = in_columns([0, 1, 2], "uint8")
    picture.putpalette([200, 100, 0, 0, 0, 250, 0, 250, 0])
    return picture


def test_palette_colours_are_looked_up():
    assert first_pixels(encoded(palette_picture(), "PNG"), 3) == [(200, 100, 0), (0, 0, 250), (0, 250, 0)]


def test_palette_entries_with_alpha_are_laid_on_white():
    data = encoded(palette_picture(), "PNG", transparency=bytes([128, 0, 255]))
    assert first_pixels(data, 3) == [(227, 177, 127), (255, 255, 255), (0, 250, 0)]


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_the_transparent_palette_entry_becomes_white(format):
    data = encoded(palette_picture(), format, transparency=1)
    assert first_pixels(data, 3) == [(200, 100, 0), (255, 255, 255), (0, 250, 0)]


def test_the_transparent_colour_of_an_rgb_png_becomes_white():
    picture = palette_picture().convert("RGB")
    data = encoded(picture, "PNG", transparency=(0, 0, 250))
    assert first_pixels(data, 3) == [(200, 100, 0), (255, 255, 255), (0, 250, 0)]


@pytest.mark.parametrize(("format", "dtype"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
def test_16_bit_grey_is_rescaled_and_not_clipped(format, dtype):
    data = encoded(in_columns([0, 257, 300, 32768, 65535], dtype), format)
    with Image.open(io.BytesIO(data)) as as_stored:
        assert as_stored.mode.startswith("I;16")
    assert first_pixels(data, 5) == [(grey,) * 3 for grey in (0, 1, 1, 128, 255)]


@pytest.mark.parametrize(
    ("values", "dtype", "greys"),
    [
        ([-100, 100, 20, -60], "int32", (0, 255, 153, 51)),
        ([0.5, 1.0, 0.7, 0.9], "float32", (0, 255, 102, 204)),
        ([7, 7, 7, 7], "int32", (0, 0, 0, 0)),
        ([0.25, 0.25, 0.25, 0.25], "float32", (0, 0, 0, 0)),
        ([float("nan"), 2.0, 1.0, -2.0], "float32", (128, 255, 191, 0)),
    ],
)
def test_32_bit_grey_is_stretched_from_its_lowest_to_its_highest_value(values, dtype, greys):
    assert first_pixels(encoded(in_columns(values, dtype), "TIFF"), 4) == [(grey,) * 3 for grey in greys]


@pytest.mark.parametrize(
    ("values", "greys"),
    [([float("inf"), 0.0, 0.5, 1.0], (255, 0, 128, 255)), ([float("-inf"), float("inf"), 0.0, 1.0], (0, 255, 0, 255))],
)
def test_infinite_values_are_the_lightest_and_the_darkest_of_the_finite_ones(values, greys):
    assert first_pixels(encoded(in_columns(values, "float32"), "TIFF"), 4) == [(grey,) * 3 for grey in greys]


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 6), ("TIFF", 0)])
def test_cmyk_inks_become_rgb(format, tolerance):
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), format)
    np.testing.assert_allclose(first_pixels(data, 1), [(255, 0, 0)], rtol=0, atol=tolerance)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_1_bit_pictures_become_black_and_white(format):
    data = encoded(in_columns([0, 255, 0], "uint8").convert("1"), format)
    assert first_pixels(data, 3) == [(0, 0, 0), (255, 255, 255), (0, 0, 0)]


def test_8_bit_grey_is_kept():
    assert first_pixels(encoded(in_columns([0, 77, 255], "uint8"), "PNG"), 3) == [(0,) * 3, (77,) * 3, (255,) * 3]


def test_ycbcr_becomes_rgb():
    """BT.601: R = Y + 1.402 (Cr - 128), G = Y - 0.344 (Cb - 128) - 0.714 (Cr - 128), B = Y + 1.772 (Cb - 128)."""
    data = encoded(Image.new("YCbCr", (16, 16), (120, 108, 210)), "TIFF")
    # 120 + 1.402 * 82, 120 + 0.344 * 20 - 0.714 * 82, 120 - 1.772 * 20.
    np.testing.assert_allclose(first_pixels(data, 1), [(235, 68, 84.6)], rtol=0, atol=1)

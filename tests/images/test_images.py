"""Opening: every format and orientation gives the same upright RGB; fitting gives the sizes worked out by hand."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image
from support.photo_files import encoded

from cam.batch.sources import find_photos
from cam.images.formats import ENDINGS
from cam.images.open import open_image, resized, whole_size

RED, GREEN, BLUE, YELLOW = (230, 20, 30), (20, 180, 40), (30, 40, 220), (240, 220, 40)
# How far a channel may be off in the middle of an even 32 x 16 area.
TOLERANCE = {"PNG": 0, "GIF": 0, "BMP": 0, "TIFF": 0, "JPEG": 6, "WEBP": 6, "AVIF": 6, "HEIF": 6}
ORIENTABLE = ("JPEG", "PNG", "TIFF", "AVIF", "HEIF")
# The pixels a camera stores for an upright picture, by the EXIF orientation it writes next to them.
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def quadrants() -> np.ndarray:
    """uint8 (32, 64, 3): red and green above blue and yellow."""
    pixels = np.empty((32, 64, 3), np.uint8)
    pixels[:16, :32], pixels[:16, 32:], pixels[16:, :32], pixels[16:, 32:] = RED, GREEN, BLUE, YELLOW
    return pixels


def assert_upright_quadrants(image: Image.Image, tolerance: int) -> None:
    assert (image.mode, image.size) == ("RGB", (64, 32))
    middles = [image.getpixel(xy) for xy in ((16, 8), (48, 8), (16, 24), (48, 24))]
    np.testing.assert_allclose(middles, [RED, GREEN, BLUE, YELLOW], rtol=0, atol=tolerance)


@pytest.mark.parametrize("format", TOLERANCE)
def test_every_format_opens_from_a_path_with_a_wrong_extension(format, tmp_path):
    path = tmp_path / ("photo.png" if format == "JPEG" else "photo.jpg")
    path.write_bytes(encoded(Image.fromarray(quadrants()), format))
    assert_upright_quadrants(open_image(path), TOLERANCE[format])
    assert_upright_quadrants(open_image(str(path)), TOLERANCE[format])


@pytest.mark.parametrize("format", TOLERANCE)
def test_every_format_opens_from_bytes_and_from_a_binary_file(format):
    data = encoded(Image.fromarray(quadrants()), format)
    assert_upright_quadrants(open_image(data), TOLERANCE[format])
    assert_upright_quadrants(open_image(io.BytesIO(data)), TOLERANCE[format])


def test_a_folder_takes_all_endings_of_photos(tmp_path):
    endings = ".jpg .jpeg .jpe .jfif .pjpeg .pjp .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .heic .heif .hif"
    assert sorted(ENDINGS) == sorted(endings.split())
    for ending in ENDINGS:
        (tmp_path / f"PHOTO{ending.upper()}").write_bytes(encoded(Image.fromarray(quadrants()), "PNG"))
    found = find_photos([str(tmp_path)])
    assert len(found) == len(ENDINGS)
    for path in found:
        assert_upright_quadrants(open_image(path), 0)


def test_a_binary_file_is_read_from_where_it_stands():
    file = io.BytesIO(b"ten bytes!" + encoded(Image.fromarray(quadrants()), "PNG"))
    file.seek(10)
    assert_upright_quadrants(open_image(file), 0)


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_shown(format):
    frames = [Image.new("RGB", (64, 32), "black"), Image.new("RGB", (64, 32), "white")]
    data = encoded(Image.fromarray(quadrants()), format, save_all=True, append_images=frames)
    assert_upright_quadrants(open_image(data), TOLERANCE[format])


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ORIENTABLE)
def test_every_orientation_gives_the_same_upright_picture(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](quadrants()))
    # Bytes, because only from bytes does the HEIC writer also set the rotation that HEIC readers go by.
    data = encoded(Image.fromarray(stored), format, exif=exif.tobytes())
    assert_upright_quadrants(open_image(data), TOLERANCE[format])


def test_an_upright_picture_does_not_say_that_it_should_be_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(encoded(Image.fromarray(STORED[6](quadrants())), "JPEG", exif=exif.tobytes()))
    assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("draft", [True, False])
@pytest.mark.parametrize(("orientation", "upright"), [(1, (2600, 2400)), (6, (2400, 2600))])
@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG"])
def test_a_photo_tells_the_size_that_it_has_in_the_file_upright(format, orientation, upright, draft):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = open_image(encoded(Image.new("RGB", (2600, 2400)), format, exif=exif), draft=draft)
    assert photo.info == {"stored_size": upright}
    assert (photo.width > photo.height) == (upright[0] > upright[1])
    assert (photo.size == upright) is (format == "PNG" or not draft)


@pytest.mark.parametrize(
    ("size", "draft", "opened"),
    [
        ((4800, 3200), True, (2400, 1600)),
        ((4800, 3200), False, (4800, 3200)),
        ((2399, 3200), True, (2399, 3200)),
        ((4900, 4900), True, (1225, 1225)),
    ],
)
def test_a_large_jpeg_is_decoded_smaller_unless_told_otherwise(size, draft, opened):
    large = Image.fromarray(quadrants()).resize(size, Image.Resampling.NEAREST)
    image = open_image(encoded(large, "JPEG"), draft=draft)
    assert image.size == opened
    width, height = opened
    middles = [image.getpixel((width * x // 4, height * y // 4)) for y in (1, 3) for x in (1, 3)]
    np.testing.assert_allclose(middles, [RED, GREEN, BLUE, YELLOW], rtol=0, atol=6)


def test_a_large_jpeg_with_a_second_picture_in_it_is_decoded_smaller_too():
    """Phones add a depth or brightness picture to a JPEG; Pillow calls such a file MPO."""
    large = Image.fromarray(quadrants()).resize((4800, 2400), Image.Resampling.NEAREST)
    data = encoded(large, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 32))])
    assert open_image(data, draft=False).size == (4800, 2400)
    assert_upright_quadrants(open_image(data).resize((64, 32), Image.Resampling.BOX), 6)
    assert open_image(data).size == (2400, 1200)


def test_a_large_png_keeps_every_pixel():
    assert open_image(encoded(Image.new("L", (2500, 2400)), "PNG")).size == (2500, 2400)


@pytest.mark.parametrize(
    ("photo", "side", "expected"),
    [
        # 8 x 8 = 64 cells of 32 pixels: sqrt(64 * 4/3) = 9.2 by 6.9; sqrt(64 / 10) = 2.5 by 25.3.
        ((500, 500), 256, (256, 256)),
        ((400, 300), 256, (288, 224)),
        ((300, 400), 256, (224, 288)),
        ((100, 1000), 256, (96, 800)),
        # 200 columns by 0.3 rows become the most allowed, 64, by the fewest allowed, 1.
        ((10000, 16), 256, (2048, 32)),
        # 9 x 9 = 81 cells: 10.4 by 7.8; 2.8 by 28.5.
        ((500, 500), 288, (288, 288)),
        ((4000, 3000), 288, (320, 256)),
        ((100, 1000), 288, (96, 896)),
        ((16, 10000), 288, (32, 2592)),
    ],
)
def test_a_whole_photo_is_seen_at_the_size_worked_out_by_hand(photo, side, expected):
    assert whole_size(photo, side, 32) == expected


def test_resizing_to_its_own_size_returns_the_same_pixels():
    assert np.array_equal(resized(Image.fromarray(quadrants()), (64, 32)), quadrants())


@pytest.mark.parametrize("size", [(7, 90), (200, 3)])
def test_resizing_keeps_an_even_colour_even(size):
    pixels = resized(Image.new("RGB", (40, 30), YELLOW), size)
    assert pixels.shape == (size[1], size[0], 3)
    assert (pixels == YELLOW).all()


def test_shrinking_averages_instead_of_picking_pixels():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = resized(Image.fromarray(checks.astype(np.uint8)).convert("RGB"), (8, 8))
    np.testing.assert_allclose(pixels, 127.5, rtol=0, atol=4)


@pytest.mark.parametrize("name", ["crab", "dog_and_cat", "giraffes"])
def test_a_large_photo_is_shrunk_to_nearly_the_same_pixels_as_in_one_step(sample, name):
    photo = sample(name)
    large = photo.resize((3 * photo.width, 3 * photo.height))
    size = (large.width // 11, large.height // 11)
    in_one_step = np.asarray(large.resize(size, Image.Resampling.BICUBIC), float)
    differences = np.abs(resized(large, size) - in_one_step)
    assert differences.max() <= 10 and differences.mean() < 0.6

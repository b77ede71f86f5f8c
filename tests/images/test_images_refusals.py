"""What cannot be opened: each refusal is an ImageError that says what was received and what to do."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.photo_files import FORMATS, encoded, noise

from cam.errors import CamError, ImageError
from cam.images.limits import ImageLimits
from cam.images.open import open_image
from cam.settings import read_settings


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


@pytest.mark.parametrize(
    "data", [b"", b"Hello, this is a text file.\n" * 40, b"\x00" * 100], ids=["empty", "text", "0"]
)
def test_what_is_no_photo_is_refused_with_the_formats_to_use(data):
    with pytest.raises(
        ImageError, match="not a photo that can be opened.*JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    ):
        open_image(data)


def test_a_text_file_named_like_a_photo_is_refused(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_text("not a photo")
    with pytest.raises(ImageError, match="not a photo"):
        open_image(path)


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere\.jpg cannot be read: No such file") as caught:
        open_image(tmp_path / "nowhere.jpg")
    assert isinstance(caught.value, CamError)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        open_image(tmp_path)


@pytest.mark.parametrize("format", ["EPS", "PPM", "TGA", "ICO", "PDF"])
def test_other_formats_are_refused_with_the_formats_to_use(format):
    with pytest.raises(ImageError, match="Use JPEG, PNG"):
        open_image(encoded(noise(), format))


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 0.75, 0.98])
@pytest.mark.parametrize("format", FORMATS)
def test_a_cut_off_file_is_refused(format, share):
    data = encoded(noise(), format)
    with pytest.raises(ImageError, match="cut off"):
        open_image(data[: int(share * len(data))])


def test_a_damaged_file_is_refused_with_a_remedy():
    with pytest.raises(ImageError, match=r"This photo is damaged or cut off.*again"):
        open_image(encoded(noise(), "JPEG")[:1500])


def test_a_damaged_avif_is_refused():
    """The header stays whole and the compressed picture, in the media data box, becomes noise."""
    data = encoded(noise(), "AVIF")
    start = data.index(b"mdat") + 4
    damaged = data[:start] + bytes(np.random.default_rng(1).integers(0, 256, len(data) - start, np.uint8))
    with pytest.raises(ImageError, match="damaged"):
        open_image(damaged)


def test_a_file_over_50_megabytes_is_refused_and_one_of_50_is_read(tmp_path):
    path = tmp_path / "large.bmp"
    with path.open("wb") as file:
        file.truncate(50 * 2**20 + 1)
    for source in (path, bytes(50 * 2**20 + 1), io.BytesIO(bytes(50 * 2**20 + 1))):
        with pytest.raises(ImageError, match="larger than 50 MB.*smaller"):
            open_image(source)
    with pytest.raises(ImageError, match="not a photo"):
        open_image(bytes(50 * 2**20))


@pytest.mark.parametrize(
    ("width", "height", "text"),
    [
        (8000, 6000, "8000 x 6000 pixels, 48 megapixels; at most 40 megapixels are accepted.*smaller"),
        (8001, 5000, "8001 x 5000 pixels, 40 megapixels; at most 40 megapixels"),
        (10000, 10000, "10000 x 10000 pixels, 100 megapixels; at most 40 megapixels"),
        (20000, 20000, "20000 x 20000 pixels, 400 megapixels; at most 40 megapixels"),
        (100000, 60000, "100000 x 60000 pixels, 6,000 megapixels; at most 40 megapixels"),
    ],
)
def test_too_many_megapixels_are_refused_from_the_header(width, height, text):
    with pytest.raises(ImageError, match=text):
        open_image(png_header(width, height))


@pytest.mark.parametrize("format", FORMATS)
def test_the_limit_of_pixels_holds_for_every_format(format):
    assert open_image(encoded(noise(), format), limits=ImageLimits(max_pixels=56 * 40)).size == (56, 40)
    with pytest.raises(ImageError, match="56 x 40 pixels"):
        open_image(encoded(noise(), format), limits=ImageLimits(max_pixels=56 * 40 - 1))


def test_the_limit_of_bytes_is_an_argument_too():
    data = encoded(noise(), "PNG")
    with pytest.raises(ImageError, match="larger than 0 MB"):
        open_image(data, limits=ImageLimits(max_bytes=len(data) - 1))


def test_the_settings_are_the_limits():
    settings = read_settings({"CAM_PHOTO_MB": "20", "CAM_PHOTO_MEGAPIXELS": "12", "CAM_DECODES": "1"})
    assert settings.image_limits == ImageLimits(20 * 2**20, 12_000_000, 1)
    assert replace(read_settings({}).image_limits, at_once=1) == ImageLimits(at_once=1)


@pytest.mark.parametrize("size", [(15, 100), (100, 15), (1, 1)])
def test_a_side_under_16_pixels_is_refused(size):
    with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} pixels; each side must have at least 16"):
        open_image(encoded(Image.new("RGB", size), "PNG"))


def test_a_header_of_40_megapixels_is_refused_for_its_missing_pixels_only():
    with pytest.raises(ImageError, match="This photo is damaged or cut off"):
        open_image(png_header(8000, 5000))


def test_sides_of_16_pixels_are_accepted():
    assert open_image(encoded(Image.new("RGB", (16, 16), "red"), "PNG")).getpixel((15, 15)) == (255, 0, 0)


def test_damaged_exif_beside_a_whole_picture_does_no_harm():
    """An orientation to turn by, and a resolution that is no number: only the first is looked at."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    picture = Image.new("RGB", (32, 16), "red")
    data = bytearray(encoded(picture, "JPEG", exif=exif.tobytes()))
    entry = data.index(bytes.fromhex("011a0005")) if b"MM" in data[:40] else data.index(bytes.fromhex("1a010500"))
    data[entry + 2 : entry + 4] = b"\x00\x63"
    assert open_image(bytes(data)).size == (16, 32)

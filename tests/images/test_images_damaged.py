"""Cut off or changed anywhere, a file of any format is opened or refused in words, and nothing is printed."""

import warnings

import numpy as np
import pytest
from PIL import Image
from support.photo_files import FORMATS, encoded, noise

from cam.errors import ImageError
from cam.images.limits import DAMAGED, NOT_A_PHOTO
from cam.images.open import open_image

WRITTEN = {
    **{format: lambda format=format: encoded(noise(24, 16), format) for format in FORMATS},
    "progressive JPEG": lambda: encoded(noise(24, 16), "JPEG", progressive=True),
    "JPEG with EXIF": lambda: encoded(noise(24, 16), "JPEG", exif=turned().tobytes()),
    "CMYK JPEG": lambda: encoded(noise(24, 16).convert("CMYK"), "JPEG"),
    "palette PNG": lambda: encoded(noise(24, 16).quantize(16), "PNG", transparency=3),
    "lossless WebP": lambda: encoded(noise(24, 16), "WEBP", lossless=True, exif=turned().tobytes()),
    "animated WebP": lambda: encoded(noise(24, 16), "WEBP", save_all=True, append_images=[Image.new("RGB", (24, 16))]),
    "LZW TIFF": lambda: encoded(noise(24, 16), "TIFF", compression="tiff_lzw"),
    "deflate TIFF": lambda: encoded(noise(24, 16), "TIFF", compression="tiff_adobe_deflate"),
    "JPEG TIFF": lambda: encoded(noise(24, 16), "TIFF", compression="jpeg"),
    "fax TIFF": lambda: encoded(noise(24, 16).convert("1"), "TIFF", compression="group4"),
    "BigTIFF": lambda: encoded(noise(24, 16), "TIFF", big_tiff=True),
    "32-bit TIFF": lambda: encoded(noise(24, 16).convert("F"), "TIFF"),
}
# How many places of a file are damaged: these decoders are slow.
PLACES = {"AVIF": 20, "HEIF": 20}


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def opened(data: bytes) -> Image.Image | None:
    """The photo, None if it is refused; fails on a warning or on a refusal that is no sentence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            photo = open_image(data)
        except ImageError as error:
            photo = None
            assert str(error).startswith("This ") and str(error).endswith(".") and "\n" not in str(error)
    assert caught == []
    assert photo is None or (photo.mode == "RGB" and min(photo.size) >= 16 and list(photo.info) == ["stored_size"])
    return photo


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_cut_off_anywhere(name, capfd):
    data = WRITTEN[name]()
    assert opened(data) is not None
    lengths = np.linspace(0, len(data) - 1, PLACES.get(name, 200)).astype(int)
    whole = sum(opened(data[:length]) is not None for length in lengths)
    # Only what stands after the pixels may be missing; a TIFF may have its directory at the start and pixels to spare.
    assert whole <= len(lengths) // 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_with_any_byte_changed(name, capfd):
    data = WRITTEN[name]()
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(data), PLACES.get(name, 400))
    refused = 0
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << rng.integers(8)
        refused += opened(bytes(damaged)) is None
    assert refused < len(places)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("format", FORMATS)
def test_noise_after_the_first_bytes(format):
    data = encoded(noise(24, 16), format)[:12] + np.random.default_rng(0).bytes(2000)
    with pytest.raises(ImageError, match=r"not a photo that can be opened|damaged|pixels"):
        open_image(data)


def test_the_first_bytes_alone_are_refused():
    for format in FORMATS:
        data = encoded(noise(24, 16), format)
        for length in (1, 4, 11, 15):
            with pytest.raises(ImageError) as caught:
                open_image(data[:length])
            assert str(caught.value) in (NOT_A_PHOTO, DAMAGED)

"""A photo looks as in a real Chromium: the pixels of small files of each kind, drawn there and opened here.

Where the two differ on purpose, `tests/images` says what is right: a narrow range or a matrix of colours in a PNG, and
the end of a JPEG without its marker.
"""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image
from support.photo_files import (
    apng_with_default,
    encoded,
    grey_profile,
    ink_profile,
    raw_png,
    rgb_profile,
    with_chunks,
    with_nclx,
)

from cam.images.open import open_image

pytestmark = pytest.mark.browser

DRAW = """async (data) => {
    const photo = new Image();
    photo.src = data;
    await photo.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [photo.naturalWidth, photo.naturalHeight];
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(photo, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
}"""
WIDE = ("Display P3", "Adobe RGB", "ProPhoto")
P3 = struct.pack(">8L", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def blobs() -> Image.Image:
    """All hues, from black to white: RGB, 48 x 32."""
    hue, value = np.meshgrid(np.linspace(0, 255, 48), np.linspace(0, 255, 32))
    pixels = np.stack((hue, np.minimum(2 * value, 255), np.maximum(255 - 2 * value, 0)), axis=-1)
    return Image.fromarray(pixels.astype(np.uint8), "HSV").convert("RGB")


PHOTO = blobs()
CLEAR = PHOTO.copy()
CLEAR.putalpha(Image.linear_gradient("L").resize(PHOTO.size))
PNG = encoded(PHOTO, "PNG")
AVIF = encoded(PHOTO, "AVIF", quality=100, subsampling="4:4:4")
EXACT = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return with_chunks(PNG, *chunks)


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">L", round(value * 100_000))


def noise(high: int, *shape: int) -> np.ndarray:
    samples = np.random.default_rng(0).integers(0, high, (32, 32, *shape))
    samples[:, :16] = 1
    return samples


CASES = {
    **{
        f"{name}, {format}": encoded(PHOTO, format, icc_profile=rgb_profile(name), **options)
        for name in WIDE
        for format, options in EXACT.items()
    },
    "ProPhoto, AVIF": encoded(PHOTO, "AVIF", quality=100, subsampling="4:4:4", icc_profile=rgb_profile("ProPhoto")),
    "ProPhoto, alpha": encoded(CLEAR, "PNG", icc_profile=rgb_profile("ProPhoto")),
    "ProPhoto, palette": encoded(PHOTO.quantize(64), "PNG", icc_profile=rgb_profile("ProPhoto")),
    "ProPhoto, grey": encoded(PHOTO.convert("L"), "JPEG", icc_profile=rgb_profile("ProPhoto", 1.8)),
    "ProPhoto, GIF": encoded(PHOTO.quantize(64), "GIF", icc_profile=rgb_profile("ProPhoto")),
    "grey profile, PNG": encoded(PHOTO.convert("L"), "PNG", icc_profile=grey_profile(1.8)),
    "grey profile, alpha": encoded(CLEAR.convert("LA"), "PNG", icc_profile=grey_profile(1.8)),
    "grey profile, JPEG": encoded(PHOTO.convert("L"), "JPEG", icc_profile=grey_profile(1.8)),
    "grey profile, RGB": encoded(PHOTO, "JPEG", icc_profile=grey_profile(1.8)),
    "inks": encoded(PHOTO.convert("CMYK"), "JPEG", quality=95),
    "ink profile": encoded(PHOTO.convert("CMYK"), "JPEG", quality=95, icc_profile=ink_profile()),
    "P3 profile, inks": encoded(PHOTO.convert("CMYK"), "JPEG", quality=95, icc_profile=rgb_profile("Display P3")),
    "broken profile": encoded(PHOTO, "JPEG", quality=95, icc_profile=rgb_profile("ProPhoto")[:200]),
    **{f"gAMA {value}": png(gamma(value)) for value in (0, 0.43, 0.44, 0.47, 0.5, 1)},
    "cHRM": png((b"cHRM", P3)),
    "cHRM, gAMA": png(gamma(0.45455), (b"cHRM", P3)),
    "sRGB, gAMA": png((b"sRGB", b"\0"), gamma(1)),
    **{
        f"cICP {primaries} {curve}": png((b"cICP", bytes((primaries, curve, 0, 1))))
        for primaries in (1, 9, 12)
        for curve in (1, 2, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 18)
    },
    **{f"cICP {primaries}": png((b"cICP", bytes((primaries, 13, 0, 1)))) for primaries in (2, 4, 5, 6, 7, 11, 22)},
    **{
        f"cICP, cLLI {light}": png((b"cICP", bytes((12, 16, 0, 1))), (b"cLLI", struct.pack(">LL", light * 10_000, 0)))
        for light in (150, 400, 4000)
    },
    "cICP, 17": png((b"cICP", bytes((11, 17, 0, 1)))),
    "cICP, iCCP": with_chunks(
        encoded(PHOTO, "PNG", icc_profile=rgb_profile("ProPhoto")), (b"cICP", bytes((12, 13, 0, 1)))
    ),
    **{
        f"nclx {primaries} {curve}": with_nclx(AVIF, primaries, curve)
        for primaries, curve in (
            (1, 1),
            (2, 2),
            (1, 4),
            (1, 8),
            (9, 13),
            (9, 14),
            (12, 1),
            (12, 13),
            (9, 16),
            (9, 18),
            (2, 16),
            (12, 2),
        )
    },
    **{
        f"EXIF {orientation}, {format}": encoded(PHOTO, format, exif=turned(orientation))
        for orientation in (3, 6)
        for format in ("JPEG", "PNG", "WEBP", "AVIF")
    },
    **{f"grey of {depth}, tRNS": raw_png(noise(2**depth), depth, (b"tRNS", b"\0\1")) for depth in (1, 2, 4, 8, 16)},
    **{f"RGB of {depth}, tRNS": raw_png(noise(4, 3), depth, (b"tRNS", b"\0\1" * 3)) for depth in (8, 16)},
    **{
        f"APNG, {mode}, {blend}": apng_with_default(
            CLEAR.convert(mode), CLEAR.crop((0, 0, 24, 16)).convert(mode), 16, 8, blend
        )
        for mode in ("RGB", "RGBA", "L")
        for blend in (0, 1)
    },
    "animated WebP": encoded(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(180)]),
}
# Chromium looks up four inks in a table with few steps.
ROUGH = {"ink profile": 4}


@pytest.fixture(scope="module")
def draw(browser):
    """A function that gives the pixels of a file as the browser shows them on white."""
    with browser.new_page() as page:
        yield lambda data: page.evaluate(DRAW, f"data:image/png;base64,{base64.b64encode(data).decode()}")


@pytest.mark.parametrize("case", CASES)
def test_a_photo_looks_as_in_a_browser(case, draw):
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(draw(CASES[case])))).convert("RGB"), int)
    ours = np.asarray(open_image(CASES[case]), int)
    assert ours.shape == shown.shape
    differences = np.abs(ours - shown)
    assert differences.mean() < ROUGH.get(case, 1)
    assert np.quantile(differences, 0.99) <= 4 * ROUGH.get(case, 1)

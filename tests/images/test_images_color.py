"""Opening: what a file says of its colours is used to make them sRGB; the right values are worked out by hand."""

import struct

import numpy as np
import pytest
from PIL import Image
from support.photo_files import (
    COLORANTS,
    apng_with_default,
    encoded,
    grey_profile,
    ink_profile,
    noise,
    raw_png,
    red,
    rgb_profile,
    tiff,
    with_chunks,
    with_nclx,
)

from cam.errors import ImageError
from cam.images.limits import RAW
from cam.images.open import open_image

COLOR = (180, 120, 60)
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}
# In 8 bits, a JPEG's own error is one or two.
FORMATS = {**LOSSLESS, "JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}


def even(color: int | tuple[int, ...] = COLOR, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (32, 16), color)


def opened(data: bytes) -> tuple[int, int, int]:
    return open_image(data).getpixel((5, 5))


def srgb(light: float) -> float:
    light = min(max(light, 0), 1)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def by_hand(name: str, gamma: float, color: tuple[int, ...] = COLOR) -> list[float]:
    """The sRGB of a colour in a space of these primaries."""
    light = (np.array(color) / 255) ** gamma @ np.array(COLORANTS[name]) @ np.linalg.inv(COLORANTS["sRGB"])
    return [srgb(value) for value in light]


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_profile_of_a_wide_gamut_is_used(format, name):
    data = encoded(even(), format, icc_profile=rgb_profile(name), **FORMATS[format])
    np.testing.assert_allclose(opened(data), by_hand(name, 563 / 256), rtol=0, atol=3)


def test_heic_of_a_phone_is_used_by_its_profile():
    data = encoded(even(), "HEIF", icc_profile=rgb_profile("Display P3"), quality=100, chroma=444)
    np.testing.assert_allclose(opened(data), by_hand("Display P3", 563 / 256), rtol=0, atol=4)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_is_used(mode):
    photo = even(120, "L").convert(mode)
    if mode == "I;16":
        photo = Image.fromarray(np.full((16, 32), 120 * 257, np.uint16))
    data = encoded(photo, "PNG", icc_profile=grey_profile(1.5))
    np.testing.assert_allclose(opened(data), [srgb((120 / 255) ** 1.5)] * 3, rtol=0, atol=1)


def test_an_rgb_profile_of_a_grey_photo_is_used():
    data = encoded(even(120, "L"), "JPEG", icc_profile=rgb_profile("Display P3", 1.5))
    np.testing.assert_allclose(opened(data), [srgb((120 / 255) ** 1.5)] * 3, rtol=0, atol=2)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_a_profile_of_inks_is_used(format):
    """All cyan is L = 83.3, a = -60, b = 0 in this profile: XYZ is 0.384, 0.627, 0.517, and red is out of reach."""
    color = opened(encoded(even((255, 0, 0, 0), "CMYK"), format, icc_profile=ink_profile()))
    np.testing.assert_allclose(color, (0, 236, 205), rtol=0, atol=6)


def test_palette_and_transparent_colours_are_converted_before_they_lie_on_white():
    profile = rgb_profile("ProPhoto")
    palette = even().quantize(2)
    np.testing.assert_allclose(
        opened(encoded(palette, "PNG", icc_profile=profile)), by_hand("ProPhoto", 2.2), rtol=0, atol=3
    )
    clear = encoded(even((*COLOR, 51), "RGBA"), "PNG", icc_profile=profile)
    right = [value * 0.2 + 255 * 0.8 for value in by_hand("ProPhoto", 2.2)]
    np.testing.assert_allclose(opened(clear), right, rtol=0, atol=2)


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile("ProPhoto")[:200],
        b"no profile",
        rgb_profile("ProPhoto") + bytes(4 * 2**20),
        grey_profile(1.0),
        ink_profile(),
    ],
    ids=["cut off", "text", "too large", "grey", "inks"],
)
def test_a_profile_that_does_not_fit_is_as_none(profile):
    assert opened(encoded(even(), "TIFF", icc_profile=profile)) == COLOR


def test_a_profile_like_srgb_changes_nothing():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = noise()
    assert np.array_equal(open_image(encoded(photo, "PNG", icc_profile=profile)), photo)


def chromaticities(*values: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8L", *(round(value * 100_000) for value in values))


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">L", round(value * 100_000))


P3 = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
NO_COLORS = chromaticities(*[0.3] * 8)
NO_WHITE = chromaticities(0.3, 0, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BY_P3 = by_hand("Display P3", 2.2)
BY_GAMMA = [srgb((value / 255) ** 1.6) for value in COLOR]
PNGS = {
    "gamma": ([gamma(1 / 1.6)], BY_GAMMA),
    "gamma like that of sRGB": ([gamma(0.45)], COLOR),
    "gamma of zero": ([gamma(0)], COLOR),
    "primaries and gamma": ([gamma(1 / 2.2), P3], BY_P3),
    "primaries alone": ([P3], COLOR),
    "primaries that are none": ([gamma(0.5), NO_COLORS], COLOR),
    "white without light": ([gamma(0.5), NO_WHITE], COLOR),
    "sRGB goes before gamma": ([(b"sRGB", b"\0"), gamma(1)], COLOR),
    "cICP goes before sRGB": ([(b"sRGB", b"\0"), (b"cICP", bytes((12, 4, 0, 1)))], BY_P3),
    "cICP, linear": ([(b"cICP", bytes((1, 8, 0, 1)))], [srgb(value / 255) for value in COLOR]),
    "cICP, unknown": ([(b"cICP", bytes((2, 2, 0, 1)))], COLOR),
    "cICP, narrow range": ([(b"cICP", bytes((12, 4, 0, 0)))], COLOR),
}


@pytest.mark.parametrize("case", PNGS)
def test_what_a_png_says_in_numbers_is_used(case):
    chunks, right = PNGS[case]
    np.testing.assert_allclose(opened(with_chunks(encoded(even(), "PNG"), *chunks)), right, rtol=0, atol=1)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("numbers", "right"), [((12, 4), BY_P3), ((1, 1), COLOR), ((1, 4), by_hand("sRGB", 2.2)), ((2, 2), COLOR)]
)
def test_what_an_avif_or_heic_says_in_numbers_is_used(format, numbers, right):
    options = {"subsampling": "4:4:4"} if format == "AVIF" else {"chroma": 444}
    data = with_nclx(encoded(even(), format, quality=100, **options), *numbers)
    np.testing.assert_allclose(opened(data), right, rtol=0, atol=4)


@pytest.mark.parametrize(("curve", "stored"), [(16, 148), (18, 191)])
def test_white_and_the_brightest_of_hdr_become_a_middle_and_white(curve, stored):
    """203 cd/m2 is the white of what is not HDR, 58 % in PQ and 75 % in HLG; half of its light is left to it."""
    grey = [(b"cICP", bytes((9, curve, 0, 1)))]
    light = opened(with_chunks(encoded(even((stored,) * 3), "PNG"), *grey))
    np.testing.assert_allclose(light, [srgb(0.5)] * 3, rtol=0, atol=2)
    assert opened(with_chunks(encoded(even((255,) * 3), "PNG"), *grey)) == (255,) * 3


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_any_depth_lies_on_white(depth):
    samples = np.zeros((16, 32), int)
    samples[:, :8] = 1
    photo = open_image(raw_png(samples, depth, (b"tRNS", b"\0\1")))
    assert [photo.getpixel((x, 3)) for x in (0, 8)] == [(255,) * 3, (0,) * 3]


def test_a_transparent_colour_of_16_bits_is_told_by_all_of_them():
    samples = np.full((16, 32, 3), (0x1234, 0xFF00, 0x8070))
    samples[:, 8:] += (0, 1, 0)
    photo = open_image(raw_png(samples, 16, (b"tRNS", struct.pack(">3H", 0x1234, 0xFF00, 0x8070))))
    assert [photo.getpixel((x, 3)) for x in (0, 8)] == [(255,) * 3, (0x12, 0xFF, 0x80)]


def test_a_grey_tiff_of_12_bits_is_scaled_by_them():
    row = np.repeat(np.array([0, 1000, 4095]), (8, 8, 16))
    bits = np.packbits((row[:, None] >> np.arange(12)[::-1] & 1).astype(np.uint8)).tobytes() * 16
    fields = [(256, 4, 1, 32), (257, 4, 1, 16), (258, 3, 1, 12), (259, 3, 1, 1), (262, 3, 1, 1)]
    photo = open_image(tiff([*fields, (273, 4, 1, 8), (278, 4, 1, 16), (279, 4, 1, len(bits))], bits))
    assert [photo.getpixel((x, 3))[0] for x in (0, 8, 16)] == [0, 62, 255]


def test_an_animated_webp_smaller_than_its_canvas_lies_on_white():
    data = bytearray(encoded(red(), "WEBP", save_all=True, append_images=[Image.new("RGB", (32, 32), "blue")]))
    # A canvas of 64 x 32.
    data[24:27] = (63).to_bytes(3, "little")
    photo = open_image(bytes(data))
    assert photo.size == (64, 32)
    np.testing.assert_allclose([photo.getpixel((x, 9)) for x in (9, 50)], [(255, 0, 0), (255,) * 3], rtol=0, atol=4)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("blend", [0, 1])
def test_the_first_frame_of_an_apng_is_the_animations(mode, blend):
    default, frame = Image.new("L", (48, 32), 50).convert(mode), Image.new("L", (32, 16), 200).convert(mode)
    photo = open_image(apng_with_default(default, frame, 16, 8, blend))
    assert photo.size == (48, 32)
    assert [photo.getpixel(place) for place in ((2, 2), (20, 10))] == [(255,) * 3, (200,) * 3]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_is_shown(missing, progressive):
    data = encoded(noise(), "JPEG", progressive=progressive)
    assert np.array_equal(open_image(data[:-missing]), open_image(data))


def test_a_jpeg_that_lacks_more_is_refused():
    with pytest.raises(ImageError, match="cut off"):
        open_image(encoded(noise(), "JPEG")[:-20])


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_a_stale_orientation_in_xmp_does_not_turn(format):
    assert open_image(encoded(even(), format, xmp=XMP)).size == (32, 16)


def test_the_orientation_of_a_webp_does_not_turn_as_in_browsers():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encoded(even(), "WEBP", exif=exif.tobytes())).size == (32, 16)


@pytest.mark.parametrize(
    "fields",
    [[(50706, 1, 4, 0x00000401)], [(254, 4, 1, 1), (330, 4, 1, 8)]],
    ids=["DNG", "reduced picture"],
)
def test_the_preview_of_a_raw_file_is_not_taken_for_the_photo(fields):
    own = [(256, 4, 1, 32), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    data = tiff(sorted([*own, (273, 4, 1, 8), (278, 4, 1, 16), (279, 4, 1, 512), *fields]), bytes(512))
    with pytest.raises(ImageError) as caught:
        open_image(data)
    assert str(caught.value) == RAW


def test_a_large_photo_with_a_profile_is_converted_after_it_is_reduced():
    photo = open_image(encoded(red(4800, 2400), "JPEG", icc_profile=rgb_profile("Adobe RGB")))
    assert photo.size == (2400, 1200)
    np.testing.assert_allclose(photo.getpixel((9, 9)), by_hand("Adobe RGB", 2.2, (255, 0, 0)), rtol=0, atol=3)

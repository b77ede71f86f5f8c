"""Decode a photo: the bytes of a file -> upright 8-bit RGB. Runs in a child process with limits; see `cam.sandbox`.

Every child imports this module, so it imports Pillow and little else.
"""

import io
import struct
from collections.abc import Iterator
from functools import reduce

from PIL import ExifTags, Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from cam.errors import ImageError
from cam.images.color import ConvertColors, find_colors
from cam.images.limits import DAMAGED, NOT_A_PHOTO, RAW, ImageLimits

# (width, height) of the pixels that follow, and of the photo in its file, upright.
HEAD = struct.Struct("<4L")
# A JPEG, TIFF, AVIF or HEIC is given at 1/2, 1/4 or 1/8 while both its sides stay at least this long; networks see
# 224 to 600 pixels.
_DRAFT_SIDE = 1200
_REDUCED_FORMATS = {"TIFF", "AVIF", "HEIF"}
# By what a grey of 2 or 4 bits is multiplied to have 8.
_GREY_STEPS = {"L;2": 85, "L;4": 17}
# Flags of a WebP.
_WEBP_ANIMATED, _WEBP_ALPHA = 0x02, 0x10
# What makes a photo upright, for each EXIF orientation that is not upright already.
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = range(5, 9)
# Pixels of a band.
_BAND_PIXELS = 2**17
_DECODER_THREADS = 2


def decode_photo(
    data: bytes, formats: tuple[str, ...], draft: bool, most_pixels: int | None, limits: ImageLimits
) -> list[bytes]:
    """Decode the first picture of a file.

    Args:
        data: the file.
        formats: of Pillow, that are tried.
        draft: reduce a large JPEG, TIFF, AVIF or HEIC.
        most_pixels: about so many are given where the picture has more; None: all.
        limits: on its size.

    Returns:
        `HEAD`, then the rows of the picture in bands, three bytes a pixel.

    Raises:
        ImageError: no photo, damaged, or outside of the limits.
        MemoryError: it takes more memory than this process may.
    """
    try:
        image = _open(data, formats)
    except Exception as error:
        raise _refuse(NOT_A_PHOTO, error) from error
    limits.check_size(*image.size)
    if _is_preview(image):
        raise ImageError(RAW)
    stored_size = image.size
    try:
        colors = find_colors(image, data)
        smaller = draft and image.format in _REDUCED_FORMATS
        decoded = _load(image, data, draft)
        del image
        orientation = _read_orientation(decoded)
        photo = _finish(decoded, colors, smaller, most_pixels)
        del decoded
        if orientation in _TRANSPOSITIONS:
            photo = photo.transpose(_TRANSPOSITIONS[orientation])
        size = stored_size[::-1] if orientation in _ON_ITS_SIDE else stored_size
        return [HEAD.pack(*photo.size, *size), *(photo.crop(box).tobytes() for box in _bands(photo))]
    except Exception as error:
        raise _refuse(DAMAGED, error) from error


def _refuse(sentence: str, error: Exception) -> Exception:
    """Whatever a decoder stumbles over, as a sentence; a lack of memory is said by others."""
    return error if isinstance(error, MemoryError) else ImageError(sentence)


def _open(data: bytes, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    # Checked in the words of ClassCam; the memory of the process is limited.
    Image.MAX_IMAGE_PIXELS = None
    if "HEIF" in formats:
        import pillow_heif
        from PIL import AvifImagePlugin

        # Each takes addresses.
        pillow_heif.options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = _DECODER_THREADS
        # Nothing that comes with the picture is asked for.
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    if data[12:16] == b"VP8X" and data[20] & _WEBP_ANIMATED:
        # Where frames do not cover the canvas it is clear, also in a file that claims to have no alpha.
        data = data[:20] + bytes([data[20] | _WEBP_ALPHA]) + data[21:]
    return Image.open(io.BytesIO(data), formats=formats)


def _is_preview(image: Image.Image) -> bool:
    """Tell a camera's raw file by its DNGVersion, or by a reduced first picture that has others below it."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    return 50706 in tags or (tags.get(254) == 1 and 330 in tags)


def _load(image: Image.Image, data: bytes, draft: bool) -> Image.Image:
    """Decode the pixels of the first picture."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return _load_png(image, data)
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        image.load()
        return image
    try:
        _load_jpeg(image, draft)
        return image
    except OSError:
        # If only the end marker is missing, then what stands between the pixels and the marker makes no difference.
        ends = (_open(data.removesuffix(b"\xff") + end + b"\xff\xd9", ("JPEG",)) for end in (b"", b"\x5a\xa5" * 32))
        image, other = (_load_jpeg(ended, draft) for ended in ends)
        if ImageChops.difference(image, other).getbbox():
            raise
        return image


def _load_jpeg(image: Image.Image, draft: bool) -> Image.Image:
    if draft:
        # The mode is only a wish: a grey or CMYK JPEG keeps its own.
        image.draft(None, (_DRAFT_SIDE, _DRAFT_SIDE))
    image.load()
    return image


def _load_png(image: PngImagePlugin.PngImageFile, data: bytes) -> Image.Image:
    """Decode a PNG, of an animation its first frame."""
    if image.default_image and image.n_frames > 1:
        try:
            return _load_first_frame(image)
        except MemoryError:
            raise
        except Exception:
            # As a browser, which shows the default picture then.
            return _load_default(_open(data, ("PNG",)), data)
    return _load_default(image, data)


def _load_default(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Decode the default picture of a PNG, with a transparent colour of any depth."""
    raw_mode, clear = image.tile[0].args, image.info.get("transparency")
    image.load()
    if isinstance(raw_mode, str) and raw_mode in _GREY_STEPS and clear is not None:
        image.info["transparency"] = clear * _GREY_STEPS[raw_mode]
    if raw_mode == "RGB;16B" and clear:
        # Pillow keeps the high bytes.
        low = _open(data, ("PNG",))
        low.tile = [low.tile[0]._replace(args="RGB;16L")]
        low.load()
        parts = [(image, value >> 8) for value in clear] + [(low, value & 255) for value in clear]
        channels = (picture.getchannel(n % 3).point(_find_value(value)) for n, (picture, value) in enumerate(parts))
        alpha = ImageChops.invert(reduce(ImageChops.darker, channels))
        del image.info["transparency"]
        image.putalpha(alpha)
    return image


def _find_value(value: int) -> list[int]:
    """The table that makes one value white and all others black."""
    return [255 * (other == value) for other in range(256)]


def _load_first_frame(image: PngImagePlugin.PngImageFile) -> Image.Image:
    """Decode the first frame of an animation, where the default picture is none, and lay it on a clear canvas."""
    image.seek(1)
    # Pillow would blend it with the default picture.
    image.blend_op = PngImagePlugin.Blend.OP_SOURCE
    image.load()
    canvas = Image.new("RGBA", image.size)
    canvas.info = {name: value for name, value in image.info.items() if name != "transparency"}
    canvas.paste(image.crop(image.info["bbox"]).convert("RGBA"), image.info["bbox"])
    return canvas


def _read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, or what stands beside the picture is damaged.

    As in Chromium, one in XMP or in a WebP does not count. That of an AVIF is made by Pillow of the picture's own
    turns, and a HEIC has been turned already.
    """
    if image.format in ("WEBP", "HEIF"):
        return 1
    exif = Image.Exif()
    try:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            orientation = image.tag_v2.get(ExifTags.Base.Orientation, 1)
        else:
            exif.load(image.info.get("exif", b""))
            orientation = exif.get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:
        return 1
    # Of any type where it is damaged.
    return int(orientation) if orientation in range(1, 9) else 1


def _finish(image: Image.Image, colors: ConvertColors | None, smaller: bool, most_pixels: int | None) -> Image.Image:
    """A decoded picture as sRGB on white, reduced as far as that is asked for."""
    # What is RGB already need not be there twice, and its colours are converted when it is smaller.
    is_plain = image.mode == "RGB" and not image.has_transparency_data
    photo = image if is_plain else convert_to_rgb(image, colors)
    factors = [factor for factor in (8, 4, 2) if smaller and min(photo.size) >= factor * _DRAFT_SIDE]
    if factors:
        photo = photo.reduce(factors[0])
    share = most_pixels / (photo.width * photo.height) if most_pixels else 1
    if share < 1:
        photo = photo.resize([max(1, round(side * share**0.5)) for side in photo.size], Image.Resampling.BOX)
    return _in_bands(photo, colors) if is_plain and colors else photo


def convert_to_rgb(image: Image.Image, colors: ConvertColors | None = None) -> Image.Image:
    to_8_bits = _make_stretch(image) if image.mode in ("I", "F") or image.mode.startswith("I;16") else None

    def convert(band: Image.Image) -> Image.Image:
        if to_8_bits:
            band = to_8_bits(band)
        if band.has_transparency_data:
            band = band.convert("RGBA")
        elif band.mode not in ("L", "CMYK"):
            band = band.convert("RGB")
        if colors:
            stored, band = band, colors(band)
            if stored.mode == "RGBA":
                band.putalpha(stored.getchannel("A"))
        return Image.alpha_composite(Image.new("RGBA", band.size, "white"), band) if band.mode == "RGBA" else band

    return _in_bands(image, convert)


def _make_stretch(image: Image.Image) -> ConvertColors:
    """Return what makes 8 bits of grey of more: integers of up to 16 by their bits, others from lowest to highest.

    Infinite values are the lightest and the darkest, no number counts as 0, and all of one value is black.
    """
    # Here, because few photos need it, and each child would take longer to start.
    import numpy as np

    if image.mode.startswith("I;16"):
        bits = image.tag_v2[258][0] if isinstance(image, TiffImagePlugin.TiffImageFile) else 16
        low, high = 0.0, 2.0**bits - 1
    else:
        bands = (np.asarray(image.crop(box)) for box in _bands(image))
        ranges = [(values.min(), values.max()) for band in bands if (values := band[np.isfinite(band)]).size]
        low = float(min((least for least, _ in ranges), default=0.0))
        high = float(max((most for _, most in ranges), default=0.0))
    scale = 255.0 / (high - low) if high > low else 0.0
    clear = image.info.get("transparency")

    def stretch(band: Image.Image) -> Image.Image:
        stored = np.asarray(band)
        with np.errstate(invalid="ignore"):  # NaN of the signalling kind
            values = np.clip(np.nan_to_num(stored.astype(np.float64)), low, high)
        grey = Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))
        if clear is not None:
            grey.putalpha(Image.fromarray(np.where(stored == clear, 0, 255).astype(np.uint8)))
        return grey

    return stretch


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """The boxes of bands of rows, from top to bottom."""
    rows = max(1, _BAND_PIXELS // image.width)
    return ((0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows))


def _in_bands(image: Image.Image, convert: ConvertColors) -> Image.Image:
    """RGB, converted band by band, so that what lies between two pictures stays small; what is RGB is changed."""
    photo = image if image.mode == "RGB" else Image.new("RGB", image.size)
    for box in _bands(image):
        photo.paste(convert(image.crop(box)).convert("RGB"), box)
    return photo

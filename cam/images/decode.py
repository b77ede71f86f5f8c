"""Decode a photo: the bytes of a file -> upright 8-bit RGB. Runs in a child process with limits; see `cam.sandbox`.

Every child imports this module, so it imports Pillow and little else.
"""

import io
import struct
from collections.abc import Callable, Iterator

from PIL import ExifTags, Image, JpegImagePlugin

from cam.errors import ImageError
from cam.images.limits import DAMAGED, NOT_A_PHOTO, ImageLimits

# (width, height) of the pixels that follow, and of the photo in its file, upright.
HEAD = struct.Struct("<4L")
# A JPEG, TIFF, AVIF or HEIC is given at 1/2, 1/4 or 1/8 while both its sides stay at least this long; networks see
# 224 to 600 pixels.
_DRAFT_SIDE = 1200
_REDUCED_FORMATS = {"TIFF", "AVIF", "HEIF"}
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
    stored_size = image.size
    try:
        if draft and isinstance(image, JpegImagePlugin.JpegImageFile):
            # The mode is only a wish: a grey or CMYK JPEG keeps its own.
            image.draft(None, (_DRAFT_SIDE, _DRAFT_SIDE))
        image.load()
        orientation = _read_orientation(image)
        # The place for colour management: `image.info["icc_profile"]` is there, and the pixels are as they were stored.
        photo = _finish(image, draft and image.format in _REDUCED_FORMATS, most_pixels)
        del image
        if orientation in _TRANSPOSITIONS:
            photo = photo.transpose(_TRANSPOSITIONS[orientation])
        size = stored_size[::-1] if orientation in _ON_ITS_SIDE else stored_size
        return [HEAD.pack(*photo.size, *size), *(photo.crop(box).tobytes() for box in _bands(photo))]
    except Exception as error:
        raise _refuse(DAMAGED, error) from error


def _refuse(sentence: str, error: Exception) -> Exception:
    """Whatever a decoder stumbles over, as a sentence; a lack of memory is said by others."""
    return error if isinstance(error, MemoryError) else ImageError(sentence)


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    # Checked in the words of ClassCam; the memory of the process is limited.
    Image.MAX_IMAGE_PIXELS = None
    if "HEIF" in formats:
        import pillow_heif
        from PIL import AvifImagePlugin

        # Each takes addresses.
        pillow_heif.options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = _DECODER_THREADS
        # Nothing that comes with the picture is asked for.
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return Image.open(io.BytesIO(data), formats=formats)


def _read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, or what stands beside the picture is damaged."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:
        return 1
    # Of any type where it is damaged.
    return int(orientation) if orientation in range(1, 9) else 1


def _finish(image: Image.Image, reduce: bool, most_pixels: int | None) -> Image.Image:
    """A decoded picture as RGB, reduced as far as that is asked for."""
    # What is RGB already need not be there twice.
    photo = image if image.mode == "RGB" and not image.has_transparency_data else convert_to_rgb(image)
    factors = [factor for factor in (8, 4, 2) if reduce and min(photo.size) >= factor * _DRAFT_SIDE]
    if factors:
        photo = photo.reduce(factors[0])
    share = most_pixels / (photo.width * photo.height) if most_pixels else 1
    if share >= 1:
        return photo
    return photo.resize([max(1, round(side * share**0.5)) for side in photo.size], Image.Resampling.BOX)


def convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch_grey(image)
    return _in_bands(image, _lay_on_white) if image.has_transparency_data else image.convert("RGB")


def _lay_on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _stretch_grey(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as RGB: 16 bits by their whole range, others from their lowest to their highest value.

    Infinite values are the lightest and the darkest, no number counts as 0, and all of one value is black.
    """
    # Here, because few photos need it, and each child would take longer to start.
    import numpy as np

    low, high = 0.0, 65535.0
    if not image.mode.startswith("I;16"):
        bands = (np.asarray(image.crop(box)) for box in _bands(image))
        ranges = [(values.min(), values.max()) for band in bands if (values := band[np.isfinite(band)]).size]
        low = float(min((least for least, _ in ranges), default=0.0))
        high = float(max((most for _, most in ranges), default=0.0))
    scale = 255.0 / (high - low) if high > low else 0.0

    def stretch(band: Image.Image) -> Image.Image:
        with np.errstate(invalid="ignore"):  # NaN of the signalling kind
            values = np.clip(np.nan_to_num(np.asarray(band).astype(np.float64)), low, high)
        return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8))

    return _in_bands(image, stretch)


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """The boxes of bands of rows, from top to bottom."""
    rows = max(1, _BAND_PIXELS // image.width)
    return ((0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows))


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """RGB, converted band by band, so that what lies between two pictures stays small."""
    photo = Image.new("RGB", image.size)
    for box in _bands(image):
        photo.paste(convert(image.crop(box)).convert("RGB"), box)
    return photo

"""Convert the colours of a decoded photo to sRGB, by what its file says of them: a profile, or numbers.

Runs in the child that decodes. Where browsers differ from a standard, this does what Chromium does.
"""

import io
import re
from collections.abc import Callable
from typing import Any

from PIL import Image

Numbers = tuple[float, ...]
# Converts a piece of a photo of mode L, RGB, RGBA or CMYK to RGB; alpha is left out.
ConvertColors = Callable[[Image.Image], Image.Image]

# A profile of four inks by large tables has 3 MB.
_MOST_PROFILE_BYTES = 4 * 2**20
# White, red, green and blue as x and y, by the numbers of ITU-T H.273.
_D65 = (0.3127, 0.329)
_SRGB = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES = {
    1: _SRGB,
    2: _SRGB,  # not said
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (0.31, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
_SRGB_CURVE, _PQ, _HLG = 13, 16, 18
# That which is not said, and those of television, which Chromium takes for sRGB in an AVIF.
_LIKE_SRGB = {1, 2, 6, 14, 15}
# g, a, b, c, d, and the light of a value x is (a x + b)^g from d on, and c x below.
_CURVES = {
    **dict.fromkeys((1, 6, 11, 14, 15), (2.4, 1.0, 0.0, 0.0, 0.0)),
    4: (2.2, 1.0, 0.0, 0.0, 0.0),
    5: (2.8, 1.0, 0.0, 0.0, 0.0),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    8: (1.0, 1.0, 0.0, 0.0, 0.0),
    _SRGB_CURVE: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    17: (2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0),
}
# The chunk of a PNG with the numbers of primaries and curve, for RGB of the whole range.
_CICP = re.compile(rb"\x00\x00\x00\x04cICP(.)(.)\x00\x01", re.DOTALL)
# The brightest light in the photo, of a PNG in 0.0001 cd/m2, of an AVIF or HEIC in cd/m2.
_CLLI = re.compile(rb"\x00\x00\x00\x08cLLI(.{4})", re.DOTALL)
_LIGHT_BOX = re.compile(rb"\x00\x00\x00\x0cclli(..)", re.DOTALL)
# How far a gamma may be from that of sRGB, as a share, to count as it.
_NEARLY_SRGB = 0.05
# The light of white in cd/m2 that HDR is shown relative to, and the brightest where a file does not say it.
_WHITE, _BRIGHTEST = 203.0, 1000.0


def find_colors(image: Image.Image, data: bytes) -> ConvertColors | None:
    """Return what converts the colours of a photo to sRGB; None where they are sRGB, as where nothing is said.

    Args:
        image: the photo; what its file says of colours that cannot be read counts as not said.
        data: its file.
    """
    if image.format == "PNG":
        # It stands before the pixels and goes before all else.
        if said := _CICP.search(data, 0, data.find(b"IDAT")):
            light = _CLLI.search(data, 0, data.find(b"IDAT"))
            return _by_code(said[1][0], said[2][0], int.from_bytes(light[1], "big") / 10_000 if light else 0)
        if "icc_profile" not in image.info and "srgb" not in image.info and (gamma := image.info.get("gamma")):
            points = image.info.get("chromaticity")
            if points is None and abs(2.2 * gamma - 1) < _NEARLY_SRGB:
                return None
            return _by_numbers(points or _SRGB, (1 / gamma, 1.0, 0.0, 0.0, 0.0))
    if profile := image.info.get("icc_profile"):
        return _by_profile(image, profile)
    if image.format in ("AVIF", "HEIF") and (nclx := _read_nclx(image, data)):
        curve = nclx["transfer_characteristics"]
        light = _LIGHT_BOX.search(data)
        brightest = int.from_bytes(light[1], "big") if light else 0
        return _by_code(nclx["color_primaries"], _SRGB_CURVE if curve in _LIKE_SRGB else curve, brightest)
    return None


def _read_nclx(image: Image.Image, data: bytes) -> dict[str, Any] | None:
    if image.format == "HEIF":
        return image.info.get("nclx_profile")
    import pillow_heif

    # Pillow does not tell it; libheif reads what stands beside the pixels of an AVIF too.
    try:
        return pillow_heif.HeifFile(io.BytesIO(data)).info.get("nclx_profile")
    except MemoryError:
        raise
    except Exception:
        return None


def _by_profile(image: Image.Image, data: bytes) -> ConvertColors | None:
    """Convert by an ICC profile; one that is broken, too large or for other kinds of colours is as none."""
    if len(data) > _MOST_PROFILE_BYTES:
        return None
    from PIL import ImageCms

    is_grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I;16")
    kind = "CMYK" if image.mode == "CMYK" else "RGB"
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        if space == "GRAY" and is_grey:
            kind = "L"
        elif space != kind:
            return None
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), kind, "RGB")
    except MemoryError:
        raise
    except Exception:
        return None

    def convert(band: Image.Image) -> Image.Image:
        photo = ImageCms.applyTransform(band.convert(kind), transform)
        assert photo  # None is for those that are changed in place
        return photo

    return None if kind != "CMYK" and _keeps_colors(convert) else convert


def _keeps_colors(convert: ConvertColors) -> bool:
    """Tell whether all of a few hundred colours stay as they are, so that the photo need not be converted."""
    import numpy as np

    greys = np.repeat(np.arange(256, dtype=np.uint8), 3)
    colors = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).ravel()
    pixels = np.concatenate((greys, colors)).reshape(1, -1, 3)
    return bool(np.abs(np.asarray(convert(Image.fromarray(pixels)), int) - pixels).max() <= 1)


def _by_code(primaries: int, curve: int, brightest: float) -> ConvertColors | None:
    """Convert by two numbers of ITU-T H.273; None where one of them is unknown, or they are those of sRGB.

    Args:
        primaries: their number.
        curve: its number.
        brightest: light in the photo, in cd/m2, if it is HDR; 0: not said.
    """
    if primaries not in _PRIMARIES or (_PRIMARIES[primaries], curve) == (_SRGB, _SRGB_CURVE):
        return None
    if curve in (_PQ, _HLG):
        return _by_numbers(_PRIMARIES[primaries], curve, brightest or _BRIGHTEST)
    return _by_numbers(_PRIMARIES[primaries], _CURVES[curve]) if curve in _CURVES else None


def _by_numbers(points: Numbers, curve: Numbers | int, brightest: float = _BRIGHTEST) -> ConvertColors | None:
    """Convert by white and primaries as x and y, and by a curve of `_CURVES`, or PQ or HLG."""
    import numpy as np

    try:
        # HDR is worked on in the primaries of BT.2020.
        to_wide = _matrix(points, _PRIMARIES[9])
        to_srgb = _matrix(_PRIMARIES[9] if isinstance(curve, int) else points, _SRGB)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(to_srgb).all():
        return None
    light = _to_light(np.arange(256) / 255, curve).astype(np.float32)
    lights = np.arange(2**16) / (2**16 - 1)
    values = np.where(lights <= 0.0031308, 12.92 * lights, 1.055 * lights ** (1 / 2.4) - 0.055)
    encoded = np.rint(255 * values).astype(np.uint8)

    def convert(band: Image.Image) -> Image.Image:
        linear = light[np.asarray(band.convert("RGB"))]
        if isinstance(curve, int):
            linear = _map_tones(linear @ to_wide, curve, brightest)
        steps = np.clip(linear @ to_srgb, 0, 1) * (2**16 - 1) + 0.5
        return Image.fromarray(encoded[steps.astype(np.uint16)])

    return convert


def _matrix(points: Numbers, others: Numbers) -> Any:
    """The matrix float32 (3, 3) by which rows of linear RGB are multiplied to have other primaries."""
    import numpy as np

    return (np.linalg.inv(_to_xyz(others)) @ _to_xyz(points)).T.astype(np.float32)


def _to_xyz(points: Numbers) -> Any:
    """The matrix (3, 3) from linear red, green and blue to XYZ, adapted to the white of ICC profiles."""
    import numpy as np

    x, y = np.asarray(points, float).reshape(4, 2).T
    xyz = np.stack((x, y, 1 - x - y))
    with np.errstate(all="ignore"):
        matrix, white = xyz[:, 1:], xyz[:, 0] / y[0]
    matrix = matrix * np.linalg.solve(matrix, white)
    cones = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
    scale = cones @ (0.9642, 1.0, 0.8249) / (cones @ white)
    return np.linalg.inv(cones) @ (scale[:, None] * (cones @ matrix))


def _to_light(values: Any, curve: Numbers | int) -> Any:
    """The light of values of 0 to 1: 0 to 1, of PQ relative to white."""
    import numpy as np

    if isinstance(curve, int):
        if curve == _PQ:
            root = values ** (32 / 2523)
            least = np.maximum(root - 0.8359375, 0)
            return 10_000 / _WHITE * (least / (18.8515625 - 18.6875 * root)) ** (8192 / 1305)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    power, factor, offset, slope, start = curve
    return np.where(values < start, slope * values, (factor * values + offset) ** power)


def _map_tones(light: Any, curve: int, brightest: float) -> Any:
    """Light of a picture in HDR, (..., 3), as far as a screen shows it: 0 to 1."""
    import numpy as np

    if curve == _HLG:
        luminance = np.maximum(light @ np.array((0.2627, 0.678, 0.0593), np.float32), 0)
        light = _BRIGHTEST / _WHITE * light * luminance[..., None] ** 0.2
    end, bend = brightest / _WHITE, 0.65
    if end <= 1:
        return light
    # The tone mapping that Skia does where a file says nothing else: up to white the light is lowered, at most to a
    # half; from there to the brightest, a quadratic Bezier curve leads to the white of the screen.
    white = 1 - 0.5 * min(np.log(end) / np.log(_BRIGHTEST / _WHITE), 1)
    t = np.linspace(0, 1, 64)
    weights = np.stack(((1 - t) ** 2, 2 * t * (1 - t), t**2))
    x = (1, 1 - bend + bend / white, end) @ weights
    gains = (white, (1 - bend) * white + bend, 1.0) @ weights / x
    most = light.max(axis=-1, keepdims=True)
    return light * np.where(most < end, np.interp(most, x, gains), 1 / np.maximum(most, end)).astype(np.float32)

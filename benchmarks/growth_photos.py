"""Photos of any size for the benchmarks: a sample, enlarged, with grain."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLE = Path(__file__).parent.parent / "sample_images" / "two_jaguars.jpg"
OPTIONS = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 3},
    "HEIF": {"quality": 80},
    # Differences between neighbours, as cameras and editors store them.
    "TIFF": {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}},
}
# Standard deviation: what makes a JPEG of 12 MP as large as a phone's, and keeps a PNG of 40 MP under 50 MB.
_GRAIN = {"JPEG": 6, "HEIF": 1, "PNG": 1, "TIFF": 1}


def photo_file(megapixels: float, format: str = "JPEG", number: int = 0) -> bytes:
    """The file of a photo of 4 : 3; photos of other numbers differ in a corner."""
    if format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    image = _pixels(megapixels, _GRAIN[format]).copy()
    image.paste((number % 256, number // 256, 99), (0, 0, 16, 16))
    buffer = io.BytesIO()
    image.save(buffer, format, **OPTIONS[format])
    return buffer.getvalue()


@cache
def _pixels(megapixels: float, deviation: float) -> Image.Image:
    height = round((megapixels * 0.75e6) ** 0.5)
    with Image.open(SAMPLE) as image:
        large = np.asarray(image.convert("RGB").resize((round(height / 0.75), height), Image.Resampling.BICUBIC))
    grain = np.rint(np.random.default_rng(0).normal(0, deviation, (height, 1024, 1))).astype(np.int16)
    columns = np.arange(large.shape[1]) % 1024
    return Image.fromarray(np.clip(large + grain[:, columns], 0, 255).astype(np.uint8))

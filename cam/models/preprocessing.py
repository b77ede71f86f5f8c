"""Preprocessings: RGB 0..255 to the numbers that a network was trained on. One row each, NumPy only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Of ImageNet's photos, 0..1, red, green and blue; and of blue, green and red, 0..255.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


@dataclass(frozen=True)
class Preprocessing:
    """One preprocessing: `apply` takes RGB 0..255 of any shape (..., 3) and returns float32 of the same shape."""

    name: str
    title: str
    apply: Callable[[np.ndarray], np.ndarray]


PREPROCESSINGS = {
    row.name: row
    for row in (
        Preprocessing("0..255", "0 to 255, as they are", lambda pixels: pixels.astype(np.float32)),
        Preprocessing("0..1", "0 to 1", lambda pixels: pixels.astype(np.float32) / 255.0),
        Preprocessing("-1..1", "−1 to 1", lambda pixels: pixels.astype(np.float32) / 127.5 - 1.0),
        Preprocessing("lite", "(x − 127) / 128", lambda pixels: (pixels.astype(np.float32) - 127.0) / 128.0),
        Preprocessing(
            "standard", "ImageNet's mean and deviation", lambda pixels: (pixels / np.float32(255) - _MEAN) / DEVIATION
        ),
        Preprocessing(
            "caffe", "Blue, green, red less their mean", lambda pixels: pixels[..., ::-1].astype(np.float32) - _MEAN_BGR
        ),
    )
}

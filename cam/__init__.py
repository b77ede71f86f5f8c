"""ClassCam: show where a convolutional network looks, by Class Activation Mapping.

Importing this package imports neither TensorFlow nor Keras; `load_model` and `Model` do when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cam.errors import CamError, ImageError, LabelError, ModelError
from cam.explanation import Explanation, Prediction
from cam.images import open_image
from cam.labels import Labels
from cam.localize import Box, boxes
from cam.models.registry import ModelSpec, list_models
from cam.render import overlay

if TYPE_CHECKING:
    from cam.engine import Model, load_model

__all__ = [
    "Box",
    "CamError",
    "Explanation",
    "ImageError",
    "LabelError",
    "Labels",
    "Model",
    "ModelError",
    "ModelSpec",
    "Prediction",
    "boxes",
    "list_models",
    "load_model",
    "open_image",
    "overlay",
]


def __getattr__(name: str) -> object:
    if name in ("Model", "load_model"):
        return getattr(import_module("cam.engine"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""ClassCam: show where a convolutional network looks, by Class Activation Mapping.

Each public name is imported when it is first used: the page is there sooner without them, and only `load_model` and
`Model` need TensorFlow or OpenVINO.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cam.errors import CamError, ImageError, LabelError, ModelError
    from cam.explanation import Attribution, Explanation, Prediction
    from cam.images.open import open_image
    from cam.labels import Labels
    from cam.localization import Box, boxes
    from cam.model import ExplainOptions, Model, load_model
    from cam.models.registry import ModelSpec, list_models
    from cam.render import overlay

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "Box",
    "CamError",
    "ExplainOptions",
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

_HOMES = {
    "model": ("ExplainOptions", "Model", "load_model"),
    "errors": ("CamError", "ImageError", "LabelError", "ModelError"),
    "explanation": ("Attribution", "Explanation", "Prediction"),
    "images.open": ("open_image",),
    "labels": ("Labels",),
    "localization": ("Box", "boxes"),
    "models.registry": ("ModelSpec", "list_models"),
    "render": ("overlay",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"cam.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""Run the network on covered photos: one forward pass for each, the first time that anyone asks."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from cam.analysis.occlusion import Fill, cover, random_mask
from cam.app import cache
from cam.app.cache import Explained
from cam.app.scene import Scene
from cam.explanation import ExplainOptions, Prediction
from cam.images.open import resized
from cam.server import model_store

# How often a region is put at random for comparison.
DRAWS = 5
_BEST = 5
# A result is 4 kB; the curves of one class take 84.
_MAX_RESULTS = 4096
_GIVEN = ExplainOptions("given")


@dataclass(frozen=True, eq=False)
class Result:
    """The result of one forward pass: float32 (classes,) probabilities, and the best classes."""

    probabilities: np.ndarray
    best: list[Prediction]


def run_network(network: str, image: Image.Image) -> Result:
    """Run a network on an image of the size of its input."""
    return _run(network, image.size, hashlib.sha256(image.tobytes()).hexdigest(), image)


@st.cache_resource(max_entries=_MAX_RESULTS, ttl=cache.KEPT_SECONDS, show_spinner=False)
def _run(network: str, size: tuple[int, int], pixels: str, _image: Image.Image) -> Result:
    explanation = model_store.loaded_model(network).explain_with(_image, _GIVEN)
    return Result(explanation.probabilities, explanation.top(_BEST))


def fit_photo(scene: Scene) -> Image.Image:
    """Resize the photo to the network's input; uncovered, it has the probabilities that it had before."""
    return _fit(scene.photo.digest, scene.explanation.input_size, scene.photo)


@cache.cache_results
def _fit(digest: str, size: tuple[int, int], _photo: cache.Photo) -> Image.Image:
    return Image.fromarray(resized(_photo.image, size))


def cover_at_random(scene: Scene, share: float, fill: Fill, keep: bool) -> list[float]:
    """Compute the chosen class's probabilities with regions at random, of the same share, hidden or kept."""
    image = fit_photo(scene)
    found = []
    for seed in range(DRAWS):
        mask = random_mask(image.size, grid_shape(scene.explanation), share, seed)
        result = run_network(scene.spec.name, cover(image, ~mask if keep else mask, fill))
        found.append(float(result.probabilities[scene.chosen.index]))
    return found


def grid_shape(explanation: Explained) -> tuple[int, int]:
    """(rows, columns) of the class maps."""
    return explanation.features.shape[:2]

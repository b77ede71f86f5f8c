"""What the network says about covered photos: one forward pass for each, the first time that anyone asks."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from cam.analysis.occlusion import Fill, cover, random_mask
from cam.app import cache
from cam.app.scene import Scene
from cam.explanation import Prediction, Scored
from cam.images.open import resized
from cam.model import ExplainOptions
from cam.server import model_store

# How often a region is put at random for comparison.
DRAWS = 5
_BEST = 5
# A look is 4 kB; the curves of one class take 84.
_MAX_LOOKS = 4096
_TTL = cache.KEPT_SECONDS


@dataclass(frozen=True, eq=False)
class Look:
    """What stays of one look of the network at one image: float32 (classes,) probabilities, and the best classes."""

    probabilities: np.ndarray
    best: list[Prediction]


def look(network: str, image: Image.Image) -> Look:
    """What a network says about an image of the size at which it sees the photo."""
    return _look(network, image.size, hashlib.sha256(image.tobytes()).hexdigest(), image)


@st.cache_resource(max_entries=_MAX_LOOKS, ttl=_TTL, show_spinner=False)
def _look(network: str, size: tuple[int, int], pixels: str, _image: Image.Image) -> Look:
    explanation = model_store.loaded_model(network).explain_with(_image, ExplainOptions(fit="given"))
    return Look(explanation.probabilities, explanation.top(_BEST))


def fitted(scene: Scene) -> Image.Image:
    """The photo as the network sees it; covered by nothing, it has the probabilities that it had before."""
    return _fitted(scene.photo.digest, scene.explanation.input_size, scene.photo)


@st.cache_resource(max_entries=cache.MAX_KEPT, ttl=_TTL, show_spinner=False)
def _fitted(digest: str, size: tuple[int, int], _photo: cache.Photo) -> Image.Image:
    return Image.fromarray(resized(cache.opened(_photo), size))


def random_probabilities(scene: Scene, share: float, fill: Fill, keep: bool) -> list[float]:
    """The chosen class's probabilities with regions at random, of the same share, hidden or kept."""
    image = fitted(scene)
    found = []
    for seed in range(DRAWS):
        mask = random_mask(image.size, cells(scene.explanation), share, seed)
        seen = look(scene.spec.name, cover(image, ~mask if keep else mask, fill))
        found.append(float(seen.probabilities[scene.chosen.index]))
    return found


def cells(explanation: Scored) -> tuple[int, int]:
    """(rows, columns) of the class maps."""
    return explanation.features.shape[:2]

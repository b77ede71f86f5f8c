"""A class's own model as a row of the registry: opened with care, and its gaps filled when it is loaded."""

import math
from dataclasses import replace
from pathlib import Path

import keras

from cam.custom_models.inference import guess
from cam.custom_models.load import open_own
from cam.custom_models.sidecar import Sidecar, read_sidecar
from cam.models.registry import ModelSpec
from cam.settings import read_settings


def build(path: Path) -> keras.Model:
    """The network in a model file, within the memory that the settings allow (ModelError if it is refused)."""
    return open_own(path, limit_bytes=read_settings().model_bytes)


def completed(spec: ModelSpec, network: keras.Model) -> ModelSpec:
    """The row of a network that was loaded, without gaps; a row without gaps is returned as it is.

    Raises:
        ModelError: the file beside the model cannot be understood, or does not fit the network.
    """
    if not spec.own:
        return spec
    sidecar = read_sidecar(spec.sidecar) if spec.sidecar else Sidecar()
    known = guess(network, sidecar, title=spec.title)
    return replace(
        spec,
        title=known.title,
        labels=known.labels,
        preprocessing=known.preprocessing,
        size=known.size,
        whole_size=known.size,
        parameters=sum(math.prod(weight.shape) for weight in network.trainable_weights),
        guessed=known.guessed,
    )

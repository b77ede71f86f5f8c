"""Networks of `keras.applications`, with weights from a file that `cam.models.weights` found and checked."""

from pathlib import Path

import keras
from keras import layers

from cam.errors import ModelError
from cam.models.preprocessing import DEVIATION


def build(architecture: str, weights: Path | None) -> keras.Model:
    """A network: (n, size, size, 3), preprocessed -> scores (n, 1000).

    Args:
        architecture: the name of its constructor, such as "ResNet50".
        weights: a file in the HDF5 layout of Keras; None leaves the network untrained.

    Raises:
        ModelError: the file is that of another network.
    """
    network = getattr(keras.applications, architecture)(weights=None, classifier_activation=None)
    if weights is not None:
        try:
            network.load_weights(str(weights))
        # What Keras raises for layers that are missing, are too many or have other shapes, and for unreadable data.
        except (ValueError, KeyError, OSError) as error:
            raise ModelError(
                f"The weights file {weights} does not fit {architecture}: {error}. Download it again to replace it."
            ) from error
    return network


def build_efficientnet(architecture: str, weights: Path | None) -> keras.Model:
    """An EfficientNet (Tan & Le, ICML 2019): (n, size, size, 3), RGB 0..255 -> scores (n, 1000).

    Its weights were trained on photos divided by the square root of their deviation once more than its `Normalization`
    does. Keras adds a layer for that, but only to weights that it downloads itself. Here it is part of the variance:
    (x - mean) / sqrt(variance) / sqrt(deviation) = (x - mean) / sqrt(variance * deviation).
    """
    network = build(architecture, weights)
    if weights is not None:
        (normalization,) = (layer for layer in network.layers if isinstance(layer, layers.Normalization))
        mean, variance, count = normalization.get_weights()
        normalization.set_weights([mean, variance * DEVIATION, count])
        normalization.finalize_state()
    return network

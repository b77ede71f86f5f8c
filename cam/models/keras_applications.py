"""Networks of `keras.applications`, with weights from a file that `cam.models.weights` found and checked."""

from pathlib import Path

import keras


def resnet50(weights: Path) -> keras.Model:
    """ResNet-50 (He et al., CVPR 2016): (n, 224, 224, 3), preprocessed -> logits (n, 1000)."""
    return keras.applications.ResNet50(weights=str(weights), classifier_activation=None)

"""Class activation mapping itself: for heads of global average pooling and one dense layer."""

import numpy as np

from cam.errors import ModelError
from cam.methods.probe import Probe, Report, no_report


def cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w), signed, in units of the score: what each place adds to the score of class `index`. No pass.

    Zhou, Khosla, Lapedriza, Oliva & Torralba, Learning Deep Features for Discriminative Localization, CVPR 2016,
    equation 2:

        map[y, x] = sum_k weight[k, c] * features[y, x, k]

    Its mean plus the class's bias is the score, exactly.

    Raises:
        ModelError: the scores are not a linear head on these features.
    """
    if probe.weight is None:
        raise ModelError(
            "CAM needs global average pooling and one dense layer right behind the chosen layer, and this network has "
            "something else there. Choose the last layer of a network that has them, or another method: HiResCAM "
            "and Grad-CAM are the same map where CAM exists."
        )
    return probe.features @ probe.weight[:, index]

"""CAM itself, and maps from one gradient: of a class's score with respect to the features, written g[y, x, k].

On a linear head (global average pooling and one dense layer) g[y, x, k] = weight[k, c] / (h * w) everywhere, and
Grad-CAM, HiResCAM and XGrad-CAM all are CAM divided by h * w.
"""

from collections.abc import Sequence

import numpy as np

from cam.errors import ModelError
from cam.methods.probe import Probe, Report, no_report, one_class, one_gradient, weighted_sum

# Finer-CAM's comparison strength and number of references, those of its paper's experiments.
STRENGTH = 0.6
REFERENCES = 3
# A map whose sum is this small a share of its absolute sum is one that sums to zero.
_CANCELLED = 1e-6


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


def grad_cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w), signed: the features, each map weighted with the mean of its gradient. One pass.

    Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra, Grad-CAM: Visual Explanations from Deep Networks via
    Gradient-based Localization, ICCV 2017, equations 1 and 2:

        alpha[k]  = mean over (y, x) of g[y, x, k]
        map[y, x] = ReLU(sum_k alpha[k] * features[y, x, k])

    This is the map before the ReLU.
    """
    return _mean_weighted(probe, one_class(probe, index), report)


def hirescam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w), signed: the features, each number weighted with its own gradient. One pass.

    Draelos & Carin, Use HiResCAM instead of Grad-CAM for Faithful Explanations of Convolutional Neural Networks,
    arXiv:2011.08891, 2020:

        map[y, x] = sum_k g[y, x, k] * features[y, x, k]

    Where only one dense layer follows, with pooling or without, the sum of the map plus the class's bias is the score.
    """
    gradients = one_gradient(probe, one_class(probe, index), report)
    return (gradients * probe.features).sum(axis=-1).astype(np.float32)


def xgrad_cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w), signed: as Grad-CAM, but the mean of the gradient is weighted with the features. One pass.

    Fu, Hu, Dong, Guo, Gao & Li, Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs,
    BMVC 2020:

        alpha[k]  = sum over (y, x) of g[y, x, k] * features[y, x, k] / sum over (y, x) of features[y, x, k]
        map[y, x] = ReLU(sum_k alpha[k] * features[y, x, k])

    This is the map before the ReLU. The division has no meaning for a map that sums to zero; the plain mean of its
    gradient takes its place.
    """
    gradients = one_gradient(probe, one_class(probe, index), report)
    features = probe.features.astype(np.float64)
    total, size = features.sum(axis=(0, 1)), np.abs(features).sum(axis=(0, 1))
    weights = gradients.mean(axis=(0, 1))
    np.divide((gradients * features).sum(axis=(0, 1)), total, out=weights, where=np.abs(total) > _CANCELLED * size)
    return weighted_sum(features, weights)


def layercam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w): the features, each number weighted with its own gradient where that is positive. One pass.

    Jiang, Zhang, Hou, Cheng & Wei, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE
    Transactions on Image Processing, 2021:

        map[y, x] = ReLU(sum_k ReLU(g[y, x, k]) * features[y, x, k])

    This is the map before the outer ReLU, which changes nothing where the features are not negative. The scaling with
    which the paper joins the maps of several layers has no part in one.
    """
    gradients = one_gradient(probe, one_class(probe, index), report)
    return (np.maximum(gradients, 0.0) * probe.features).sum(axis=-1).astype(np.float32)


def finer_cam(
    probe: Probe,
    index: int,
    report: Report = no_report,
    *,
    references: Sequence[int] | None = None,
    strength: float = STRENGTH,
) -> np.ndarray:
    """float32 (h, w), signed: what tells class `index` from similar ones, by Grad-CAM. One pass.

    Zhang, Gu, Chowdhury, Mai, Carlyn, Berger-Wolf, Su & Chao, Finer-CAM: Spotting the Difference Reveals Finer Details
    for Visual Explanation, CVPR 2025, with g[d] the gradient of the score of class d, c the class and d the references:

        alpha[k]  = mean over (y, x) of (g[c] - strength * mean over d of g[d])[y, x, k]
        map[y, x] = ReLU(sum_k alpha[k] * features[y, x, k])

    This is the map before the ReLU. Their experiments have three references and strength 0.6 (their gamma). At strength
    1 the map against one reference is the difference of the two classes' Grad-CAMs. The references are the classes with
    the nearest scores, as in the authors' code: for the best class those that follow it. (Their code weights them with
    their probabilities; the paper takes the plain mean.)

    Args:
        probe: the photo in the network.
        index: of the class.
        report: called when the pass is done.
        references: the classes to tell it from; the three with the nearest scores where there are none given.
        strength: of the comparison; 0 is Grad-CAM.
    """
    others = similar_classes(probe.scores, index) if references is None else references
    direction = one_class(probe, index)
    for other in others:
        direction[other] -= strength / len(others)
    return _mean_weighted(probe, direction, report)


def similar_classes(scores: np.ndarray, index: int, count: int = REFERENCES) -> list[int]:
    """Up to `count` other classes, those whose scores (classes,) are nearest to that of class `index` first."""
    nearest = np.argsort(np.abs(scores.astype(np.float64) - scores[index]), kind="stable")
    return [int(other) for other in nearest if other != index][:count]


def _mean_weighted(probe: Probe, direction: np.ndarray, report: Report) -> np.ndarray:
    return weighted_sum(probe.features, one_gradient(probe, direction, report).mean(axis=(0, 1)))

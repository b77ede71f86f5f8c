"""Maps that need one pass for each feature map: no gradient, only scores. They run in batches and report each."""

import numpy as np
import scipy

from cam.heatmap import photo_extent, resize_map
from cam.methods.probe import Probe, Report, batches, no_report, weighted_sum

# A score that is this small a share of the largest drop is none to divide by.
_NO_SCORE = 1e-6


def score_cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w): the features, each map weighted with the score of the photo seen through it. K passes.

    Wang, Wang, Du, Yang, Zhang, Ding, Mardziel & Hu, Score-CAM: Score-Weighted Visual Explanations for Convolutional
    Neural Networks, CVPR Workshops 2020, algorithm 1:

        mask[k]     = s(enlarge(features[:, :, k])),     s from the smallest and largest number to 0 and 1
        increase[k] = score[c] of (photo * mask[k]) - score[c] of the baseline
        weight      = softmax over k of increase
        map[y, x]   = ReLU(sum_k weight[k] * features[y, x, k])

    This is the map before the ReLU. The photo is the preprocessed one, and the baseline the paper's: all zero. Its
    score is the same for all k, so the softmax is the same without it and it is not run. A map that is the same
    everywhere has no s; its mask is all zero. (torch-cam applies s before enlarging, and pytorch-grad-cam enlarges from
    corner to corner instead of from edge to edge; here the order is the paper's and places are those of `cam.heatmap`.)
    """
    width, height = probe.input_size
    count = probe.features.shape[-1]
    scores = np.empty(count)
    for chosen in batches(count, 4 * width * height):
        scores[chosen] = probe.masked_scores(_masks(probe, chosen))[:, index]
        report(int(chosen[-1]) + 1, count)
    return weighted_sum(probe.features, scipy.special.softmax(scores))


def ablation_cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w), signed: the features, each map weighted with the share of the score lost without it. K passes.

    Desai & Ramaswamy, Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization,
    WACV 2020, with y the score and y[k] the score where features[:, :, k] is all zero:

        weight[k] = (y - y[k]) / y
        map[y, x] = ReLU(sum_k weight[k] * features[y, x, k])

    This is the map before the ReLU. The division is by |y|: the same for the classes that a network sees, and the map
    of a class whose score is negative keeps its sign. Where the score is zero it is left out. The passes start behind
    the layer, so they are shorter than others.
    """
    features, score = probe.features, float(probe.scores[index])
    count = features.shape[-1]
    drops = np.empty(count)
    for chosen in batches(count, features.nbytes):
        ablated = np.repeat(features[np.newaxis], len(chosen), axis=0)
        ablated[np.arange(len(chosen)), :, :, chosen] = 0.0
        drops[chosen] = score - probe.tail_scores(ablated)[:, index].astype(np.float64)
        report(int(chosen[-1]) + 1, count)
    divisor = abs(score) if abs(score) > _NO_SCORE * np.abs(drops).max() else 1.0
    return weighted_sum(features, drops / divisor)


def _masks(probe: Probe, chosen: np.ndarray) -> np.ndarray:
    """float32 (n, height, width), 0 to 1: the chosen feature maps at the size of the input."""
    extent = photo_extent(probe.features.shape, probe.input_size, probe.cell_stride)
    return np.stack([_scale_to_one(resize_map(probe.features[:, :, k], probe.input_size, extent)) for k in chosen])


def _scale_to_one(cells: np.ndarray) -> np.ndarray:
    lowest, highest = cells.min(), cells.max()
    return (cells - lowest) / (highest - lowest) if highest > lowest else np.zeros_like(cells)

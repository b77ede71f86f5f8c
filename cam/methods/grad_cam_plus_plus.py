"""Maps whose weights come from higher derivatives: Grad-CAM++, and its mean over noise.

Both take the class's score through an exponential, Y = exp(score), and the network for linear around the photo. Then
the second and third derivative of Y are Y * g^2 and Y * g^3 with g[y, x, k] the gradient of the score, and Y cancels.
"""

import numpy as np

from cam.methods.probe import Probe, Report, no_report, one_class, one_gradient, weighted_sum

# Of Smooth Grad-CAM++: noisy copies of the photo, the noise as a share of the photo's range, and the noise's seed.
# Smilkov et al., SmoothGrad: Removing Noise by Adding Noise, 2017, recommend 10 to 20 % and up to 50 copies.
SAMPLES = 16
NOISE = 0.15
_SEED = 0
# The noisy copy is run once, and its gradient is a second pass.
PASSES_A_SAMPLE = 2


def grad_cam_plus_plus(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w): as Grad-CAM, but only positive gradients count, each with a weight of its own. One pass.

    Chattopadhay, Sarkar, Howlader & Balasubramanian, Grad-CAM++: Generalized Gradient-based Visual Explanations for
    Deep Convolutional Networks, WACV 2018:

        alpha[y, x, k] = g^2 / (2 * g^2 + S[k] * g^3),     S[k] = sum over (y, x) of features[y, x, k]
        weight[k]      = sum over (y, x) of alpha[y, x, k] * ReLU(g[y, x, k])
        map[y, x]      = ReLU(sum_k weight[k] * features[y, x, k])

    This is the map before the outer ReLU, which changes nothing where the features are not negative. The paper's
    features are behind a ReLU: where they can be negative, S sums those above zero, so that alpha stays in 0..1/2.
    """
    gradients = one_gradient(probe, one_class(probe, index), report)
    weights = _weights(probe.features, gradients, gradients**2, gradients**3)
    return weighted_sum(probe.features, weights)


def smooth_grad_cam_plus_plus(
    probe: Probe, index: int, report: Report = no_report, *, samples: int = SAMPLES
) -> np.ndarray:
    """float32 (h, w): Grad-CAM++ with the means of g, g^2 and g^3 over noisy copies of the photo. Two passes each.

    Omeiza, Speakman, Cintas & Weldermariam, Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for
    Deep Convolutional Neural Network Models, arXiv:1908.01224, 2019. The features are those of the photo without noise:

        alpha[y, x, k] = mean(g^2) / (2 * mean(g^2) + S[k] * mean(g^3))
        weight[k]      = sum over (y, x) of alpha[y, x, k] * ReLU(mean(g[y, x, k]))
        map[y, x]      = ReLU(sum_k weight[k] * features[y, x, k])

    The paper prints the mean of the first derivative above the line of alpha; the second stands here, as in Grad-CAM++,
    of which this is then the limit without noise. A negative mean(g^3) counts as zero and S is that of Grad-CAM++, so
    that alpha stays in 0..1/2. The noise is normal and always the same, so a photo always has the same map.
    """
    rng = np.random.default_rng(_SEED)
    direction = one_class(probe, index)
    width, height = probe.input_size
    first, second, third = (np.zeros(probe.features.shape) for _ in range(3))
    for sample in range(1, samples + 1):
        noise = NOISE * probe.input_range * rng.standard_normal((height, width, 3))
        gradients = probe.perturbed(noise.astype(np.float32)).gradients(direction).astype(np.float64)
        first += gradients / samples
        second += gradients**2 / samples
        third += gradients**3 / samples
        report(PASSES_A_SAMPLE * sample, PASSES_A_SAMPLE * samples)
    return weighted_sum(probe.features, _weights(probe.features, first, second, third))


def _weights(features: np.ndarray, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """float64 (K,): Grad-CAM++'s weights from the features and the (mean) first three powers of the gradient."""
    total = np.maximum(features, 0.0).sum(axis=(0, 1), dtype=np.float64)
    below = 2.0 * second + total * np.maximum(third, 0.0)
    alpha = np.divide(second, below, out=np.zeros_like(below), where=below > 0.0)
    return (alpha * np.maximum(first, 0.0)).sum(axis=(0, 1))

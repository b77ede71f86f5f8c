"""The methods against torch-cam 0.5 on the same weights, where PyTorch and torch-cam are installed.

Its Grad-CAM++ and Smooth Grad-CAM++ are compared where they follow the papers: its Grad-CAM++ loses the division by
alpha's denominator; its Smooth Grad-CAM++ takes the gradient and the features of the last noisy photo for the mean
gradient and the photo's features, and sums features * g^3 over the places instead of features. On a linear head, where
the gradient is the same everywhere, only the features matter.
"""

import numpy as np
import pytest

from cam.methods import METHODS

torch_probe = pytest.importorskip("torch_probe", reason="needs PyTorch: pip install torch")
torchcam = pytest.importorskip("torchcam.methods", reason="needs torch-cam: pip install --no-deps torchcam")


def compare(name: str, extractor, *, linear: bool, gain: float = 10.0, **options) -> float:
    """The largest difference over all classes of three networks, as a share of a map's maximum; both are clipped."""
    worst, seen = 0.0, 0
    for seed in range(3):
        net, pixels = torch_probe.network(linear=linear, gain=gain, seed=seed), torch_probe.photo(seed=seed)
        probe = torch_probe.TorchProbe(net, pixels)
        for index in range(torch_probe.CLASSES):
            with extractor(net, "body", **options) as extract:
                expected = extract(index, net(pixels), normalized=False)[0][0].detach().numpy().clip(0)
            if expected.any():
                cells = METHODS[name].compute(probe, index).clip(0)
                worst, seen = max(worst, torch_probe.difference(cells, expected)), seen + 1
    assert seen > torch_probe.CLASSES
    return worst


@pytest.mark.parametrize("linear", [True, False], ids=["linear head", "two dense layers"])
@pytest.mark.parametrize(
    ("name", "extractor"),
    [
        ("grad-cam", "GradCAM"),
        ("xgrad-cam", "XGradCAM"),
        ("layercam", "LayerCAM"),
        # It makes masks of 0 to 1 before enlarging them; of three pixels a cell the middle one keeps the cell's number.
        ("score-cam", "ScoreCAM"),
        ("finer-cam", "FinerCAM"),
    ],
)
def test_the_maps_are_those_of_torch_cam(name, extractor, linear):
    assert compare(name, getattr(torchcam, extractor), linear=linear) < 1e-4


def test_cam_is_that_of_torch_cam():
    assert compare("cam", torchcam.CAM, linear=True, fc_layer="tail.2") < 1e-4


def test_smooth_grad_cam_plus_plus_is_that_of_torch_cam_on_a_linear_head():
    # It adds 1e-8 to 2 * g^2 + ..., so the gradients are made large. It weights the last noisy features, so its noise
    # is made small; noise changes no gradient of a linear head.
    options = {"linear": True, "gain": 1e4, "std": 1e-6}
    assert compare("smooth-grad-cam++", torchcam.SmoothGradCAMpp, **options) < 1e-4
    assert compare("grad-cam++", torchcam.SmoothGradCAMpp, **options) < 1e-4


def test_a_difference_is_seen():
    assert compare("hirescam", torchcam.GradCAM, linear=False) > 0.1
    assert np.isclose(compare("hirescam", torchcam.GradCAM, linear=True), 0.0, atol=1e-4)

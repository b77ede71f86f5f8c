"""The methods against pytorch-grad-cam 1.5 on the same weights, where it and PyTorch are installed.

Its maps are taken before it clips and scales them, so signs are compared as well. Where it leaves the papers, it is
compared where it does not: its Ablation-CAM divides by a negative score too, its Eigen-CAM centres the features, its
Score-CAM enlarges from corner to corner, which is the same where a cell is a pixel.
"""

import numpy as np
import pytest

from cam.methods import METHODS

torch_probe = pytest.importorskip("torch_probe", reason="needs PyTorch: pip install torch")
library = pytest.importorskip("pytorch_grad_cam", reason="needs pytorch-grad-cam: pip install grad-cam")


class Case:
    """A network and a photo, as the library and as the methods see it."""

    def __init__(self, seed: int, **options):
        stride = options.get("stride", 3)
        self.net = torch_probe.network(seed=seed, **options)
        self.pixels = torch_probe.photo(seed=seed, stride=stride)
        self.probe = torch_probe.TorchProbe(self.net, self.pixels)

    def expected(self, extractor, index: int) -> np.ndarray:
        """(h, w): the library's map before clipping, scaling and enlarging."""
        target = library.utils.model_targets.ClassifierOutputTarget(index)
        features = self.probe.maps.numpy()
        direction = np.eye(torch_probe.CLASSES, dtype=np.float32)[index]
        gradients = self.probe.gradients(direction).transpose(2, 0, 1)[np.newaxis]
        with extractor(self.net, [self.net.body]) as extract:
            return extract.get_cam_image(self.pixels, self.net.body, [target], features, gradients, False)[0]


def compare(name: str, extractor, **options) -> float:
    """The largest difference over all classes of three networks, as a share of a map's largest number."""
    cases = [Case(seed, **options) for seed in range(3)]
    return max(
        torch_probe.difference(METHODS[name].compute(case.probe, index), case.expected(extractor, index))
        for case in cases
        for index in range(torch_probe.CLASSES)
    )


@pytest.mark.parametrize("linear", [True, False], ids=["linear head", "two dense layers"])
@pytest.mark.parametrize(
    ("name", "extractor", "options"),
    [
        ("grad-cam", "GradCAM", {}),
        ("hirescam", "HiResCAM", {}),
        ("xgrad-cam", "XGradCAM", {}),
        ("layercam", "LayerCAM", {}),
        # It adds 1e-6 to 2 * g^2 + ..., so the gradients are made large.
        ("grad-cam++", "GradCAMPlusPlus", {"gain": 1e4}),
        ("score-cam", "ScoreCAM", {"stride": 1}),
    ],
)
def test_the_maps_are_those_of_pytorch_grad_cam(name, extractor, options, linear):
    assert compare(name, getattr(library, extractor), linear=linear, **options) < 1e-4


@pytest.mark.parametrize("linear", [True, False], ids=["linear head", "two dense layers"])
def test_ablation_cam_is_that_of_pytorch_grad_cam_with_the_sign_of_the_score(linear):
    signs = set()
    for seed in range(3):
        case = Case(seed, linear=linear)
        assert case.probe.features.min() == 0  # else the library takes another number than zero
        for index in range(torch_probe.CLASSES):
            signs.add(sign := float(np.sign(case.probe.scores[index])))
            cells = METHODS["ablation-cam"].compute(case.probe, index)
            assert torch_probe.difference(sign * cells, case.expected(library.AblationCAM, index)) < 1e-4
    assert signs == {-1.0, 1.0}


def test_eigen_cam_is_that_of_pytorch_grad_cam_on_centred_features():
    for seed in range(3):
        case = Case(seed, linear=True)
        case.probe.features = case.probe.features - case.probe.features.mean(axis=(0, 1))
        expected = case.expected(library.EigenCAM, 0)
        cells = METHODS["eigen-cam"].compute(case.probe, 0)
        assert min(torch_probe.difference(sign * cells, expected) for sign in (-1, 1)) < 1e-4

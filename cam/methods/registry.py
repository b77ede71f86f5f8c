"""The methods: one row each, in the order in which they are offered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cam.errors import ModelError
from cam.methods import eigen_cam, grad_cam_plus_plus, gradient, perturbation


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to make a map.

    Attributes:
        name: what `find_method` takes.
        title: its name on screen.
        summary: what it does, in a plain sentence or two.
        paper: authors, title, venue and year.
        signed: whether numbers below zero mean evidence against the class; where not, they mean nothing.
        linear_only: whether it needs global average pooling and one dense layer right behind the features.
        class_free: whether the map is the same for every class.
        shared: whether a map's numbers are smaller the more cells share the score, as gradients behind an average are.
        passes: from the number K of feature maps to the passes that `compute` needs besides that of the probe itself.
        compute: (probe, class index, report) -> float32 (h, w); report(done, total) is called as passes are done, and
            an exception raised in it ends the computation.
    """

    name: str
    title: str
    summary: str
    paper: str
    signed: bool
    linear_only: bool = False
    class_free: bool = False
    shared: bool = False
    passes: Callable[[int], int] = lambda maps: 1
    compute: Callable[..., np.ndarray]

    def __reduce__(self) -> "tuple[Callable[[str], Method], tuple[str]]":
        # Its functions cannot be pickled, and every process has the same rows.
        return find_method, (self.name,)


_ROWS = (
    Method(
        name="cam",
        title="CAM",
        summary="Each feature map times the weight that the class has for it, added up. Exact.",
        paper="Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016",
        signed=True,
        linear_only=True,
        passes=lambda maps: 0,
        compute=gradient.cam,
    ),
    Method(
        name="grad-cam",
        title="Grad-CAM",
        summary="Like CAM, with the mean gradient of each feature map in place of the weight.",
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, "
        "ICCV 2017",
        signed=True,
        compute=gradient.grad_cam,
        shared=True,
    ),
    Method(
        name="grad-cam++",
        title="Grad-CAM++",
        summary="Grad-CAM whose mean favours the places where the score would grow; made for several objects.",
        paper="Chattopadhay et al., Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional "
        "Networks, WACV 2018",
        signed=False,
        compute=grad_cam_plus_plus.grad_cam_plus_plus,
    ),
    Method(
        name="hirescam",
        title="HiResCAM",
        summary="Gradient times activation place by place, with nothing averaged.",
        paper="Draelos & Carin, Use HiResCAM instead of Grad-CAM for Faithful Explanations of Convolutional Neural "
        "Networks, arXiv:2011.08891, 2020",
        signed=True,
        compute=gradient.hirescam,
        shared=True,
    ),
    Method(
        name="xgrad-cam",
        title="XGrad-CAM",
        summary="Grad-CAM whose mean counts a place by how active the feature map is there.",
        paper="Fu et al., Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs, BMVC 2020",
        signed=True,
        compute=gradient.xgrad_cam,
        shared=True,
    ),
    Method(
        name="layercam",
        title="LayerCAM",
        summary="Gradient, where it is positive, times activation, place by place; made for early layers too.",
        paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE "
        "Transactions on Image Processing, 2021",
        signed=False,
        compute=gradient.layercam,
        shared=True,
    ),
    Method(
        name="smooth-grad-cam++",
        title="Smooth Grad-CAM++",
        summary="Grad-CAM++ with gradients averaged over noisy copies of the photo.",
        paper="Omeiza et al., Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep "
        "Convolutional Neural Network Models, arXiv:1908.01224, 2019",
        signed=False,
        passes=lambda maps: grad_cam_plus_plus.PASSES_A_SAMPLE * grad_cam_plus_plus.SAMPLES,
        compute=grad_cam_plus_plus.smooth_grad_cam_plus_plus,
    ),
    Method(
        name="score-cam",
        title="Score-CAM",
        summary="Without gradients: the photo is seen through each feature map; the score says what the map is worth.",
        paper="Wang et al., Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, CVPR "
        "Workshops 2020",
        signed=False,
        passes=lambda maps: maps,
        compute=perturbation.score_cam,
    ),
    Method(
        name="ablation-cam",
        title="Ablation-CAM",
        summary="Without gradients: each feature map is switched off, and the loss of score says what it is worth.",
        paper="Desai & Ramaswamy, Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free "
        "Localization, WACV 2020",
        signed=True,
        passes=lambda maps: maps,
        compute=perturbation.ablation_cam,
    ),
    Method(
        name="eigen-cam",
        title="Eigen-CAM",
        summary="What stands out in all feature maps together; it does not know the class.",
        paper="Muhammad & Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020",
        signed=False,
        class_free=True,
        passes=lambda maps: 0,
        compute=eigen_cam.eigen_cam,
    ),
    Method(
        name="finer-cam",
        title="Finer-CAM",
        summary="Grad-CAM of what sets the class apart from the classes with the nearest scores.",
        paper="Zhang et al., Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation, CVPR "
        "2025",
        signed=True,
        compute=gradient.finer_cam,
        shared=True,
    ),
)
METHODS = {row.name: row for row in _ROWS}


def find_method(name: str) -> Method:
    """The row of a method (ModelError if there is none of that name)."""
    if name not in METHODS:
        raise ModelError(f"There is no method {name!r}. Known: {', '.join(METHODS)}.")
    return METHODS[name]

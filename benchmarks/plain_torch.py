"""A peer to measure against: torch-cam's CAM on ResNet-50 (He et al., CVPR 2016) in plain PyTorch, random weights."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import nn

# ImageNet's photos, 0..1.
_MEAN, _DEVIATION = (np.array(rgb, np.float32) for rgb in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
# Of the four stages: blocks, filters, stride of the first block.
_STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))


def _conv(given: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(given, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters))


class _Block(nn.Module):
    """A bottleneck: 1x1, 3x3, 1x1, and the input added."""

    def __init__(self, given: int, filters: int, stride: int):
        super().__init__()
        relu, wide = nn.ReLU(inplace=True), 4 * filters
        narrow = _conv(given, filters, 1), relu, _conv(filters, filters, 3, stride), relu
        self.body = nn.Sequential(*narrow, _conv(filters, wide, 1))
        self.shortcut = nn.Identity() if given == wide else _conv(given, wide, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet50(nn.Module):
    """Names as torchvision's, as far as torch-cam needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        blocks, given = [], 64
        for count, filters, stride in _STAGES:
            for number in range(count):
                blocks.append(_Block(given, filters, stride if number == 0 else 1))
                given = 4 * filters
        self.layer4 = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(given, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.avgpool(self.layer4(self.stem(x))).flatten(1))


def network(*, channels_last: bool = False) -> nn.Module:
    """The network with random weights, ready to be run."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return ResNet50().eval().to(memory_format=layout)


def run_bare(module: nn.Module, pixels: np.ndarray, *, channels_last: bool = False) -> np.ndarray:
    """float32 (height, width, 3) -> scores (1000,): one pass, nothing else."""
    given = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    with torch.inference_mode():
        if channels_last:
            given = given.to(memory_format=torch.channels_last)
        return module(given).numpy()[0]


class TorchCam:
    """torch-cam as its README shows it: a photo, its five best classes, and the map of one class."""

    def __init__(self) -> None:
        from torchcam.methods import CAM

        self._network = network()
        self._extractor = CAM(self._network, target_layer="layer4", fc_layer="fc")

    def scores(self, image: Image.Image, side: int) -> torch.Tensor:
        """One pass over the photo as a square of `side` pixels; the extractor keeps the feature maps."""
        pixels = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), np.float32)
        given = torch.from_numpy(((pixels / np.float32(255) - _MEAN) / _DEVIATION).transpose(2, 0, 1)[None].copy())
        with torch.no_grad():
            return self._network(given)[0]

    def best(self, scores: torch.Tensor) -> list[int]:
        """The five best classes."""
        return torch.softmax(scores, 0).topk(5).indices.tolist()

    def small_map(self, index: int, scores: torch.Tensor) -> np.ndarray:
        """float32 (7, 7), 0..1: the map of a class of the photo that was given last."""
        return self._extractor(index, scores[None])[0][0].numpy()


def explained(image: Image.Image, side: int, finish: Callable[[Image.Image, np.ndarray], object]) -> Callable[[], None]:
    """What takes the photo to its five best classes and the map of the best, and that through `finish`."""
    peer = TorchCam()

    def run() -> None:
        scores = peer.scores(image, side)
        finish(image, peer.small_map(peer.best(scores)[0], scores))

    return run


def another_class(
    image: Image.Image, side: int, finish: Callable[[Image.Image, np.ndarray], object]
) -> Callable[[], None]:
    """What makes the map of another class of a photo that was given already, and takes it through `finish`."""
    peer = TorchCam()
    scores = peer.scores(image, side)
    return lambda: finish(image, peer.small_map(235, scores))


def small(image: Image.Image, cells: np.ndarray) -> np.ndarray:
    """The map as it is."""
    return cells


def enlarged(image: Image.Image, cells: np.ndarray) -> np.ndarray:
    """The map at the size of the photo."""
    return np.asarray(Image.fromarray(cells).resize(image.size, Image.Resampling.BILINEAR))


def picture(image: Image.Image, cells: np.ndarray) -> Image.Image:
    """The map over the photo, by torch-cam's own function."""
    from torchcam.utils import overlay_mask

    return overlay_mask(image, Image.fromarray(cells), alpha=0.5)

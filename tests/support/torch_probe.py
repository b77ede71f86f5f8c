"""The probe of a photo in a small PyTorch network, by autograd, so that reference libraries can look at the same."""

from collections import OrderedDict

import numpy as np
import torch
from torch import nn

CLASSES, MAPS = 6, 5


def network(*, linear: bool, stride: int = 3, gain: float = 10.0, seed: int = 0) -> nn.Sequential:
    """`body`: two convolutions with ReLU, one cell for `stride` pixels; `tail`: its 4 x 5 cells to the scores.

    The tail is a linear head or has two dense layers. Its weights are `gain` times PyTorch's, because the libraries add
    a little to what they divide by, which counts where gradients are small.
    """
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, MAPS, stride, stride), nn.ReLU())
    if linear:
        tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(MAPS, CLASSES))
    else:
        tail = nn.Sequential(nn.Flatten(), nn.Linear(4 * 5 * MAPS, 12), nn.ReLU(), nn.Linear(12, CLASSES))
    tail[-1].weight.data *= gain
    return nn.Sequential(OrderedDict(body=body, tail=tail)).eval()


def photo(*, stride: int = 3, seed: int = 0) -> torch.Tensor:
    """float32 (1, 3, 4 * stride, 5 * stride), normal."""
    return torch.randn(1, 3, 4 * stride, 5 * stride, generator=torch.Generator().manual_seed(seed))


class TorchProbe:
    """What `cam.methods.probe.Probe` asks for, of a photo (1, 3, height, width)."""

    cell_stride = None

    def __init__(self, net: nn.Sequential, pixels: torch.Tensor):
        self._net, self._pixels = net, pixels
        with torch.no_grad():
            self.maps = net.body(pixels)
            self.scores = net.tail(self.maps)[0].numpy()
        self.features = channels_last(self.maps)[0]
        self.input_size = (pixels.shape[3], pixels.shape[2])
        self.input_range = float(pixels.max() - pixels.min())
        linear = isinstance(net.tail[0], nn.AdaptiveAvgPool2d)
        self.weight = net.tail[-1].weight.detach().numpy().T if linear else None

    def gradients(self, direction):
        maps = self.maps.clone().requires_grad_()
        (gradients,) = torch.autograd.grad(self._net.tail(maps)[0] @ torch.from_numpy(direction), maps)
        return channels_last(gradients)[0]

    def perturbed(self, noise):
        return TorchProbe(self._net, self._pixels + channels_first(noise[np.newaxis]))

    def masked_scores(self, masks):
        with torch.no_grad():
            return self._net(self._pixels * torch.from_numpy(masks)[:, np.newaxis]).numpy()

    def tail_scores(self, features):
        with torch.no_grad():
            return self._net.tail(channels_first(features)).numpy()


def channels_last(maps: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(maps.numpy().transpose(0, 2, 3, 1))


def channels_first(maps: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(maps.transpose(0, 3, 1, 2)))


def difference(cells: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of two maps, as a share of the largest number in the second."""
    return float(np.abs(cells - expected).max() / np.abs(expected).max())

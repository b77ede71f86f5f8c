"""Where the reference libraries leave the papers: against the papers' own lines in PyTorch, where it is installed."""

import numpy as np
import pytest

from cam.methods import METHODS

torch_probe = pytest.importorskip("torch_probe", reason="needs PyTorch: pip install torch")
torch = torch_probe.torch


@pytest.mark.parametrize("index", range(3))
def test_grad_cam_plus_plus_has_the_second_and_third_derivatives_of_the_exponential_of_the_score(index):
    net = torch_probe.network(linear=False, gain=2.0).double()
    probe = torch_probe.TorchProbe(net, torch_probe.photo().double())
    maps = probe.maps[0]
    first, second, third = (torch.zeros_like(maps) for _ in range(3))
    for place in np.ndindex(*maps.shape):
        number = maps[place].clone().requires_grad_()
        mask = torch.zeros_like(maps)
        mask[place] = 1
        score = torch.exp(net.tail((maps * (1 - mask) + number * mask)[None])[0, index])
        for derivative in (first, second, third):
            (score,) = torch.autograd.grad(score, number, create_graph=True)
            derivative[place] = score.detach()
    below = 2 * second + maps.sum(dim=(1, 2), keepdim=True) * third
    alpha = torch.where(second > 0, second / below, 0.0)
    weights = (alpha * torch.relu(first)).sum(dim=(1, 2)) / np.exp(probe.scores[index])
    expected = (weights[:, None, None] * maps).sum(dim=0).numpy()
    probe.gradients = lambda direction: type(probe).gradients(probe, direction.astype(np.float64))
    assert torch_probe.difference(METHODS["grad-cam++"].compute(probe, index), expected) < 1e-5


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("size", [(12, 15), (14, 19)], ids=["three pixels a cell", "cells and pixels do not match"])
def test_score_cam_is_the_algorithm_of_its_paper(size, index):
    net = torch_probe.network(linear=True)
    pixels = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    probe = torch_probe.TorchProbe(net, pixels)
    with torch.no_grad():
        masks = torch.nn.functional.interpolate(probe.maps, size, mode="bilinear", align_corners=False)[0]
        lowest, highest = masks.amin(dim=(1, 2), keepdim=True), masks.amax(dim=(1, 2), keepdim=True)
        masks = (masks - lowest) / (highest - lowest)
        increase = net(pixels * masks[:, None])[:, index] - net(torch.zeros_like(pixels))[0, index]
        expected = (torch.softmax(increase, 0)[:, None, None] * probe.maps[0]).sum(dim=0).numpy()
    assert torch_probe.difference(METHODS["score-cam"].compute(probe, index), expected) < 1e-4

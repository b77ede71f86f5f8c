"""Networks of a few NumPy lines whose gradients are known, and the probe of one photo in one of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Network:
    """`layer`: photos (n, height, width, 3) -> features (n, h, w, K); `head`: those -> scores (n, classes);
    `slope`: features (h, w, K), direction (classes,) -> gradient (h, w, K)."""

    layer: Callable
    head: Callable
    slope: Callable
    weight: np.ndarray | None = None


def linear(layer: Callable, weight, bias) -> Network:
    """Global average pooling and one dense layer: weight (K, classes), bias (classes,)."""
    weight, bias = np.array(weight, np.float32), np.array(bias, np.float32)

    def slope(features, direction):
        return np.broadcast_to(weight @ direction / features[..., 0].size, features.shape).astype(np.float32)

    return Network(layer, lambda features: features.mean(axis=(1, 2)) @ weight + bias, slope, weight)


def quadratic(layer: Callable, curvature) -> Network:
    """score[c] = 1/2 * sum of curvature[y, x, k, c] * features[y, x, k]^2, so the gradient is curvature * features."""
    curvature = np.array(curvature, np.float32)

    def head(features):
        return np.einsum("nyxk,yxkc->nc", features**2, curvature) / 2

    return Network(layer, head, lambda features, direction: curvature @ direction * features)


def channels(count: int) -> Callable:
    """A layer whose features are the first channels of the photo."""
    return lambda photos: photos[..., :count]


def blocks(filters: np.ndarray) -> Callable:
    """A layer of stride 2: the means of 2 x 2 pixels through filters (3, K) and a ReLU."""

    def layer(photos):
        n, height, width, _ = photos.shape
        means = photos.reshape(n, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4))
        return np.maximum(means @ filters, 0).astype(np.float32)

    return layer


@dataclass(frozen=True, eq=False)
class AnalyticProbe:
    """The probe of a photo (height, width, 3); `passes` lists how many photos each of its runs took."""

    network: Network
    photo: np.ndarray
    cell_stride: tuple[float, float] | None = None
    passes: list[int] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    noises: list[np.ndarray] = field(default_factory=list)

    @property
    def weight(self):
        return self.network.weight

    @property
    def features(self):
        return self.network.layer(self.photo[np.newaxis])[0]

    @property
    def scores(self):
        return self.network.head(self.features[np.newaxis])[0]

    @property
    def input_size(self):
        return self.photo.shape[1], self.photo.shape[0]

    @property
    def input_range(self):
        return float(np.ptp(self.photo))

    def gradients(self, direction):
        self.passes.append(1)
        return self.network.slope(self.features, direction)

    def perturbed(self, noise):
        self.passes.append(1)
        self.noises.append(noise)
        return AnalyticProbe(self.network, self.photo + noise, self.cell_stride, self.passes)

    def masked_scores(self, masks):
        self.passes.append(len(masks))
        self.masks.extend(masks)
        return self.network.head(self.network.layer(self.photo * masks[..., np.newaxis]))

    def tail_scores(self, features):
        self.passes.append(len(features))
        return self.network.head(features)


def photo_of(features) -> np.ndarray:
    """The photo (h, w, 3) whose first channels are features (h, w, K), the others zero."""
    features = np.array(features, np.float32)
    return np.pad(features, ((0, 0), (0, 0), (0, 3 - features.shape[-1])))


def random_probe(seed: int = 0, maps: int = 7, classes: int = 5) -> AnalyticProbe:
    """A linear head on 3 x 4 cells of a photo 8 x 6, all numbers from a seed."""
    rng = np.random.default_rng(seed)
    layer = blocks(rng.normal(size=(3, maps)).astype(np.float32))
    network = linear(layer, rng.normal(size=(maps, classes)), rng.normal(size=classes))
    return AnalyticProbe(network, rng.normal(size=(6, 8, 3)).astype(np.float32))

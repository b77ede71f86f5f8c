"""The grid of a network lies where it should: a patch that is moved about a photo changes its maps at the same place.

The networks have random weights, so nothing but their architecture decides where a patch is felt.
"""

from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import pytest

from cam.backends.keras import KerasBackend
from cam.heatmap import photo_extent, resize_map
from cam.models.efficientnet_lite import build_network
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.registry import find_spec

ZOO = (
    "ResNet50",
    "ResNet50V2",
    "DenseNet121",
    "MobileNetV2",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "InceptionResNetV2",
    "Xception",
    "NASNetMobile",
)
BUILDERS = {
    **{name.lower(): partial(getattr(keras.applications, name), weights=None) for name in ZOO},
    "efficientnet-lite0": lambda classifier_activation: build_network(1.0, 1.0),
}
# Width and height; square, wide and tall.
SIZES = ((320, 320), (512, 224), (224, 512))
# Of a patch's centre, as shares of the photo's sides.
PLACES = ((0.25, 0.25), (0.5, 0.5), (0.75, 0.7), (0.3, 0.75), (0.7, 0.3))
PATCH, CELL = 64, 32


class Felt(NamedTuple):
    """Where patches were and where the maps changed, (patches, 2) each: x and y in pixels of the photo."""

    patches: np.ndarray
    by_pitch: np.ndarray
    evenly: np.ndarray


@pytest.fixture(scope="module", params=BUILDERS)
def felt(request) -> tuple[str, dict[tuple[int, int], Felt]]:
    """The name of a network, and what its maps say at each size; the network itself is let go."""
    keras.utils.set_random_seed(0)
    network = KerasBackend(BUILDERS[request.param](classifier_activation=None), linear=True)
    preprocess = PREPROCESSINGS[find_spec(request.param).preprocessing].apply
    assert network.fixed_size is None
    return request.param, {size: measured(network, preprocess, size) for size in SIZES}


def measured(network: KerasBackend, preprocess, size: tuple[int, int]) -> Felt:
    photos, patches = patched(size)
    base, *others = network.feature_maps(np.stack([preprocess(photo) for photo in photos]))
    changes = [changed(base, maps) for maps in others]
    span = photo_extent(base.shape, size, network.cell_stride)
    return Felt(
        patches,
        np.array([middle(resize_map(change, size, span)) for change in changes]),
        np.array([middle(resize_map(change, size)) for change in changes]),
    )


def patched(size: tuple[int, int]) -> tuple[list[np.ndarray], np.ndarray]:
    """A grey photo (height, width, 3), then the same with a textured patch at each place; and the patches' centres."""
    width, height = size
    grey = np.full((height, width, 3), 128, np.uint8)
    texture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    texture = texture.repeat(PATCH // 16, axis=0).repeat(PATCH // 16, axis=1)
    photos, centres = [grey], []
    for across, down in PLACES:
        left, top = round(across * width) - PATCH // 2, round(down * height) - PATCH // 2
        photo = grey.copy()
        photo[top : top + PATCH, left : left + PATCH] = texture
        photos.append(photo)
        centres.append((left + PATCH / 2, top + PATCH / 2))
    return photos, np.array(centres)


def changed(base: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """float64 (h, w): how much all maps of a cell changed; what changed everywhere (squeeze-and-excitation) taken off.

    Squared, so that the faint rim that a receptive field of hundreds of pixels has counts little.
    """
    change = np.abs(maps.astype(np.float64) - base).sum(axis=-1)
    return np.maximum(change - np.median(change), 0.0) ** 2


def middle(heat: np.ndarray) -> tuple[float, float]:
    """(x, y) in pixels of the photo, with half of the heat to the left and half above."""
    found = []
    for line in (heat.sum(axis=0), heat.sum(axis=1)):
        before = np.concatenate([[0.0], np.cumsum(line, dtype=np.float64)])
        found.append(np.interp(before[-1] / 2, before, np.arange(len(before))))
    return tuple(found)


@pytest.mark.parametrize("size", SIZES)
def test_a_patch_changes_the_maps_where_it_is(felt, size):
    _, by_size = felt
    errors = np.abs(by_size[size].by_pitch - by_size[size].patches)
    # The strides of padded layers begin at a photo's edge instead of in the middle of a cell, which alone is up to half
    # a cell, the same for all patches.
    assert errors.mean(axis=0).max() < 0.8 * CELL
    assert errors.max() < 1.25 * CELL


def test_a_patch_that_moves_along_a_photo_moves_as_far_in_the_maps(felt):
    _, by_size = felt
    np.testing.assert_allclose(along([by_size[size].by_pitch for size in SIZES], by_size), 1.0, rtol=0, atol=0.08)


def test_cells_spread_evenly_are_worse_where_a_network_does_not_pad(felt):
    name, by_size = felt
    evenly = along([by_size[size].evenly for size in SIZES], by_size)
    if name not in ("inceptionv3", "inceptionresnetv2"):
        # Where it pads, or loses less than a cell, both are the same.
        np.testing.assert_allclose(evenly, along([by_size[size].by_pitch for size in SIZES], by_size))
        return
    # 14 cells for 512 pixels, which are 16 strides.
    np.testing.assert_allclose(evenly, 16 / 14, rtol=0, atol=0.05)
    for size in SIZES:
        patches, by_pitch, evenly = by_size[size]
        assert np.abs(evenly - patches).mean() > np.abs(by_pitch - patches).mean() + 1


def along(found: list[np.ndarray], by_size: dict[tuple[int, int], Felt]) -> float:
    """`slope` along the long side of the wide and the tall photo, their mean."""
    _, wide, tall = (slope(by_size[size].patches, middles) for size, middles in zip(SIZES, found, strict=True))
    return (wide[0] + tall[1]) / 2


def slope(patches: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(2,): how far the maps' change moves across and down for each pixel that the patch moves, by least squares."""
    moved = patches - patches.mean(axis=0)
    return (moved * (found - found.mean(axis=0))).sum(axis=0) / (moved**2).sum(axis=0)

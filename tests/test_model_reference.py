"""The heatmap against the algorithm of the original notebook: enlarge all 2,048 feature maps, then weight and sum."""

import numpy as np
import pytest
from scipy.ndimage import zoom

CLASS = 235
GRIDS = {"centres": {"grid_mode": True, "mode": "nearest"}, "corners": {}}


@pytest.fixture(scope="module")
def explanation(resnet50, sample):
    return resnet50.explain(sample("dog_and_cat"), fit="squash")


def enlarged_then_summed(features: np.ndarray, weight: np.ndarray, grid: dict) -> np.ndarray:
    """(7, 7, K) and (K,) -> float64 (224, 224): each map enlarged bilinearly, then their weighted sum."""
    total = np.zeros((224, 224))
    for k in range(features.shape[-1]):
        total += weight[k] * zoom(features[..., k].astype(np.float64), 32, order=1, **grid)
    return total


def test_the_heatmap_is_that_of_the_original_notebook(explanation, keras_resnet50):
    """With the cells' centres at their places in the photo.

    The notebook's own call of zoom put the grid's corners, the centres of its corner cells, on the photo's corners;
    here the cells' centres are at their places in the photo. That is the only difference.
    """
    assert explanation.features.shape == (7, 7, 2048)
    kernel = keras_resnet50.layers[-1].kernel.numpy().astype(np.float64)
    expected = enlarged_then_summed(explanation.features, kernel[:, CLASS], GRIDS["centres"])
    heatmap = explanation.heatmap(CLASS, size=(224, 224))
    assert heatmap.shape == (224, 224)
    assert np.ptp(expected) > 1e-3 * np.abs(expected).max() > 0
    np.testing.assert_allclose(heatmap, expected, rtol=0, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("grid", GRIDS)
def test_summing_before_enlarging_gives_the_same_as_after(explanation, grid):
    """Bilinear enlargement is linear, on the notebook's grid too; on 64 of the maps."""
    features, weight = explanation.features[..., :64], explanation.weight[:64, CLASS].astype(np.float64)
    expected = enlarged_then_summed(features, weight, GRIDS[grid])
    small = features.astype(np.float64) @ weight
    assert np.ptp(small) > 0
    np.testing.assert_allclose(
        zoom(small, 32, order=1, **GRIDS[grid]), expected, rtol=0, atol=1e-9 * np.abs(expected).max()
    )


def test_the_two_grids_put_the_cells_at_different_places(explanation):
    """The notebook's corner pixel is the corner cell; here cell (2, 3) of 7x7 has its centre at (2.5, 3.5) / 7."""
    small = explanation.class_map(CLASS).astype(np.float64)
    heatmap = explanation.heatmap(CLASS, size=(224, 224))
    tolerance = 1e-5 * np.ptp(small)
    notebook = zoom(small, 32, order=1)
    assert [notebook[0, 0], notebook[-1, -1]] == pytest.approx([small[0, 0], small[-1, -1]], abs=tolerance)
    # The four pixels around that centre are half a pixel, 1/64 of a cell, from it: along each axis they are 63/64 of
    # the cell and 1/64 of one neighbour or the other.
    share = np.array([1 / 128, 63 / 64, 1 / 128])
    assert heatmap[79:81, 111:113].mean() == pytest.approx(share @ small[1:4, 2:5] @ share, abs=tolerance)

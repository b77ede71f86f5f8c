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

    The notebook's own call of zoom put the corners of the 7x7 grid on the corners of the photo, half a cell (16 pixels)
    outwards at the edges. That is the only difference; the next test has that grid as well.
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


def test_the_corners_of_the_two_grids_are_half_a_cell_apart(explanation):
    """Inside, the notebook's pixel at 223 * t is the class map at 6 * t, and ours at 7 * t - 1/2, for t from 0 to 1."""
    small = explanation.class_map(CLASS).astype(np.float64)
    corners = zoom(small, 32, order=1)
    heatmap = explanation.heatmap(CLASS, size=(224, 224))
    tolerance = 1e-5 * np.ptp(small)
    assert corners[0, 0] == pytest.approx(small[0, 0], abs=tolerance)
    assert corners[-1, -1] == pytest.approx(small[-1, -1], abs=tolerance)
    middle_of_cell_2_3 = heatmap[2 * 32 + 15 : 2 * 32 + 17, 3 * 32 + 15 : 3 * 32 + 17].mean()
    neighbours = small[2, 2] + small[2, 4], small[1, 3] + small[3, 3]
    # Half a pixel from the centre the enlarged map is 63/64 of the cell and 1/64 of the next, along each axis.
    assert middle_of_cell_2_3 == pytest.approx(
        (63 / 64) ** 2 * small[2, 3]
        + 63 / 64 / 128 * sum(neighbours)
        + (small[1, 2] + small[1, 4] + small[3, 2] + small[3, 4]) / 128**2,
        abs=tolerance,
    )

"""Maps of several sizes and of the mirrored photo, averaged so that the mean plus the bias stays the mean score."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image, ImageOps

from cam.heatmap import MULTIVIEW, SINGLE_VIEW, View, average_maps, estimate_cost, mean_preserving_weights
from cam.images.open import resized, whole_size

SHAPES = pytest.mark.parametrize("size", [(60, 60), (110, 40), (40, 110)], ids=["square", "wide", "tall"])


@pytest.fixture(scope="module")
def fixed_model(make_tiny, tiny_network):
    """The tiny network, but with a layer inside that takes photos of 32 x 32 only."""
    inputs = keras.Input((32, 32, 3))
    x = tiny_network.layers[2](tiny_network.layers[1](inputs))
    x = layers.GlobalAveragePooling2D()(layers.Reshape((8, 8, 5))(x))
    return make_tiny(network=keras.Model(inputs, tiny_network.layers[-1](x)))


def moved(row: np.ndarray, edges: tuple[float, float], onto: int, onto_edges: tuple[float, float]) -> np.ndarray:
    """What `mean_preserving_weights` does to one row, written apart: interpolate, then put the mean back."""
    (start, end), (new_start, new_end) = edges, onto_edges
    known = (np.arange(len(row)) + 0.5 - start) / (end - start)
    wanted = (np.arange(onto) + 0.5 - new_start) / (new_end - new_start)
    level = np.interp(wanted, known, row)
    return level + (row.mean() - level.mean())


def view_photos(image: Image.Image, views, size_of) -> list[Image.Image]:
    """What the network is shown in each view, made apart from the engine."""
    photos = [(view, Image.fromarray(resized(image, size_of(view.scale)))) for view in views]
    return [ImageOps.mirror(photo) if view.mirrored else photo for view, photo in photos]


def explained_apart(model, image: Image.Image, views) -> list:
    spec = model.spec

    def size_of(scale: float) -> tuple[int, int]:
        return whole_size(image.size, round(spec.whole_size * scale), spec.stride)

    return [model.explain(photo, fit="given") for photo in view_photos(image, views, size_of)]


def test_two_cells_become_four_and_the_mean_needs_no_mending():
    matrix = mean_preserving_weights(2, (0, 2), 4, (0, 4))
    np.testing.assert_allclose(matrix, [[1, 0], [3 / 4, 1 / 4], [1 / 4, 3 / 4], [0, 1]], atol=1e-12)


def test_three_cells_become_two_and_every_row_is_moved_by_the_same():
    # Linear: [3/4, 1/4, 0] and [0, 1/4, 3/4], columns with means 3/8, 1/4 and 3/8 in place of 1/3.
    matrix = mean_preserving_weights(3, (0, 3), 2, (0, 2))
    np.testing.assert_allclose(matrix, [[17 / 24, 8 / 24, -1 / 24], [-1 / 24, 8 / 24, 17 / 24]], atol=1e-12)


def test_the_same_row_is_left_as_it_is():
    np.testing.assert_allclose(mean_preserving_weights(5, (-0.6, 5.6), 5, (-0.6, 5.6)), np.eye(5), atol=1e-12)


@pytest.mark.parametrize(("count", "edges"), [(1, (0, 1)), (4, (0, 4)), (6, (-1, 7)), (9, (0.3, 8.7)), (2, (-2, 4))])
@pytest.mark.parametrize(("onto", "onto_edges"), [(1, (0, 1)), (7, (0, 7)), (12, (-0.67, 12.67)), (3, (0.2, 2.8))])
def test_resampling_is_linear_and_keeps_every_mean(count, edges, onto, onto_edges):
    matrix = mean_preserving_weights(count, edges, onto, onto_edges)
    row = np.random.default_rng(count).normal(size=count)
    np.testing.assert_allclose(matrix @ row, moved(row, edges, onto, onto_edges), atol=1e-12)
    np.testing.assert_allclose((matrix @ row).mean(), row.mean(), atol=1e-12)
    np.testing.assert_allclose(matrix @ np.full(count, 7.0), 7.0, atol=1e-12)


def test_a_mirrored_map_is_turned_back():
    cells = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    span = (-0.5, 0.0, 4.5, 3.0)
    np.testing.assert_allclose(average_maps([cells, cells[:, ::-1]], [span, span], [False, True]), cells, atol=1e-6)
    other = average_maps([cells, cells[:, ::-1]], [span, span], [False, False])
    np.testing.assert_allclose(other, (cells + cells[:, ::-1]) / 2, atol=1e-6)


def test_maps_of_other_grids_are_brought_to_the_finest_and_averaged():
    rng = np.random.default_rng(1)
    coarse, fine = rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)
    spans = [(0.0, 0.0, 3.0, 2.0), (-1.0, -0.5, 6.0, 4.5)]
    found = average_maps([coarse, fine], spans, [True, False])
    across = np.stack([moved(row[::-1], (0, 3), 5, (-1, 6)) for row in coarse])
    down = np.stack([moved(column, (0, 2), 4, (-0.5, 4.5)) for column in across.T], axis=1)
    np.testing.assert_allclose(found, (down + fine) / 2, atol=1e-6)
    np.testing.assert_allclose(found.mean(), (coarse.mean() + fine.mean()) / 2, atol=1e-6)


def test_the_cost_counts_pixels():
    assert estimate_cost(SINGLE_VIEW) == 1
    assert estimate_cost((View(1.0, False), View(2.0, True))) == 5
    np.testing.assert_allclose(estimate_cost(MULTIVIEW), 2 * (1 + 2 + 4))


@SHAPES
def test_finer_maps_of_the_tiny_network_keep_the_identity(make_tiny, noise_photo, size):
    check_identity(make_tiny(), noise_photo(*size), passes=6)


@pytest.mark.parametrize("photo", ["dog_and_cat", "koala", "giraffes"])
def test_finer_maps_of_real_photos_keep_the_identity(lite0, sample, photo):
    check_identity(lite0, sample(photo), passes=6)


def check_identity(model, image: Image.Image, *, passes: int) -> None:
    """The mean of a finer map plus the bias is the mean of the scores of the views, each explained apart."""
    before = model.passes
    finer = model.explain(image, detail=True)
    assert model.passes - before == finer.views == passes
    apart = explained_apart(model, image, MULTIVIEW)
    expected = np.mean([one.scores for one in apart], axis=0, dtype=np.float64)
    assert np.ptp([one.scores for one in apart], axis=0).max() > 1e-3
    np.testing.assert_allclose(finer.scores, expected, rtol=0, atol=1e-5)
    for index in finer.scores.argsort()[-3:]:
        mean = finer.class_map(int(index)).mean(dtype=np.float64)
        np.testing.assert_allclose(mean + finer.bias[index], expected[index], rtol=0, atol=1e-5)
    largest = max(apart, key=lambda one: one.features.size)
    assert (finer.features.shape, finer.input_size) == (largest.features.shape, largest.input_size)


@SHAPES
def test_a_finer_class_map_is_the_mean_of_the_maps_of_its_views(tiny_model, noise_photo, size):
    image = noise_photo(*size)
    finer = tiny_model.explain(image, detail=True)
    rows, columns = finer.features.shape[:2]
    for label in ("red", "green", "blue"):
        maps = []
        for view, one in zip(MULTIVIEW, explained_apart(tiny_model, image, MULTIVIEW), strict=True):
            cells = one.class_map(label).astype(np.float64)
            cells = cells[:, ::-1] if view.mirrored else cells
            count = cells.shape[1]
            cells = np.stack([moved(row, (0, count), columns, (0, columns)) for row in cells])
            count = cells.shape[0]
            maps.append(np.stack([moved(column, (0, count), rows, (0, rows)) for column in cells.T], axis=1))
        np.testing.assert_allclose(finer.class_map(label), np.mean(maps, axis=0), rtol=0, atol=1e-5)


def test_the_finer_map_of_a_symmetric_photo_is_symmetric(tiny_model, noise_photo):
    half = np.asarray(noise_photo(40, 50))
    image = Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))
    plain = tiny_model.explain(image).class_map("red")
    finer = tiny_model.explain(image, detail=True).class_map("red")
    assert np.abs(plain - plain[:, ::-1]).max() > 0.01
    np.testing.assert_allclose(finer, finer[:, ::-1], rtol=0, atol=1e-5)
    assert np.abs(finer - finer[::-1]).max() > 0.01


def test_a_mirrored_photo_has_the_mirrored_finer_map(tiny_model, noise_photo):
    image = noise_photo(70, 50)
    finer = tiny_model.explain(image, detail=True).heatmap("blue")
    turned = tiny_model.explain(ImageOps.mirror(image), detail=True).heatmap("blue")
    np.testing.assert_allclose(turned[:, ::-1], finer, rtol=0, atol=1e-3)


@SHAPES
def test_a_network_of_one_size_is_shown_the_photo_mirrored_only(fixed_model, noise_photo, size):
    image, before = noise_photo(*size), fixed_model.passes
    finer = fixed_model.explain(image, detail=True)
    assert fixed_model.passes - before == finer.views == len(fixed_model.views(detail=True)) == 2
    assert (finer.input_size, finer.image_size, finer.features.shape) == ((32, 32), size, (8, 8, 5))
    views = (View(1.0, False), View(1.0, True))
    apart = [fixed_model.explain(photo) for photo in view_photos(image, views, lambda scale: (32, 32))]
    expected = np.mean([one.scores for one in apart], axis=0, dtype=np.float64)
    means = [finer.class_map(index).mean(dtype=np.float64) for index in range(3)]
    np.testing.assert_allclose(means + finer.bias, expected, rtol=0, atol=1e-5)
    both = (apart[0].class_map(1) + apart[1].class_map(1)[:, ::-1]) / 2
    np.testing.assert_allclose(finer.class_map(1), both, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ["grad-cam", "hirescam", "xgrad-cam"])
def test_finer_maps_by_gradients_are_the_finer_class_activation_map(lite0, sample, method):
    """Gradients behind an average are shared out over the cells, of which each view has another number."""
    exact = lite0.explain(sample("koala"), detail=True)
    found = lite0.explain(sample("koala"), detail=True, method=method)
    cam_map = exact.class_map(105)
    rows, columns = cam_map.shape
    np.testing.assert_allclose(
        found.class_map(105) * rows * columns, cam_map, rtol=0, atol=1e-4 * np.abs(cam_map).max()
    )

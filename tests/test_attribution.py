"""Maps that are made when they are asked for: once, with progress, over several views, and by several threads."""

import dataclasses
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from cam.errors import LabelError, ModelError
from cam.explanation import Attribution
from cam.heatmap import MULTIVIEW, average_maps
from cam.images.open import resized, whole_size
from cam.labels import Labels
from cam.methods import METHODS

LABELS = Labels(("red", "green", "blue"), (("crimson",), (), ()))


class Stopped(Exception):
    """Raised by a report."""


def fake_probe(shape: tuple[int, int, int], scores, *, input_size=(40, 20), cell_stride=None) -> SimpleNamespace:
    """A probe of which only the numbers are looked at."""
    features = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return SimpleNamespace(features=features, scores=np.float32(scores), input_size=input_size, cell_stride=cell_stride)


def fake_method(compute, *, passes: int = 1):
    return dataclasses.replace(METHODS["grad-cam"], compute=compute, passes=lambda maps: passes)


def attributed(probes, method, *, mirrored=None, image_size=(80, 40), activation="softmax") -> Attribution:
    mirrored = [False] * len(probes) if mirrored is None else mirrored
    about = {"labels": LABELS, "image_size": image_size, "activation": activation}
    return Attribution(probes, mirrored, method=method, **about)


def test_the_map_is_what_the_method_computes_for_the_class():
    probe = fake_probe((2, 4, 3), [1, 2, 3])
    found = attributed([probe], fake_method(lambda given, index, report: given.features[:, :, index] - 5))
    np.testing.assert_array_equal(found.class_map("green"), probe.features[:, :, 1] - 5)
    np.testing.assert_array_equal(found.class_map("crimson"), probe.features[:, :, 0] - 5)
    np.testing.assert_array_equal(found.class_map(2), probe.features[:, :, 2] - 5)
    with pytest.raises(ValueError, match="read-only"):
        found.class_map(2)[0, 0] = 1


def test_scores_probabilities_and_ranks():
    softmax = attributed([fake_probe((2, 4, 3), [0, np.log(2), np.log(5)])], METHODS["grad-cam"])
    np.testing.assert_allclose(softmax.probabilities, [1 / 8, 2 / 8, 5 / 8], atol=1e-6)
    assert [row.label for row in softmax.top(2)] == ["blue", "green"]
    assert (softmax.rank("red"), softmax.exact, softmax.views) == (3, False, 1)
    each = attributed([fake_probe((2, 4, 3), [0, np.log(3), -np.log(3)])], METHODS["grad-cam"], activation="sigmoid")
    np.testing.assert_allclose(each.probabilities, [1 / 2, 3 / 4, 1 / 4], atol=1e-6)


def test_a_map_is_computed_once_for_each_class(make_tiny, noise_photo):
    model = make_tiny()
    found = model.explain(noise_photo(60, 30), method="grad-cam")
    assert (model.passes, found.passes) == (1, 1)
    first = found.class_map("red")
    assert model.passes == 2
    assert found.class_map(0) is found.class_map("crimson") is first
    found.heatmap("red")
    found.top(3)
    assert model.passes == 2
    assert (found.has_map("crimson"), found.has_map("green")) == (True, False)
    found.class_map("green")
    assert model.passes == 3 and found.has_map(1)


@pytest.mark.parametrize(("name", "passes"), [("score-cam", 5), ("ablation-cam", 5), ("eigen-cam", 0), ("hirescam", 1)])
@pytest.mark.parametrize("detail", [False, True])
def test_the_passes_are_said_before_they_are_run(make_tiny, noise_photo, name, passes, detail):
    model = make_tiny()
    found = model.explain(noise_photo(60, 30), method=name, detail=detail)
    views = 6 if detail else 1
    assert (found.views, model.passes) == (views, views)
    assert found.passes == passes * views
    found.class_map(0)
    assert model.passes == views + found.passes


def test_reports_count_over_all_views(make_tiny, noise_photo):
    reports = []
    found = make_tiny().explain(noise_photo(60, 30), method="score-cam", detail=True)
    found.class_map(0, report=lambda done, total: reports.append((done, total)))
    assert reports == [(5, 30), (10, 30), (15, 30), (20, 30), (25, 30), (30, 30)]
    found.class_map(0, report=lambda done, total: reports.append((done, total)))
    assert len(reports) == 6


def test_reports_of_a_method_of_many_steps(make_tiny, noise_photo):
    reports = []
    found = make_tiny().explain(noise_photo(40, 40), method="smooth-grad-cam++")
    found.class_map(0, report=lambda done, total: reports.append((done, total)))
    assert reports == [(done, 32) for done in range(2, 33, 2)]


@pytest.mark.parametrize("last", [1, 3])
def test_an_exception_in_a_report_ends_the_work_and_leaves_no_map(make_tiny, noise_photo, last):
    model = make_tiny()
    image = noise_photo(60, 30)
    found = model.explain(image, method="score-cam", detail=True)

    def report(done, total):
        if done == 5 * last:
            raise Stopped

    before = model.passes
    with pytest.raises(Stopped):
        found.class_map("blue", report=report)
    assert model.passes - before == 5 * last
    assert not found.has_map("blue")
    expected = model.explain(image, method="score-cam", detail=True).class_map("blue")
    np.testing.assert_array_equal(found.class_map("blue"), expected)
    assert found.has_map("blue")


def test_an_unknown_class_is_refused_before_anything_is_run(make_tiny, noise_photo):
    model = make_tiny()
    found = model.explain(noise_photo(40, 40), method="grad-cam")
    for ask in (found.class_map, found.heatmap, found.has_map, found.prediction):
        with pytest.raises(LabelError, match="mauve"):
            ask("mauve")
    with pytest.raises(LabelError, match="3"):
        found.class_map(3)
    assert model.passes == 1


def test_the_heatmap_has_the_size_of_the_photo_and_its_heat_in_the_right_place():
    # One hot cell: the third of four across, the first of two down; the photo is twice the input's size.
    probe = fake_probe((2, 4, 3), [1, 2, 3])
    hot = np.float32([[0, 0, 8, 0], [0, 0, 0, 0]])
    found = attributed([probe], fake_method(lambda *_: hot))
    heat = found.heatmap(0)
    assert heat.shape == (40, 80)
    # The cell's centre is at 5/8 of the width and 1/4 of the height; up to there the map goes on level.
    np.testing.assert_allclose(heat[:10, 49:51], 8 * (1 - 0.5 / 20), atol=1e-5)
    np.testing.assert_allclose(heat[30:], 0, atol=1e-6)
    assert heat[:, :30].max() == 0
    assert found.heatmap(0, size=(8, 4)).shape == (4, 8)


def test_the_heatmap_of_a_network_that_does_not_pad_is_drawn_in():
    # 3 cells 10 pixels apart in 40 x 20 pixels: the photo reaches half a cell beyond them on the left and the right.
    probe = fake_probe((2, 3, 3), [1, 2, 3], cell_stride=(10, 10))
    found = attributed([probe], fake_method(lambda *_: np.float32([[0, 4, 8], [0, 4, 8]])), image_size=(40, 20))
    # Centres at 10, 20 and 30 pixels.
    row = found.heatmap(0)[7]
    np.testing.assert_allclose(row, np.interp(np.arange(40) + 0.5, [10, 20, 30], [0, 4, 8]), atol=1e-5)


def test_the_largest_view_decides_grid_features_and_size():
    small, large = (
        fake_probe((2, 3, 3), [1, 2, 3]),
        fake_probe((4, 6, 3), [3, 2, 7], input_size=(80, 40), cell_stride=(9, 9)),
    )
    found = attributed([small, large], METHODS["grad-cam"], mirrored=[False, True])
    assert (found.views, found.input_size, found.cell_stride) == (2, (80, 40), (9, 9))
    np.testing.assert_array_equal(found.features, large.features)
    np.testing.assert_array_equal(found.scores, [2, 2, 5])


def test_the_map_of_a_mirrored_view_is_turned_back_before_the_mean():
    probes = [fake_probe((1, 3, 3), [1, 2, 3]) for _ in range(2)]
    maps = iter([np.float32([[0, 2, 4]]), np.float32([[6, 0, 0]])])
    found = attributed(probes, fake_method(lambda *_: next(maps)), mirrored=[False, True])
    np.testing.assert_allclose(found.class_map(0), [[0, 1, 5]], atol=1e-6)


def test_the_map_of_several_views_is_on_the_finest_grid_in_the_photo(make_tiny, noise_photo):
    image = noise_photo(90, 40)
    model = make_tiny()
    plain, finer = (model.explain(image, detail=detail) for detail in (False, True))
    other = model.explain(image, method="ablation-cam", detail=True)
    np.testing.assert_allclose(other.scores, finer.scores, rtol=0, atol=1e-5)
    assert other.class_map(0).shape == finer.features.shape[:2] != plain.features.shape[:2]
    assert (other.input_size, other.cell_stride) == (finer.input_size, finer.cell_stride)
    assert other.heatmap(0).shape == (40, 90)
    maps, spans = [], []
    for view in MULTIVIEW:
        photo = Image.fromarray(resized(image, whole_size(image.size, round(32 * view.scale), 4)))
        photo = ImageOps.mirror(photo) if view.mirrored else photo
        maps.append(model.explain(photo, fit="given", method="ablation-cam").class_map(0))
        spans.append((0, 0, *maps[-1].shape[::-1]))
    np.testing.assert_allclose(other.class_map(0), average_maps(maps, spans, [False, True] * 3), rtol=0, atol=1e-5)


def test_threads_that_ask_at_once_get_the_same_maps(make_tiny, noise_photo):
    model, image = make_tiny(), noise_photo(60, 60)
    alone = model.explain(image, method="score-cam")
    expected = [alone.class_map(index) for index in range(3)]
    found, start = model.explain(image, method="score-cam"), threading.Barrier(6)

    def work(shift: int) -> list[tuple[int, np.ndarray]]:
        start.wait(timeout=60)
        return [(index, found.class_map(index)) for index in np.roll(range(3), shift).tolist()]

    with ThreadPoolExecutor(6) as pool:
        results = [pair for pairs in pool.map(work, range(6)) for pair in pairs]
    for index, cells in results:
        np.testing.assert_array_equal(cells, expected[index])
        assert cells is found.class_map(index)


def test_a_thread_that_asks_for_another_class_does_not_wait():
    started, free = threading.Event(), threading.Event()

    def compute(probe, index, report):
        if index == 0:
            started.set()
            assert free.wait(timeout=60)
        return np.full((2, 4), index, np.float32)

    found = attributed([fake_probe((2, 4, 3), [1, 2, 3])], fake_method(compute))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(found.class_map, 0)
        assert started.wait(timeout=60)
        np.testing.assert_array_equal(found.class_map(1), np.ones((2, 4)))
        assert not found.has_map(0) and found.has_map(1)
        free.set()
        np.testing.assert_array_equal(slow.result(timeout=60), np.zeros((2, 4)))


def test_a_pickle_keeps_the_maps_that_were_made(make_tiny, noise_photo):
    found = make_tiny().explain(noise_photo(60, 30), method="grad-cam")
    red = found.class_map("red")
    again = pickle.loads(pickle.dumps(found))
    assert again.top() == found.top() and again.method is METHODS["grad-cam"]
    np.testing.assert_array_equal(again.heatmap("red"), found.heatmap("red"))
    np.testing.assert_array_equal(again.class_map(0), red)
    for array in (again.class_map(0), again.features, again.scores):
        assert not array.flags.writeable
    with pytest.raises(ModelError, match="Grad-CAM map of green was not made .* Ask for the map before pickling"):
        again.class_map("green")


def test_in_a_notebook_a_map_of_many_passes_is_not_made(make_tiny, noise_photo):
    model, photo = make_tiny(), noise_photo(60, 30)
    few, many = (model.explain(photo, method=name) for name in ("grad-cam", "smooth-grad-cam++"))
    before = model.passes
    assert "Smooth Grad-CAM++" in many._repr_html_() and model.passes == before
    assert "Grad-CAM: " in few._repr_html_() and model.passes == before + few.passes
    assert repr(few).startswith("<Attribution by Grad-CAM of a photo of 60 x 30: ")
    assert pickle.loads(pickle.dumps(many))._repr_html_()

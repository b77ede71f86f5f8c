"""The rows of the registry: their names, how many passes they need, that they report them, and that they are finite."""

import dataclasses

import numpy as np
import pytest
from support.analytic import AnalyticProbe, Network, channels, linear, photo_of, random_probe

import cam.methods
from cam.errors import ModelError
from cam.methods import METHODS, find_method
from cam.methods.probe import batches

EACH = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def test_the_methods_are_those_of_the_field():
    assert list(METHODS) == [
        "cam",
        "grad-cam",
        "grad-cam++",
        "hirescam",
        "xgrad-cam",
        "layercam",
        "smooth-grad-cam++",
        "score-cam",
        "ablation-cam",
        "eigen-cam",
        "finer-cam",
    ]
    assert all(find_method(name) is row and row.name == name for name, row in METHODS.items())
    assert [name for name, row in METHODS.items() if row.linear_only] == ["cam"]
    assert sorted(cam.methods.__all__) == ["METHODS", "Method", "find_method"]


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match=r"no method 'gradcam'\. Known: cam, grad-cam, .*, finer-cam\."):
        find_method("gradcam")


def test_cam_says_why_there_is_none_without_a_linear_head():
    probe = random_probe()
    bent = AnalyticProbe(dataclasses.replace(probe.network, weight=None), probe.photo)
    with pytest.raises(ModelError, match="CAM needs global average pooling and one dense layer"):
        METHODS["cam"].compute(bent, 0)


@EACH
def test_every_row_has_its_paper_in_its_docstring(method):
    authors, year = method.paper.split()[0], method.paper[-4:]
    text = " ".join(method.compute.__doc__.split())
    assert authors in text and year in text and " = " in text


@EACH
def test_the_passes_are_those_counted_and_reported(method):
    probe, reports = random_probe(maps=70), []
    method.compute(probe, 2, lambda done, total: reports.append((done, total)))
    needed = method.passes(70)
    assert sum(probe.passes) == needed
    assert [total for _, total in reports] == [needed] * len(reports)
    done = [done for done, _ in reports]
    assert done == sorted(set(done)) and (done[-1] if done else 0) == needed


@pytest.mark.parametrize("name", ["score-cam", "ablation-cam"])
def test_passes_run_in_batches_of_32(name):
    probe, done = random_probe(maps=70), []
    METHODS[name].compute(probe, 2, lambda *report: done.append(report))
    assert probe.passes == [32, 32, 6]
    assert done == [(32, 70), (64, 70), (70, 70)]


def test_batches_of_large_rows_are_small():
    assert [list(rows) for rows in batches(5, 30 * 2**20)] == [[0, 1], [2, 3], [4]]
    assert [len(rows) for rows in batches(3, 2**40)] == [1, 1, 1]
    assert [len(rows) for rows in batches(33, 1)] == [32, 1]


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    ("name", "ran"),
    [("grad-cam", 1), ("finer-cam", 1), ("smooth-grad-cam++", 2), ("score-cam", 32), ("ablation-cam", 32)],
)
def test_an_exception_in_the_report_ends_the_work(name, ran):
    def stop(done, total):
        raise Stopped

    probe = random_probe(maps=70)
    with pytest.raises(Stopped):
        METHODS[name].compute(probe, 2, stop)
    assert sum(probe.passes) == ran


@EACH
def test_a_probe_is_not_written_to(method):
    probe = random_probe()
    features, weight = probe.features, probe.weight.copy()
    frozen = AnalyticProbe(
        dataclasses.replace(probe.network, layer=lambda photos: _repeated(features, photos)), probe.photo
    )
    features.flags.writeable = False
    method.compute(frozen, 0)
    np.testing.assert_array_equal(probe.weight, weight)


def _repeated(features: np.ndarray, photos: np.ndarray) -> np.ndarray:
    return np.broadcast_to(features, (len(photos), *features.shape))


NOTHING = photo_of(np.zeros((2, 3, 2)))
SOMETHING = photo_of([[[1, 2], [0, 4]], [[3, 1], [0, 0]]])
WEIGHT = [[1, -2], [3, 4]]


@EACH
@pytest.mark.parametrize("bias", [0.0, 1.5], ids=["score 0", "score 1.5"])
def test_features_that_are_all_zero_have_a_map_that_is_all_zero(method, bias):
    cells = method.compute(AnalyticProbe(linear(channels(2), WEIGHT, [bias, bias]), NOTHING), 1)
    np.testing.assert_array_equal(cells, np.zeros((2, 3)))
    assert cells.dtype == np.float32


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("score-cam", "eigen-cam")])
def test_gradients_that_are_all_zero_have_a_map_that_is_all_zero(name):
    probe = AnalyticProbe(linear(channels(2), np.zeros((2, 2)), [0, 3]), SOMETHING)
    np.testing.assert_array_equal(METHODS[name].compute(probe, 1), np.zeros((2, 2)))


@EACH
def test_numbers_at_the_edge_of_float32_have_finite_maps(method):
    tiny = np.float32(1e-38)
    for features, weight in [(tiny, 1.0), (1.0, tiny), (tiny, tiny), (1e15, 1e15), (-1.0, 1e15), (-1e15, tiny)]:
        probe = AnalyticProbe(
            linear(channels(2), np.multiply(WEIGHT, weight), [0, 0]), SOMETHING * np.float32(features)
        )
        assert np.isfinite(method.compute(probe, 0)).all()


@EACH
def test_scores_far_apart_have_finite_maps(method):
    def head(features):
        return features.sum(axis=(1, 2)) * np.float32(1e4)

    network = Network(channels(2), head, lambda features, direction: np.full_like(features, 1e4), np.eye(2))
    assert np.isfinite(method.compute(AnalyticProbe(network, SOMETHING), 0)).all()

"""How often, at what cost, and how many at a time the engine runs a network."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cam.errors import ModelError
from cam.turns import Turns

SIZES_24 = [(16, 400), (400, 16), *[(16 + 37 * i % 300, 16 + 53 * i % 290) for i in range(22)]]
PHOTOS = ("dog_and_cat", "koala", "espresso")


def test_one_explanation_is_one_pass_and_its_classes_cost_none(make_tiny, noise_photo, monkeypatch):
    model = make_tiny()
    features, calls = model.backend.features, []
    monkeypatch.setattr(model.backend, "features", lambda pixels: calls.append(pixels.shape) or features(pixels))
    assert model.passes == 0
    explanation = model.explain(noise_photo(64, 32))
    explanation.top(3)
    for index in range(3):
        explanation.class_map(index)
        explanation.heatmap(index)
        explanation.prediction(index)
    assert calls == [(1, 24, 44, 3)]  # 8 * sqrt(2) and 8 / sqrt(2) cells of 4 pixels are 11 and 6
    assert model.passes == 1
    model.explain(noise_photo(32, 64))
    assert len(calls) == model.passes == 2


def test_photos_of_24_shapes_share_one_trace(make_tiny, noise_photo):
    model = make_tiny()
    assert len(set(SIZES_24)) == 24
    seen = {model.explain(noise_photo(*size)).input_size for size in SIZES_24}
    assert len(seen) > 5
    assert model.backend.features.experimental_get_tracing_count() == 1
    model.explain(noise_photo(50, 50), fit="squash")
    assert model.backend.features.experimental_get_tracing_count() == 1


def test_eight_threads_get_the_same_numbers_as_one(lite0, sample):
    expected = {photo: lite0.explain(sample(photo)).scores for photo in PHOTOS}
    before = lite0.passes
    start = threading.Barrier(8)

    def work(shift: int) -> list[tuple[str, np.ndarray]]:
        start.wait(timeout=60)
        order = PHOTOS[shift % 3 :] + PHOTOS[: shift % 3]
        return [(photo, lite0.explain(sample(photo)).scores) for photo in order]

    with ThreadPoolExecutor(8) as pool:
        results = [pair for pairs in pool.map(work, range(8)) for pair in pairs]
    assert len(results) == lite0.passes - before == 24
    for photo, scores in results:
        np.testing.assert_array_equal(scores, expected[photo])


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_as_many_passes_run_at_once_as_there_are_slots_and_no_more(make_tiny, noise_photo, monkeypatch, slots):
    model, running, most = make_tiny(), 0, 0
    features, lock, together = model.backend.features, threading.Lock(), threading.Barrier(slots)

    def counted(pixels):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(timeout=60)  # goes on only once all slots are taken
        maps = features(pixels)
        with lock:
            running -= 1
        return maps

    model.backend.turns = Turns(slots)
    monkeypatch.setattr(model.backend, "features", counted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: model.explain(noise_photo(40, 40, seed)), range(16)))
    assert most == slots
    assert model.passes == 16


def test_a_pass_that_fails_frees_its_slot(make_tiny, noise_photo, monkeypatch):
    model = make_tiny()
    features = model.backend.features

    def fail(pixels):
        raise RuntimeError("out of memory")

    model.backend.turns = Turns(1)
    monkeypatch.setattr(model.backend, "features", fail)
    with pytest.raises(ModelError, match="failed on this photo"):
        model.explain(noise_photo(40, 40))
    assert model.passes == 0
    monkeypatch.setattr(model.backend, "features", features)
    assert model.backend.turns.free == 1
    model.explain(noise_photo(40, 40))
    assert model.passes == 1

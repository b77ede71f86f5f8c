"""The network fails on one photo: its session says so and lives, and the others do not notice."""

import gc
import weakref
from functools import partial

import numpy as np
import pytest
from support.app_page import LITE2, file_of, open_page, passes, picture, upload, works

from cam.errors import ModelError
from cam.models.registry import list_models
from cam.models.weights import Wheel
from cam.server import model_store
from cam.turns import Turns


def fail(kind: str, maps):
    """What a pass does in place of giving these maps."""
    import tensorflow as tf

    if kind == "memory":
        raise MemoryError
    if kind == "runtime":
        raise RuntimeError("broken")
    if kind == "tensorflow":
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    return maps * np.float32("nan")


class Faulty:
    """A network as OpenVINO has compiled it, whose passes fail."""

    def __init__(self, compiled, kind: str):
        self._compiled, self._kind = compiled, kind

    def create_infer_request(self):
        return self

    def infer(self, *inputs, **options) -> dict:
        maps = self._compiled.create_infer_request().infer(*inputs, **options).values()
        return {"maps": fail(self._kind, next(iter(maps)))}


def _call(kind: str, features, pixels):
    return fail(kind, features(pixels))


@pytest.fixture
def failing(monkeypatch):
    """A function that has a network's passes fail in one way, until it is called with no way, whatever runs it."""
    sound = {}

    def set_failing(name: str, kind: str | None) -> None:
        network = model_store.loaded_model(name).backend
        attribute = "_compiled" if hasattr(network, "_compiled") else "features"
        runs = sound.setdefault(name, getattr(network, attribute))
        if attribute == "_compiled":
            changed = Faulty(runs, kind)
        else:
            changed = partial(_call, kind, runs)
        monkeypatch.setitem(vars(network), attribute, runs if kind is None else changed)

    return set_failing


@pytest.mark.parametrize("kind", ["memory", "runtime", "no numbers"])
def test_another_network_is_shown_with_the_reason_and_the_next_photo_is_as_ever(fresh, failing, noise_photo, kind):
    at, other = open_page(), open_page()
    before, passed = picture(other, "heat"), passes()
    failing(LITE2, kind)
    upload(at, file_of(noise_photo(300, 200, 51)))
    (warning,) = at.warning
    assert "The network failed on this photo" in warning.value and "You still see EfficientNet-Lite0" in warning.value
    assert works(at) and not at.error
    failing(LITE2, None)
    upload(at, file_of(noise_photo(300, 200, 52)))
    assert works(at) and not at.warning and not at.error
    other.run()
    assert works(other) and picture(other, "heat") == before and not other.warning
    # What gave no numbers was a pass, and the next photo another.
    assert passes() == passed + 1 + (kind == "no numbers")


def test_where_every_network_fails_a_sentence_for_each_is_all_and_the_session_lives(fresh, failing, noise_photo):
    at = open_page()
    embedded = [row.name for row in list_models() if isinstance(row.source, Wheel) and row.trained]
    for name in embedded:
        failing(name, "runtime")
    upload(at, file_of(noise_photo(300, 200, 53)))
    sentences = [error.value.partition(":")[0] for error in at.error]
    assert sentences == ["The network failed on this photo"] * len(embedded)
    assert not at.exception
    for name in embedded:
        failing(name, None)
    # The same photo: a failure is not kept.
    at.run()
    assert works(at) and not at.error


def test_a_failure_keeps_neither_a_turn_nor_the_photo(make_tiny, noise_photo, monkeypatch):
    model, kept = make_tiny(), []
    model.backend.turns = turns = Turns(1)

    def features(pixels):
        raise RuntimeError("broken")

    preprocess = model._preprocess

    def watched(pixels):
        array = preprocess(pixels)
        kept.append(weakref.ref(array))
        return array

    monkeypatch.setattr(model, "_preprocess", watched)
    monkeypatch.setattr(model.backend, "features", features)
    for seed in range(3):
        with pytest.raises(ModelError, match="failed on this photo"):
            model.explain(noise_photo(40, 40, seed))
    gc.collect()
    assert len(kept) == 3 and [reference() for reference in kept] == [None] * 3
    assert turns.free == 1 and turns.served == 3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("memory", "there is not enough memory"),
        ("tensorflow", "there is not enough memory"),
        ("runtime", "it stopped with a RuntimeError"),
        ("no numbers", "what it computed are not all numbers"),
    ],
)
def test_the_sentence_says_what_is_known(make_tiny, noise_photo, monkeypatch, kind, reason):
    model = make_tiny()
    features = model.backend.features
    monkeypatch.setattr(model.backend, "features", lambda pixels: fail(kind, features(pixels)))
    with pytest.raises(ModelError) as caught:
        model.explain(noise_photo(40, 40))
    assert str(caught.value) == (
        f"The network failed on this photo: {reason}. Choose another photo or another network."
    )

"""Photos of one size share a pass, and a pass of several says what each alone does."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from cam.backends.keras import KerasBackend
from cam.model import Model, group_batches


def test_equal_sizes_go_together_in_order_and_never_more_than_allowed():
    sizes = "abaabcab"
    assert list(group_batches(range(8), sizes.__getitem__, 3)) == [[0, 2, 3], [1, 4, 7], [5], [6]]
    assert list(group_batches([], len, 3)) == []


def test_a_full_batch_does_not_wait_for_what_comes_later():
    asked = []

    def items():
        for item in ("a", "b", "a", "a"):
            asked.append(item)
            yield item

    assert next(group_batches(items(), str, 2)) == ["a", "a"] and asked == ["a", "b", "a"]


@pytest.mark.parametrize("fit", ["whole", "squash"])
def test_many_photos_are_explained_as_each_alone_is(lite0, sample, fit):
    images = [sample(name) for name in ("dog_and_cat", "koala", "crab", "giraffes", "hens", "koala")]
    before = lite0.passes
    together = lite0.explain_many(images, fit=fit)
    assert lite0.passes - before == len(images)
    for image, found in zip(images, together, strict=True):
        alone = lite0.explain(image, fit=fit)
        assert (found.image_size, found.input_size) == (image.size, alone.input_size)
        np.testing.assert_allclose(found.scores, alone.scores, rtol=0, atol=1e-4)
        np.testing.assert_allclose(found.class_map(281), alone.class_map(281), rtol=0, atol=1e-4)
        np.testing.assert_allclose(found.class_map(281).mean() + found.bias[281], found.scores[281], atol=1e-4)


def test_a_pass_holds_photos_of_one_size_only(tiny_model, noise_photo, monkeypatch):
    shapes = []
    run = tiny_model.backend.run
    monkeypatch.setattr(
        tiny_model.backend, "run", lambda f, n, batch: (shapes.append(batch.shape), run(f, n, batch))[1]
    )
    tiny_model.explain_many([noise_photo(*size) for size in [(60, 40), (40, 60), (60, 40), (90, 60)]])
    assert shapes == [(3, 28, 40, 3), (1, 40, 28, 3)]


def test_a_network_without_a_linear_head_explains_many_too(tiny_spec, tiny_labels, noise_photo):
    def seeded():
        return keras.initializers.GlorotNormal(seed=0)

    x = inputs = keras.Input((32, 32, 3))
    x = layers.Flatten()(layers.Conv2D(4, 3, 2, activation="relu", kernel_initializer=seeded())(x))
    x = layers.Dense(4, activation="relu", kernel_initializer=seeded())(x)
    network = keras.Model(inputs, layers.Dense(3, kernel_initializer=seeded())(x))
    spec = dataclasses.replace(tiny_spec, exact=False)
    model = Model(spec, KerasBackend(network), lambda pixels: pixels / np.float32(127.5) - 1, tiny_labels)
    images = [noise_photo(60, 40), noise_photo(40, 60, seed=1)]
    for image, found in zip(images, model.explain_many(images), strict=True):
        assert not found.exact and np.ptp(found.scores) > 1e-3
        np.testing.assert_allclose(found.scores, model.explain(image).scores, atol=1e-5)


def test_what_explain_refuses_is_refused(tiny_model, noise_photo):
    with pytest.raises(ValueError, match="fit must be one of .*, not 'stretch'"):
        tiny_model.explain_many([noise_photo(40, 40)], fit="stretch")
    with pytest.raises(ValueError, match="a photo is a path, a Pillow image, or its RGB pixels"):
        tiny_model.explain_many([np.zeros((40, 40))])


def test_what_explain_takes_is_taken(tiny_model, noise_photo):
    grey = noise_photo(40, 40).convert("L")
    (found,) = tiny_model.explain_many([grey])
    np.testing.assert_allclose(found.scores, tiny_model.explain(grey).scores, atol=1e-5)

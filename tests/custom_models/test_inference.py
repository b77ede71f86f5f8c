"""What is guessed of an own model; each guess is checked against how such networks are trained."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import layers

from cam.custom_models.inference import Completed, guess
from cam.custom_models.sidecar import Sidecar
from cam.errors import ModelError
from cam.models.preprocessing import PREPROCESSINGS

APPLICATIONS = keras.applications


def network(*start, classes: int = 3, shape: tuple = (32, 32, 3)) -> keras.Model:
    parts = [*start, layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(classes)]
    return keras.Sequential([keras.Input(shape), *parts])


def computed(function, shape: tuple = (32, 32, 3)) -> keras.Model:
    photo = keras.Input(shape)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(function(photo)))
    return keras.Model(photo, layers.Dense(2)(x))


def preprocessing(model: keras.Model) -> str:
    return guess(model, Sidecar(), title="x").preprocessing


def test_a_network_about_which_nothing_is_known():
    expected = Completed("cats", ("class 0", "class 1", "class 2"), "0..1", 32, ("labels", "preprocessing"))
    assert guess(network(), Sidecar(), title="cats") == expected


def test_what_the_sidecar_says_counts():
    sidecar = Sidecar("Cats", ("cat", "dog", "bird"), "caffe", 64)
    assert guess(network(layers.Rescaling(1 / 255)), sidecar, title="x") == Completed(
        "Cats", ("cat", "dog", "bird"), "caffe", 64, ()
    )


@pytest.mark.parametrize(
    ("shape", "size", "guessed"),
    [((96, 96, 3), 96, False), ((None, None, 3), 224, True), ((64, 100, 3), 80, False)],
)
def test_the_size_is_that_of_the_input_or_224(shape, size, guessed):
    completed = guess(network(shape=shape), Sidecar(), title="x")
    assert (completed.size, "size" in completed.guessed) == (size, guessed)


def test_one_output_unit_is_two_classes():
    assert guess(network(classes=1), Sidecar(), title="x").labels == ("class 0", "class 1")
    assert guess(network(classes=1), Sidecar(labels=("cat", "dog")), title="x").labels == ("cat", "dog")


def test_a_thousand_classes_are_those_of_imagenet():
    completed = guess(network(classes=1000), Sidecar(), title="x")
    assert (completed.labels[281], len(set(completed.labels))) == ("tabby", 1000)
    assert "labels" in completed.guessed


@pytest.mark.parametrize(("classes", "count"), [(3, 2), (3, 4), (1, 1)])
def test_another_number_of_labels_is_refused(classes, count):
    labels = tuple(f"label {i}" for i in range(count))
    with pytest.raises(ModelError, match=f"'labels' must name {max(2, classes)} classes, .* not {count}."):
        guess(network(classes=classes), Sidecar(labels=labels), title="x")


SCALED = {
    "to 0..1": (lambda: network(layers.Rescaling(1 / 255)), "0..255"),
    "to -1..1": (lambda: network(layers.Rescaling(1 / 127.5, offset=-1)), "0..255"),
    "from 0..1": (lambda: network(layers.Rescaling(2.0, offset=-1)), "0..1"),
    "back to bytes": (lambda: network(layers.Rescaling(255.0)), "0..1"),
    "after augmentation": (
        lambda: network(
            keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)]),
            layers.Resizing(32, 32),
            layers.Rescaling(1 / 255),
        ),
        "0..255",
    ),
    "inside": (lambda: network(keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255)])), "0..255"),
    "mean of bytes": (lambda: network(layers.Normalization(mean=[120.0, 110, 90], variance=[9.0, 9, 9])), "0..255"),
    "mean of 0..1": (lambda: network(layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[1.0, 1, 1])), "0..1"),
    "divided": (lambda: computed(lambda x: x / 255.0), "0..255"),
    "multiplied": (lambda: computed(lambda x: x * (1 / 127.5) - 1), "0..255"),
    "mean taken away": (lambda: computed(lambda x: x[..., ::-1] - np.array([103.9, 116.8, 123.7])), "0..255"),
    "mean taken away by a layer": (lambda: network(layers.Rescaling(1.0, offset=-127.5)), "0..255"),
    "half taken away": (lambda: computed(lambda x: x - 0.5), "0..1"),
    "scaled after the first weights": (lambda: network(layers.Conv2D(3, 1), layers.Rescaling(1 / 255)), "0..1"),
}


@pytest.mark.parametrize("case", SCALED)
def test_a_network_that_scales_its_photos_itself_is_given_what_it_scales(case):
    make, expected = SCALED[case]
    assert preprocessing(make()) == expected


BASES = {
    "ResNet50": "caffe",
    "ResNet50V2": "-1..1",
    "VGG16": "caffe",
    "DenseNet121": "standard",
    "MobileNet": "-1..1",
    "MobileNetV2": "-1..1",
    "InceptionV3": "-1..1",
    "InceptionResNetV2": "-1..1",
    "Xception": "-1..1",
    "NASNetMobile": "-1..1",
    "MobileNetV3Small": "0..255",
    "EfficientNetB0": "0..255",
    "EfficientNetV2B0": "0..255",
    "ConvNeXtTiny": "0..255",
}


MODULES = {
    "ResNet50": "resnet50",
    "ResNet50V2": "resnet_v2",
    "VGG16": "vgg16",
    "DenseNet121": "densenet",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "InceptionV3": "inception_v3",
    "InceptionResNetV2": "inception_resnet_v2",
    "Xception": "xception",
    "NASNetMobile": "nasnet",
    "MobileNetV3Small": "mobilenet_v3",
    "EfficientNetB0": "efficientnet",
    "EfficientNetV2B0": "efficientnet_v2",
    "ConvNeXtTiny": "convnext",
}


@pytest.mark.parametrize("name", BASES)
def test_the_table_above_is_what_keras_does_to_photos_for_each(name):
    photo = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.float32)
    expected = getattr(APPLICATIONS, MODULES[name]).preprocess_input(photo.copy())
    np.testing.assert_allclose(PREPROCESSINGS[BASES[name]].apply(photo), expected, atol=1e-4)


@pytest.mark.parametrize("name", BASES)
def test_a_base_of_keras_applications_is_recognised(name):
    """Built without values in its weights, as `cam.models.architectures` does."""

    def guessed():
        with keras.StatelessScope(initialize_variables=False):
            base = getattr(APPLICATIONS, name)(weights=None, include_top=False, pooling="avg", input_shape=(96, 96, 3))
            photo = keras.Input((96, 96, 3))
            return preprocessing(keras.Model(photo, layers.Dense(2)(base(photo))))

    with ThreadPoolExecutor(1) as alone:
        assert alone.submit(guessed).result() == BASES[name]

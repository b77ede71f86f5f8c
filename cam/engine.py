"""Run a network on a photo: the only place that does. One forward pass explains every class."""

import os
import threading
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from cam.errors import ModelError
from cam.explanation import Explanation
from cam.images import resized, whole_size
from cam.labels import Labels, imagenet_labels
from cam.models.head import Head, find_head
from cam.models.registry import ModelSpec, find_spec

# A pass uses all cores, so more at a time would only wait for each other and hold more memory.
_SLOTS = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))

# How a photo becomes the network's input: (photo's size, network) -> (width, height) in pixels.
_FITS: dict[str, Callable[[tuple[int, int], ModelSpec], tuple[int, int]]] = {
    "whole": lambda size, spec: whole_size(size, spec.whole_size, spec.stride),
    "squash": lambda size, spec: (spec.size, spec.size),
    "given": lambda size, spec: size,
}
_TOLERANCE = 1e-4


def load_model(name: str) -> "Model":
    """Build a network and fill it with its weights; nothing is downloaded.

    Raises:
        ModelError: an unknown name, weights that are missing or damaged, or a network without a class activation map.
    """
    spec = find_spec(name)
    weights = spec.source.require()
    build, preprocess = spec.resolve()
    return Model(spec, build(weights), preprocess, imagenet_labels())


class Model:
    """A network that is loaded and was found to have class activation maps; shared by threads.

    Attributes:
        spec: its row in the registry.
        labels: the names of its classes.
        passes: forward passes run by `explain` so far.
        traces: graphs that TensorFlow has built for them: one for all shapes of photo.
    """

    def __init__(self, spec: ModelSpec, network: keras.Model, preprocess: Callable, labels: Labels):
        self.spec = spec
        self.labels = labels
        self.passes = 0
        self._preprocess = preprocess
        self._lock = threading.Lock()
        self._head = find_head(network)
        self._features = _features_function(network, self._head)
        if len(labels) != self._head.weight.shape[1]:
            raise ModelError(f"{spec.title} has {self._head.weight.shape[1]} classes, but {len(labels)} labels.")
        self._check_identity(network)

    @property
    def traces(self) -> int:
        return self._features.experimental_get_tracing_count()

    def explain(self, image: Image.Image, *, fit: str = "whole") -> Explanation:
        """Run the network once on an RGB photo of any size.

        Args:
            image: RGB, as `open_image` gives it.
            fit: "whole" keeps the photo's shape at about the network's own number of pixels; "squash" is the classic
                fixed square, for comparison with papers; "given" takes the pixels as they are, for a photo that was
                brought to an `Explanation.input_size` before.

        Raises:
            ValueError: another mode than RGB, or another fit.
        """
        if image.mode != "RGB":
            raise ValueError(f"an RGB image is needed, not mode {image.mode}; open_image gives one")
        if fit not in _FITS:
            raise ValueError(f"fit must be one of {', '.join(_FITS)}, not {fit!r}")
        input_size = _FITS[fit](image.size, self.spec)
        features = self._run(self._preprocess(resized(image, input_size)))
        with self._lock:
            self.passes += 1
        return self._explanation(features, image.size, input_size)

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        with _SLOTS:
            return self._features(tf.constant(pixels[np.newaxis], tf.float32)).numpy()[0]

    def _explanation(self, features: np.ndarray, image_size: tuple, input_size: tuple) -> Explanation:
        return Explanation(features, self._head.weight, self._head.bias, self.labels, image_size, input_size)

    def _check_identity(self, network: keras.Model) -> None:
        """Refuse a network whose own output is not the mean of its class maps plus the bias."""
        side = self.spec.size
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        pixels = self._preprocess(noise)
        explained = self._explanation(self._run(pixels), (side, side), (side, side))
        expected = explained.probabilities if self._head.activation == "softmax" else explained.scores
        output = np.asarray(network(pixels[np.newaxis], training=False))[0]
        error = float(np.abs(output - expected).max())
        if not error <= _TOLERANCE * max(1.0, float(np.abs(output).max())):
            raise ModelError(
                f"{self.spec.title} cannot be explained exactly: the mean of its class maps plus the bias differs from "
                f"its own scores by {error:.2g}."
            )


def class_maps(explanation: Explanation) -> np.ndarray:
    """float32 (h, w, classes): the maps of all classes at once, by a 1 x 1 convolution with the dense layer's weights.

    No forward pass. This is the last layer of Network in Network (Lin, Chen & Yan, ICLR 2014, section 3.2).
    """
    kernel = explanation.weight[np.newaxis, np.newaxis]
    return tf.nn.conv2d(explanation.features[np.newaxis], kernel, strides=1, padding="VALID").numpy()[0]


def _features_function(network: keras.Model, head: Head) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function (n, height, width, 3) -> (n, h, w, K) of a network, for photos of any size, traced once.

    A network that was built for one size is connected again to an input of any size; its layers and weights are shared
    and stay as they are.
    """
    inner = keras.Model(network.inputs[0], head.features)
    if None not in inner.input_shape[1:3]:
        any_size = keras.Input((None, None, 3))
        inner = keras.models.clone_model(inner, input_tensors=any_size, clone_function=lambda layer: layer)
    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
    return tf.function(lambda pixels: inner(pixels, training=False), input_signature=signature)

"""The ways to run a network that `benchmarks.runtimes` compares."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import cam
from cam.backends import openvino
from cam.backends.imports import import_openvino
from cam.backends.keras import KerasBackend
from cam.backends.passes import default_passes
from cam.model import Model
from cam.models.registry import find_spec

PHOTO = Path(__file__).parent.parent / "sample_images" / "dog_and_cat.jpg"
THREADS = os.cpu_count() or 1


class Row(NamedTuple):
    """One way to run a network.

    Attributes:
        title: its name in the table.
        needs: the module that must be installed.
        make: (name of a network, what it is given) -> what runs it once, and its relative error or None.
    """

    title: str
    needs: str
    make: Callable[[str, tuple[int, int] | str], tuple[Callable[[], object], float | None]]


def keras_network(name: str) -> keras.Model:
    """ResNet-50 with random weights, or an embedded network."""
    if name == "resnet50":
        keras.utils.set_random_seed(0)
        return keras.applications.ResNet50(weights=None, classifier_activation=None)
    spec = find_spec(name)
    return spec.resolve()(spec.source.require())


def bare(make: Callable[[KerasBackend, np.ndarray], Callable[[], np.ndarray]], name: str, size: tuple[int, int]):
    """A runtime on noise of `size` (width, height), and how far its maps are from TensorFlow's."""
    network = KerasBackend(keras_network(name), linear=True)
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, size[1], size[0], 3)).astype(np.float32)
    expected, run = network.features(tf.constant(pixels)).numpy(), make(network, pixels)
    return run, float(np.abs(run() - expected).max() / max(1.0, np.abs(expected).max()))


def as_keras_built_it(network: KerasBackend, pixels: np.ndarray):
    body = keras.Model(network.graph.inputs[0], network._features)
    run = tf.function(lambda given: body(given, training=False), input_signature=[tf.TensorSpec((None, None, None, 3))])
    return lambda: run(tf.constant(pixels)).numpy()


def folded(network: KerasBackend) -> Callable[[tf.Tensor], tf.Tensor]:
    """What `KerasBackend.features` traces, to be traced for one shape."""
    return lambda pixels: network._body(pixels, training=False)


def tensorflow(network: KerasBackend, pixels: np.ndarray):
    return lambda: network.features(tf.constant(pixels)).numpy()


def xla(network: KerasBackend, pixels: np.ndarray):
    run = tf.function(folded(network), jit_compile=True, input_signature=[tf.TensorSpec(pixels.shape)])
    return lambda: run(tf.constant(pixels)).numpy()


def litert(network: KerasBackend, pixels: np.ndarray):
    from ai_edge_litert.interpreter import Interpreter

    function = tf.function(folded(network)).get_concrete_function(tf.TensorSpec(pixels.shape))
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = Interpreter(model_content=content, num_threads=THREADS)
    interpreter.allocate_tensors()
    given, found = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run() -> np.ndarray:
        interpreter.set_tensor(given, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(found)

    return run


def openvino_any(network: KerasBackend, pixels: np.ndarray):
    quick = openvino.OpenVINOBackend(openvino.convert(network, pixels[0]), lambda: network)
    return lambda: quick.feature_maps(pixels)


def openvino_fixed(network: KerasBackend, pixels: np.ndarray):
    runtime = import_openvino()
    model = runtime.convert_model(network.features.get_concrete_function())
    model.reshape(list(pixels.shape))
    request = (
        runtime.Core().compile_model(model, "CPU", openvino.compile_options(default_passes())).create_infer_request()
    )
    return lambda: request.infer([pixels])[0]


def torch_plain(name: str, size: tuple[int, int], *, channels_last: bool = False):
    from benchmarks import plain_torch

    module = plain_torch.network(channels_last=channels_last)
    pixels = np.random.default_rng(0).uniform(-1, 1, (size[1], size[0], 3)).astype(np.float32)
    return partial(plain_torch.run_bare, module, pixels, channels_last=channels_last), None


def torch_cam(make: str, finish: str, name: str, fit: str):
    from benchmarks import plain_torch

    make, finish = getattr(plain_torch, make), getattr(plain_torch, finish)
    return make(cam.open_image(PHOTO), find_spec(name).size, finish), None


def models(name: str, *, fast_too: bool) -> tuple[Model, Model]:
    """The network by TensorFlow, and the one to be measured."""
    network = KerasBackend(keras_network(name), linear=True)
    plain = Model(find_spec(name), network)
    if not fast_too:
        return plain, plain
    return plain, Model(plain.spec, openvino.OpenVINOBackend(openvino.convert(network, plain.noise()), lambda: network))


def engine(finish: Callable, name: str, fit: str, *, fast_too: bool):
    """From an opened photo to the five best classes and the map of the best; the error is that of the scores."""
    image = cam.open_image(PHOTO)
    plain, model = models(name, fast_too=fast_too)
    expected, found = (one.explain(image, fit=fit).scores for one in (plain, model))

    def run() -> None:
        explanation = model.explain(image, fit=fit)
        finish(image, explanation, explanation.top(5)[0].index)

    return run, float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def another_class(finish: Callable, name: str, fit: str):
    image = cam.open_image(PHOTO)
    explanation = models(name, fast_too=False)[0].explain(image, fit=fit)
    return partial(finish, image, explanation, 235), None


def small(image: Image.Image, explanation: cam.Explanation, index: int) -> np.ndarray:
    return explanation.class_map(index)


def enlarged(image: Image.Image, explanation: cam.Explanation, index: int) -> np.ndarray:
    return explanation.heatmap(index)


def picture(image: Image.Image, explanation: cam.Explanation, index: int) -> Image.Image:
    return cam.overlay(image, explanation.heatmap(index))


def pass_alone(name: str, fit: str):
    """The fastest bare pass, on an input of the size that the photo has for the network."""
    plain, _ = models(name, fast_too=False)
    return bare(openvino_fixed, name, plain.input_size(cam.open_image(PHOTO).size, fit=fit))


RUNTIMES = (
    Row("TensorFlow, any shape, as Keras built it", "tensorflow", partial(bare, as_keras_built_it)),
    Row("TensorFlow, any shape, batch norms folded", "tensorflow", partial(bare, tensorflow)),
    Row("TensorFlow, XLA, one shape", "tensorflow", partial(bare, xla)),
    Row("LiteRT/XNNPACK, one shape", "ai_edge_litert", partial(bare, litert)),
    Row("OpenVINO, any shape", "openvino", partial(bare, openvino_any)),
    Row("OpenVINO, one shape", "openvino", partial(bare, openvino_fixed)),
)
TORCH = (
    Row("PyTorch, eager", "torch", torch_plain),
    Row("PyTorch, eager, channels last", "torch", partial(torch_plain, channels_last=True)),
)
PEER = "torch-cam, CAM of one class"


def engines(finish: Callable) -> tuple[Row, ...]:
    """From a photo to its five best classes and the map of the best, finished in one way."""
    return (
        Row("ClassCam by TensorFlow", "tensorflow", partial(engine, finish, fast_too=False)),
        Row("ClassCam by OpenVINO", "openvino", partial(engine, finish, fast_too=True)),
        Row("the pass alone, OpenVINO, one shape", "openvino", pass_alone),
    )


def peer(finish: Callable) -> Row:
    return Row(PEER, "torchcam", partial(torch_cam, "explained", finish.__name__))


def classes(finish: Callable) -> tuple[Row, ...]:
    """The map of another class of a photo that was explained already."""
    return (
        Row("ClassCam", "tensorflow", partial(another_class, finish)),
        Row(PEER, "torchcam", partial(torch_cam, "another_class", finish.__name__)),
    )

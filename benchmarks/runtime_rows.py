"""The ways to run a network that `benchmarks.runtimes` compares."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

import cam
from cam.engine import Model
from cam.models import fast
from cam.models.network import Network
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
    build, _ = spec.resolve()
    return build(spec.source.require())


def bare(make: Callable[[Network, np.ndarray], Callable[[], np.ndarray]], name: str, size: tuple[int, int]):
    """A runtime on noise of `size` (width, height), and how far its maps are from TensorFlow's."""
    network = Network(keras_network(name), linear=True)
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, size[1], size[0], 3)).astype(np.float32)
    expected, run = network.features(tf.constant(pixels)).numpy(), make(network, pixels)
    return run, float(np.abs(run() - expected).max() / max(1.0, np.abs(expected).max()))


def tensorflow(network: Network, pixels: np.ndarray):
    return lambda: network.features(tf.constant(pixels)).numpy()


def xla(network: Network, pixels: np.ndarray):
    run = tf.function(inner(network), jit_compile=True, input_signature=[tf.TensorSpec(pixels.shape)])
    return lambda: run(tf.constant(pixels)).numpy()


def folded(network: Network, pixels: np.ndarray):
    body = without_norms(keras.Model(network.graph.inputs[0], network._features))
    run = tf.function(lambda x: body(x, training=False), input_signature=[tf.TensorSpec((None, None, None, 3))])
    return lambda: run(tf.constant(pixels)).numpy()


def litert(network: Network, pixels: np.ndarray):
    from ai_edge_litert.interpreter import Interpreter

    function = tf.function(inner(network)).get_concrete_function(tf.TensorSpec(pixels.shape))
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = Interpreter(model_content=content, num_threads=THREADS)
    interpreter.allocate_tensors()
    given, found = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run() -> np.ndarray:
        interpreter.set_tensor(given, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(found)

    return run


def openvino(network: Network, pixels: np.ndarray):
    quick = fast.FastNetwork(fast.convert(network, pixels[0]), lambda: network)
    return lambda: quick.feature_maps(pixels[0])[np.newaxis]


def openvino_fixed(network: Network, pixels: np.ndarray):
    runtime = fast.import_openvino()
    model = runtime.convert_model(network.features.get_concrete_function())
    model.reshape(list(pixels.shape))
    request = runtime.Core().compile_model(model, "CPU", fast.OPTIONS).create_infer_request()
    return lambda: request.infer([pixels])[0]


def torch_plain(name: str, size: tuple[int, int], *, channels_last: bool = False):
    from benchmarks import plain_torch

    module = plain_torch.network(channels_last=channels_last)
    pixels = np.random.default_rng(0).uniform(-1, 1, (size[1], size[0], 3)).astype(np.float32)
    return partial(plain_torch.run_bare, module, pixels, channels_last=channels_last), None


def engine(name: str, fit: str, *, fast_too: bool):
    """From an opened photo to the five best classes and the map of the best; the error is that of the scores."""
    image, network = cam.open_image(PHOTO), Network(keras_network(name), linear=True)
    model = plain = Model(find_spec(name), network)
    if fast_too:
        model = Model(plain.spec, fast.FastNetwork(fast.convert(network, plain.noise()), lambda: network))
    expected, found = (one.explain(image, fit=fit).scores for one in (plain, model))

    def run() -> None:
        explanation = model.explain(image, fit=fit)
        explanation.class_map(explanation.top(5)[0].index)

    return run, float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def pass_alone(name: str, fit: str):
    """The fastest bare pass, on an input of the size that the photo has for the network."""
    plain = Model(find_spec(name), Network(keras_network(name), linear=True))
    return bare(openvino_fixed, name, plain.input_size(cam.open_image(PHOTO).size, fit=fit))


def torch_cam(name: str, fit: str):
    from benchmarks.plain_torch import TorchCam

    return partial(TorchCam(), cam.open_image(PHOTO), find_spec(name).size), None


def inner(network: Network) -> Callable[[tf.Tensor], tf.Tensor]:
    body = keras.Model(network.graph.inputs[0], network._features)
    return lambda pixels: body(pixels, training=False)


class Nothing(keras.layers.Layer):
    """What is left of a batch normalisation."""

    def call(self, inputs, mask=None):
        return inputs


def without_norms(body: keras.Model) -> keras.Model:
    """The same network with each batch normalisation folded into the convolution before it."""
    norms = {}
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            before = layer._inbound_nodes[-1].input_tensors[0]._keras_history.operation
            norms[before.name] = layer

    def copy(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return Nothing(name=layer.name)
        config = layer.get_config() | ({"use_bias": True} if layer.name in norms else {})
        return type(layer).from_config(config)

    twin = keras.models.clone_model(body, clone_function=copy)
    for name, norm in norms.items():
        layer = body.get_layer(name)
        kernel, *bias = layer.get_weights()
        scale = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
        shift = norm.beta.numpy() + scale * ((bias[0] if bias else 0) - norm.moving_mean.numpy())
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        twin.get_layer(name).set_weights([kernel * (scale[:, None] if depthwise else scale), shift])
    return twin


RUNTIMES = (
    Row("TensorFlow, tf.function, any shape", "tensorflow", partial(bare, tensorflow)),
    Row("TensorFlow, XLA, one shape", "tensorflow", partial(bare, xla)),
    Row("TensorFlow, batch norms folded", "tensorflow", partial(bare, folded)),
    Row("LiteRT/XNNPACK, one shape", "ai_edge_litert", partial(bare, litert)),
    Row("OpenVINO, any shape", "openvino", partial(bare, openvino)),
    Row("OpenVINO, one shape", "openvino", partial(bare, openvino_fixed)),
)
TORCH = (
    Row("PyTorch, eager", "torch", torch_plain),
    Row("PyTorch, eager, channels last", "torch", partial(torch_plain, channels_last=True)),
)
ENGINES = (
    Row("ClassCam by TensorFlow", "tensorflow", partial(engine, fast_too=False)),
    Row("ClassCam by OpenVINO", "openvino", partial(engine, fast_too=True)),
    Row("the pass alone, OpenVINO, one shape", "openvino", pass_alone),
    Row("torch-cam, CAM of one class", "torchcam", torch_cam),
)

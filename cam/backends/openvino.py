"""A network with a linear head run by OpenVINO, where that is installed: the same maps, sooner.

Keras is not imported for it; the Keras network is only built when something else than the exact maps is asked for.
"""

import hashlib
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cam.backends.forward_pass import finite, one_pass
from cam.backends.garbage_collection import no_collecting
from cam.backends.keras_import import import_keras
from cam.backends.linear_head import Head
from cam.backends.openvino_import import import_openvino
from cam.backends.slots import PASSES, SLOTS

if TYPE_CHECKING:
    from cam.backends.keras import Network
    from cam.backends.probe import Probe

# Each shape of photo has kernels of its own. Without the bound they took 700 MB after 200 shapes, with it 300 MB.
_KERNELS = 64
OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    # Together the passes that run at once have all cores.
    "NUM_STREAMS": PASSES,
    "INFERENCE_PRECISION_HINT": "f32",
    "CPU_RUNTIME_CACHE_CAPACITY": _KERNELS,
}
# Between the converted network and Keras' own, of the largest number in the maps or 1.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Converted:
    """What exact maps need of a network; numbers and text only, so that it can be kept on disk.

    Attributes:
        graph: the network up to its feature maps, in OpenVINO's XML.
        constants: uint8, the numbers that the graph refers to.
        head: its linear head, without the symbolic tensor.
        native_size, fixed_size, pitch, stride: as `cam.backends.keras.Network` has them.
        tried: the SHA-256 of a photo (see `digest`) that Keras' own network was given.
        output: float32 (units,): what that said.
    """

    graph: bytes
    constants: np.ndarray
    head: Head
    native_size: tuple[int, int] | None
    fixed_size: tuple[int, int] | None
    pitch: tuple[float, float] | None
    stride: int
    tried: str
    output: np.ndarray


def digest(pixels: np.ndarray) -> str:
    """The SHA-256 of the numbers of float32 (height, width, 3)."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels, np.float32).tobytes()).hexdigest()


def convert(network: "Network", pixels: np.ndarray) -> Converted:
    """A network with a linear head for OpenVINO; takes seconds.

    Args:
        network: the network.
        pixels: float32 (height, width, 3), preprocessed: what Keras' own network is tried with.

    Raises:
        RuntimeError: OpenVINO cannot.
        OSError: no room for it in the folder of temporary files.
    """
    model = import_openvino().convert_model(network.features.get_concrete_function())
    graph, constants = _serialized(model)
    head = Head(None, network.head.weight, network.head.bias, network.activation, network.head.one_unit)
    sizes = (network.native_size, network.fixed_size, network.pitch, network.stride)
    return Converted(graph, constants, head, *sizes, digest(pixels), network.output(pixels))


class FastNetwork:
    """Stands in for a `cam.backends.keras.Network` with a linear head: has what `cam.model` uses of one."""

    refusal = None
    # More than one a pass are slower: their activations leave the processor's caches.
    together = 1

    def __init__(self, converted: Converted, build: "Callable[[], Network]"):
        """Compile it for this machine, in a fraction of a second.

        Args:
            converted: the network; its constants are not kept.
            build: makes the Keras network when it is needed.

        Raises:
            RuntimeError: OpenVINO cannot use it.
        """
        openvino = import_openvino()
        core = openvino.Core()
        model = core.read_model(converted.graph, openvino.Tensor(converted.constants))
        self._compiled = core.compile_model(model, "CPU", OPTIONS)
        self.head, self.pitch, self.stride = converted.head, converted.pitch, converted.stride
        self.native_size, self.fixed_size = converted.native_size, converted.fixed_size
        self.activation, self.classes = converted.head.activation, converted.head.weight.shape[1]
        self._tried, self._output = converted.tried, converted.output
        self._build, self._whole = build, None
        self._passes = 0
        self._lock, self._building = threading.Lock(), threading.Lock()

    @property
    def whole(self) -> "Network":
        """The Keras network, built when it is first asked for, which takes as long as importing TensorFlow."""
        with self._building:
            if self._whole is None:
                import_keras()
                with no_collecting():
                    self._whole = self._build()
            return self._whole

    @property
    def complete(self) -> bool:
        """Whether the Keras network is built."""
        return self._whole is not None

    @property
    def passes(self) -> int:
        """Forward passes run so far, by either."""
        return self._passes + (self._whole.passes if self._whole else 0)

    @property
    def traces(self) -> int:
        """Graphs that TensorFlow has built for the exact maps."""
        return self._whole.traces if self._whole else 0

    @property
    def layers(self) -> tuple[str, ...]:
        return self.whole.layers

    @property
    def offered(self) -> tuple[str, ...]:
        return self.whole.offered

    def feature_maps(self, pixels: np.ndarray, *, passes: int = 1) -> np.ndarray:
        """float32 (h, w, K): the feature maps that the head averages, of float32 (height, width, 3); one pass."""
        batch = np.ascontiguousarray(pixels[np.newaxis], np.float32)
        with one_pass(SLOTS):
            # A request of its own costs 0.1 ms and shares nothing with other threads; the results are copies.
            (maps,) = self._compiled.create_infer_request().infer([batch], share_outputs=False).values()
        with self._lock:
            self._passes += passes
        return finite(maps[0].astype(np.float32, copy=False))

    def probe(self, pixels: np.ndarray, layer: str | None) -> "Probe":
        """As `Network.probe`; by Keras."""
        return self.whole.probe(pixels, layer)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        """float32 (units,): what Keras' own network says; it is asked again only about another photo than then."""
        return self._output if digest(pixels) == self._tried else self.whole.output(pixels)


def check_maps(fast: FastNetwork, pixels: np.ndarray, expected: np.ndarray) -> None:
    """Compare the maps of a converted network with those of the one it was made of (RuntimeError if they differ)."""
    found = fast.feature_maps(pixels, passes=0)
    error = float(np.abs(expected - found).max()) if expected.shape == found.shape else np.inf
    if not error <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise RuntimeError(f"OpenVINO's feature maps differ from TensorFlow's by {error:.2g}.")


def _serialized(model) -> tuple[bytes, np.ndarray]:
    with tempfile.TemporaryDirectory(prefix="classcam-") as folder:
        graph, constants = Path(folder, "network.xml"), Path(folder, "network.bin")
        import_openvino().serialize(model, str(graph), str(constants))
        return graph.read_bytes(), np.fromfile(constants, np.uint8)

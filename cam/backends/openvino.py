"""Networks with a linear head run by OpenVINO: the same maps as by Keras, sooner.

Keras is not imported for them; the Keras network is only built when something else than the exact maps is asked for.
"""

import hashlib
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cam.backends import Backend, Head
from cam.backends.imports import import_keras, import_openvino, pause_collection
from cam.backends.passes import check_finite, default_passes, pass_turns, run_pass

if TYPE_CHECKING:
    from cam.backends.keras import KerasBackend
    from cam.backends.probe import Probe

# Each shape of photo has kernels of its own. Without the bound they took 700 MB after 200 shapes, with it 300 MB.
_KERNELS = 64
# Between the converted network and Keras' own, of the largest number in the maps or 1.
_TOLERANCE = 1e-3


def compile_options(passes: int) -> dict[str, str | int]:
    """Options of OpenVINO's CPU for so many passes at a time, which together have all cores."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": passes,
        "INFERENCE_PRECISION_HINT": "f32",
        "CPU_RUNTIME_CACHE_CAPACITY": _KERNELS,
    }


@dataclass(frozen=True, eq=False)
class ConvertedNetwork:
    """A network converted for exact maps: numbers and text only, so that it can be kept on disk.

    Attributes:
        graph: the network up to its feature maps, in OpenVINO's XML.
        constants: uint8, the numbers that the graph refers to.
        head: its linear head, without the symbolic tensor.
        native_size, fixed_size, cell_stride, stride: as `cam.backends.Backend` has them.
        reference_photo: the SHA-256 of a photo (see `photo_digest`).
        output: float32 (units,), the Keras network's own output for it.
    """

    graph: bytes
    constants: np.ndarray
    head: Head
    native_size: tuple[int, int] | None
    fixed_size: tuple[int, int] | None
    cell_stride: tuple[float, float] | None
    stride: int
    reference_photo: str
    output: np.ndarray


def photo_digest(pixels: np.ndarray) -> str:
    """Return the SHA-256 of the numbers of float32 (height, width, 3)."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels, np.float32).tobytes()).hexdigest()


def convert(network: "KerasBackend", pixels: np.ndarray) -> ConvertedNetwork:
    """Convert a network with a linear head for OpenVINO; takes seconds.

    Args:
        network: the network.
        pixels: float32 (height, width, 3), preprocessed: the reference photo.

    Raises:
        RuntimeError: OpenVINO cannot.
        OSError: no room for it in the folder of temporary files.
    """
    assert network.head is not None
    openvino = import_openvino()
    model = openvino.convert_model(network.features.get_concrete_function())
    with tempfile.TemporaryDirectory(prefix="classcam-") as folder:
        graph, constants = Path(folder, "network.xml"), Path(folder, "network.bin")
        openvino.serialize(model, str(graph), str(constants))
        return ConvertedNetwork(
            graph.read_bytes(),
            np.fromfile(constants, np.uint8),
            replace(network.head, features=None),
            network.native_size,
            network.fixed_size,
            network.cell_stride,
            network.stride,
            photo_digest(pixels),
            network.output(pixels),
        )


class OpenVINOBackend:
    """The `cam.backends.Backend` of a converted network."""

    refusal: str | None = None
    # More than one photo a pass is slower: their activations leave the processor's caches.
    batch_size = 1

    def __init__(self, converted: ConvertedNetwork, build: "Callable[[], KerasBackend]", *, passes: int | None = None):
        """Compile it for this machine, in a fraction of a second.

        Args:
            converted: the network; its constants are not kept.
            build: makes the Keras network when it is needed.
            passes: how many run at a time, of all networks together; None: one for every two cores.

        Raises:
            RuntimeError: OpenVINO cannot use it.
        """
        passes = passes or default_passes()
        openvino = import_openvino()
        core = openvino.Core()
        model = core.read_model(converted.graph, openvino.Tensor(converted.constants))
        self._compiled = core.compile_model(model, "CPU", compile_options(passes))
        self.head: Head | None = converted.head
        self.cell_stride, self.stride = converted.cell_stride, converted.stride
        self.native_size, self.fixed_size = converted.native_size, converted.fixed_size
        self.activation, self.classes = converted.head.activation, converted.head.weight.shape[1]
        self.turns = pass_turns(passes)
        self._reference_photo, self._output = converted.reference_photo, converted.output
        self._build = build
        self._keras: KerasBackend | None = None
        self._passes = 0
        self._lock, self._building = threading.Lock(), threading.Lock()

    @property
    def keras(self) -> "KerasBackend":
        """The Keras network, built when it is first asked for, which takes as long as importing TensorFlow."""
        with self._building:
            if self._keras is None:
                import_keras()
                with pause_collection():
                    self._keras = self._build()
            return self._keras

    @property
    def has_keras(self) -> bool:
        return self._keras is not None

    @property
    def passes(self) -> int:
        return self._passes + (self._keras.passes if self._keras else 0)

    @property
    def layers(self) -> tuple[str, ...]:
        return self.keras.layers

    @property
    def offered_layers(self) -> tuple[str, ...]:
        return self.keras.offered_layers

    def feature_maps(self, photos: np.ndarray, *, counted: bool = True) -> np.ndarray:
        with run_pass(self.turns):
            # A request of its own costs 0.1 ms and shares nothing with other threads; the results are copies.
            request = self._compiled.create_infer_request()
            (maps,) = request.infer([np.ascontiguousarray(photos, np.float32)], share_outputs=False).values()
        with self._lock:
            self._passes += len(photos) * counted
        return check_finite(maps.astype(np.float32, copy=False))

    def probe(self, pixels: np.ndarray, layer: str | None) -> "Probe":
        return self.keras.probe(pixels, layer)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        # Keras is asked again only about another photo than the one that it was asked about at the conversion.
        return self._output if photo_digest(pixels) == self._reference_photo else self.keras.output(pixels)

    def expected_output(self, pixels: np.ndarray) -> np.ndarray:
        return self.keras.expected_output(pixels)


def check_maps(backend: Backend, pixels: np.ndarray, expected: np.ndarray) -> None:
    """Compare maps with those of the Keras network it was made of (RuntimeError if they differ)."""
    (found,) = backend.feature_maps(pixels[np.newaxis], counted=False)
    error = float(np.abs(expected - found).max()) if expected.shape == found.shape else np.inf
    if not error <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise RuntimeError(f"OpenVINO's feature maps differ from TensorFlow's by {error:.2g}.")

"""Load a network: as it was converted for OpenVINO before, or built by Keras and converted if that pays.

Another process builds and converts it where it can, so that this one needs no TensorFlow. Without OpenVINO every
network is built and run by Keras, here.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cam.backends import Backend, conversion_cache, openvino
from cam.backends.imports import has_openvino, import_keras
from cam.errors import ModelError
from cam.models.registry import LibraryOptions, ModelSpec
from cam.sandbox import call_in_child

if TYPE_CHECKING:
    from cam.backends.keras import KerasBackend
    from cam.model import Model

_log = logging.getLogger(__name__)
# Makes a model of a row and its backend, and checks it against the network's own output (ModelError).
MakeModel = Callable[[ModelSpec, Backend], "Model"]


def load(spec: ModelSpec, options: LibraryOptions, make: MakeModel) -> "Model":
    """Load the network of a row, ready to be explained (ModelError if it cannot be)."""
    weights = spec.source.require()
    if not has_openvino() or spec.exact is False:
        return make(*_build(spec, options))
    loader = _Loader(options, make, conversion_cache.cache_path(options.cache_folder, spec, weights))
    # The gaps in the row of a custom model are filled from the Keras network, so that is always built here.
    if spec.exact and not spec.own and (model := loader.reopen(spec) or loader.convert_apart(spec)):
        return model
    return loader.build_and_convert(spec)


def convert_and_pack(spec: ModelSpec, options: LibraryOptions, make: MakeModel) -> bytes:
    """Convert the network of a row and pack it with its maps of the noise; called in a process of its own.

    Raises:
        ModelError: it cannot be built or explained.
        Exception: OpenVINO cannot convert it.
    """
    spec, network = _build(spec, options)
    return conversion_cache.pack(*_convert(network, make(spec, network).noise()))


def _build(spec: ModelSpec, options: LibraryOptions) -> "tuple[ModelSpec, KerasBackend]":
    """Build a network by Keras, and fill the gaps in its row."""
    import_keras()
    from cam.backends.keras import KerasBackend
    from cam.custom_models.load import complete_spec

    network = spec.resolve(options)(spec.source.require())
    spec = complete_spec(spec, network)
    return spec, KerasBackend(network, linear=spec.exact, passes=options.passes)


def _convert(network: "KerasBackend", noise: np.ndarray) -> tuple[openvino.ConvertedNetwork, np.ndarray]:
    """Convert a network for OpenVINO, and compute float32 (h, w, K): its maps of the noise by Keras."""
    return openvino.convert(network, noise), network.feature_maps(noise[np.newaxis], counted=False)[0]


class _Loader:
    """Ways to one network run by OpenVINO; `path` is the file that it is kept in."""

    def __init__(self, options: LibraryOptions, make: MakeModel, path: Path):
        self._options, self._make, self._path = options, make, path

    def reopen(self, spec: ModelSpec, network: "KerasBackend | None" = None) -> "Model | None":
        """Open the network as it was converted before; None where there is none, or it is not right any more."""
        found = conversion_cache.read(self._path)
        try:
            return self._open(spec, found, network) if found else None
        # The last: there is an OpenVINO, but not one for this machine.
        except (ModelError, RuntimeError, ImportError) as error:
            _log.warning("The converted network %s cannot be used (%s); it is made again.", self._path, error)
            return None

    def convert_apart(self, spec: ModelSpec) -> "Model | None":
        """Have another process convert the network, and keep it; None where that cannot be.

        Raises:
            ModelError: the network cannot be built or explained, by whatever process.
        """
        try:
            packed = call_in_child(f"{__name__}:convert_and_pack", spec, self._options, self._make)
        except ModelError:
            raise
        # The row names what only this process has, OpenVINO stumbles over the network, or the process was ended.
        except Exception as error:
            _log.warning("%s is built in the same process, because it cannot be in another: %s", spec.title, error)
            return None
        try:
            return self._open_new(spec, *conversion_cache.unpack(packed))
        except (ModelError, RuntimeError, ImportError) as error:
            _log.warning("%s, converted by another process, cannot be used: %s", spec.title, error)
            return None

    def build_and_convert(self, spec: ModelSpec) -> "Model":
        """Build the network here; by Keras as it is where it has no linear head or OpenVINO cannot run it."""
        spec, network = _build(spec, self._options)
        model = self._make(spec, network)
        if not model.exact:
            return model
        if spec.own and (again := self.reopen(spec, network)):
            return again
        try:
            return self._open_new(model.spec, *_convert(network, model.noise()), network)
        # Whatever a converter stumbles over in a network that it does not know; TensorFlow runs it all the same.
        except Exception as error:
            _log.warning("%s is not run by OpenVINO: %s", spec.title, error)
            return model

    def _open_new(
        self,
        spec: ModelSpec,
        converted: openvino.ConvertedNetwork,
        maps: np.ndarray,
        network: "KerasBackend | None" = None,
    ) -> "Model":
        """Open a network that was just converted, compare it with Keras by the maps of its noise, and keep it."""
        model = self._open(spec, converted, network)
        openvino.check_maps(model.backend, model.noise(), maps)
        conversion_cache.write(self._path, converted)
        return model

    def _open(self, spec: ModelSpec, converted: openvino.ConvertedNetwork, network: "KerasBackend | None") -> "Model":
        def build() -> "KerasBackend":
            return network or _build(spec, self._options)[1]

        return self._make(spec, openvino.OpenVINOBackend(converted, build, passes=self._options.passes))

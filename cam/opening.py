"""From a row of the registry to a network that runs: converted before, or built by Keras and converted if that pays.

Another process builds and converts it where it can, so that this one needs no TensorFlow. Without OpenVINO every
network is built and run by Keras, here.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cam.backends import conversion_cache, openvino
from cam.backends.keras_import import import_keras
from cam.backends.openvino_import import is_installed
from cam.errors import ModelError
from cam.models.registry import ModelSpec
from cam.sandbox import call_in_child

if TYPE_CHECKING:
    from cam.backends.keras import Network
    from cam.model import Model

_log = logging.getLogger(__name__)
# Makes a model of a row and a network and checks it against its own output (ModelError).
Check = Callable[[ModelSpec, "Network | openvino.FastNetwork"], "Model"]


def opened(spec: ModelSpec, check: Check) -> "Model":
    """The network of a row, ready to be explained (ModelError if it cannot be)."""
    weights = spec.source.require()
    kept = conversion_cache.place(spec, weights) if is_installed() and spec.exact is not False else None
    # What a model of one's own leaves open is read from the Keras network, so that is always built here.
    if kept and not spec.own and (model := _reopened(spec, kept, check) or _opened_apart(spec, kept, check)):
        return model
    spec, network = _built(spec)
    model = check(spec, network)
    return _accelerated(model, network, kept, check) if kept and model.exact else model


def packed(spec: ModelSpec, check: Check) -> bytes:
    """The network of a row, converted, and its maps, as `converted.packed` has them; for another process than this one.

    Raises:
        ModelError: it cannot be built or explained.
        Exception: OpenVINO cannot convert it.
    """
    spec, network = _built(spec)
    return conversion_cache.packed(*_converted(network, check(spec, network).noise()))


def _built(spec: ModelSpec) -> "tuple[ModelSpec, Network]":
    """The row without gaps, and its network in Keras."""
    import_keras()
    from cam.backends.keras import Network
    from cam.custom_models.build import completed

    network = spec.resolve()(spec.source.require())
    spec = completed(spec, network)
    return spec, Network(network, linear=spec.exact)


def _reopened(spec: ModelSpec, kept: Path, check: Check) -> "Model | None":
    """The network as it was converted before; None where there is none, or it is not right any more."""
    found = conversion_cache.read(kept)
    return _checked(spec, found, kept, check) if found else None


def _opened_apart(spec: ModelSpec, kept: Path, check: Check) -> "Model | None":
    """The network as another process has converted it, and kept for the next start; None where that cannot be.

    Raises:
        ModelError: the network cannot be built or explained, by whatever process.
    """
    # Of another row it is only known when the network is built whether it can be converted.
    if not spec.exact:
        return None
    try:
        found, maps = conversion_cache.unpacked(call_in_child(f"{__name__}:packed", spec, check))
    except ModelError:
        raise
    # The row names what only this process has, OpenVINO stumbles over the network, or the process was ended.
    except Exception as error:
        _log.warning("%s is built in the same process, because it cannot be in another: %s", spec.title, error)
        return None
    model = _checked(spec, found, kept, check, maps=maps)
    if model:
        conversion_cache.write(kept, found)
    return model


def _checked(
    spec: ModelSpec,
    found: openvino.Converted,
    kept: Path,
    check: Check,
    *,
    network: "Network | None" = None,
    maps: np.ndarray | None = None,
) -> "Model | None":
    """The converted network, compiled and checked, also by the maps of its noise where they are given.

    None where it is not right, which the log says.
    """
    try:
        quick = openvino.FastNetwork(found, lambda: network or _built(spec)[1])
        model = check(spec, quick)
        if maps is not None:
            openvino.check_maps(quick, model.noise(), maps)
    # The last: there is an OpenVINO, but not one for this machine.
    except (ModelError, RuntimeError, ImportError) as error:
        _log.warning("The converted network %s cannot be used (%s); it is made again.", kept, error)
        return None
    return model


def _converted(network: "Network", noise: np.ndarray) -> tuple[openvino.Converted, np.ndarray]:
    """The network for OpenVINO, and float32 (h, w, K): its maps of the noise by Keras."""
    return openvino.convert(network, noise), network.feature_maps(noise, passes=0)


def _accelerated(model: "Model", network: "Network", kept: Path, check: Check) -> "Model":
    """The same network run by OpenVINO, and kept for the next start; as it is where that cannot be."""
    if model.spec.own and (found := conversion_cache.read(kept)):
        if again := _checked(model.spec, found, kept, check, network=network):
            return again
    try:
        found, maps = _converted(network, model.noise())
        quick = openvino.FastNetwork(found, lambda: network)
        openvino.check_maps(quick, model.noise(), maps)
        faster = check(model.spec, quick)
    # Whatever a converter stumbles over in a network that it does not know; TensorFlow runs it all the same.
    except Exception as error:
        _log.warning("%s is not run by OpenVINO: %s", model.spec.title, error)
        return model
    conversion_cache.write(kept, found)
    return faster

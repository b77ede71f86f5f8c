"""From a row of the registry to a network that runs: converted before, or built by Keras and converted if that pays.

Without OpenVINO every network is built and run by Keras.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cam.errors import ModelError
from cam.models import converted, fast
from cam.models.keras_import import import_keras
from cam.models.registry import ModelSpec

if TYPE_CHECKING:
    from cam.engine import Model
    from cam.models.network import Network

_log = logging.getLogger(__name__)
# Makes a model of a row and a network and checks it against its own output (ModelError).
Check = "Callable[[ModelSpec, Network | fast.FastNetwork], Model]"


def opened(spec: ModelSpec, check: Check) -> "Model":
    """The network of a row, ready to be explained (ModelError if it cannot be)."""
    weights = spec.source.require()
    kept = converted.place(spec, weights) if fast.is_installed() and spec.exact is not False else None
    # What a model of one's own leaves open is read from the Keras network, so that is always built.
    model = None if spec.own else _reopened(spec, kept, lambda: _built(spec)[1], check)
    if model is not None:
        return model
    spec, network = _built(spec)
    model = check(spec, network)
    return _accelerated(model, network, kept, check) if kept and model.exact else model


def _built(spec: ModelSpec) -> "tuple[ModelSpec, Network]":
    """The row without gaps, and its network in Keras."""
    import_keras()
    from cam.models.network import Network
    from cam.models.own import completed

    build, _ = spec.resolve()
    network = build(spec.source.require())
    spec = completed(spec, network)
    return spec, Network(network, linear=spec.exact)


def _reopened(spec: ModelSpec, kept: Path | None, build: "Callable[[], Network]", check: Check) -> "Model | None":
    """The network as it was converted before, checked again; None where there is none, or it is not right any more."""
    found = converted.read(kept) if kept else None
    if found is None:
        return None
    try:
        return check(spec, fast.FastNetwork(found, build))
    # The last: there is an OpenVINO, but not one for this machine.
    except (ModelError, RuntimeError, ImportError) as error:
        _log.warning("The converted network %s cannot be used (%s); it is made again.", kept, error)
        return None


def _accelerated(model: "Model", network: "Network", kept: Path, check: Check) -> "Model":
    """The same network run by OpenVINO, and kept for the next start; as it is where that cannot be."""
    if model.spec.own and (again := _reopened(model.spec, kept, lambda: network, check)):
        return again
    try:
        found = fast.convert(network, model.noise())
        quick = fast.FastNetwork(found, lambda: network)
        fast.check_maps(quick, network, model.noise())
        faster = check(model.spec, quick)
    # Whatever a converter stumbles over in a network that it does not know; TensorFlow runs it all the same.
    except Exception as error:
        _log.warning("%s is not run by OpenVINO: %s", model.spec.title, error)
        return model
    converted.write(kept, found)
    return faster

"""Open a custom model: a child process with limits reads and tries it, and what that gives back is built here."""

import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import keras

from cam.custom_models.config import check_config
from cam.custom_models.discovery import LABELS, CustomFile, describe_foreign, find_description
from cam.custom_models.inference import guess
from cam.custom_models.network import unpack_network
from cam.custom_models.read import CONFIG_BYTES
from cam.custom_models.sidecar import Sidecar, check_labels, read_sidecar
from cam.errors import ModelError
from cam.formatting import shorten
from cam.models.registry import ModelSpec
from cam.models.weights import megabytes
from cam.sandbox import ChildError, LimitError, Limits, call_in_child

_READ = "cam.custom_models.read:read_network"
_CPU_SECONDS, _WALL_SECONDS = 300, 600
# Addresses of Python with TensorFlow and of what it needs to run anything.
_MEMORY_BYTES = 2**31


def open_custom_model(path: Path, *, limit_bytes: int) -> keras.Model:
    """The network in a file that Keras saved, ready to run.

    Args:
        limit_bytes: the most memory that its weights and the largest output of its layers may take together.

    Raises:
        ModelError: a file that is missing, damaged, of another kind, asks for code or for too much memory, or holds
            something else than a network from one photo to one score a class. The text begins with the file's name.
    """
    try:
        if foreign := describe_foreign(path):
            raise ModelError(foreign)
        answer = memoryview(_call_child(path, limit_bytes))
        head = bytes(answer[:CONFIG_BYTES]).partition(b"\n")[0]
        # The child read a file that may have harmed it, so its description is checked again.
        return unpack_network(check_config(json.loads(head)), answer[len(head) + 1 :])
    except (ModelError, OSError, ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            problem = str(error)
        elif isinstance(error, OSError):
            problem = f"it cannot be read ({error.strerror or shorten(str(error), 200)})."
        else:
            problem = "the process that read it did not answer as it should."
        raise ModelError(f"{path.name} cannot be opened: {problem}") from error


def _call_child(path: Path, limit_bytes: int) -> bytes:
    limits = Limits(
        memory_bytes=_MEMORY_BYTES + 2 * limit_bytes,
        cpu_seconds=_CPU_SECONDS,
        wall_seconds=_WALL_SECONDS,
        answer_bytes=CONFIG_BYTES + limit_bytes,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="classcam-", ignore_cleanup_errors=True) as folder:
            arguments = (path.absolute(), Path(folder), limit_bytes, find_description(path))
            return call_in_child(_READ, *arguments, limits=limits, empty_environment=True)
    except LimitError as error:
        raise ModelError(
            f"opening it takes more than {_CPU_SECONDS} s or {megabytes(_MEMORY_BYTES + 2 * limit_bytes)} of memory. "
            "Save the model again."
        ) from error
    except ChildError as error:
        reason = shorten((error.last_lines or ["no answer"])[-1], 200)
        raise ModelError(
            f"the process that read it ended ({reason}), because the file is damaged or asks for more memory than "
            f"there is; the limit is {megabytes(limit_bytes)}. Copy it again."
        ) from error


def complete_spec(spec: ModelSpec, network: keras.Model) -> ModelSpec:
    """Fill the gaps in the row of a custom model from the network that was loaded; another row stays as it is.

    Raises:
        ModelError: the file beside the model cannot be understood, or does not fit the network.
    """
    if not isinstance(spec.source, CustomFile):
        return spec
    sidecar = read_sidecar(spec.sidecar) if spec.sidecar else Sidecar()
    # With other classes, the list belongs to another model in the same folder.
    if sidecar.labels is None and len(labels := spec.source.read_labels()) == max(2, network.outputs[0].shape[-1]):
        if problem := check_labels(labels):
            raise ModelError(f"{LABELS} beside {spec.source.path.name} must hold {problem}.")
        sidecar = replace(sidecar, labels=tuple(labels))
    known = guess(network, sidecar, title=spec.title)
    return replace(
        spec,
        title=known.title,
        labels=known.labels,
        preprocessing=known.preprocessing,
        size=known.size,
        whole_size=known.size,
        parameters=sum(math.prod(weight.shape) for weight in network.trainable_weights),
        guessed=known.guessed,
    )

"""Open a custom model from its file, after everything that could go wrong was looked at, and complete its row."""

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import keras

from cam.custom_models.archive import read_contents
from cam.custom_models.config import checked_config
from cam.custom_models.inference import guess
from cam.custom_models.memory import Demand, build, measure
from cam.custom_models.sidecar import Sidecar, read_sidecar
from cam.errors import ModelError
from cam.formatting import shorten
from cam.models.registry import ModelSpec
from cam.models.weights import megabytes


def open_own(path: Path, *, limit_bytes: int) -> keras.Model:
    """The network in a `.keras`, `.h5` or `.hdf5` file, ready to run.

    Args:
        limit_bytes: the most memory that its weights and the largest output of its layers may take together.

    Raises:
        ModelError: a file that is missing, damaged, of another kind, asks for code or for too much memory, or holds
            something else than a network from one photo to one score a class. The text begins with the file's name.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="classcam-", ignore_cleanup_errors=True) as folder:
            contents = read_contents(path, Path(folder))
            config = checked_config(contents.architecture)
            demand = measure(config)
            _check_limit(demand, limit_bytes)
            weights = contents.weights()
            _check_whole(demand, weights.numbers)
            network = build(config)
            network.load_weights(weights.path)
    except ModelError as error:
        raise ModelError(f"{path.name} cannot be opened: {error}") from error
    except OSError as error:
        reason = error.strerror or _first_line(error)
        raise ModelError(f"{path.name} cannot be opened: it cannot be read ({reason}).") from error
    # h5py and Keras end in nearly any exception on a damaged file; each means the same to the reader.
    except Exception as error:
        raise ModelError(
            f"{path.name} cannot be opened: it is damaged, or Keras {keras.__version__} cannot build it "
            f"({_first_line(error)})."
        ) from error
    return network


def complete_spec(spec: ModelSpec, network: keras.Model) -> ModelSpec:
    """Fill the gaps in the row of a custom model from the network that was loaded; another row stays as it is.

    Raises:
        ModelError: the file beside the model cannot be understood, or does not fit the network.
    """
    if not spec.own:
        return spec
    sidecar = read_sidecar(spec.sidecar) if spec.sidecar else Sidecar()
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


def _check_limit(demand: Demand, limit_bytes: int) -> None:
    total = demand.weight_bytes + demand.largest_bytes
    if total > limit_bytes:
        raise ModelError(
            f"it asks for {megabytes(total)} of memory, {megabytes(demand.weight_bytes)} for its weights and "
            f"{megabytes(demand.largest_bytes)} for what its layer {demand.largest[:60]!r} puts out; the limit is "
            f"{megabytes(limit_bytes)}. The setting CAM_MODEL_MB raises it."
        )


def _check_whole(demand: Demand, numbers: int) -> None:
    if demand.numbers > numbers:
        raise ModelError(
            f"its architecture needs {demand.numbers:,} numbers, and {numbers:,} are in it. Save the whole model again "
            "with model.save('name.keras')."
        )


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return shorten(line, 200)

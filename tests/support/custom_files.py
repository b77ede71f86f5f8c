"""Model files for tests: good ones by Keras itself, and others made by hand, byte by byte where needed."""

import io
import json
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from cam.custom_models.load import open_custom_model
from cam.errors import ModelError
from cam.sandbox import ChildPool, Limits

LIMIT = 2**27
_pool = ChildPool()


def call_warm_child(function: str, *arguments: object, limits: Limits, empty_environment: bool) -> bytes:
    """Like `call_in_child`, in a process that stays, because Keras takes seconds to import."""
    assert empty_environment
    return _pool.call(function, *arguments, limits=limits, at_once=1, refusal=ModelError)


def layer(class_name: str, name: str, module: str = "keras.layers", **config: object) -> dict:
    """The description of a layer, as a `.keras` file has it."""
    return {"module": module, "class_name": class_name, "config": {"name": name, **config}, "registered_name": None}


def given(shape: tuple = (8, 8, 3)) -> dict:
    return layer("InputLayer", "photo", batch_shape=[None, *shape], dtype="float32")


def sequential(*layers: dict, shape: tuple = (8, 8, 3)) -> dict:
    """A Sequential model for photos of this shape; two scores at its end where the layers allow it."""
    return layer("Sequential", "model", "keras", layers=[given(shape), *layers])


def ending() -> tuple[dict, dict]:
    return layer("GlobalAveragePooling2D", "gap"), layer("Dense", "scores", units=2)


def tensor(name: str) -> dict:
    config = {"shape": [None, 8, 8, 3], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def functional(*layers: dict, shape: tuple = (8, 8, 3)) -> dict:
    """A functional model in which each layer is called on the one before, and on its own `args` where it has them."""
    chain = [given(shape) | {"name": "photo", "inbound_nodes": []}]
    for each in layers:
        args = [tensor(chain[-1]["name"]), *each.pop("args", [])]
        name = each["config"]["name"]
        chain.append({**each, "name": name, "inbound_nodes": [{"args": args, "kwargs": each.pop("kwargs", {})}]})
    ends = {"input_layers": [["photo", 0, 0]], "output_layers": [[chain[-1]["name"], 0, 0]]}
    return layer("Functional", "model", "keras.src.models.functional", trainable=True, layers=chain, **ends)


def weights(*arrays: np.ndarray) -> bytes:
    """An HDF5 file with these arrays."""
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        for i, array in enumerate(arrays):
            h5[f"layers/layer_{i}/vars/0"] = array
    return file.getvalue()


def dense_weights(kernel: np.ndarray, bias: np.ndarray) -> bytes:
    """An HDF5 file for a model that ends in `ending`."""
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5["layers/dense/vars/0"], h5["layers/dense/vars/1"] = kernel, bias
    return file.getvalue()


def write_keras(path: Path, config: object, data: bytes | None = None, **members: bytes) -> Path:
    """A `.keras` file; `members` replace the usual ones, by their names with "_" for "."."""
    usual = {"metadata.json": b"{}", "config.json": json.dumps(config).encode(), "model.weights.h5": data or weights()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in usual.items():
            archive.writestr(name, members.get(name.replace(".", "_"), content))
    return path


def write_h5(path: Path, config: object) -> Path:
    """An HDF5 file of a model without weights."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = np.array([], "S1")
    return path


def save(model, path: Path) -> Path:
    """Save a Keras model."""
    with warnings.catch_warnings():  # of NumPy 2 about Keras, and of Keras about models that are not built
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        warnings.filterwarnings("ignore", "You are saving a model that has not yet been built")
        model.save(path)
    return path


def refuse(path: Path, *, limit_bytes: int = LIMIT) -> str:
    """The text of the ModelError that opening a file must be; it begins with the file's name and ends a sentence."""
    with pytest.raises(ModelError) as refusal:
        open_custom_model(path, limit_bytes=limit_bytes)
    text = str(refusal.value)
    assert text.startswith(f"{path.name} cannot be opened: ")
    assert text.endswith(".")
    assert len(text) < 700
    return text

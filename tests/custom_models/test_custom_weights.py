"""Weights that are no plain arrays in their own file, or fewer than the architecture needs: each is a ModelError."""

import io
import struct
import sys
import tempfile

import h5py
import numpy as np
import pytest
from support.custom_files import ending, refuse, sequential, weights, write_h5, write_keras

from cam.custom_models import weights as custom_weights


class Bad:
    """HDF5 files whose array `layers/conv/vars/0` is not what it seems; each takes the file and the name."""

    @staticmethod
    def external_link(file, name):
        file[name] = h5py.ExternalLink("/etc/passwd", "/x")

    @staticmethod
    def soft_link(file, name):
        file["elsewhere"] = np.ones(3, np.float32)
        file[name] = h5py.SoftLink("/elsewhere")

    @staticmethod
    def soft_link_group(file, name):
        file.parent[name.split("/")[0]] = h5py.SoftLink("/")

    @staticmethod
    def hard_link_to_itself(file, name):
        file[name] = np.ones(3, np.float32)
        file["layers/round"] = file["layers"]

    @staticmethod
    def external_storage(file, name):
        file.create_dataset(name, (10,), "u1", external=[("/etc/passwd", 0, 10)])

    @staticmethod
    def virtual_dataset(file, name):
        layout = h5py.VirtualLayout((10,), "u1")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (10,))
        file.create_virtual_dataset(name, layout)

    @staticmethod
    def declared_only(file, name):
        file.create_dataset(name, (10**12,), "f4")

    @staticmethod
    def chunked_and_declared_only(file, name):
        file.create_dataset(name, (10**12,), "f4", chunks=(1000,))

    @staticmethod
    def compressed(file, name):
        file.create_dataset(name, data=np.zeros(10**6, np.float32), compression="gzip")

    @staticmethod
    def text(file, name):
        file[name] = ["a", "b"]

    @staticmethod
    def record(file, name):
        file[name] = np.zeros(3, [("a", "f4"), ("b", "i4")])

    @staticmethod
    def reference(file, name):
        file["there"] = np.ones(3, np.float32)
        file.create_dataset(name, data=file["there"].ref, dtype=h5py.ref_dtype)

    @staticmethod
    def named_type(file, name):
        file[name] = np.dtype("f4")

    @staticmethod
    def empty_space(file, name):
        file[name] = h5py.Empty("f4")


BAD = {
    "external_link": "is a link to another place or file",
    "soft_link": "is a link to another place or file",
    "soft_link_group": "is a link to another place or file",
    "hard_link_to_itself": "is there under two names",
    "external_storage": "is kept in another place or file",
    "virtual_dataset": "is kept in another place or file",
    "declared_only": "declares 4,000,000,000,000 bytes, and 0 are there",
    "chunked_and_declared_only": "declares 4,000,000,000,000 bytes, and 0 are there",
    "compressed": "is compressed",
    "text": "is not made of numbers",
    "record": "is not made of numbers",
    "reference": "is not made of numbers",
    "named_type": "is neither a group nor an array",
    "empty_space": "is not made of numbers",
}


@pytest.mark.parametrize("case", BAD)
def test_weights_that_are_no_plain_arrays_are_refused(tmp_path, case):
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        getattr(Bad, case)(file, "layers/conv/vars/0")
    path = write_keras(tmp_path / "model.keras", sequential(*ending()), data.getvalue())
    assert BAD[case] in refuse(path)


@pytest.mark.parametrize("case", BAD)
def test_so_are_those_of_a_model_in_hdf5(tmp_path, case):
    path = write_h5(tmp_path / "model.h5", sequential(*ending()))
    with h5py.File(path, "r+") as file:
        getattr(Bad, case)(file, "layers/conv/vars/0")
    assert BAD[case] in refuse(path)


def test_an_array_that_two_names_share_is_refused(tmp_path):
    """So that small files stay small in memory."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["a"] = np.ones(1000, np.float32)
        file["b"] = file["a"]
    path = write_keras(tmp_path / "model.keras", sequential(*ending()), data.getvalue())
    assert "'/b' is there under two names" in refuse(path)


def test_a_file_with_fewer_numbers_than_its_architecture_needs_is_refused(tmp_path):
    model = sequential(*ending())  # 3 x 2 weights and 2 biases
    path = write_keras(tmp_path / "model.keras", model, weights(np.ones((3, 2), np.float32)))
    assert "its architecture needs 8 numbers, and 6 are in it" in refuse(path)


def test_numbers_of_the_optimizer_do_not_count(tmp_path):
    data = io.BytesIO(weights(np.ones((3, 2), np.float32)))
    with h5py.File(data, "r+") as file:
        file["optimizer/vars/0"] = np.ones(100, np.float32)
        file["optimizer_weights/x"] = np.ones(100, np.float32)
    path = write_keras(tmp_path / "model.keras", sequential(*ending()), data.getvalue())
    assert "its architecture needs 8 numbers, and 6 are in it" in refuse(path)


def test_weights_of_other_shapes_are_refused(tmp_path):
    path = write_keras(tmp_path / "model.keras", sequential(*ending()), weights(np.ones((4, 2), np.float32)))
    assert "Keras" in refuse(path)


PROGRAM = """
import os

def crash(source, target):
    os.abort()

def fail(source, target):
    raise OSError("bad heap")

def loop(source, target):
    while True:
        pass

def fill(source, target):
    bytearray(2**32)
"""
ENDS = {
    "crash": "its HDF5 file is damaged (the library that reads it crashed)",
    "fail": "its HDF5 file is damaged (OSError: bad heap)",
    "loop": "reading its weights takes more than 1 s or 512 MB",
    "fill": "reading its weights takes more than 60 s or 512 MB",
}


@pytest.mark.parametrize("function", ENDS)
def test_a_crash_of_the_library_ends_its_own_process_only(tmp_path, monkeypatch, function):
    """libhdf5 does crash on some damaged files, by a bit in the place of a text; which ones differs by version."""
    (tmp_path / "copying.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(custom_weights, "_COPY", f"copying:{function}")
    monkeypatch.setattr(custom_weights, "_WALL_SECONDS", 1 if function == "loop" else 60)
    assert ENDS[function] in refuse(write_h5(tmp_path / "model.h5", sequential(*ending())))


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory")
def test_values_that_are_named_over_and_over_do_not_fill_the_memory(tmp_path):
    """Thousands of references of variable length to the same bytes: 700 MB from a file of 250 kB."""
    size, count = 180_000, 3_900
    values = np.empty(count, object)
    values[:] = [np.zeros(size if not i else 1, np.uint8) for i in range(count)]
    path = write_h5(tmp_path / "model.h5", sequential(*ending()))
    with h5py.File(path, "r+") as file:
        file.attrs.create("many", values, dtype=h5py.vlen_dtype(np.uint8))
    data = path.read_bytes()
    # A reference: length, place and number.
    start = data.index(struct.pack("<L", size))
    path.write_bytes(data[:start] + data[start : start + 16] * count + data[start + 16 * count :])
    text = refuse(path)
    assert "512 MB, so they are damaged" in text or "its HDF5 file is damaged" in text


def test_nothing_is_left_of_the_copies(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    data = weights(np.ones((3, 2), np.float32))
    refuse(write_keras(tmp_path / "model.keras", sequential(*ending()), data))
    refuse(write_h5(tmp_path / "model.h5", sequential(*ending())))
    assert list((tmp_path / "copies").iterdir()) == []


def test_the_copy_has_the_arrays_and_the_texts_and_no_more(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["model_weights/conv/kernel"] = np.arange(6, dtype=np.float16).reshape(2, 3)
        file["optimizer_weights/adam"] = np.ones(9)
        file.attrs["model_config"] = "ü" * 100_000
        file.attrs["pickle"] = np.arange(3)
        file["model_weights"].attrs["layer_names"] = [b"conv", b"gap"]
        file["model_weights/conv"].attrs["weight_names"] = np.array([], "S1")
        file["model_weights/conv/kernel"].attrs["dtype"] = "float16"
    copied = custom_weights.clean_weights(tmp_path / "old.h5", tmp_path / "new.h5")
    assert copied == (tmp_path / "new.h5", 6)
    with h5py.File(copied.path) as file:
        names = []
        file.visit(names.append)
        kernel = file["model_weights/conv/kernel"]
        assert (kernel.dtype, kernel[()].tolist()) == (np.float16, [[0, 1, 2], [3, 4, 5]])
        assert [name for name in names if isinstance(file[name], h5py.Dataset)] == ["model_weights/conv/kernel"]
        assert dict(file.attrs) == {"model_config": "ü" * 100_000}
        assert file["model_weights"].attrs["layer_names"].tolist() == [b"conv", b"gap"]
        assert file["model_weights/conv"].attrs["weight_names"].tolist() == []
        assert kernel.attrs["dtype"] == "float16"

"""Weights that are no plain arrays in their own file, or fewer than the architecture needs: each is a ModelError."""

import io
import json
import struct
import sys
import tempfile

import h5py
import numpy as np
import pytest
from support.custom_files import LIMIT, dense_weights, ending, layer, refuse, sequential, weights, write_h5, write_keras

from cam import sandbox
from cam.custom_models import load
from cam.custom_models.config import check_config
from cam.custom_models.load import open_custom_model


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
    "external_storage": "is kept in another place or file",
    "virtual_dataset": "is kept in another place or file",
    "declared_only": "declares 4,000,000,000,000 bytes, and 0 are there",
    "chunked_and_declared_only": "declares 4,000,000,000,000 bytes, and 0 are there",
    "compressed": "declares 4,000,000 bytes, and ",
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


def test_links_that_go_in_circles_end(tmp_path):
    """And what is named twice is no way to fill the memory, which has a limit; Keras asks for what it needs."""
    data = io.BytesIO(dense_weights(np.ones((3, 2), np.float32), np.ones(2, np.float32)))
    with h5py.File(data, "r+") as file:
        file["layers/round"] = file["layers"]
        file["layers/again"] = file["layers/dense/vars/0"]
    path = write_keras(tmp_path / "model.keras", sequential(*ending()), data.getvalue())
    assert open_custom_model(path, limit_bytes=LIMIT).count_params() == 8


@pytest.mark.parametrize(
    "arrays",
    [{}, {"0": (3, 2)}, {"0": (4, 2), "1": (2,)}, {"0": (3, 2), "1": (2,), "2": (2,)}],
    ids=["none", "fewer", "other shape", "more"],
)
def test_weights_that_do_not_fit_the_architecture_are_refused(tmp_path, arrays):
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for name, shape in arrays.items():
            file[f"layers/dense/vars/{name}"] = np.ones(shape, np.float32)
        file["optimizer/vars/0"] = np.ones(100, np.float32)
    text = refuse(write_keras(tmp_path / "model.keras", sequential(*ending()), data.getvalue()))
    assert "cannot open its layer 'scores' (" in text


PROGRAM = """
import os

def crash(*arguments):
    os.abort()

def fail(*arguments):
    raise OSError("bad heap")

def loop(*arguments):
    while True:
        pass

def fill(*arguments):
    bytearray(2**33)
"""
ENDS = {
    "crash": "the process that read it ended (no answer), because the file is damaged or asks for more memory",
    "fail": "the process that read it ended (OSError: bad heap), because",
    "loop": "opening it takes more than 1 s or 2,304 MB of memory",
    "fill": "opening it takes more than 60 s or 2,304 MB of memory",
}


@pytest.mark.parametrize("function", ENDS)
def test_a_crash_of_the_library_ends_its_own_process_only(tmp_path, monkeypatch, function):
    """libhdf5 does crash on some damaged files, by a bit in the place of a text; which ones differs by version."""
    (tmp_path / "reading.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(load, "call_in_child", sandbox.call_in_child)
    monkeypatch.setattr(load, "_READ", f"reading:{function}")
    monkeypatch.setattr(load, "_CPU_SECONDS", 1 if function == "loop" else 60)
    assert ENDS[function] in refuse(write_h5(tmp_path / "model.h5", sequential(*ending())))


ANSWERS = {
    "no description": (b"[" * 100, "did not answer"),
    "no end": (b"[" * 2**24, "did not answer"),
    "too many numbers": (json.dumps(check_config(sequential(*ending()))).encode() + b"\n" + bytes(36), "do not fit"),
    "code": (json.dumps(sequential(layer("Lambda", "evil"), *ending())).encode() + b"\n", "'evil' (Lambda)"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_comes_out_of_a_child_that_was_taken_over_is_not_trusted(tmp_path, monkeypatch, case):
    answer, text = ANSWERS[case]
    monkeypatch.setattr(load, "call_in_child", lambda *arguments, **limits: answer)
    assert text in refuse(write_h5(tmp_path / "model.h5", sequential(*ending())))


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
    assert "cannot open" in text or "its HDF5 file is damaged" in text or "of memory" in text


def test_nothing_is_left_of_the_copies(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    data = weights(np.ones(3, np.float32))
    refuse(write_keras(tmp_path / "model.keras", sequential(*ending()), data))
    refuse(write_h5(tmp_path / "model.h5", sequential(*ending())))
    assert list((tmp_path / "copies").iterdir()) == []

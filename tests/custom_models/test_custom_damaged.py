"""Files that are damaged, of another kind, or made to read or allocate what is not theirs: each is a ModelError."""

import io
import random
import resource
import struct
import warnings
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from support.custom_files import LIMIT, ending, layer, refuse, save, sequential, weights, write_keras

from cam.custom_models.load import open_custom_model
from cam.errors import ModelError


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a good model in both formats, by their endings."""
    keras.utils.set_random_seed(0)
    parts = [layers.Conv2D(2, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(2, name="scores")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *parts])
    folder = tmp_path_factory.mktemp("good")
    return {suffix: save(model, folder / f"model{suffix}").read_bytes() for suffix in (".keras", ".h5")}


def write(tmp_path, suffix, data):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data)
    return path


def test_a_file_that_is_missing_is_refused(tmp_path):
    assert "it cannot be read (No such file or directory)" in refuse(tmp_path / "model.keras")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "model.keras").mkdir()
    assert "it is a folder, as a SavedModel is. Load that where it was made" in refuse(tmp_path / "model.keras")


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("model.keras", b"", "it is empty"),
        ("model.h5", b"", "it is empty"),
        ("model.keras", JPEG, "starts as neither a .keras file (zip) nor an .h5 file (HDF5)"),
        ("model.h5", JPEG, "starts as neither a .keras file (zip) nor an .h5 file (HDF5)"),
        ("model.keras", b"\x89HDF\r\n\x1a\n" + bytes(100), "its HDF5 file is damaged"),
        ("model.hdf5", b"PK\x03\x04" + bytes(100), "it is damaged or cut off"),
        ("model.pt", b"PK\x03\x04" + bytes(100), "it is a PyTorch file, and only networks of Keras are opened."),
        ("model.keras", b"\x80\x02}q\x00", "it is a PyTorch file"),
        ("model.tflite", b"", "it is a TensorFlow Lite file, which cannot be turned back."),
        ("model.h5", b"\x1c\x00\x00\x00TFL3", "it is a TensorFlow Lite file"),
        ("model.onnx", b"", "it is an ONNX file"),
        ("saved_model.pb", b"", "it is a part of a SavedModel"),
        (
            "model.h5",
            b"version https://git-lfs.github.com/spec/v1\noid",
            "it is a pointer of Git LFS, and not the file",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, data, text):
    (tmp_path / name).write_bytes(data)
    assert text in refuse(tmp_path / name)


def test_weights_without_a_model_are_refused(tmp_path):
    (tmp_path / "model.h5").write_bytes(weights(np.ones(3, np.float32)))
    assert (
        "it holds weights without the model. Save the whole model again with model.save('name.keras'). Or put"
        in refuse(tmp_path / "model.h5")
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_file_that_is_cut_off_is_refused(tmp_path, good, suffix, share):
    data = good[suffix]
    refuse(write(tmp_path, suffix, data[: int(share * len(data))]))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_with_a_wrong_bit_opens_or_is_refused(tmp_path, good, suffix):
    """And nothing else: no other exception, no crash. The bits are the same in every run."""
    rng = random.Random(4)
    refused = 0
    for _ in range(20):
        data = bytearray(good[suffix])
        # Half of them in the first 2 kB, where HDF5 has its tables and a zip its architecture.
        place = rng.randrange(rng.choice([2_000, len(data)]))
        data[place] ^= 1 << rng.randrange(8)
        path = write(tmp_path, suffix, data)
        try:
            opened = open_custom_model(path, limit_bytes=LIMIT)
        except ModelError:
            refused += 1
        else:
            assert np.asarray(opened(np.zeros((1, 8, 8, 3), np.float32))).shape == (1, 2)
    assert refused > 0


def test_wrong_bits_in_weights_are_found_by_the_checksum(tmp_path, good):
    data = bytearray(good[".keras"])
    data[data.index(b"\x89HDF") + 5_000] ^= 1
    assert "it is damaged or cut off (Bad CRC-32 for file 'model.weights.h5')" in refuse(
        write(tmp_path, ".keras", data)
    )


def rezipped(data: bytes, *, compression=zipfile.ZIP_STORED, extra=(), without=()) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            if name not in without:
                new.writestr(name, old.read(name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a name that is there twice
            for name, content in extra:
                new.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"without": ["config.json"]}, "it holds no config.json"),
        ({"without": ["model.weights.h5"]}, "it holds no model.weights.h5"),
        ({"extra": [("config.json", b"{}")]}, "it holds one name twice"),
        ({"extra": [("../../evil.py", b"x")]}, "it holds '../../evil.py'"),
        ({"extra": [("/etc/evil", b"x")]}, "it holds '/etc/evil'"),
        ({"extra": [("assets/vocabulary.txt", b"x")]}, "it holds 'assets/vocabulary.txt'"),
        ({"extra": [("model.weights.npz", b"x")]}, "it holds 'model.weights.npz'"),
    ],
    ids=["no config", "no weights", "twice", "path up", "path from root", "assets", "npz"],
)
def test_a_zip_with_other_members_than_keras_writes_is_refused(tmp_path, good, changes, text):
    assert text in refuse(write(tmp_path, ".keras", rezipped(good[".keras"], **changes)))
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_zip_that_is_written_again_opens(tmp_path, good):
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = write(tmp_path, ".keras", rezipped(good[".keras"], compression=compression))
        assert open_custom_model(path, limit_bytes=LIMIT).count_params() == 62


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_under_the_ending_of_the_other_format_opens(tmp_path, good, suffix):
    path = write(tmp_path, {".keras": ".h5", ".h5": ".keras"}[suffix], good[suffix])
    assert open_custom_model(path, limit_bytes=LIMIT).count_params() == 62


def test_a_checkpoint_of_pytorch_under_another_name_is_told(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    assert "it is a PyTorch file, and only networks of Keras are opened" in refuse(path)


def test_an_encrypted_zip_is_refused(tmp_path, good):
    data = bytearray(good[".keras"])
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := data.find(signature, place + 1)) >= 0:
            data[place + flags] |= 1
    assert "it is encrypted" in refuse(write(tmp_path, ".keras", data))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """100 MB of zeros in 100 kB; and a directory that declares 4 GB in stored members."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(100 * 2**20))
        archive.writestr("model.weights.h5", weights(np.ones(3, np.float32)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "its config.json declares 104,857,600 bytes, and at most 16,777,216 are read" in refuse(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 50 * 2**10


def test_a_zip_directory_that_declares_more_than_there_is_is_refused(tmp_path, good):
    data = bytearray(good[".keras"])
    place = data.rindex(b"PK\x01\x02")  # of the weights: compressed and full size follow each other
    struct.pack_into("<II", data, place + 20, 2**32 - 2, 2**32 - 2)
    text = refuse(write(tmp_path, ".keras", data))
    assert "its model.weights.h5 declares 4,294,967,294 bytes, and at most" in text


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"nothing", b'{"class_name": "Sequential"'])
def test_an_architecture_that_is_no_json_is_refused(tmp_path, text):
    assert "its architecture is no JSON" in refuse(write_keras(tmp_path / "model.keras", {}, config_json=text))


def test_an_architecture_that_is_too_long_is_refused(tmp_path):
    path = write_keras(tmp_path / "model.keras", {}, config_json=b" " * (2**24 + 1))
    assert "its config.json declares 16,777,217 bytes, and at most 16,777,216 are read" in refuse(path)


def test_what_keras_cannot_build_is_refused_with_its_reason(tmp_path):
    path = write_keras(tmp_path / "model.keras", sequential(layer("Dense", "dense", unitz=2), *ending()))
    text = refuse(path)
    assert "cannot open its layer 'dense' (" in text and "units" in text and "damaged" not in text


def test_a_broken_file_does_not_keep_another_from_opening(tmp_path, good):
    refuse(write(tmp_path, ".h5", good[".h5"][:3000]))
    assert open_custom_model(write(tmp_path, ".keras", good[".keras"]), limit_bytes=LIMIT).output_shape == (None, 2)

"""Damaged and foreign files: each is a ModelError, and none asks for memory that it does not fill."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from support.legacy_checkpoint import (
    Ordered,
    checkpoint,
    one_tensor,
    pickled,
    refuse,
    storage,
    tensor,
    two_tensors,
    write,
)

from cam.errors import ModelError
from cam.models.torch_checkpoint import read_checkpoint


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (6, (), ()),
        (0, (2, 3), (4, 1)),
        (5, (3,), (-1,)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (0,), (1,)),
        (0, (2, 3), (1,)),
        (0, (2.0,), (1,)),
        (0, (True,), (1,)),
        (0, ("2",), (1,)),
        (None, (2,), (1,)),
        (0, 6, 1),
        (2**70, (1,), (1,)),
        (0, (2**70,), (0,)),
        (0, (2**40, 2**40), (0, 0)),
    ],
)
def test_tensors_outside_of_their_storage_are_refused(tmp_path, offset, shape, strides):
    refuse(tmp_path, one_tensor(tensor(storage("0", 6), offset, shape, strides)))


def peak_memory(tmp_path, data: bytes) -> int:
    """The bytes that refusing a file needs at most."""
    tracemalloc.start()
    try:
        refuse(tmp_path, data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_huge_shape_over_one_number_takes_no_memory(tmp_path):
    data = one_tensor(tensor(storage("0", 6), 0, (8192, 8192), (0, 0)))
    assert peak_memory(tmp_path, data) < 2**20


def test_a_made_up_number_of_values_takes_no_memory(tmp_path):
    described = tensor(storage("0", 2**26), 0, (2**26,), (1,))
    claimed = (2**26).to_bytes(8, "little")
    data = one_tensor(described).replace((6).to_bytes(8, "little"), claimed)
    assert claimed in data
    assert peak_memory(tmp_path, data) < 2**20


@pytest.mark.parametrize("count", [5, 7, 0, -1, 2**62, -(2**63)])
def test_a_storage_of_another_length_than_its_tensor_says_is_refused(tmp_path, count):
    right = one_tensor(tensor(storage("0", 6), 0, (6,), (1,)))
    data = right.replace((6).to_bytes(8, "little"), count.to_bytes(8, "little", signed=True))
    assert data != right
    assert f"holds {count} values instead of 6" in refuse(tmp_path, data)


@pytest.mark.parametrize("other", [storage("0", 3, "LongStorage"), storage("0", 4)], ids=["type", "count"])
def test_tensors_that_describe_one_storage_differently_are_refused(tmp_path, other):
    state = Ordered({"a": tensor(other, 0, (3,), (1,)), "t": tensor(storage("0", 6), 0, (6,), (1,))})
    refuse(tmp_path, checkpoint(state, {"0": np.arange(6, dtype="<f4")}))


@pytest.mark.parametrize("keys", [[], ["10"], ["10", "11", "12"], ["10", "10", "11"], ["10", 11], None, 3, [[]]])
def test_a_list_of_storages_that_does_not_match_is_refused(tmp_path, keys):
    refuse(tmp_path, two_tensors(keys=keys))


@pytest.mark.parametrize(
    "state",
    [
        {"a": 1},
        {"a": [1.0, 2.0]},
        [tensor(storage("10", 6), 0, (6,), (1,))],
        {"state_dict": {"a": tensor(storage("10", 6), 0, (6,), (1,))}},
        {"a": storage("10", 6)},
        {"a": tensor((1, 2, 3), 0, (3,), (1,))},
        None,
    ],
    ids=repr,
)
def test_a_state_of_anything_but_tensors_is_refused(tmp_path, state):
    refuse(tmp_path, two_tensors(state=state))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("magic", 1),
        ("magic", 1 << 20_000),
        ("protocol", 1002),
        ("sys_info", {"little_endian": False}),
        ("sys_info", {}),
        ("sys_info", []),
    ],
    ids=["magic", "huge magic", "protocol", "big-endian", "empty", "list"],
)
def test_another_header_is_refused(tmp_path, part, value):
    data = two_tensors()
    if value == 1 << 20_000:
        data = b"\x80\x02\x8b\xc5\x09\x00\x00" + b"\0" * 2500 + b"\x01." + data
    else:
        data = two_tensors(**{part: value})
    refuse(tmp_path, data)


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    whole = two_tensors()
    read_checkpoint(write(tmp_path / "whole.pth", whole))
    for length in range(len(whole)):
        refuse(tmp_path, whole[:length])


def test_a_file_with_any_one_byte_changed_is_read_or_refused_but_never_fails_otherwise(tmp_path):
    whole = two_tensors()
    refused = 0
    for at in range(len(whole)):
        path = write(tmp_path / "changed.pth", whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            read_checkpoint(path)
        except ModelError:
            refused += 1
    assert len(whole) > refused > len(whole) // 2


def test_bytes_after_the_last_storage_are_refused(tmp_path):
    assert "follows its last storage" in refuse(tmp_path, two_tensors() + b"\0")


def zip_checkpoint() -> bytes:
    """The start of what torch.save writes today."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled({}))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b".", b"not weights\n", b"<html>404</html>", bytes(range(256)), zip_checkpoint(), pickled({"a": 1})],
    ids=["empty", "zero", "stop", "text", "html", "bytes", "zip", "pickle"],
)
def test_files_of_another_format_are_refused(tmp_path, data):
    text = refuse(tmp_path, data)
    assert str(tmp_path / "bad.pth") in text
    assert "Install the package it came from again." in text


def test_deep_nesting_is_refused_without_a_crash(tmp_path):
    deep = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    refuse(tmp_path, deep + two_tensors())


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "folder"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, make):
    path = tmp_path / "weights.pth"
    make(path)
    with pytest.raises(ModelError, match="weights.pth cannot be read: "):
        read_checkpoint(path)

"""Right checkpoints read to the numbers that were written."""

import numpy as np
import pytest
from support.legacy_checkpoint import Ordered, checkpoint, storage, tensor, two_tensors, write

from cam.models.registry import find_spec
from cam.models.torch_checkpoint import read_checkpoint


def read_one(tmp_path, shape, strides, *, offset=0, values) -> np.ndarray:
    """Write and read a file with one tensor, of which `values` are the storage."""
    state = Ordered({"t": tensor(storage("0", values.size), offset, shape, strides)})
    return read_checkpoint(write(tmp_path / "one.pth", checkpoint(state, {"0": values})))["t"]


def test_a_file_is_read_back_with_names_order_numbers_and_types(tmp_path):
    tensors = read_checkpoint(write(tmp_path / "two.pth", two_tensors()))
    assert list(tensors) == ["a", "n"]
    assert tensors["a"].dtype == np.float32
    assert tensors["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["n"].dtype == np.int64
    assert tensors["n"].shape == () and tensors["n"] == 7


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "expected"),
    [
        ((3, 2), (1, 3), 0, [[0, 3], [1, 4], [2, 5]]),  # transposed
        ((2, 2), (3, 1), 1, [[1, 2], [4, 5]]),  # the right two columns of a (2, 3)
        ((2,), (4,), 1, [1, 5]),  # the last value is the storage's last
        ((2, 2), (1, 1), 0, [[0, 1], [1, 2]]),  # overlapping
        ((2, 3), (0, 2), 0, [[0, 2, 4], [0, 2, 4]]),  # a row expanded
        ((), (), 5, 5),
        ((1, 1, 1), (9, 9, 9), 2, [[[2]]]),  # a stride is never taken along an axis of one
    ],
)
def test_strides_and_offset_pick_the_right_numbers(tmp_path, shape, strides, offset, expected):
    values = np.arange(6, dtype="<f4")
    got = read_one(tmp_path, shape, strides, offset=offset, values=values)
    assert got.tolist() == expected
    assert got.flags.c_contiguous


def test_large_int64_numbers_keep_every_digit(tmp_path):
    numbers = np.array([2**62 + 1, -(2**63)], "<i8")
    state = Ordered({"t": tensor(storage("0", 2, "LongStorage"), 0, (2,), (1,))})
    got = read_checkpoint(write(tmp_path / "long.pth", checkpoint(state, {"0": numbers})))["t"]
    assert got.tolist() == [4611686018427387905, -9223372036854775808]


def test_floats_are_read_bit_for_bit(tmp_path):
    values = np.array([np.pi, -0.0, 1e-45, np.inf], "<f4")
    assert read_one(tmp_path, (4,), (1,), values=values).tobytes() == values.tobytes()


def test_two_tensors_may_share_a_storage(tmp_path):
    shared = storage("0", 6)
    state = Ordered({"head": tensor(shared, 0, (2,), (1,)), "tail": tensor(shared, 2, (4,), (1,))})
    data = checkpoint(state, {"0": np.arange(6, dtype="<f4")})
    tensors = read_checkpoint(write(tmp_path / "shared.pth", data))
    assert tensors["head"].tolist() == [0, 1]
    assert tensors["tail"].tolist() == [2, 3, 4, 5]


def test_storages_are_told_apart_by_key_and_not_by_the_order_of_the_tensors(tmp_path):
    state = Ordered({"a": tensor(storage("x", 1), 0, (1,), (1,)), "b": tensor(storage("y", 2), 0, (2,), (1,))})
    data = checkpoint(state, {"y": np.array([2, 3], "<f4"), "x": np.array([1], "<f4")})
    tensors = read_checkpoint(write(tmp_path / "order.pth", data))
    assert tensors["a"].tolist() == [1]
    assert tensors["b"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("name", "entries", "trained"),
    [("efficientnet-lite0", 296, 4_652_008), ("efficientnet-lite2", 386, 6_092_072)],
)
def test_the_embedded_weights_are_read_whole(name, entries, trained):
    """By hand: 14 entries of stem, head and classifier, 12 of the first block, 18 of each of the other 15 or 20."""
    tensors = read_checkpoint(find_spec(name).source.require())
    assert len(tensors) == entries
    kept = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(t.size for key, t in tensors.items() if not key.endswith(kept)) == trained
    assert all(np.isfinite(t).all() for t in tensors.values())
    assert all((t >= 0).all() for key, t in tensors.items() if key.endswith("running_var"))

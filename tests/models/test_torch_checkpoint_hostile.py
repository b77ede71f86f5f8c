"""Hostile files: each is a ModelError, and none of their code runs."""

import contextlib
import pickle

import numpy as np
import pytest
from support.legacy_checkpoint import (
    Build,
    Call,
    Global,
    Ordered,
    Persistent,
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

PICKLES = ("magic", "protocol", "sys_info", "state", "keys")
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
ATTACKS = {
    "os.system": lambda marker: Call(Global("os", "system"), (f"touch '{marker}'",)),
    "posix.system": lambda marker: Call(Global("posix", "system"), (f"touch '{marker}'",)),
    "eval": lambda marker: Call(Global("builtins", "eval"), (f"open({str(marker)!r}, 'w').close()",)),
    "getattr": lambda marker: Call(
        Call(Global("builtins", "getattr"), (Call(Global("builtins", "__import__"), ("os",)), "system")),
        (f"touch '{marker}'",),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attacks_of_this_module_work_on_an_ordinary_unpickler(tmp_path, attack):
    marker = tmp_path / "marker"
    pickle.loads(pickled(ATTACKS[attack](marker)))
    assert marker.exists()


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", PICKLES)
def test_no_code_runs_from_any_of_the_five_pickles(tmp_path, attack, place):
    marker = tmp_path / "marker"
    text = refuse(tmp_path, two_tensors(**{place: ATTACKS[attack](marker)}))
    assert not marker.exists()
    assert "which no weights need" in text


HIDING_PLACES = {
    "hooks": lambda attack: one_tensor(Call(REBUILD, (storage("0", 6), 0, (6,), (1,), False, attack))),
    "offset": lambda attack: one_tensor(tensor(storage("0", 6), attack, (6,), (1,))),
    "persistent id": lambda attack: one_tensor(tensor(Persistent(attack), 0, (6,), (1,))),
    "attribute": lambda attack: two_tensors(state=Ordered({}, attributes={"_metadata": attack})),
    "machine": lambda attack: two_tensors(sys_info={"little_endian": True, "type_sizes": attack}),
    "keys": lambda attack: two_tensors(keys=["10", attack]),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", HIDING_PLACES)
def test_no_code_runs_from_inside_an_allowed_part(tmp_path, attack, place):
    marker = tmp_path / "marker"
    text = refuse(tmp_path, HIDING_PLACES[place](ATTACKS[attack](marker)))
    assert not marker.exists()
    assert "which no weights need" in text


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("collections", "namedtuple"),
        ("torch", "FloatStorage.newbyteorder"),
        ("torch", "HalfStorage"),
        ("torch._utils", "_rebuild_tensor_v2.__class__"),
        ("torch._utils", "_rebuild_parameter"),
        ("cam.models.torch_checkpoint", "_Tensor"),
    ],
)
@pytest.mark.parametrize("stack", [False, True], ids=["GLOBAL", "STACK_GLOBAL"])
def test_names_near_the_allowed_ones_are_refused(tmp_path, module, name, stack):
    wanted = Global(module, name)
    data = two_tensors(state=wanted)
    if stack:  # protocol 4 resolves dotted names, attribute by attribute
        look_up = b"".join(b"\x8c" + bytes([len(s)]) + s.encode() for s in (module, name)) + b"\x93."
        data = data.replace(pickled(wanted), b"\x80\x04" + look_up)
        assert look_up in data
    assert f"it asks for {module}.{name}," in refuse(tmp_path, data)


def test_names_allowed_in_the_state_are_refused_elsewhere(tmp_path):
    assert "collections.OrderedDict" in refuse(tmp_path, two_tensors(keys=Ordered({})))


@pytest.mark.parametrize("target", [Global("collections", "OrderedDict"), REBUILD], ids=["class", "function"])
@pytest.mark.parametrize("state", [{"__call__": 1}, (None, {"__call__": 1})], ids=["dict", "slots"])
def test_a_pickle_cannot_change_what_it_may_look_up(tmp_path, target, state):
    refuse(tmp_path, HIDING_PLACES["hooks"](Build(target, state)))
    read_checkpoint(write(tmp_path / "good.pth", two_tensors()))


def test_a_pickle_cannot_change_the_types_of_numpy(tmp_path):
    big_endian = (3, ">", None, None, None, -1, -1, 0)
    data = HIDING_PLACES["hooks"](Build(Global("torch", "FloatStorage"), big_endian))
    with contextlib.suppress(ModelError):  # NumPy itself leaves such a state alone
        read_checkpoint(write(tmp_path / "bad.pth", data))
    assert np.dtype("<f4").str == "<f4"
    assert np.frombuffer(b"\0\0\x80\x3f", "<f4").tolist() == [1.0]


@pytest.mark.parametrize("part", ["storage", "tensor"])
def test_a_pickle_cannot_put_other_things_into_a_tensor(tmp_path, part):
    """An OrderedDict may have attributes, so it could pose as a dtype and make records out of the numbers."""
    fake = Build(Ordered({"names": ["x"], "formats": ["<f4"]}), {"itemsize": 4})
    changed = Build(storage("0", 6), [fake, "0", 6])
    target = tensor(storage("0", 6), 0, (6,), (1,))
    described = tensor(changed, 0, (6,), (1,)) if part == "storage" else Build(target, [changed, 0, (6,), (1,)])
    refuse(tmp_path, one_tensor(described))


@pytest.mark.parametrize(
    "pid",
    [
        "0",
        0,
        ("module", Global("torch", "FloatStorage"), "0", "cpu", 6, None),
        ("storage", "FloatStorage", "0", "cpu", 6, None),
        ("storage", Global("collections", "OrderedDict"), "0", "cpu", 6, None),
        ("storage", Global("torch", "FloatStorage"), 0, "cpu", 6, None),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", -6, None),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6.0, None),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6, ("0", 0, 6)),
        ("storage", Global("torch", "FloatStorage"), "0", "cpu", 6),
    ],
    ids=repr,
)
def test_persistent_ids_that_are_no_storage_are_refused(tmp_path, pid):
    text = refuse(tmp_path, one_tensor(tensor(Persistent(pid), 0, (6,), (1,))))
    assert "which is no plain storage" in text


def test_many_views_of_one_storage_do_not_fill_the_memory(tmp_path):
    stored = storage("0", 6)
    state = Ordered({f"copy{i}": tensor(stored, 0, (6,), (1,)) for i in range(50)})
    data = checkpoint(state, {"0": np.arange(6, dtype=np.float32)})
    assert "more values than its storages" in refuse(tmp_path, data)

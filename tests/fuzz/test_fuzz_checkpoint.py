"""Whatever a weights file holds, reading it ends in plain arrays or in a ModelError, and takes little memory.

By hand, for as long as one likes: CAM_FUZZ_EXAMPLES=20000 pytest tests/fuzz
"""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from support.legacy_checkpoint import Ordered, checkpoint, storage, tensor, two_tensors
from support.mutations import damaged, fuzzed

from cam.errors import ModelError
from cam.models.torch_checkpoint import read_checkpoint

SHARED = Ordered({name: tensor(storage("0", 6), 3 * i, (3,), (1,)) for i, name in enumerate("ab")})
FILES = [two_tensors(), checkpoint(SHARED, {"0": np.arange(6, dtype="<f4")})]
# The opcodes of pickle, those with a number also with a large one, and names that may be asked for.
OPCODES = tuple(bytes((code,)) for code in b"().012FIJKLMNPQRSTUVXabcdeghijloprstuq\x80]}")
OPCODES += tuple(bytes((code,)) for code in range(0x80, 0x99))
OPCODES += (b"r\xff\xff\xff\x06", b"\x8e" + b"\xff" * 6, b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "weights.pth"


def test_damaged_checkpoints(path):
    @fuzzed(800)
    @given(damaged(FILES, OPCODES))
    def run(data: bytes) -> None:
        path.write_bytes(data)
        tracemalloc.start()
        try:
            tensors = read_checkpoint(path)
        except ModelError as error:
            assert str(path) in str(error)
        else:
            assert {array.dtype for array in tensors.values()} <= {np.dtype("<f4"), np.dtype("<i8")}
            assert sum(array.nbytes for array in tensors.values()) <= 2 * len(data)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 2**20

    run()

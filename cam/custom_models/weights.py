"""The weights of an own model, copied by a process of its own into a file that is safe to open here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from cam.errors import ModelError

_PROGRAM = Path(__file__).with_name("hdf5.py")
_SECONDS = 120


class Weights(NamedTuple):
    """A clean HDF5 file of weights, and how many numbers they are."""

    path: Path
    numbers: int


def clean_weights(source: Path, target: Path) -> Weights:
    """Check the HDF5 file of a model and copy its arrays and texts.

    Raises:
        ModelError: it is damaged, or holds anything but groups of plain arrays of numbers that are all in it.
    """
    # -P: what stands beside the program is not to be imported in place of a library.
    command = [sys.executable, "-P", str(_PROGRAM), str(source), str(target)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"reading its weights takes more than {_SECONDS} s, so they are damaged.") from error
    if process.returncode != 0:
        reason = (process.stderr.strip().splitlines() or ["the library that reads it crashed"])[-1]
        raise ModelError(f"its HDF5 file is damaged ({reason[:200]}). Copy it again, or save the model again.")
    answer = json.loads(process.stdout)
    if "refusal" in answer:
        raise ModelError(answer["refusal"])
    return Weights(target, answer["numbers"])

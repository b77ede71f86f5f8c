"""Sidecars, files beside custom models that say what the model does not: `cats.json` beside `cats.keras`."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cam.errors import ModelError
from cam.formatting import shorten
from cam.models.preprocessing import PREPROCESSINGS

SIZES = (16, 1024)
_BYTES = 2**20
LETTERS = 200


@dataclass(frozen=True)
class Sidecar:
    """The entries of a sidecar; None for those that are not there.

    Attributes:
        title: its name on screen.
        labels: the names of its classes, in the order of its outputs.
        preprocessing: what it was trained on, a name in `PREPROCESSINGS`.
        size: side in pixels of the square that it was trained for.
    """

    title: str | None = None
    labels: tuple[str, ...] | None = None
    preprocessing: str | None = None
    size: int | None = None


def read_sidecar(path: Path) -> Sidecar:
    """Read such a file: a JSON object with any of the keys title, labels, preprocessing and size.

    Raises:
        ModelError: the text names the key at fault, what was received, and what is expected.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES + 1)
        if len(data) > _BYTES:
            raise ModelError(f"{path.name} is longer than {_BYTES:,} bytes. It should hold {_keys()}.")
        values = json.loads(data.decode("utf-8-sig"))  # Windows' Notepad begins a file with a mark
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is no JSON in UTF-8 ({error}). It should hold {_keys()}.") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path.name} holds {_shown(values)} instead of an object with {_keys()}.")
    for key in values:
        if key not in _CHECKS:
            raise ModelError(f"{path.name} has the key {key[:60]!r}. Known are {_keys()}.")
    for key, value in values.items():
        if problem := _CHECKS[key](value):
            raise ModelError(f"{path.name}: {key!r} must be {problem}.")
    if "labels" in values:
        values["labels"] = tuple(values["labels"])
    return Sidecar(**values)


def check_labels(value: object) -> str | None:
    """Say what the names of classes must be, where they are not; None where they are."""
    expected = "a list of the classes' names, in the order of the model's outputs"
    if not isinstance(value, list) or not value:
        return f"{expected}, not {_shown(value)}"
    seen: set[str] = set()
    for i, label in enumerate(value):
        if not _is_name(label):
            return f"{expected}; class {i} is {_shown(label)}"
        if label.strip().casefold() in seen:
            return f"{expected}, each once; {label!r} is there twice"
        seen.add(label.strip().casefold())
    return None


def sidecar_json(sidecar: Sidecar) -> str:
    """The text of the file that says the same."""
    said = {key: value for key, value in asdict(sidecar).items() if value is not None}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _keys() -> str:
    *first, last = [repr(field.name) for field in fields(Sidecar)]
    return f"{', '.join(first)} and {last}"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) and len(value) <= LETTERS and value.isprintable()


def _title(value: object) -> str | None:
    return None if _is_name(value) else f"a text of 1 to {LETTERS} letters, not {_shown(value)}"


def _preprocessing(value: object) -> str | None:
    known = isinstance(value, str) and value in PREPROCESSINGS
    return None if known else f"one of {', '.join(map(repr, PREPROCESSINGS))}, not {_shown(value)}"


def _size(value: object) -> str | None:
    right = isinstance(value, int) and not isinstance(value, bool) and SIZES[0] <= value <= SIZES[1]
    return None if right else f"a whole number of pixels, {SIZES[0]} to {SIZES[1]}, not {_shown(value)}"


def _shown(value: object) -> str:
    return shorten(json.dumps(value, ensure_ascii=False))


_CHECKS: dict[str, Callable[[object], str | None]] = {
    "title": _title,
    "labels": check_labels,
    "preprocessing": _preprocessing,
    "size": _size,
}

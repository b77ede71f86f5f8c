"""What a run is: the photos, in parts of a fixed size, and how each is explained. The same plan, the same table."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from cam.backends.imports import has_openvino
from cam.batch.sources import is_address
from cam.models.registry import LibraryOptions, spec_of

# Photos that are read, explained and stored together: enough that like shapes meet, few enough to hold and to lose.
PART = 128
# Of what is in the folder of a run; another number where a later version writes it differently.
_FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """How each photo is explained.

    Attributes:
        model: the name of the network, or the path of one's own.
        fit: "whole" or "squash", as in `Model.explain`.
        top: how many classes a row has.
        save: names in `cam.batch.artifacts.PICTURES`.
    """

    model: str
    fit: str = "whole"
    top: int = 5
    save: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        photos: the paths, in the order of the table's rows.
        settings: how they are explained.
        weights: the digest of the network (see `network_digest`).
    """

    photos: Sequence[str]
    settings: Settings
    weights: str = ""

    @property
    def parts(self) -> range:
        """The numbers of the parts."""
        return range(-(-len(self.photos) // PART))

    def part(self, number: int) -> list[tuple[int, str]]:
        """The photos of a part: the number of the row, from 0, and the path."""
        start = number * PART
        return list(enumerate(self.photos[start : start + PART], start))

    @cached_property
    def record(self) -> dict[str, object]:
        """What tells this run from every other, as JSON has it; where it was called from makes no difference."""
        digest = hashlib.sha256()
        for path in self.photos:
            digest.update(os.fsencode(path if is_address(path) else os.path.abspath(path)) + b"\0")
        settings = asdict(self.settings) | {"save": sorted(self.settings.save)}
        about = {"photos": len(self.photos), "list": digest.hexdigest(), "weights": self.weights, "part": PART}
        return {"format": _FORMAT} | settings | about


def network_digest(name: str, options: LibraryOptions | None = None) -> str:
    """What decides the numbers of a network to the last digit, as text: the SHA-256 of its weights, and what runs it.

    Raises:
        ModelError: there is no such network.
    """
    spec = spec_of(name, options)
    path = spec.source.find()
    if path is None:
        return ""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # Whatever is installed, TensorFlow runs a network without a linear head.
    return f"{digest} by OpenVINO" if has_openvino() and spec.exact is not False else digest

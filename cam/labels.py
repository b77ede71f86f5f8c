"""The names of a network's classes, and finding a class by a name that a person types."""

import csv
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from numbers import Integral

from cam.errors import LabelError


@dataclass(frozen=True)
class Labels:
    """Class names in the order of a network's outputs: unique for the screen, with synonyms for finding them."""

    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if len(set(map(str.casefold, self.names))) != len(self.names) or len(self.names) != len(self.synonyms):
            raise ValueError("class names must be unique, with one tuple of synonyms each")

    def __reduce__(self) -> tuple[Callable[..., "Labels"], tuple[object, ...]]:
        # Every process has ImageNet's names, which would be most of a pickled explanation.
        if self is imagenet_labels():
            return imagenet_labels, ()
        return Labels, (self.names, self.synonyms)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, wanted: int | str) -> int:
        """The index of a class given by index, name or synonym; upper and lower case are the same.

        Raises:
            LabelError: out of range, unknown, or a synonym of several classes; the text lists the near ones.
        """
        if isinstance(wanted, Integral) and not isinstance(wanted, bool):
            if 0 <= wanted < len(self):
                return int(wanted)
            raise LabelError(f"There is no class {wanted}: this network has the classes 0 to {len(self) - 1}.")
        if not isinstance(wanted, str):
            raise LabelError(f"A class is given by its index or its name, not by {wanted!r}.")
        found = self._by_text.get(wanted.strip().casefold(), ())
        if len(found) == 1:
            return found[0]
        if found:
            raise LabelError(f"{wanted!r} could be {self._listed(found, 'or')}. Use one of these names.")
        near = self.near(wanted)
        hint = f" Near it: {self._listed(near, 'and')}." if near else " Search the list of classes for another word."
        raise LabelError(f"This network has no class {wanted!r}.{hint}")

    def near(self, text: str, count: int = 5) -> list[int]:
        """Up to `count` classes whose name or synonym contains the text or is spelled like it, best first."""
        text = text.strip().casefold()
        if not text:
            return []
        known = list(self._by_text)
        within = sorted((name for name in known if text in name), key=len)
        alike = difflib.get_close_matches(text, known, n=count, cutoff=0.7)
        return list(dict.fromkeys(i for name in (*within, *alike) for i in self._by_text[name]))[:count]

    def _listed(self, indices: list[int] | tuple[int, ...], word: str) -> str:
        *first, last = [f"{self.names[i]!r} ({i})" for i in indices]
        return f"{', '.join(first)} {word} {last}" if first else last

    @cached_property
    def _by_text(self) -> dict[str, tuple[int, ...]]:
        """Every name, and every synonym that is no class's name, in lower case -> the classes it fits."""
        fits: dict[str, tuple[int, ...]] = {}
        for i, synonyms in enumerate(self.synonyms):
            for synonym in synonyms:
                key = synonym.casefold()
                fits[key] = tuple(dict.fromkeys((*fits.get(key, ()), i)))
        return fits | {name.casefold(): (i,) for i, name in enumerate(self.names)}


@cache
def imagenet_labels() -> Labels:
    """The 1,000 classes of ILSVRC 2012 in the usual order."""
    text = resources.files("cam").joinpath("imagenet_classes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return Labels(
        names=tuple(row["name"] for row in rows),
        synonyms=tuple(tuple(filter(None, row["synonyms"].split("; "))) for row in rows),
    )


def labels_of(names: tuple[str, ...] | None) -> Labels:
    """The labels of a network with classes of its own, which have no synonyms; None: those of ILSVRC 2012."""
    return imagenet_labels() if names is None else Labels(names, ((),) * len(names))

"""What a method other than plain class activation mapping says about a photo; its maps are made when asked for.

For networks without a linear head, and to hold methods against each other on the same photo.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cam.detail import averaged
from cam.explanation import Scored, read_only
from cam.heatmap import covered
from cam.labels import Labels
from cam.methods import Method

if TYPE_CHECKING:
    from cam.backends.probe import Probe


class Attribution(Scored):
    """The scores of one photo, and the map of any class by one method at one layer.

    Attributes (besides those of `Scored`):
        features: float32 (h, w, K): the layer's activations, those of the largest view.
    """

    exact = False

    def __init__(
        self,
        probes: "Sequence[Probe]",
        mirrored: Sequence[bool],
        *,
        method: Method,
        labels: Labels,
        image_size: tuple[int, int],
        activation: str = "softmax",
    ):
        self._probes, self._mirrored = list(probes), list(mirrored)
        self._maps: dict[int, np.ndarray] = {}
        self._making: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()
        self.method, self.labels = method, labels
        self.image_size, self.activation = image_size, activation
        self.views = len(self._probes)
        finest = max(self._probes, key=lambda probe: probe.features.shape[0] * probe.features.shape[1])
        self.input_size, self.pitch = finest.input_size, finest.pitch
        self.features = read_only(finest.features)
        self.scores = read_only(np.mean([probe.scores for probe in self._probes], axis=0))

    @property
    def passes(self) -> int:
        """How often the network is run for the map of one more class."""
        return sum(self.method.passes(probe.features.shape[-1]) for probe in self._probes)

    def class_map(self, wanted: int | str, *, report: Callable[[int, int], None] | None = None) -> np.ndarray:
        """float32 (h, w): the method's map of a class, computed once; signed where `method.signed` says so.

        Args:
            wanted: the class, by index or label.
            report: called with the passes done and needed; what it raises ends the work.

        Raises:
            LabelError: there is no such class.
            ModelError: the method cannot be used at this layer.
        """
        index = self._key(wanted)
        with self._lock:
            making = self._making.setdefault(index, threading.Lock())
        # Whoever wants a map that is just being made waits for it, instead of making it again.
        with making:
            if index not in self._maps:
                self._maps[index] = self._computed(index, report or (lambda done, total: None))
            return self._maps[index]

    def has_map(self, wanted: int | str) -> bool:
        """Whether the map of a class is there already, so that asking for it costs nothing."""
        return self._key(wanted) in self._maps

    def _key(self, wanted: int | str) -> int:
        index = self.labels.index(wanted)
        return 0 if self.method.class_free else index

    def _computed(self, index: int, report: Callable[[int, int], None]) -> np.ndarray:
        total, before, maps = self.passes, 0, []
        for probe in self._probes:
            start = before
            maps.append(self.method.compute(probe, index, lambda done, _, start=start: report(start + done, total)))
            before += self.method.passes(probe.features.shape[-1])
        if len(maps) == 1:
            return read_only(maps[0])
        if self.method.shared:
            most = max(made.size for made in maps)
            maps = [made * (made.size / most) for made in maps]
        spans = [covered(m.shape, p.input_size, p.pitch) for m, p in zip(maps, self._probes, strict=True)]
        return read_only(averaged(maps, spans, self._mirrored))

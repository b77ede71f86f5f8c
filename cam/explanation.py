"""The scores of a photo and the map of any of its classes: exact (`Explanation`), or by another method (`Attribution`).

Class Activation Mapping (Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016): for a network
that ends in global average pooling and one dense layer,

    class_map_c[y, x] = sum_k weight[k, c] * features[y, x, k]              (their equation 2)
    score_c           = mean over (y, x) of class_map_c  +  bias[c]         (their equation 1, with the bias)

The second line is exact. It holds for the signed map, so clipping and scaling come last, in `cam.render`.
"""

import base64
import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from html import escape

import numpy as np
import scipy
from PIL import Image

from cam import render
from cam.errors import ModelError
from cam.formatting import format_percent
from cam.heatmap import average_maps, photo_extent, resize_map
from cam.labels import Labels
from cam.methods import METHODS, Method
from cam.methods.probe import Probe, Report, no_report

# How a photo becomes the network's input (see `ExplainOptions`).
FITS = ("whole", "squash", "given")
# Longest side in pixels of the picture in a notebook, and the passes that showing an object there may cost at most.
_PICTURE_SIDE, _PICTURE_PASSES = 480, 20
# Between the scores that were pickled and those by weights that were loaded again.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ExplainOptions:
    """How a photo is explained (ValueError for another fit).

    Attributes:
        fit: "whole" keeps the photo's shape at about the network's own number of pixels; "squash" is the classic fixed
            square, for comparison with papers; "given" takes the pixels as they are, for a photo that was brought to an
            `Explanation.input_size` before. A network that takes one size only gets that.
        method: a name in `cam.methods.METHODS`; None is the network's own: "cam" where its head is linear (an
            `Explanation`, exact), else "grad-cam" (an `Attribution`).
        layer: for a method other than "cam", where the map is taken; None is the last one.
        detail: average the maps of several sizes and of the mirrored photo, in units of the score.
    """

    fit: str = "whole"
    method: str | None = None
    layer: str | None = None
    detail: bool = False

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not {self.fit!r}")


@dataclass(frozen=True)
class Prediction:
    """One class of an explained photo: its score is the logit, its probability the softmax of the scores."""

    index: int
    label: str
    probability: float
    score: float


class Scored:
    """The scores of a photo, and the map of any class: the base of `Explanation` and `Attribution`.

    A class is given by its index, its label or a `Prediction`.

    Attributes:
        scores: float32 (classes,): the logits.
        labels: the names of the classes.
        image_size: (width, height) of the photo in pixels.
        input_size: (width, height) in pixels of the network's input; of several views, that of the largest.
        cell_stride: pixels of the input between neighbouring cells, (down, across); None: the cells share the photo
            evenly.
        features: float32 (h, w, K), the activations that the maps are made of; of several views, their mean in an
            `Explanation`, those of the largest in an `Attribution`.
        activation: "softmax", or "sigmoid" where each class has a probability of its own.
        passes: how often the network is run for the map of one more class.
        views: the number of inputs, at several sizes and mirrored, that were made of the photo.
        exact: whether the mean of a class's map plus its bias is its score.
        method: the row of `cam.methods.METHODS` that its maps are made by.
        image: the photo, RGB, to show it in a notebook; None where it was not kept.
    """

    scores: np.ndarray
    labels: Labels
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    features: np.ndarray
    cell_stride: tuple[float, float] | None
    activation: str
    passes: int
    views: int
    exact: bool
    method: Method
    image: Image.Image | None

    @cached_property
    def probabilities(self) -> np.ndarray:
        """float32 (classes,): the softmax of the scores, summing to 1; where classes are independent, the sigmoid."""
        probability = scipy.special.expit if self.activation == "sigmoid" else scipy.special.softmax
        return read_only(probability(self.scores))

    def class_index(self, wanted: int | str | Prediction) -> int:
        """The index of a class (LabelError if there is none, or the label fits several)."""
        return self.labels.index(wanted.index if isinstance(wanted, Prediction) else wanted)

    def prediction(self, wanted: int | str | Prediction) -> Prediction:
        """The label, probability and score of a class (LabelError if there is none)."""
        index = self.class_index(wanted)
        return Prediction(index, self.labels.names[index], float(self.probabilities[index]), float(self.scores[index]))

    def rank(self, wanted: int | str | Prediction) -> int:
        """The place of a class by score: 1 is the best."""
        return 1 + int((self.scores > self.scores[self.class_index(wanted)]).sum())

    def top(self, k: int = 5) -> list[Prediction]:
        """The k classes with the highest scores, best first; all of them where there are fewer."""
        order = np.argsort(-self.scores, kind="stable")[: max(0, k)]
        return [self.prediction(int(index)) for index in order]

    def class_map(self, wanted: int | str | Prediction, *, report: Report | None = None) -> np.ndarray:
        """float32 (h, w), signed: the evidence in each cell for or against a class (LabelError if there is none)."""
        raise NotImplementedError

    def has_map(self, wanted: int | str | Prediction) -> bool:
        """Say whether the map of a class is there already, so that asking for it costs no pass."""
        raise NotImplementedError

    def heatmap(self, wanted: int | str | Prediction, *, size: tuple[int, int] | None = None) -> np.ndarray:
        """float32 (height, width), signed: the class map at the size of the photo, or at `size` (width, height).

        Bilinear with the cells' centres at their places in the photo (see `cam.heatmap`).
        """
        return self.resize_map(self.class_map(wanted), size or self.image_size)

    def resize_map(self, cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """float32 (height, width): a map (h, w) of this photo's cells at `size` (width, height)."""
        return resize_map(cells, size, photo_extent(cells.shape, self.input_size, self.cell_stride))

    def __repr__(self) -> str:
        width, height = self.image_size
        classes = ", ".join(f"{row.label} {format_percent(row.probability)}" for row in self.top(2))
        return f"<{type(self).__name__} by {self.method.title} of a photo of {width} x {height}: {classes}>"

    def _repr_html_(self) -> str:
        """The heat of the best class over the photo, and the five best classes, for a notebook."""
        best, *_ = classes = self.top(5)
        buffer = io.BytesIO()
        self._picture(best).save(buffer, "PNG")
        source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        caption = f"{self.method.title}: {best.label}"
        rows = "".join(
            f"<tr><td>{escape(row.label)}<td>{format_percent(row.probability)}<td>{row.score:.2f}" for row in classes
        )
        return (
            f'<figure><img src="{source}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
            f"<table><tr><th>Class<th>Probability<th>Score{rows}</table>"
        )

    def _picture(self, best: Prediction) -> Image.Image:
        """The overlay; the heat alone without the photo, and the photo alone where the map would take many passes."""
        width, height = self.image_size
        scale = min(1.0, _PICTURE_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        photo = self.image and self.image.convert("RGB").resize(size, reducing_gap=3.0)
        if not self._is_cheap(best):
            return photo or Image.new("RGB", size)
        heatmap = self.heatmap(best, size=size)
        return render.overlay(photo, heatmap) if photo else render.heat_layer(heatmap)

    def _is_cheap(self, best: Prediction) -> bool:
        return self.has_map(best)


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Scored):
    """The scores and exact maps of a photo, by one forward pass of a network with a linear head; arrays are read-only.

    Pickled, it leaves out the photo, and the weights where `network` says how to load them again.

    Attributes (besides those of `Scored`):
        weight: float32 (K, classes), of the dense layer; shared with the network.
        bias: float32 (classes,).
        network: the name by which `load_model` finds the network; None where it came from elsewhere.
    """

    features: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    labels: Labels
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    cell_stride: tuple[float, float] | None = None
    activation: str = "softmax"
    views: int = 1
    network: str | None = field(default=None, kw_only=True)
    image: Image.Image | None = field(default=None, kw_only=True)

    exact = True
    method = METHODS["cam"]
    passes = 0

    def __post_init__(self) -> None:
        self._protect()

    @cached_property
    def scores(self) -> np.ndarray:  # type: ignore[override]
        """float32 (classes,): the logits, summed in float64 so that they are right to the last digit."""
        return read_only(_scores(self.features, self.weight, self.bias))

    def class_map(self, wanted: int | str | Prediction, *, report: Report | None = None) -> np.ndarray:
        """float32 (h, w), signed, in units of the score: what each cell adds to the class's score.

        Its mean plus the class's bias is the score.

        Raises:
            LabelError: there is no such class, or the label fits several.
            ModelError: this was pickled elsewhere, and its network cannot be loaded here.
        """
        return self.features @ self.weight[:, self.class_index(wanted)]

    def has_map(self, wanted: int | str | Prediction) -> bool:
        return self.class_index(wanted) >= 0

    def _protect(self) -> None:
        for name in ("features", "weight", "bias", "scores"):
            if name in vars(self):
                vars(self)[name] = read_only(vars(self)[name])

    def __getstate__(self) -> dict[str, object]:
        state = vars(self) | {"scores": self.scores, "image": None}
        state.pop("probabilities", None)
        if self.network is not None:
            state.pop("weight", None)
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._protect()

    def __getattr__(self, name: str) -> np.ndarray:
        # Only what is missing is looked up here: after unpickling, the weights.
        if name != "weight" or self.network is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        weight = _load_weight(self.network)
        if not self._fits(weight):
            raise ModelError(
                f"This explanation was made by {self.network} with other weights than it has here, so its maps cannot "
                "be made. Explain the photo again."
            )
        vars(self)["weight"] = weight
        return weight

    def _fits(self, weight: np.ndarray) -> bool:
        if weight.shape != (self.features.shape[-1], len(self.bias)):
            return False
        return np.allclose(_scores(self.features, weight, self.bias), self.scores, rtol=_TOLERANCE, atol=_TOLERANCE)


def _scores(features: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    means = features.mean(axis=(0, 1), dtype=np.float64)
    # Unlike `@`, this makes no float64 copy of the weights, which would take longer than all the rest.
    return (np.einsum("k,kc->c", means, weight) + bias).astype(np.float32)


@lru_cache(maxsize=4)
def _load_weight(network: str) -> np.ndarray:
    """float32 (K, classes): the weights of a network's dense layer, for explanations that were pickled without them."""
    from cam.model import load_model

    try:
        model = load_model(network)
    except ModelError as error:
        raise ModelError(f"The maps of this explanation need its network {network}. {error}") from error
    return read_only(model.head.weight)


class Attribution(Scored):
    """The scores of a photo, and the map of any class by one method at one layer; each map is made when asked for.

    For networks without a linear head, and to compare methods on the same photo. Pickled, it keeps the maps that were
    made; others cannot be made then.
    """

    exact = False

    def __init__(
        self,
        probes: Sequence[Probe],
        mirrored: Sequence[bool],
        *,
        method: Method,
        labels: Labels,
        image_size: tuple[int, int],
        activation: str = "softmax",
        image: Image.Image | None = None,
    ):
        self._probes, self._mirrored = list(probes), list(mirrored)
        self._maps: dict[int, np.ndarray] = {}
        self._making: dict[int, threading.Lock] = {}
        self._lock = threading.Lock()
        self.method, self.labels = method, labels
        self.image_size, self.activation, self.image = image_size, activation, image
        self.views = len(self._probes)
        self.passes = sum(method.passes(probe.features.shape[-1]) for probe in self._probes)
        finest = max(self._probes, key=lambda probe: probe.features.shape[0] * probe.features.shape[1])
        self.input_size, self.cell_stride = finest.input_size, finest.cell_stride
        self.features = read_only(finest.features)
        self.scores = read_only(np.mean([probe.scores for probe in self._probes], axis=0))

    def class_map(self, wanted: int | str | Prediction, *, report: Report | None = None) -> np.ndarray:
        """float32 (h, w): the method's map of a class, computed once; signed where `method.signed` says so.

        Args:
            wanted: the class.
            report: called with the passes done and needed; what it raises ends the work.

        Raises:
            LabelError: there is no such class.
            ModelError: the method cannot be used at this layer, or this was unpickled and the map was not made before.
        """
        index = self._key(wanted)
        with self._lock:
            making = self._making.setdefault(index, threading.Lock())
        # Whoever wants a map that is just being made waits for it, instead of making it again.
        with making:
            if index not in self._maps:
                self._maps[index] = self._compute_map(index, report or no_report)
            return self._maps[index]

    def has_map(self, wanted: int | str | Prediction) -> bool:
        return self._key(wanted) in self._maps

    def _key(self, wanted: int | str | Prediction) -> int:
        index = self.class_index(wanted)
        return 0 if self.method.class_free else index

    def _is_cheap(self, best: Prediction) -> bool:
        return self.has_map(best) or (bool(self._probes) and self.passes <= _PICTURE_PASSES)

    def _compute_map(self, index: int, report: Report) -> np.ndarray:
        if not self._probes:
            raise ModelError(
                f"The {self.method.title} map of {self.labels.names[index]} was not made before this was pickled, and "
                "its network is not here. Ask for the map before pickling, or explain the photo again."
            )
        done, maps = 0, []
        for probe in self._probes:
            start = done
            maps.append(self.method.compute(probe, index, lambda n, _, start=start: report(start + n, self.passes)))
            done += self.method.passes(probe.features.shape[-1])
        if self.method.shared:
            most = max(made.size for made in maps)
            maps = [made * (made.size / most) for made in maps]
        extents = [photo_extent(m.shape, p.input_size, p.cell_stride) for m, p in zip(maps, self._probes, strict=True)]
        return read_only(average_maps(maps, extents, self._mirrored))

    def __getstate__(self) -> dict[str, object]:
        left_out = ("_lock", "_making", "_probes", "image", "probabilities")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _lock=threading.Lock(), _making={}, _probes=[], image=None)
        self._maps = {index: read_only(made) for index, made in self._maps.items()}
        self.features, self.scores = read_only(self.features), read_only(self.scores)


def read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers as a view that cannot be written to; the array itself stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view

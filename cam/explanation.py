"""What one forward pass tells about one photo: the scores of all classes, and the map of any of them.

Class Activation Mapping (Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016): for a network
that ends in global average pooling and one dense layer,

    class_map_c[y, x] = sum_k weight[k, c] * features[y, x, k]              (their equation 2)
    score_c           = mean over (y, x) of class_map_c  +  bias[c]         (their equation 1, with the bias)

The second line is exact. It holds for the signed map, so clipping and scaling come last, in `cam.render`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy

from cam.heatmap import covered, enlarged
from cam.labels import Labels
from cam.methods import METHODS, Method


@dataclass(frozen=True)
class Prediction:
    """One class of an explained photo: its score is the logit, its probability the softmax of the scores."""

    index: int
    label: str
    probability: float
    score: float


class Scored:
    """What every explanation of a photo can tell, however its maps are made.

    Attributes:
        scores: float32 (classes,): the logits.
        labels: the names of the classes.
        image_size: (width, height) of the photo in pixels.
        input_size: (width, height) in pixels at which the network saw it; of several views, that of the largest.
        pitch: how many of these pixels lie between neighbouring cells, (down, across); None: the cells share the photo.
        activation: "softmax", or "sigmoid" where each class has a probability of its own.
        views: at how many sizes, and mirrored or not, the network was given the photo.
        exact: whether the mean of a class's map plus its bias is its score.
        method: the row of `cam.methods.METHODS` that its maps are made by.
    """

    scores: np.ndarray
    labels: Labels
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    pitch: tuple[float, float] | None
    activation: str
    views: int
    exact: bool
    method: Method

    @cached_property
    def probabilities(self) -> np.ndarray:
        """float32 (classes,): the softmax of the scores, summing to 1; where classes are independent, the sigmoid."""
        if self.activation == "sigmoid":
            return read_only(scipy.special.expit(self.scores))
        powers = np.exp(self.scores - self.scores.max())
        return read_only(powers / powers.sum())

    def prediction(self, wanted: int | str) -> Prediction:
        """The label, probability and score of a class given by index or label (LabelError if there is none)."""
        index = self.labels.index(wanted)
        return Prediction(index, self.labels.names[index], float(self.probabilities[index]), float(self.scores[index]))

    def rank(self, wanted: int | str) -> int:
        """The place of a class by score: 1 is the best."""
        return 1 + int((self.scores > self.scores[self.labels.index(wanted)]).sum())

    def top(self, k: int = 5) -> list[Prediction]:
        """The k classes with the highest scores, best first; all of them where there are fewer."""
        order = np.argsort(-self.scores, kind="stable")[: max(0, k)]
        return [self.prediction(int(index)) for index in order]

    def class_map(self, wanted: int | str) -> np.ndarray:
        """float32 (h, w), signed: what each cell says for or against a class (LabelError if there is none)."""
        raise NotImplementedError

    def heatmap(self, wanted: int | str, *, size: tuple[int, int] | None = None) -> np.ndarray:
        """float32 (height, width), signed: the class map enlarged to the photo, or to `size` (width, height).

        Bilinear with the cells' centres at their places in the photo (see `cam.heatmap`).
        """
        return self.enlarge(self.class_map(wanted), size or self.image_size)

    def enlarge(self, cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """float32 (height, width): a map (h, w) of this photo's cells at `size` (width, height)."""
        return enlarged(cells, size, covered(cells.shape, self.input_size, self.pitch))


@dataclass(frozen=True, eq=False)
class Explanation(Scored):
    """Everything that one forward pass of a network with a linear head says about a photo; the arrays are read-only.

    Attributes (besides those of `Scored`):
        features: float32 (h, w, K), the last feature maps, before global average pooling; of several views, their mean.
        weight: float32 (K, classes), of the dense layer; shared with the network.
        bias: float32 (classes,).
    """

    features: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    labels: Labels
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    pitch: tuple[float, float] | None = None
    activation: str = "softmax"
    views: int = 1

    exact: ClassVar[bool] = True
    method: ClassVar[Method] = METHODS["cam"]

    def __post_init__(self) -> None:
        for name in ("features", "weight", "bias"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @cached_property
    def scores(self) -> np.ndarray:
        """float32 (classes,): the logits, summed in float64 so that they are right to the last digit."""
        means = self.features.mean(axis=(0, 1), dtype=np.float64)
        # Unlike `@`, this makes no float64 copy of the weights, which would take longer than all the rest.
        return read_only((np.einsum("k,kc->c", means, self.weight) + self.bias).astype(np.float32))

    def class_map(self, wanted: int | str) -> np.ndarray:
        """float32 (h, w), signed, in units of the score: what each cell adds to the class's score.

        Its mean plus the class's bias is the score.

        Raises:
            LabelError: there is no such class, or the label fits several.
        """
        return self.features @ self.weight[:, self.labels.index(wanted)]


def read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers as a view that cannot be written to; the array itself stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view

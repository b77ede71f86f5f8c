"""The results of an evaluation: those of every photo of an annotated set, and the numbers of the whole set."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np

from cam.evaluation import metrics
from cam.evaluation.annotations import Annotated

# IoU from which an object counts as found where one number a photo is wanted, as in MaxBoxAcc.
FOUND = 0.5
# Left, top, right and bottom in pixels of the photo, right and bottom exclusive.
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Faithfulness:
    """The probability of the class that the network names, in photos of which its heat decides what is shown.

    Attributes:
        deletion, insertion: area under the curve, 0..1.
        before, after: probability in the photo, and in the photo times its heat.
    """

    deletion: float
    insertion: float
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """The results of one photo; boxes and points are in its own pixels.

    Attributes:
        photo: with its ground truth.
        size: (width, height).
        label, rank, probability: of the true class; rank 1 is the best.
        predicted, predicted_label: the class with the highest score.
        point: (x, y) of the highest heat of the true class.
        pointed: whether the point is on the object or near it.
        fixed_box, fixed_fit: the box at 20 % of the maximum, and its IoU.
        sweep: the boxes at all thresholds.
        center: float (LEVELS,), IoU of the boxes of a map that knows only where the middle is.
        faithfulness: None where it was not asked for.
    """

    photo: Annotated
    size: tuple[int, int]
    label: str
    rank: int
    probability: float
    predicted: int
    predicted_label: str
    point: tuple[float, float]
    pointed: bool
    fixed_box: Corners
    fixed_fit: float
    sweep: metrics.Sweep
    center: np.ndarray
    faithfulness: Faithfulness | None


@dataclass(frozen=True)
class Metric:
    """One number of a set of photos, all of them shares 0..1.

    Attributes:
        name, title: in files, and on screen.
        measure: the results -> an array that `metrics.value` takes.
        lower: less is better.
        faithful: needs the faithfulness of every photo.
    """

    name: str
    title: str
    measure: Callable[["Evaluation"], np.ndarray]
    lower: bool = False
    faithful: bool = False


def _ranked(found: "Evaluation", k: int) -> np.ndarray:
    return (found.ranks <= k).astype(np.float64)


def _error(found: "Evaluation", k: int | None) -> np.ndarray:
    return metrics.localization_error(found.column("fixed_fit"), found.ranks, k)


def _faithful(found: "Evaluation", name: str) -> np.ndarray:
    return np.array([getattr(result.faithfulness, name) for result in found.results])


METRICS = (
    Metric("top1", "Top-1 accuracy", partial(_ranked, k=1)),
    Metric("top5", "Top-5 accuracy", partial(_ranked, k=5)),
    Metric("max_box_acc", "MaxBoxAcc", lambda found: metrics.hits(found.largest, (FOUND,))),
    Metric("max_box_acc_center", "MaxBoxAcc, centre box", lambda found: metrics.hits(found.center, (FOUND,))),
    Metric("max_box_acc_v2", "MaxBoxAccV2", lambda found: metrics.hits(found.best)),
    Metric("max_box_acc_v2_center", "MaxBoxAccV2, centre box", lambda found: metrics.hits(found.center)),
    Metric("error_top1", "Localization error, top-1", partial(_error, k=1), lower=True),
    Metric("error_top5", "Localization error, top-5", partial(_error, k=5), lower=True),
    Metric("error_known", "Localization error, GT-known", partial(_error, k=None), lower=True),
    Metric("pointing", "Pointing game", lambda found: found.column("pointed").astype(np.float64)),
    Metric("deletion", "Deletion AUC", partial(_faithful, name="deletion"), lower=True, faithful=True),
    Metric("insertion", "Insertion AUC", partial(_faithful, name="insertion"), faithful=True),
    Metric(
        "drop",
        "Average drop",
        lambda found: metrics.drop(_faithful(found, "before"), _faithful(found, "after")),
        lower=True,
        faithful=True,
    ),
    Metric(
        "increase",
        "Average increase",
        lambda found: metrics.increase(_faithful(found, "before"), _faithful(found, "after")),
        faithful=True,
    ),
)


@dataclass(frozen=True)
class Measured:
    """A metric's number for a set of photos, a share 0..1, with its bootstrap 95 % interval."""

    metric: Metric
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassResult:
    """The photos of one class: their number, and shares 0..1 with the boxes at the set's best threshold."""

    index: int
    label: str
    photos: int
    top1: float
    found: float
    mean_iou: float
    pointing: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results of all photos of a set, and the numbers of the whole set."""

    results: tuple[PhotoResult, ...]

    def column(self, name: str) -> np.ndarray:
        """(photos,): one attribute of every result."""
        return np.array([getattr(result, name) for result in self.results])

    @cached_property
    def ranks(self) -> np.ndarray:
        """int (photos,): the place of the true class by score, from 1."""
        return self.column("rank")

    @cached_property
    def largest(self) -> np.ndarray:
        """float32 (photos, LEVELS): IoU of the largest component's box at each threshold."""
        return np.stack([result.sweep.largest for result in self.results])

    @cached_property
    def best(self) -> np.ndarray:
        """float32 (photos, LEVELS): IoU of the best component's box at each threshold."""
        return np.stack([result.sweep.best for result in self.results])

    @cached_property
    def center(self) -> np.ndarray:
        """float32 (photos, LEVELS): IoU of the centred box at each threshold."""
        return self.column("center").astype(np.float32)

    @staticmethod
    def accuracy(reached: np.ndarray) -> np.ndarray:
        """float64 (LEVELS,): the share of photos whose box fits, at each threshold."""
        return (reached >= FOUND).mean(axis=0)

    @cached_property
    def level(self) -> int:
        """The index into `metrics.THRESHOLDS` that gives MaxBoxAcc; the lowest of equal ones."""
        return int(self.accuracy(self.largest).argmax())

    @cached_property
    def fits(self) -> np.ndarray:
        """float32 (photos,): IoU of each photo's box at that threshold."""
        return self.largest[:, self.level]

    @cached_property
    def summary(self) -> tuple[Measured, ...]:
        """The rows of `METRICS`, those about faithfulness where it was measured."""
        faithful = all(result.faithfulness for result in self.results)
        rows = [metric for metric in METRICS if faithful or not metric.faithful]
        measures = [metric.measure(self) for metric in rows]
        return tuple(
            Measured(metric, metrics.value(measure), *metrics.interval(measure))
            for metric, measure in zip(rows, measures, strict=True)
        )

    @cached_property
    def classes(self) -> tuple[ClassResult, ...]:
        """One row a class, in the network's order."""
        indices = np.array([result.photo.class_index for result in self.results])
        labels = self.column("label")
        rows = []
        for index in np.unique(indices):
            here = indices == index
            found, pointed = (self.fits[here] >= FOUND).mean(), self.column("pointed")[here].mean()
            numbers = ((self.ranks[here] == 1).mean(), found, self.fits[here].mean(), pointed)
            rows.append(ClassResult(int(index), str(labels[here][0]), int(here.sum()), *map(float, numbers)))
        return tuple(rows)

    def sort_by_fit(self) -> list[PhotoResult]:
        """The results by the IoU of their box, best first."""
        return [self.results[i] for i in np.argsort(-self.fits, kind="stable")]

    def box(self, result: PhotoResult) -> Corners:
        """The largest component's box of a photo at the set's best threshold, in its pixels."""
        left, top, right, bottom = result.sweep.boxes[self.level].tolist()
        return left, top, right, bottom


def make_record(found: Evaluation, settings: Mapping[str, object]) -> dict[str, object]:
    """Turn an evaluation into what JSON takes: shares 0..1, boxes and points in pixels of each photo.

    Args:
        found: the evaluation.
        settings: how it was made, for the reader.
    """
    return {
        "settings": settings,
        "photos": len(found.results),
        "metrics": {
            row.metric.name: {"title": row.metric.title, "value": row.value, "low": row.low, "high": row.high}
            for row in found.summary
        },
        "box_threshold": float(metrics.THRESHOLDS[found.level]),
        "curve": {
            "threshold": metrics.THRESHOLDS.tolist(),
            "box_accuracy": found.accuracy(found.largest).tolist(),
            "box_accuracy_center": found.accuracy(found.center).tolist(),
        },
        "classes": [asdict(row) for row in found.classes],
        "results": [
            _make_photo_record(found, result, float(fit)) for result, fit in zip(found.results, found.fits, strict=True)
        ],
    }


def _make_photo_record(found: Evaluation, result: PhotoResult, fit: float) -> dict[str, object]:
    plain = "label rank probability predicted predicted_label point pointed fixed_box fixed_fit".split()
    return {
        "file": result.photo.file,
        "class_index": result.photo.class_index,
        "size": result.size,
        "truth": result.photo.boxes,
        **{name: getattr(result, name) for name in plain},
        "box": found.box(result),
        "fit": fit,
        "faithfulness": result.faithfulness and asdict(result.faithfulness),
    }

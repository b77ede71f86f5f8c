"""The results of an evaluation: those of every photo of an annotated set, and the numbers of the whole set."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from operator import attrgetter

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
        measure: the results -> what `metrics.value` takes.
        lower: less is better.
        faithful: needs the faithfulness of every photo.
    """

    name: str
    title: str
    measure: Callable[["Evaluation"], np.ndarray]
    lower: bool = False
    faithful: bool = False


def _error(k: int | None) -> Callable[["Evaluation"], np.ndarray]:
    return lambda found: metrics.localization_error(found.column("fixed_fit"), found.column("rank"), k)


def _compare(measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[["Evaluation"], np.ndarray]:
    return lambda found: measure(found.column("faithfulness.before"), found.column("faithfulness.after"))


METRICS = (
    Metric("top1", "Top-1 accuracy", lambda found: found.column("rank") <= 1),
    Metric("top5", "Top-5 accuracy", lambda found: found.column("rank") <= 5),
    Metric("max_box_acc", "MaxBoxAcc", lambda found: metrics.hits(found.largest, (FOUND,))),
    Metric("max_box_acc_center", "MaxBoxAcc, centre box", lambda found: metrics.hits(found.center, (FOUND,))),
    Metric("max_box_acc_v2", "MaxBoxAccV2", lambda found: metrics.hits(found.column("sweep.best"))),
    Metric("max_box_acc_v2_center", "MaxBoxAccV2, centre box", lambda found: metrics.hits(found.center)),
    Metric("error_top1", "Localization error, top-1", _error(1), lower=True),
    Metric("error_top5", "Localization error, top-5", _error(5), lower=True),
    Metric("error_known", "Localization error, GT-known", _error(None), lower=True),
    Metric("pointing", "Pointing game", lambda found: found.column("pointed")),
    Metric("deletion", "Deletion AUC", lambda found: found.column("faithfulness.deletion"), lower=True, faithful=True),
    Metric("insertion", "Insertion AUC", lambda found: found.column("faithfulness.insertion"), faithful=True),
    Metric("drop", "Average drop", _compare(metrics.drop), lower=True, faithful=True),
    Metric("increase", "Average increase", _compare(metrics.increase), faithful=True),
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
        """(photos, ...): one attribute of every result, such as "rank" or "sweep.best"."""
        return np.array([attrgetter(name)(result) for result in self.results])

    @cached_property
    def largest(self) -> np.ndarray:
        """float32 (photos, LEVELS): IoU of the largest component's box at each threshold."""
        return self.column("sweep.largest")

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
        rows = [(metric, metric.measure(self)) for metric in METRICS if faithful or not metric.faithful]
        return tuple(Measured(metric, metrics.value(each), *metrics.interval(each)) for metric, each in rows)

    @cached_property
    def classes(self) -> tuple[ClassResult, ...]:
        """One row a class, in the network's order."""
        indices, labels = self.column("photo.class_index"), self.column("label")
        measures = (self.column("rank") == 1, self.fits >= FOUND, self.fits, self.column("pointed"))
        rows = []
        for index in np.unique(indices):
            here = indices == index
            numbers = [float(measure[here].mean()) for measure in measures]
            rows.append(ClassResult(int(index), str(labels[here][0]), int(here.sum()), *numbers))
        return tuple(rows)

    def sort_by_fit(self) -> list[PhotoResult]:
        """The results by the IoU of their box, best first."""
        return sorted(self.results, key=self.fit, reverse=True)

    def fit(self, result: PhotoResult) -> float:
        """IoU of a photo's box at the set's best threshold."""
        return float(result.sweep.largest[self.level])

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
        "results": [_make_photo_record(found, result) for result in found.results],
    }


def _make_photo_record(found: Evaluation, result: PhotoResult) -> dict[str, object]:
    arrays = ("photo", "sweep", "center")
    return {
        "file": result.photo.file,
        "class_index": result.photo.class_index,
        "truth": result.photo.boxes,
        **{name: value for name, value in vars(result).items() if name not in arrays},
        "box": found.box(result),
        "fit": found.fit(result),
        "faithfulness": result.faithfulness and asdict(result.faithfulness),
    }

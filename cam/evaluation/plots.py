"""Draw an evaluation: box accuracy against the threshold, and every number with its interval."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cam.evaluation.metrics import THRESHOLDS
from cam.evaluation.results import FOUND, Evaluation

_SIZE = (12.0, 5.5)
# Blue and orange of Okabe and Ito, which every eye tells apart.
_NETWORK, _CENTER = "#0072B2", "#E69F00"


def draw_evaluation(found: Evaluation, title: str) -> Figure:
    """Draw two plots side by side under a title: box accuracy at all thresholds, and the summary."""
    # Made without pyplot, whose global state is not safe in a server's threads.
    drawing = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(drawing)
    left, right = drawing.subplots(1, 2, width_ratios=(1, 1.2))
    drawing.suptitle(title, fontsize=13, parse_math=False)
    _draw_accuracy(left, found)
    _draw_summary(right, found)
    return drawing


def _draw_accuracy(axes: Axes, found: Evaluation) -> None:
    for reached, color, label in ((found.largest, _NETWORK, "heat"), (found.center, _CENTER, "centre box")):
        accuracy = 100 * found.accuracy(reached)
        best = int(accuracy.argmax())
        axes.plot(THRESHOLDS, accuracy, color=color, label=f"{label}: {accuracy[best]:.1f} % at {THRESHOLDS[best]:.2f}")
        axes.plot(THRESHOLDS[best], accuracy[best], "o", color=color)
    axes.set(xlim=(0, 1), ylim=(0, 100), xlabel="threshold (0 lowest heat, 1 highest)")
    axes.set_ylabel(f"photos with a box of IoU {FOUND} or more (%)")
    axes.set_title("Box accuracy; its maximum is MaxBoxAcc", loc="left", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")


def _draw_summary(axes: Axes, found: Evaluation) -> None:
    rows = found.summary[::-1]
    heights = np.arange(len(rows))
    values, low, high = (100 * np.array([getattr(row, name) for row in rows]) for name in ("value", "low", "high"))
    axes.hlines(heights, low, high, color=_NETWORK, alpha=0.5, linewidth=4)
    axes.plot(values, heights, "o", color=_NETWORK)
    for height, number in zip(heights, values, strict=True):
        axes.annotate(f"{number:.1f}", (number, height), (0, 5), textcoords="offset points", ha="center", fontsize=8)
    arrows = [f"{row.metric.title} {'↓' if row.metric.lower else '↑'}" for row in rows]
    axes.set_yticks(heights, arrows)
    axes.set(xlim=(0, 100), ylim=(-0.6, len(rows) - 0.2), xlabel="%")
    axes.set_title(f"{len(found.results)} photos, 95 % intervals; the arrow points to better", loc="left", fontsize=11)
    axes.grid(axis="x", alpha=0.3)

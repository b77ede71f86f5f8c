"""`python -m cam evaluate`: the numbers for a claim about a network's heatmaps, on photos with known boxes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

from cam.cli.network import loaded_network
from cam.cli.options import fit_option, model_option
from cam.cli.progress import progress
from cam.evaluation.annotations import read_annotations
from cam.evaluation.contact_sheet import Case, contact_sheet
from cam.evaluation.plots import evaluation_figure
from cam.evaluation.results import ClassResult, Evaluation, PhotoResult, record
from cam.evaluation.run import evaluate as evaluated
from cam.figure import encode_figure
from cam.images.open import open_image

# Rows of the table of classes at either end, and photos under each heading of the contact sheet.
_CLASSES, _CASES = 10, 12
_NUMBERS, _PLOT, _SHEET = "evaluation.json", "evaluation.png", "cases.png"


@click.command()
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--boxes",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file with the columns file, class_index, left, top, right, bottom: one row a box, pixels of the photo.",
)
@model_option
@click.option("--method", help="How the maps are made; the network's own way where none is given.")
@fit_option
@click.option("--detail", is_flag=True, help="Average the maps of several sizes and of the mirrored photo.")
@click.option("--limit", type=click.IntRange(1), help="Measure only the first photos of the table.")
@click.option("--no-faithfulness", is_flag=True, help="Leave out deletion, insertion, drop and increase: much faster.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"A folder for {_NUMBERS}, {_PLOT} and {_SHEET}, the best and the worst photos.",
)
def evaluate(
    images: Path,
    boxes: Path,
    model: str,
    method: str | None,
    fit: str,
    detail: bool,
    limit: int | None,
    no_faithfulness: bool,
    as_json: bool,
    output: Path | None,
) -> None:
    """Measure how well heatmaps find the objects in IMAGES and explain the scores.

    Each photo is explained for its true class. Printed are top-1 and top-5 accuracy, MaxBoxAcc and MaxBoxAccV2 with the
    centre box beside them, localization error at 20 % of the maximum, the pointing game, deletion and insertion, and
    average drop and increase, each with a bootstrap 95 % interval.
    """
    photos = read_annotations(images, boxes)[:limit]
    with _writing(output):
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
    network = loaded_network(model)
    explain = partial(network.explain, method=method, fit=fit, detail=detail)
    looks = None if no_faithfulness else lambda image: network.explain(image, fit=fit).probabilities
    with progress("photos") as report:
        report(0, len(photos))
        found = evaluated(photos, explain, probabilities=looks, report=report)
    settings = {"model": network.spec.name, "method": method or network.method, "fit": fit, "detail": detail}
    click.echo(json.dumps(record(found, settings), indent=1) if as_json else _table(found, settings))
    if output is not None:
        with _writing(output):
            _write(output, found, explain, settings)


@contextmanager
def _writing(output: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename or output} cannot be written: {error.strerror}.") from error


def _title(settings: dict[str, object]) -> str:
    finer = ", finer detail" if settings["detail"] else ""
    return f"{settings['model']}, {settings['method']}, fit {settings['fit']}{finer}"


def _table(found: Evaluation, settings: dict[str, object]) -> str:
    """The summary and the classes as text."""
    lines = [f"{_title(settings)}: {len(found.results)} photos", "", f"{'':30}{'%':>6}   95 % interval"]
    for row in found.summary:
        arrow = "↓" if row.metric.lower else "↑"
        numbers = f"{100 * row.value:6.1f}   {100 * row.low:.1f} to {100 * row.high:.1f}"
        lines.append(f"{row.metric.title + ' ' + arrow:30}{numbers}")
    return "\n".join([*lines, "", *_class_lines(found.classes)])


def _class_lines(classes: tuple[ClassResult, ...]) -> list[str]:
    """The classes from the highest mean IoU to the lowest, the middle left out where there are many."""
    ranked = sorted(classes, key=lambda row: -row.mean_iou)
    rows = [
        f"{row.label[:28]:30}{row.photos:>6}{100 * row.top1:>8.0f}{100 * row.found:>8.0f}{row.mean_iou:>10.2f}"
        for row in ranked
    ]
    if len(rows) > 2 * _CLASSES:
        left_out = len(rows) - 2 * _CLASSES
        rows[_CLASSES:-_CLASSES] = [f"... {left_out} more classes, with -o in {_NUMBERS} ..."]
    return [f"{'Class':30}{'photos':>6}{'top-1 %':>8}{'found %':>8}{'mean IoU':>10}", *rows]


def _write(output: Path, found: Evaluation, explain: partial, settings: dict[str, object]) -> None:
    (output / _NUMBERS).write_text(json.dumps(record(found, settings), indent=1), encoding="utf-8")
    (output / _PLOT).write_bytes(encode_figure(evaluation_figure(found, _title(settings)), "png"))
    _sheet(found, explain).save(output / _SHEET)
    click.echo(f"Written to {output}: {_NUMBERS}, {_PLOT}, {_SHEET}", err=True)


def _sheet(found: Evaluation, explain: partial) -> Image.Image:
    """The photos whose box fits best and worst; each is explained again, so that no run keeps all heatmaps."""
    ranked = found.by_fit()
    count = min(_CASES, len(ranked) // 2) or 1
    worst = ranked[: -count - 1 : -1] if len(ranked) > 1 else []
    groups = [("The boxes that fit best", ranked[:count]), ("The boxes that fit worst", worst)]
    return contact_sheet(
        [(heading, [_case(found, result, explain) for result in rows]) for heading, rows in groups if rows]
    )


def _case(found: Evaluation, result: PhotoResult, explain: partial) -> Case:
    image = open_image(result.photo.path, draft=False)
    heatmap: np.ndarray = explain(image).heatmap(result.photo.class_index)
    fit = f"IoU {result.sweep.largest[found.level]:.2f}"
    named = "" if result.rank == 1 else f", seen as {result.predicted_label}"
    return Case(image, heatmap, result.photo.boxes, found.box(result), (result.label, fit + named))

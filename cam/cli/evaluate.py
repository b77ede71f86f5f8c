"""`python -m cam evaluate`: the numbers for a claim about a network's heatmaps, on photos with known boxes."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from matplotlib.figure import Figure
from PIL import Image

from cam.cli.options import explain_refusal, fit_option, load_network, model_option, open_photo
from cam.cli.progress import show_progress
from cam.evaluation.annotations import read_annotations
from cam.evaluation.contact_sheet import Case, draw_contact_sheet
from cam.evaluation.plots import draw_evaluation
from cam.evaluation.results import ClassResult, Evaluation, PhotoResult, make_record
from cam.evaluation.run import evaluate as measure
from cam.explanation import Scored
from cam.figure import encode_figure
from cam.files import write_file

Explain = Callable[[Image.Image], Scored]
# Boxes are in pixels, so every pixel is kept.
_open_whole = partial(open_photo, draft=False)
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
    if output is not None:
        with explain_refusal(output):
            output.mkdir(parents=True, exist_ok=True)
    network = load_network(model)
    explain = partial(network.explain, method=method, fit=fit, detail=detail)
    passes = None if no_faithfulness else lambda image: network.explain(image, fit=fit).probabilities
    with show_progress("photos") as report:
        report(0, len(photos))
        found = measure(photos, explain, probabilities=passes, report=report, open_photo=_open_whole)
    settings = {"model": network.spec.name, "method": method or network.method, "fit": fit, "detail": detail}
    click.echo(json.dumps(make_record(found, settings), indent=1) if as_json else _format_table(found, settings))
    if output is not None:
        with explain_refusal(output):
            _write(output, found, explain, settings)


def _make_title(settings: dict[str, object]) -> str:
    finer = ", finer detail" if settings["detail"] else ""
    return f"{settings['model']}, {settings['method']}, fit {settings['fit']}{finer}"


def _format_table(found: Evaluation, settings: dict[str, object]) -> str:
    """The summary and the classes as text."""
    lines = [f"{_make_title(settings)}: {len(found.results)} photos", "", f"{'':30}{'%':>6}   95 % interval"]
    for row in found.summary:
        arrow = "↓" if row.metric.lower else "↑"
        numbers = f"{100 * row.value:6.1f}   {100 * row.low:.1f} to {100 * row.high:.1f}"
        lines.append(f"{row.metric.title + ' ' + arrow:30}{numbers}")
    return "\n".join([*lines, "", *_format_classes(found.classes)])


def _format_classes(classes: tuple[ClassResult, ...]) -> list[str]:
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


def _write(output: Path, found: Evaluation, explain: Explain, settings: dict[str, object]) -> None:
    write_file(output / _NUMBERS, json.dumps(make_record(found, settings), indent=1).encode())
    write_file(output / _PLOT, encode_figure(draw_evaluation(found, _make_title(settings)), "png"))
    write_file(output / _SHEET, encode_figure(_draw_cases(found, explain), "png"))
    click.echo(f"Written to {output}: {_NUMBERS}, {_PLOT}, {_SHEET}", err=True)


def _draw_cases(found: Evaluation, explain: Explain) -> Figure:
    """The photos whose box fits best and worst; each is explained again, so that no run keeps all heatmaps."""
    ranked = found.sort_by_fit()
    count = min(_CASES, len(ranked) // 2) or 1
    worst = ranked[: -count - 1 : -1] if len(ranked) > 1 else []
    groups = [("The boxes that fit best", ranked[:count]), ("The boxes that fit worst", worst)]
    return draw_contact_sheet(
        [(heading, [_make_case(found, result, explain) for result in rows]) for heading, rows in groups if rows]
    )


def _make_case(found: Evaluation, result: PhotoResult, explain: Explain) -> Case:
    image = _open_whole(result.photo.path)
    heatmap = explain(image).heatmap(result.photo.class_index)
    named = "" if result.rank == 1 else f", seen as {result.predicted_label}"
    caption = result.label, f"IoU {found.fit(result):.2f}{named}"
    return Case(image, heatmap, result.photo.boxes, found.box(result), caption)

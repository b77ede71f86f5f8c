"""`python -m cam explain`: what a network sees in a few photos, and the heat of a class over each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from PIL import Image

from cam.batch.sources import printable
from cam.cli.options import explain_refusal, fit_option, load_network, model_option, open_photo, top_option
from cam.cli.progress import show_progress
from cam.errors import ImageError, LabelError
from cam.explanation import Prediction, Scored
from cam.export import HeatStyle, draw_overlay, make_figure_file
from cam.formatting import format_percent, slugify
from cam.methods import METHODS

if TYPE_CHECKING:
    from cam.model import Model

# What JSON says of a photo.
_Facts = dict[str, Any]
# Fewer passes for one map are over before anybody reads a bar.
_FEW_PASSES = 20


@dataclass(frozen=True)
class _Request:
    """The request: what to do with each photo; `taken` are the names of the pictures that were written so far."""

    network: "Model"
    explain: Callable[[Image.Image], Scored]
    class_index: int | None
    top: int
    folder: Path | None
    taken: set[str] = field(default_factory=set)


@click.command()
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True)
@model_option
@click.option(
    "--class",
    "wanted",
    default="top",
    metavar="LABEL|INDEX|top",
    show_default=True,
    help="The class whose heat is drawn: its name, its index, or top for the one with the highest score.",
)
@top_option
@fit_option
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    metavar="METHOD",
    help=f"How the heat is made: {', '.join(METHODS)}. Without it, the network's own: exact where it can be.",
)
@click.option("--layer", metavar="NAME", help="The layer that a method other than cam looks at; else the last one.")
@click.option("--detail", is_flag=True, help="Finer heat: several sizes of the photo, averaged.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object for each photo.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for an overlay and a figure of each photo, PNG.",
)
def explain(
    photos: tuple[str, ...],
    model: str,
    wanted: str,
    top: int,
    fit: str,
    method: str | None,
    layer: str | None,
    detail: bool,
    as_json: bool,
    output: Path | None,
) -> None:
    """Print the classes that a network sees in each PHOTO, and draw the heat of one.

    A photo that cannot be opened is one sentence on standard error; the others go on, and the exit code is then 1.

    \b
    Examples:
      python -m cam explain cat.jpg
      python -m cam explain cat.jpg dog.jpg --class tabby -o pictures
    """
    network = load_network(model)
    explain = partial(network.explain, fit=fit, method=method, layer=layer, detail=detail)
    request = _Request(network, explain, _find_class(network, wanted), top, output)
    facts = []
    for path in photos:
        try:
            facts.append(_explain(path, request))
        except ImageError as error:
            click.echo(f"{printable(path)}: {error}", err=True)
            facts.append({"path": printable(path), "error": str(error)})
        else:
            if not as_json:
                click.echo(_describe(facts[-1], network.spec.title))
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    if any("error" in fact for fact in facts):
        raise click.exceptions.Exit(1)


def _find_class(network: "Model", wanted: str) -> int | None:
    """The index of the class that is asked for; None for the top one of each photo."""
    if wanted == "top":
        return None
    try:
        return network.labels.index(int(wanted) if wanted.isdecimal() else wanted)
    except LabelError as error:
        raise click.BadParameter(str(error), param_hint="--class") from error


def _explain(path: str, request: _Request) -> _Facts:
    """Explain a photo, write its pictures, and list the facts."""
    # As on the page, a large photo is explained as it is decoded fast, and saved with every pixel.
    image = open_photo(path)
    explanation = request.explain(image)
    classes = explanation.top(request.top)
    chosen = classes[0] if request.class_index is None else explanation.prediction(request.class_index)
    pictures = {}
    if request.folder is not None:
        _compute_map(explanation, chosen)
        pictures = _save(request, request.folder, path, explanation, chosen)
    return {
        "path": printable(path),
        "size": image.info["stored_size"],
        "input_size": explanation.input_size,
        "model": request.network.spec.name,
        "method": explanation.method.name,
        "classes": [vars(row) for row in classes],
        "class": vars(chosen) | {"rank": explanation.rank(chosen.index)},
        "pictures": {what: str(picture) for what, picture in pictures.items()},
    }


def _compute_map(explanation: Scored, chosen: Prediction) -> None:
    """Have the map computed, with a bar where that takes many passes."""
    if explanation.passes >= _FEW_PASSES:
        with show_progress("passes") as report:
            report(0, explanation.passes)
            explanation.class_map(chosen.index, report=report)


def _save(request: _Request, folder: Path, path: str, explanation: Scored, chosen: Prediction) -> dict[str, Path]:
    """Write the overlay and the figure of a photo; the files by what they are."""
    image, stem, look = open_photo(path, draft=False), _free_stem(request, path, chosen), HeatStyle()
    percent = format_percent(chosen.probability)
    title = f"Evidence for {chosen.label} ({percent})"
    score = f"{chosen.label}, {percent}, score {chosen.score:.2f}"
    note = f"{score} · {request.network.spec.title} · {Path(path).name}"
    files = {"overlay": folder / f"{stem}.png", "figure": folder / f"{stem}-figure.png"}
    with explain_refusal(folder):
        folder.mkdir(parents=True, exist_ok=True)
        draw_overlay(image, explanation, chosen, look).save(files["overlay"], compress_level=3)
        content = make_figure_file(image, explanation, chosen, look, title=title, note=note, format="png")
        files["figure"].write_bytes(content)
    return files


def _free_stem(request: _Request, path: str, chosen: Prediction) -> str:
    """A name that no other photo's pictures of this call have; photos in two folders may be called the same."""
    base = slugify(Path(path).stem, chosen.label, request.network.spec.name)
    stem, number = base, 2
    while stem.casefold() in request.taken:
        stem, number = f"{base}-{number}", number + 1
    request.taken.add(stem.casefold())
    return stem


def _describe(facts: _Facts, title: str) -> str:
    """Describe the photo, its classes as aligned columns, and where its pictures are."""
    (width, height), (columns, rows), chosen = facts["size"], facts["input_size"], facts["class"]
    ranked = [row | {"rank": rank} for rank, row in enumerate(facts["classes"], 1)]
    if chosen["index"] not in [row["index"] for row in ranked]:
        ranked.append(chosen)
    lines = [f"{facts['path']}: {width} x {height}, seen by {title} at {columns} x {rows}"]
    for row in ranked:
        percent = format_percent(row["probability"])
        lines.append(f"{row['rank']:>5}  {percent:>11}  score {row['score']:6.2f}  {row['label']} ({row['index']})")
    lines += [f"       {what} of {chosen['label']}: {path}" for what, path in facts["pictures"].items()]
    return "\n".join(lines)

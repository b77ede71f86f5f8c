"""`python -m cam batch`: explain all photos of a folder, and write one table."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from PIL import Image

from cam.batch.artifacts import ARTIFACTS
from cam.batch.pipeline import ExplainParts, explain_parts
from cam.batch.plan import Plan, Settings, digest_network
from cam.batch.ray_backend import Tools, start_ray
from cam.batch.run import Summary, run
from cam.batch.sources import SourceError, find_photos, is_address, parse_list
from cam.cli.options import fit_option, hold_native_messages, load_network, model_option, open_photo, top_option
from cam.cli.progress import show_progress
from cam.settings import library_options

if TYPE_CHECKING:
    from cam.model import Model

# What a shell itself returns for a command that was interrupted.
_INTERRUPTED = 130


def _parse_kinds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Words with commas between them -> names in `ARTIFACTS`, in their order."""
    kinds = [kind.strip() for kind in value.split(",") if kind.strip()]
    if unknown := [kind for kind in kinds if kind not in ARTIFACTS]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(ARTIFACTS)}.")
    return tuple(kind for kind in ARTIFACTS if kind in kinds)


@click.command()
@click.argument("sources", metavar="FOLDER|GLOB|-...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False), help="A folder to write to.")
@click.option("--recursive", is_flag=True, help="Look into the folders inside folders.")
@model_option
@top_option
@fit_option
@click.option(
    "--save",
    callback=_parse_kinds,
    default="",
    metavar="KINDS",
    help="Pictures to save of each photo, with commas between: overlay (the heat over the photo), map (the class map's "
    "numbers, .npy), box (the boxes on the photo).",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first photos.")
@click.option("--resume", is_flag=True, help="Go on with the run that was begun in the output folder.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who does the work: this process, or Ray, on this machine or on many.",
)
@click.option(
    "--address", metavar="HOST:PORT|auto", help="Of a Ray cluster. Without it, Ray runs on this machine alone."
)
@click.option(
    "--actors",
    type=click.IntRange(1),
    metavar="N",
    help="How many processes of Ray hold the network.  [default: one for every four cores]",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def batch(
    sources: tuple[str, ...],
    output: str,
    recursive: bool,
    model: str,
    top: int,
    fit: str,
    save: tuple[str, ...],
    limit: int | None,
    resume: bool,
    engine: str,
    address: str | None,
    actors: int | None,
    as_json: bool,
) -> None:
    """Explain many photos and write one table, results.parquet: a row for each photo.

    Photos are those of a FOLDER (with --recursive also of the folders in it), those that fit a pattern ("2024/*.jpg"),
    or, for -, those listed on standard input, one path a line. s3:// and gs:// addresses can stand for a folder too.

    A row has the photo's size, the classes with the highest scores, the boxes around the heat of the first class, and
    the seconds. A photo that cannot be opened is a row with its error, and the exit code is then 1.

    What is finished is kept when a run ends early; the same command with --resume does the rest.

    \b
    Examples:
      python -m cam batch photos -o explained --save overlay
      find . -name "*.jpg" | python -m cam batch - -o explained
    """
    if is_address(output):
        raise click.BadParameter("it must be a folder on this machine.", param_hint="-o")
    if engine == "local" and (address or actors):
        raise click.UsageError("--address and --actors are for --engine ray.")
    photos = _find_photos(sources, recursive, Path(output))[:limit]
    if not photos:
        raise SourceError(f"There is no photo in {', '.join(sources)}.")
    digest = partial(_digest_here, model)
    plan = Plan(photos, Settings(model, fit, top, save), digest())
    load = partial(load_network, model, many=True)
    start = partial(_start_here, load)
    if engine == "ray":
        start = partial(_start_ray, Tools(load, digest, plan.weights, _open_photo), address, actors)
    try:
        with show_progress("photos") as report:
            summary = run(plan, start, Path(output), resume=resume, report=report)
    except KeyboardInterrupt:
        click.echo("Interrupted. What is finished is kept: go on by the same command with --resume.", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
    click.echo(json.dumps(_list_facts(summary), indent=2) if as_json else _describe(summary))
    if summary.failed:
        raise click.exceptions.Exit(1)


def _digest_here(model: str) -> str:
    return digest_network(model, library_options())


def _open_photo(path: str) -> Image.Image:
    """Open a photo, as many at a time as there are processors."""
    return open_photo(path, at_once=os.cpu_count() or 1)


def _start_here(load: Callable[[], "Model"]) -> ExplainParts:
    return partial(explain_parts, load(), open_photo=_open_photo)


def _start_ray(tools: Tools, address: str | None, actors: int | None) -> ExplainParts:
    with hold_native_messages():
        return start_ray(tools, address, actors)


def _find_photos(sources: tuple[str, ...], recursive: bool, output: Path) -> list[str]:
    """All photos but those in the folder that is written to."""
    found = set(find_photos([source for source in sources if source != "-"], recursive=recursive))
    if "-" in sources:
        found.update(parse_list(sys.stdin.buffer.read()))
    own = os.path.join(os.path.abspath(output), "")
    return sorted(path for path in found if is_address(path) or not os.path.abspath(path).startswith(own))


def _describe(summary: Summary) -> str:
    rate = f", {summary.rate:.1f} photos/s" if summary.done else ", done before"
    noun = "photo" if summary.photos == 1 else "photos"
    return f"{summary.photos} {noun}, {summary.failed} failed{rate}: {summary.results}"


def _list_facts(summary: Summary) -> dict[str, object]:
    return {
        "photos": summary.photos,
        "failed": summary.failed,
        "done_now": summary.done,
        "seconds": round(summary.seconds, 3),
        "photos_per_second": round(summary.rate, 2),
        "results": str(summary.results),
    }

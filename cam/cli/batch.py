"""`python -m cam batch`: explain all photos of a folder, and write one table."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from cam.batch.artifacts import PICTURES
from cam.batch.plan import Plan, Settings, network_digest
from cam.batch.ray_backend import cluster_parts, connected
from cam.batch.run import Summary, run
from cam.batch.sources import SourceError, find_photos, is_address, listed_paths
from cam.cli.network import loaded_network
from cam.cli.options import fit_option, model_option, top_option
from cam.cli.progress import progress
from cam.settings import library_options

# What a shell itself returns for a command that was interrupted.
_INTERRUPTED = 130


class _Kinds(click.ParamType):
    """Words with commas between them -> the kinds of pictures."""

    name = "kinds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        kinds = [kind.strip() for kind in str(value).split(",") if kind.strip()]
        if unknown := [kind for kind in kinds if kind not in PICTURES]:
            self.fail(f"{unknown[0]!r} is none of {', '.join(PICTURES)}.", param, ctx)
        return tuple(kind for kind in PICTURES if kind in kinds)


@click.command()
@click.argument("sources", metavar="FOLDER|GLOB|-...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False), help="A folder to write to.")
@click.option("--recursive", is_flag=True, help="Look into the folders inside folders.")
@model_option
@top_option
@fit_option
@click.option(
    "--save",
    type=_Kinds(),
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
    photos = _photos(sources, recursive, Path(output))[:limit]
    if not photos:
        raise SourceError(f"There is no photo in {', '.join(sources)}.")
    digest = partial(_digest, model)
    weights = digest()
    plan = Plan(photos, Settings(model, fit, top, save), weights)
    load = partial(loaded_network, model, many=True)
    who = _by_ray(load, digest, weights, address, actors) if engine == "ray" else {"load": load}
    try:
        with progress("photos") as report:
            summary = run(plan, folder=Path(output), **who, resume=resume, report=report)
    except KeyboardInterrupt:
        click.echo("Interrupted. What is finished is kept: go on by the same command with --resume.", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
    click.echo(json.dumps(_facts(summary), indent=2) if as_json else _line(summary))
    if summary.failed:
        raise click.exceptions.Exit(1)


def _digest(model: str) -> str:
    return network_digest(model, library_options())


def _by_ray(
    load: Callable, digest: Callable[[], str], weights: str, address: str | None, actors: int | None
) -> dict[str, Callable]:
    """What `run` is given so that Ray does the work: what connects to it, and what hands out the parts."""
    work = partial(cluster_parts, load=load, digest=digest, weights=weights)
    return {"load": partial(connected, address, actors), "work": work}


def _photos(sources: tuple[str, ...], recursive: bool, output: Path) -> list[str]:
    """All photos but those in the folder that is written to."""
    found = set(find_photos([source for source in sources if source != "-"], recursive=recursive))
    if "-" in sources:
        found.update(listed_paths(sys.stdin.buffer.read()))
    own = os.path.join(os.path.abspath(output), "")
    return sorted(path for path in found if is_address(path) or not os.path.abspath(path).startswith(own))


def _rate(summary: Summary) -> float:
    return summary.done / summary.seconds if summary.seconds else 0.0


def _line(summary: Summary) -> str:
    rate = f", {_rate(summary):.1f} photos/s" if summary.done else ", done before"
    noun = "photo" if summary.photos == 1 else "photos"
    return f"{summary.photos} {noun}, {summary.failed} failed{rate}: {summary.results}"


def _facts(summary: Summary) -> dict[str, object]:
    return {
        "photos": summary.photos,
        "failed": summary.failed,
        "done_now": summary.done,
        "seconds": round(summary.seconds, 3),
        "photos_per_second": round(_rate(summary), 2),
        "results": str(summary.results),
    }

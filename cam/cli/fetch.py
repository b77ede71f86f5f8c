"""`python -m cam fetch`: bring weights to this machine, so that ClassCam works with the network unplugged."""

import sys
from pathlib import Path

import click
from tqdm import tqdm

from cam.errors import ModelError
from cam.models.registry import ModelSpec, find_spec, list_models
from cam.models.weights import megabytes
from cam.settings import library_options


def _find_specs(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> list[ModelSpec]:
    """The networks of these names, each once; an unknown one is an error of usage, with the nearest names."""
    try:
        return list(dict.fromkeys(find_spec(name, library_options()) for name in names))
    except ModelError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("networks", metavar="[NAME]...", nargs=-1, callback=_find_specs)
@click.option("--all", "everything", is_flag=True, help="Fetch every network that `models` lists.")
def fetch(networks: list[ModelSpec], everything: bool) -> None:
    """Bring the weights of networks to this machine.

    Fetched weights go into the Keras cache, ~/.keras/models, or into the folder models under KERAS_HOME where that is
    set. They are checked; from then on they are used without a network. What is there already is checked and stays. A
    download that is interrupted leaves nothing behind and can simply be started again.

    \b
    Examples:
      python -m cam fetch resnet50 mobilenetv2
      KERAS_HOME=/srv/keras python -m cam fetch --all
    """
    if not networks and not everything:
        raise click.UsageError(
            "Give the name of at least one network, or --all. They are listed by: python -m cam models"
        )
    specs = list_models(library_options()) if everything else networks
    sizes = [spec.source.size for spec in specs if not spec.available and spec.source.size is not None]
    if len(sizes) > 1:
        click.echo(f"{len(sizes)} networks are not on this machine: {megabytes(sum(sizes))} to download.")
    done = [_fetch(spec) for spec in specs]
    if not all(done):
        click.get_current_context().exit(1)


def _fetch(spec: ModelSpec) -> bool:
    """Fetch one network's weights and say what happened; False where that failed."""
    source = spec.source
    try:
        if source.is_whole():
            click.echo(f"{spec.name}: {source.here}, {source.place}")
        else:
            path = _download(spec)
            click.echo(f"{spec.name}: fetched {megabytes(path.stat().st_size)} into {path.parent}")
    except ModelError as error:
        click.echo(f"{spec.name}: {error}", err=True)
        return False
    return True


def _download(spec: ModelSpec) -> Path:
    """Download with a bar on a terminal; where the output goes into a file or a pipe, nothing is drawn."""
    # Without "disable", tqdm itself asks whether it writes to a terminal.
    with tqdm(total=1.0, desc=spec.name, file=sys.stderr, disable=None, bar_format="{l_bar}{bar}| {remaining}") as bar:

        def report(share: float) -> None:
            bar.update(share - bar.n)

        return spec.source.download(report)

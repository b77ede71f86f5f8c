"""`python -m cam fetch`: bring weights to this machine, so that ClassCam works with the network unplugged."""

import sys
from pathlib import Path

import click

from cam.cli.names import NetworkName
from cam.errors import ModelError
from cam.models.registry import ModelSpec, list_models
from cam.models.weights import megabytes
from cam.settings import library_options


@click.command()
@click.argument("networks", metavar="[NAME]...", nargs=-1, type=NetworkName())
@click.option("--all", "everything", is_flag=True, help="Fetch every network that `models` lists.")
def fetch(networks: tuple[ModelSpec, ...], everything: bool) -> None:
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
    specs = list_models(library_options()) if everything else list(dict.fromkeys(networks))
    _announce(specs)
    done = [_fetch(spec) for spec in specs]
    if not all(done):
        click.get_current_context().exit(1)


def _announce(specs: list[ModelSpec]) -> None:
    """Say how much will be downloaded, where it is more than one network."""
    missing = [spec for spec in specs if not spec.available and spec.source.size is not None]
    if len(missing) > 1:
        size = megabytes(sum(spec.source.size for spec in missing))
        click.echo(f"{len(missing)} networks are not on this machine: {size} to download.")


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
    steps = 1000
    with click.progressbar(
        length=steps, label=spec.name, file=sys.stderr, hidden=not sys.stderr.isatty(), show_pos=False
    ) as bar:
        return spec.source.download(lambda share: bar.update(int(share * steps) - bar.pos))

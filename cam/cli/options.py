"""Options that several commands have."""

from collections.abc import Callable

import click

from cam.errors import ModelError
from cam.models.registry import default_model, spec_of
from cam.settings import library_options


def _known(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    if value is None:
        return default_model(library_options()).name
    try:
        spec_of(value, library_options())
    except ModelError as error:
        raise click.BadParameter(str(error)) from error
    return value


def model_option(command: Callable) -> Callable:
    """--model: the name of a network or the path of a model file, which is known to be one."""
    text = "The network; they are listed by: models. Or a .keras or .h5 file of your own. Without it, the one that the "
    text += "page opens with."
    return click.option("--model", metavar="NAME|FILE", callback=_known, help=text)(command)


def top_option(command: Callable) -> Callable:
    """--top: how many classes."""
    text = "How many classes of each photo, best first."
    return click.option("--top", type=click.IntRange(1), default=5, metavar="K", show_default=True, help=text)(command)


def fit_option(command: Callable) -> Callable:
    """--fit: how a photo becomes the network's input."""
    text = "The whole photo in its own shape, or squashed to the network's square."
    choice = click.Choice(["whole", "squash"])
    return click.option("--fit", type=choice, default="whole", show_default=True, help=text)(command)

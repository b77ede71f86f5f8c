"""Options that several commands have, and the networks that they name."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from PIL import Image

from cam.batch.sources import read_photo
from cam.errors import CamError, ModelError
from cam.images.open import open_image
from cam.models.registry import default_model, spec_of
from cam.settings import library_options, read_settings

if TYPE_CHECKING:
    from cam.model import Model


def _check_model(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    if value is None:
        return default_model(library_options()).name
    try:
        spec_of(value, library_options())
    except ModelError as error:
        raise click.BadParameter(str(error)) from error
    return value


model_option = click.option(
    "--model",
    metavar="NAME|FILE",
    callback=_check_model,
    help="The network; they are listed by: models. Or a .keras or .h5 file of your own. Without it, the one that the "
    "page opens with.",
)
top_option = click.option(
    "--top",
    type=click.IntRange(1),
    default=5,
    metavar="K",
    show_default=True,
    help="How many classes of each photo, best first.",
)
fit_option = click.option(
    "--fit",
    type=click.Choice(["whole", "squash"]),
    default="whole",
    show_default=True,
    help="The whole photo in its own shape, or squashed to the network's square.",
)


def open_photo(path: str | Path, *, draft: bool = True, at_once: int | None = None) -> Image.Image:
    """Open a photo at a path or an address within the limits of the settings (ImageError where it cannot be opened)."""
    limits = read_settings().image_limits
    limits = replace(limits, at_once=at_once or limits.at_once)
    return open_image(read_photo(str(path), limits.max_bytes), draft=draft, limits=limits)


def load_network(name: str, *, many: bool = False) -> "Model":
    """Load a network, without TensorFlow's own messages.

    Args:
        name: a network or a model file.
        many: for many photos: several passes at a time, each on a core of its own, instead of one after the other on
            all cores, which wait for each other now and then; and numbers that are the same to the last digit on
            machines with however many cores. Once TensorFlow runs, it changes nothing.

    Raises:
        ModelError: it cannot be loaded.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if many:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with hold_native_messages():
        # It takes a while to import, and --help does not need it.
        from cam.model import load_model

        return load_model(name, options=library_options())


@contextmanager
def hold_native_messages() -> Iterator[None]:
    """Keep what libraries write to stderr past Python, and show it only where the block fails; Python's own is shown.

    TensorFlow's first lines, on instruction sets and missing graphics cards, heed no setting.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                with open(screen, "w", closefd=False) as own, redirect_stderr(own):
                    yield
            except CamError:
                # Its sentence says all.
                raise
            except BaseException:
                held.seek(0)
                os.write(screen, held.read())
                raise
            finally:
                os.dup2(screen, 2)
    finally:
        os.close(screen)


@contextmanager
def explain_refusal(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses in a folder into a sentence."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or folder} cannot be written: {error.strerror or error}."
        ) from error

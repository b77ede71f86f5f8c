"""The networks: one frozen row each, and those that come with ClassCam in `networks.csv`; rows name their builders."""

import csv
import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import platformdirs

from cam.backends.passes import default_passes
from cam.custom_models.discovery import FOREIGN, SUFFIXES, CustomFile, CustomModel, list_custom_models, list_foreign
from cam.errors import ModelError
from cam.models.weights import KerasFile, Source, Wheel

if TYPE_CHECKING:
    import keras


_PROJECT = Path(__file__).parents[2]


def default_models_folder() -> Path | None:
    """The folder `models` beside `streamlit_app.py` or else of where Python was started; None where there is neither.

    An installed package has no app beside it, and a folder of that name there would be someone else's.
    """
    beside = [_PROJECT / "models"] if (_PROJECT / "streamlit_app.py").is_file() else []
    return next((folder for folder in (*beside, Path.cwd() / "models") if folder.is_dir()), None)


@dataclass(frozen=True)
class LibraryOptions:
    """Folders and limits of the library.

    Attributes:
        models_folder: where custom models are, or None.
        model_files: custom models outside that folder.
        model_bytes: the most memory that the weights of a custom model and its largest output may take together.
        cache_folder: where converted networks are kept.
        passes: forward passes that run at a time, of all networks that are loaded with the same number.
    """

    models_folder: Path | None = field(default_factory=default_models_folder)
    model_files: tuple[Path, ...] = ()
    model_bytes: int = 2**30
    cache_folder: Path = field(default_factory=lambda: platformdirs.user_cache_path("classcam", appauthor=False))
    passes: int = field(default_factory=default_passes)


@dataclass(frozen=True)
class ModelSpec:
    """One network: how to build it, how it sees a photo, and what to say about it.

    Numbers are 0 and names "" only in the row of a custom model, until it is loaded and the gaps are guessed.

    Attributes:
        name: what `load_model` takes.
        title: its name on screen.
        source: where its weights come from.
        builder: "module:function" that takes the path of the weights and returns the Keras network, with scores or
            probabilities as its one output; where `architecture` is given, that comes before the path.
        licence: of the weights.
        preprocessing: from RGB 0..255 to what the network was trained on, a name in
            `cam.models.preprocessing.PREPROCESSINGS`.
        size: side in pixels of the square it was trained for, used by `fit="squash"`.
        whole_size: side in pixels of the square whose area a whole photo is given, used by `fit="whole"`.
        stride: pixels of its input between neighbouring cells of its last feature maps.
        parameters: how many numbers were trained; running averages do not count.
        top1: published top-1 on ImageNet's validation photos, in percent; None where nothing was published.
        trained: whether its weights were learned; where they were not, it is never shown instead of another.
        exact: whether its head is linear, so that it has class activation maps; others get their maps by gradients.
        labels: the names of its classes; None for ImageNet's.
        architecture: which of the networks that `builder` knows, where it knows several.
        sidecar: of one's own model: the file beside it that says what it does not.
        guessed: of one's own model: which of labels, preprocessing and size nobody has said.
    """

    name: str
    title: str
    source: Source
    builder: str
    licence: str
    preprocessing: str = ""
    size: int = 0
    whole_size: int = 0
    stride: int = 0
    parameters: int = 0
    top1: float | None = None
    trained: bool = True
    exact: bool | None = True
    labels: tuple[str, ...] | None = None
    architecture: str | None = None
    sidecar: Path | None = None
    guessed: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """True for a custom model, read from a file."""
        return isinstance(self.source, CustomFile)

    @property
    def available(self) -> bool:
        """True if the weights are on this machine."""
        return self.source.find() is not None

    def resolve(self, options: LibraryOptions | None = None) -> "Callable[[Path], keras.Model]":
        """Import the function that builds the network from its weights, and with it Keras and TensorFlow."""
        build = resolve_name(self.builder)
        if self.own:
            return partial(build, limit_bytes=(options or LibraryOptions()).model_bytes)
        return build if self.architecture is None else partial(build, self.architecture)


def _read_networks() -> tuple[ModelSpec, ...]:
    """Read the rows of `networks.csv`.

    Top-1 and megabytes of those of `keras.applications` are of the table at keras.io/api/applications. MobileNetV3 is
    not in it and has the top-1 of its docstring in Keras; its megabytes, and those of ConvNeXt-XLarge, which the table
    rounds, are four bytes a number. URLs and checksums are those in Keras's source; parameters are counted from the
    architectures. The licences are those under which Keras says that it ported or released the weights.
    """
    text = resources.files("cam.models").joinpath("networks.csv").read_text("utf-8")
    return tuple(map(_make_spec, csv.DictReader(text.splitlines())))


def _make_spec(row: dict[str, str]) -> ModelSpec:
    source: Source
    if row["weights"].startswith("https:"):
        source = KerasFile(
            row["weights"], row["checksum"] or None, int(row["megabytes"]) * 2**20, file=row["file"] or None
        )
    else:
        package, _, path = row["weights"].partition("/")
        source = Wheel(package, path, package.replace("_", "-"))
    return ModelSpec(
        name=row["name"],
        title=row["title"],
        source=source,
        builder=f"cam.models.{row['builder']}",
        preprocessing=row["preprocessing"],
        size=int(row["size"]),
        whole_size=int(row["whole_size"]),
        # All of them halve their input five times.
        stride=32,
        parameters=int(row["parameters"]),
        licence=row["licence"],
        top1=float(row["top1"]) if row["top1"] else None,
        # Each that was trained has a published top-1.
        trained=bool(row["top1"]),
        exact=row["exact"] == "yes",
        architecture=row["architecture"] or None,
    )


_SPECS = _read_networks()
# So many of them, those on the first screen, stand before the custom models.
_FIRST = 4
# What a page opens with, the best known first; another network that happens to be on the machine is not chosen for it.
_DEFAULTS = ("resnet50", "efficientnet-lite2", "efficientnet-lite0")


def list_models(options: LibraryOptions | None = None) -> list[ModelSpec]:
    """List every network that ClassCam knows, in the order of the picker: custom models after the embedded ones.

    Where custom models cannot be listed, the others are; `custom_models_problem` says why.
    """
    try:
        custom = _custom_specs(options)
    except ModelError:
        custom = []
    return [*_SPECS[:_FIRST], *custom, *_SPECS[_FIRST:]]


def custom_models_problem(options: LibraryOptions | None = None) -> str | None:
    """Say why custom models, or files of other kinds in their folder, cannot be opened; None where all can."""
    try:
        _custom_specs(options)
        return " ".join(list_foreign((options or LibraryOptions()).models_folder)) or None
    except ModelError as error:
        return str(error)


def _custom_specs(options: LibraryOptions | None) -> list[ModelSpec]:
    options = options or LibraryOptions()
    return [custom_spec(model) for model in list_custom_models(options.models_folder, options.model_files)]


def spec_of(name: str | Path, options: LibraryOptions | None = None) -> ModelSpec:
    """Find the row of a network by its name, or of a model file by its path, for programs and commands.

    What a link names is looked up with `find_spec`, so that no link opens a file.

    Raises:
        ModelError: there is no network of that name.
    """
    path = Path(name)
    is_file = path.suffix in (*SUFFIXES, *FOREIGN) or path.is_dir()
    if is_file and str(name) not in {spec.name for spec in list_models(options)}:
        return custom_spec(list_custom_models(None, [path])[0])
    return find_spec(str(name), options)


def custom_spec(model: CustomModel) -> ModelSpec:
    """Make the row of a custom model, with gaps that are filled when it is loaded."""
    return ModelSpec(
        name=model.name,
        title=model.title,
        source=model.source,
        builder="cam.custom_models.load:open_custom_model",
        licence="your own",
        sidecar=model.sidecar,
        exact=None,
    )


def default_model(options: LibraryOptions | None = None) -> ModelSpec:
    """Choose the network to open with: ResNet-50 where its weights are on this machine, else an embedded one."""
    specs = [find_spec(name, options) for name in _DEFAULTS]
    embedded = next(spec for spec in specs if isinstance(spec.source, Wheel))
    return next((spec for spec in specs if spec.available), embedded)


def find_spec(name: str, options: LibraryOptions | None = None) -> ModelSpec:
    """Find the row of a network (ModelError if there is none of that name)."""
    specs = {spec.name: spec for spec in list_models(options)}
    if name in specs:
        return specs[name]
    near = difflib.get_close_matches(name.lower(), specs)
    hint = f" The nearest names are {', '.join(near)}." if near else ""
    raise ModelError(
        f"There is no network {name!r}.{hint} All {len(specs)} are listed by: python -m cam models",
        on_page=f"There is no network {name!r}. Choose one under Network.",
    )

"""What whoever runs ClassCam may set: `CAM_...` variables of the environment, or entries of `.streamlit/secrets.toml`.

The file is looked for where Streamlit looks, and read without it: in the home folder, in the working folder, and beside
`streamlit_app.py`; a later one goes before an earlier one, and the environment before all. All are in docs/settings.md.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from cam import settings_values as values
from cam.errors import SettingsError
from cam.models.registry import LibraryOptions
from cam.settings_values import variable

_PROJECT = Path(__file__).parent.parent
_SECRETS = Path(".streamlit", "secrets.toml")
# Streamlit makes what stands in the file into variables of the environment, over those that were there.
_AT_START = {name: value for name, value in os.environ.items() if name.startswith("CAM_")}


@dataclass(frozen=True)
class Settings:
    """The settings. What each is, its default and how it is written: docs/settings.md, which a test keeps true."""

    access_code: str | None = variable(
        "CAM_ACCESS_CODE", values.access_code, "", "A code that visitors type before they see anything. None: no code."
    )
    hosts: tuple[str, ...] = variable(
        "CAM_HOSTS",
        values.hosts,
        "",
        "The names under which the page is reached, with commas between them, such as `cam.school.org, *.example.org`; "
        "requests that give another name are refused. None: any name.",
    )
    address: tuple[str, ...] = variable(
        "CAM_ADDRESS",
        values.addresses,
        "",
        "The addresses that visitors open, such as `https://cam.school.org`, with spaces between them; "
        "`python -m cam page --share` sets it.",
    )
    downloads: bool = variable(
        "CAM_DOWNLOADS", values.yes_or_no, "yes", "Whether visitors may have the server download weights: yes or no."
    )
    photo_bytes: int = variable(
        "CAM_PHOTO_MB",
        values.megabytes(1, 1000),
        "50",
        "The largest photo, in megabytes. `server.maxUploadSize` of `.streamlit/config.toml` limits uploads too; the "
        "smaller counts.",
    )
    photo_pixels: int = variable(
        "CAM_PHOTO_MEGAPIXELS",
        values.megapixels(1, 80),
        "40",
        "The most pixels of a photo, in millions. Opening one takes up to 15 bytes a pixel.",
    )
    decodes: int = variable(
        "CAM_DECODES", values.count(1, 64), "2", "Photos that are opened at a time; others wait for their turn."
    )
    passes: int | None = variable(
        "CAM_PASSES",
        values.count(1, 64),
        "",
        "Forward passes that run at a time; others wait for their turn. None: one for every two cores.",
    )
    kept_hours: float = variable(
        "CAM_KEPT_HOURS",
        values.hours,
        "1",
        "For how many hours what was computed from a photo is kept; 0.5 is allowed.",
    )
    kept_results: int = variable(
        "CAM_KEPT_RESULTS", values.count(1, 100_000), "128", "How many results of each kind are kept; the oldest go."
    )
    models: Path | None = variable(
        "CAM_MODELS",
        values.folder,
        "",
        "The folder of your own models. None: the folder `models` beside `streamlit_app.py`, if there is one.",
    )
    model_files: tuple[Path, ...] = variable(
        "CAM_MODEL_FILES",
        values.files,
        "",
        "Your own models outside that folder, with the separator of PATH between them; `python -m cam page MODEL...` "
        "sets it.",
    )
    model_bytes: int = variable(
        "CAM_MODEL_MB",
        values.megabytes(1, 10**9),
        "1024",
        "The most memory, in megabytes, that the weights of an own model and the largest output of its layers may ask "
        "for together.",
    )
    cache: Path = variable(
        "CAM_CACHE",
        values.cache,
        "",
        "The folder where converted networks are kept. None: `classcam` where your caches are, such as `~/.cache`.",
    )
    log: str = variable(
        "CAM_LOG", values.choice("off", "text", "json"), "off", "How what is asked is logged: off, text or json."
    )
    metrics: bool = variable(
        "CAM_METRICS",
        values.yes_or_no,
        "no",
        "Whether there are a health page and counters, `/healthz` and `/metrics`: yes or no. They need no access code.",
    )

    def library_options(self) -> LibraryOptions:
        """The folders and limits that the library is told; what is not set takes the library's own default."""
        told = {
            "models_folder": self.models,
            "model_files": self.model_files,
            "model_bytes": self.model_bytes,
            "cache_folder": self.cache,
            "passes": self.passes,
        }
        return LibraryOptions(**{name: value for name, value in told.items() if value is not None})


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings as environment and files have them now; what is unset or empty takes its default.

    Raises:
        SettingsError: a value that cannot be used; the text names the variable, the value, and what is expected.
    """
    filed = _filed()
    given = {}
    for field in fields(Settings):
        name = field.metadata["variable"]
        text = environ.get(name, "").strip() or filed.get(name, "")
        if environ is os.environ and text == filed.get(name) and _AT_START.get(name, "").strip():
            text = _AT_START[name].strip()
        given[field.name] = field.metadata["read"](name, text or field.metadata["default"])
    return Settings(**given)


def library_options() -> LibraryOptions:
    """The options of the library as the settings have them now (SettingsError: one cannot be used)."""
    return read_settings().library_options()


def _filed() -> dict[str, str]:
    """What the files say, as text."""
    found: dict[str, str] = {}
    for path in dict.fromkeys((_home() / _SECRETS, Path.cwd() / _SECRETS, _PROJECT / _SECRETS)):
        try:
            stamp = path.stat()
        except OSError:
            continue
        found |= _read_file(path, stamp.st_mtime_ns, stamp.st_size)
    return found


def _home() -> Path:
    try:
        return Path.home()
    # A user without a home folder.
    except RuntimeError:
        return Path.cwd()


@lru_cache(maxsize=16)
def _read_file(path: Path, changed: int, size: int) -> dict[str, str]:
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings in {path} cannot be read: {error.strerror}.") from error
    # The text of the error can have the line, with what is secret in it.
    except ValueError as error:
        raise SettingsError(f'{path} is not TOML. Write a line such as: CAM_PHOTO_MB = "20"') from error
    known = [field.metadata["variable"] for field in fields(Settings)]
    ours = {name: value for name, value in entries.items() if name.startswith("CAM_")}
    if wrong := next((name for name in ours if name not in known), None):
        near = difflib.get_close_matches(wrong, known, 1) or known[:1]
        raise SettingsError(f"There is no setting {wrong} as in {path}. Did you mean {near[0]}?")
    return {name: _text(name, value) for name, value in ours.items()}


def _text(name: str, value: object) -> str:
    """A value of TOML as it would stand in the environment."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return (os.pathsep if name == "CAM_MODEL_FILES" else ",").join(value)
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise SettingsError(f"{name} must be text or a number, not a {type(value).__name__}.")

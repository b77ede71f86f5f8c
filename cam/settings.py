"""Settings of whoever runs ClassCam: `CAM_...` variables of the environment, or entries of `.streamlit/secrets.toml`.

The file is looked for where Streamlit looks, and read without it: in the home folder, in the working folder, and beside
`streamlit_app.py`; a later one goes before an earlier one, and the environment before all. `python -m cam.settings`
prints the table of docs/settings.md, which a test keeps true.
"""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from cam.errors import SettingsError
from cam.images.limits import ImageLimits
from cam.models.registry import LibraryOptions

# A wheel carries what stands at the top level of the project in a folder of the package.
_BUNDLE = Path(__file__).parent / "bundle"
# The folder of streamlit_app.py, sample_images and .streamlit.
APP_FOLDER = _BUNDLE if _BUNDLE.is_dir() else Path(__file__).parents[1]
_SECRETS = Path(".streamlit", "secrets.toml")
# Streamlit makes what stands in the file into variables of the environment, over those that were there.
_AT_START = {name: value for name, value in os.environ.items() if name.startswith("CAM_")}

# Fewer letters could be found by trying, as often as is allowed.
SHORTEST_CODE, LONGEST_CODE = 6, 200
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f:]*:[0-9a-f:.]*\]?")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?")
_ANSWERS = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)

# Takes the name of a variable and its text, and gives the value; raises SettingsError.
Reader = Callable[[str, str], Any]


def _count(least: int, most: int, unit: str = "", scale: int = 1) -> Reader:
    """A reader of whole numbers, in units of `scale`; None for an empty text."""

    def read(name: str, text: str) -> int | None:
        if not text:
            return None
        # isdecimal alone takes digits of every script; int would take "1_024" and " 5".
        if not (text.isascii() and text.isdecimal()) or not least <= (value := int(text[:12])) <= most:
            raise SettingsError(f"{name} must be a whole number{unit} from {least} to {most:,}, not {text[:40]!r}.")
        return value * scale

    return read


def _choice(*words: str) -> Reader:
    """A reader of one of the words."""

    def read(name: str, text: str) -> str:
        if text.lower() not in words:
            raise SettingsError(f"{name} must be one of {', '.join(words)}, not {text[:40]!r}.")
        return text.lower()

    return read


def _read_hours(name: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text) or not 1 / 60 <= (value := float(text)) <= 720:
        raise SettingsError(f"{name} must be a number of hours, such as 0.5, from 0.02 to 720, not {text[:40]!r}.")
    return value


def _read_answer(name: str, text: str) -> bool:
    if text.lower() not in _ANSWERS:
        raise SettingsError(f"{name} must be yes or no, not {text[:40]!r}.")
    return _ANSWERS[text.lower()]


def _read_code(name: str, text: str) -> str | None:
    """Read the access code; no error shows it."""
    if not text:
        return None
    if not SHORTEST_CODE <= len(text) <= LONGEST_CODE or not text.isprintable():
        raise SettingsError(
            f"{name} must have {SHORTEST_CODE} to {LONGEST_CODE} letters, digits or signs; this one has {len(text)}. "
            "Eight or more, or two words, are hard to guess."
        )
    return text


def is_host(name: str) -> bool:
    """Decide whether a name can stand in CAM_HOSTS."""
    return name == "*" or bool(_HOST.fullmatch(name))


def _read_hosts(name: str, text: str) -> tuple[str, ...]:
    names = tuple(filter(None, re.split(r"[\s,]+", text.lower())))
    if wrong := next((part for part in names if not is_host(part)), None):
        raise SettingsError(
            f"{name} must be names such as cam.school.org or *.example.org, without http:// and without a port, with "
            f"commas between them, not {wrong[:60]!r}."
        )
    return names


def _read_addresses(name: str, text: str) -> tuple[str, ...]:
    given = text.split()
    if wrong := next((address for address in given if not _is_address(address)), None):
        raise SettingsError(f"{name} must be an address like https://cam.school.org, not {wrong[:80]!r}.")
    return tuple(address.rstrip("/") for address in given)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname and parts.port != 0 and _ADDRESS.fullmatch(text))
    # A port that is no number, or brackets that do not close.
    except ValueError:
        return False


def _read_folder(name: str, text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _read_cache(name: str, text: str) -> Path:
    return _read_folder(name, text) or platformdirs.user_cache_path("classcam", appauthor=False)


def _read_files(name: str, text: str) -> tuple[Path, ...]:
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())


def _setting(variable: str, read: Reader, default: str, meaning: str) -> Any:
    """A row of the table: the variable, its reader, the text that stands for a missing one, and what it means."""
    return dataclasses.field(metadata={"variable": variable, "read": read, "default": default, "meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """The settings, each with its row of the table in docs/settings.md."""

    access_code: str | None = _setting(
        "CAM_ACCESS_CODE", _read_code, "", "A code that visitors type before they see anything. None: no code."
    )
    hosts: tuple[str, ...] = _setting(
        "CAM_HOSTS",
        _read_hosts,
        "",
        "The names under which the page is reached, with commas between them, such as `cam.school.org, *.example.org`; "
        "requests that give another name are refused. `*`: any name. None: the names of this computer and those of "
        "`CAM_ADDRESS`, or any name where others can reach the server.",
    )
    address: tuple[str, ...] = _setting(
        "CAM_ADDRESS",
        _read_addresses,
        "",
        "The addresses that visitors open, such as `https://cam.school.org`, with spaces between them; "
        "`python -m cam page --share` sets it.",
    )
    downloads: bool = _setting(
        "CAM_DOWNLOADS", _read_answer, "yes", "Whether visitors may have the server download weights: yes or no."
    )
    photo_bytes: int = _setting(
        "CAM_PHOTO_MB",
        _count(1, 1000, " of megabytes", 2**20),
        "50",
        "The largest photo, in megabytes. `server.maxUploadSize` of `.streamlit/config.toml` limits uploads too; the "
        "smaller counts.",
    )
    photo_pixels: int = _setting(
        "CAM_PHOTO_MEGAPIXELS",
        _count(1, 80, " of megapixels", 10**6),
        "40",
        "The most pixels of a photo, in millions. Opening one takes up to 15 bytes a pixel.",
    )
    decodes: int = _setting(
        "CAM_DECODES", _count(1, 64), "2", "Photos that are opened at a time; others wait for their turn."
    )
    passes: int | None = _setting(
        "CAM_PASSES",
        _count(1, 64),
        "",
        "Forward passes that run at a time; others wait for their turn. None: one for every two cores.",
    )
    kept_hours: float = _setting(
        "CAM_KEPT_HOURS", _read_hours, "1", "For how many hours what was computed from a photo is kept; 0.5 is allowed."
    )
    kept_results: int = _setting(
        "CAM_KEPT_RESULTS", _count(1, 100_000), "128", "How many results of each kind are kept; the oldest go."
    )
    models: Path | None = _setting(
        "CAM_MODELS",
        _read_folder,
        "",
        "The folder of your own models. None: the folder `models` beside `streamlit_app.py`, or else in the folder "
        "where you start ClassCam, if there is one.",
    )
    model_files: tuple[Path, ...] = _setting(
        "CAM_MODEL_FILES",
        _read_files,
        "",
        "Your own models outside that folder, with the separator of PATH between them; `python -m cam page MODEL...` "
        "sets it.",
    )
    model_bytes: int = _setting(
        "CAM_MODEL_MB",
        _count(1, 10**9, " of megabytes", 2**20),
        "1024",
        "The most memory, in megabytes, that the weights of an own model and the largest output of its layers may ask "
        "for together.",
    )
    cache: Path = _setting(
        "CAM_CACHE",
        _read_cache,
        "",
        "The folder where converted networks are kept. None: `classcam` where your caches are, such as `~/.cache`.",
    )
    log: str = _setting(
        "CAM_LOG", _choice("off", "text", "json"), "off", "How what is asked is logged: off, text or json."
    )
    metrics: bool = _setting(
        "CAM_METRICS",
        _read_answer,
        "no",
        "Whether there are a health page and counters, `/healthz` and `/metrics`: yes or no. They need no access code.",
    )

    @property
    def image_limits(self) -> ImageLimits:
        """The limits on photos."""
        return ImageLimits(self.photo_bytes, self.photo_pixels, self.decodes)

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
    """Read the settings as environment and files have them now; what is unset or empty takes its default.

    Raises:
        SettingsError: a value that cannot be used; the text names the variable, the value, and what is expected.
    """
    filed = _read_files_of_settings()
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


def format_table() -> str:
    """Format the settings as the Markdown table of docs/settings.md."""
    rows = [("Variable", "Default", "What it is"), ("---",) * 3]
    for field in fields(Settings):
        about = field.metadata
        rows.append((f"`{about['variable']}`", about["default"], about["meaning"]))
    return "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |").replace(" --- ", "---") for row in rows)


def _read_files_of_settings() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in dict.fromkeys((_home() / _SECRETS, Path.cwd() / _SECRETS, APP_FOLDER / _SECRETS)):
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
    return {name: _format_value(name, value) for name, value in ours.items()}


def _format_value(name: str, value: object) -> str:
    """Format a value of TOML as it would stand in the environment."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return (os.pathsep if name == "CAM_MODEL_FILES" else ",").join(value)
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise SettingsError(f"{name} must be text or a number, not a {type(value).__name__}.")


if __name__ == "__main__":
    print(format_table(), end="")

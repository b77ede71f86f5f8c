"""Settings of whoever runs ClassCam: `CAM_...` variables of the environment, or entries of `.streamlit/secrets.toml`.

The file is looked for where Streamlit looks, and read without it: in the home folder, in the working folder, and beside
`streamlit_app.py`; a later one goes before an earlier one, and the environment before all. `python -m cam.settings`
prints the table of docs/settings.md, which a test keeps true.
"""

import difflib
import inspect
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


@dataclass(frozen=True)
class _Kind:
    """How the text of a setting becomes its value.

    Attributes:
        expected: what the text must be, as the end of "CAM_... must be ...".
        read: gives the value; for any other text it gives None or raises ValueError.
        between: a pattern of what stands between several values, which make a tuple; "" for one value.
    """

    expected: str
    read: Callable[[str], Any]
    between: str = ""

    def convert(self, name: str, text: str) -> Any:
        """Convert the text of a variable (SettingsError where it is not what is expected)."""
        if self.between:
            one = replace(self, between="")
            return tuple(one.convert(name, part) for part in re.split(self.between, text) if part.strip())
        with suppress(ValueError):
            if (value := self.read(text.strip())) is not None:
                return value
        raise SettingsError(f"{name} must be {self.expected}, not {text[:80]!r}.")


def is_host(name: str) -> bool:
    """Decide whether a name can stand in CAM_HOSTS."""
    return name == "*" or bool(_HOST.fullmatch(name))


def _read_address(text: str) -> str | None:
    # Either raises ValueError: brackets that do not close, a port that is no number.
    parts = urlsplit(text)
    return text.rstrip("/") if parts.hostname and parts.port != 0 and _ADDRESS.fullmatch(text) else None


def _read_code(text: str) -> str:
    """Read the access code; no error shows it."""
    if not SHORTEST_CODE <= len(text) <= LONGEST_CODE or not text.isprintable():
        raise SettingsError(
            f"CAM_ACCESS_CODE must have {SHORTEST_CODE} to {LONGEST_CODE} letters, digits or signs; this one has "
            f"{len(text)}. Eight or more, or two words, are hard to guess."
        )
    return text


def _count(least: int, most: int, unit: str = "") -> _Kind:
    # int alone would take "1_024" and digits of every script.
    return _Kind(
        f"a whole number{unit} from {least} to {most:,}",
        lambda text: int(text) if re.fullmatch("[0-9]+", text) and least <= int(text) <= most else None,
    )


_CODE = _Kind("an access code", _read_code)
_HOSTS = _Kind(
    "names such as cam.school.org or *.example.org, without http:// and without a port, with commas between them",
    lambda text: text.lower() if is_host(text.lower()) else None,
    between=r"[\s,]+",
)
_ADDRESSES = _Kind("an address like https://cam.school.org", _read_address, between=r"\s+")
_ANSWERS = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)
_ANSWER = _Kind("yes or no", lambda text: _ANSWERS.get(text.lower()))
_LOG = _Kind("one of off, text, json", lambda text: text.lower() if text.lower() in ("off", "text", "json") else None)
_HOURS = _Kind(
    "a number of hours, such as 0.5, from 0.02 to 720",
    # float alone would take "nan" and "1e3".
    lambda text: float(text) if re.fullmatch(r"[0-9.]+", text) and 1 / 60 <= float(text) <= 720 else None,
)
_FOLDER = _Kind("a folder", lambda text: Path(text).expanduser())
_FILES = _Kind("files", Path, between=re.escape(os.pathsep))


def _setting(default: object, kind: _Kind) -> Any:
    """A setting: the value where none is given, and how one is read."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True)
class Settings:
    """The settings; the variable of `photo_mb` is CAM_PHOTO_MB. This text is the table of docs/settings.md.

    Attributes:
        access_code: A code that visitors type before they see anything. None: no code.
        hosts: The names under which the page is reached, with commas between them, such as `cam.school.org,
            *.example.org`; requests that give another name are refused. `*`: any name. None: the names of this computer
            and those of `CAM_ADDRESS`, or any name where others can reach the server.
        address: The addresses that visitors open, such as `https://cam.school.org`, with spaces between them;
            `python -m cam page --share` sets it.
        downloads: Whether visitors may have the server download weights: yes or no.
        photo_mb: The largest photo, in megabytes. `server.maxUploadSize` of `.streamlit/config.toml` limits uploads
            too; the smaller counts.
        photo_megapixels: The most pixels of a photo, in millions. Opening one takes up to 15 bytes a pixel.
        decodes: Photos that are opened at a time; others wait for their turn.
        passes: Forward passes that run at a time; others wait for their turn. None: one for every two cores.
        kept_hours: For how many hours what was computed from a photo is kept; 0.5 is allowed.
        kept_results: How many results of each kind are kept; the oldest go.
        models: The folder of your own models. None: the folder `models` beside `streamlit_app.py`, or else in the
            folder where you start ClassCam, if there is one.
        model_files: Your own models outside that folder, with the separator of PATH between them; `python -m cam page
            MODEL...` sets it.
        model_mb: The most memory, in megabytes, that the weights of an own model and the largest output of its layers
            may ask for together.
        cache: The folder where converted networks are kept. None: `classcam` where your caches are, such as `~/.cache`.
        log: How what is asked is logged: off, text or json.
        metrics: Whether there are a health page and counters, `/healthz` and `/metrics`: yes or no. They need no access
            code.
    """

    access_code: str | None = _setting(None, _CODE)
    hosts: tuple[str, ...] = _setting((), _HOSTS)
    address: tuple[str, ...] = _setting((), _ADDRESSES)
    downloads: bool = _setting(True, _ANSWER)
    photo_mb: int = _setting(50, _count(1, 1000, " of megabytes"))
    photo_megapixels: int = _setting(40, _count(1, 80, " of megapixels"))
    decodes: int = _setting(2, _count(1, 64))
    passes: int | None = _setting(None, _count(1, 64))
    kept_hours: float = _setting(1, _HOURS)
    kept_results: int = _setting(128, _count(1, 100_000))
    models: Path | None = _setting(None, _FOLDER)
    model_files: tuple[Path, ...] = _setting((), _FILES)
    model_mb: int = _setting(1024, _count(1, 10**9, " of megabytes"))
    cache: Path | None = _setting(None, _FOLDER)
    log: str = _setting("off", _LOG)
    metrics: bool = _setting(False, _ANSWER)

    @property
    def image_limits(self) -> ImageLimits:
        """The limits on photos."""
        return ImageLimits(self.photo_mb * 2**20, self.photo_megapixels * 10**6, self.decodes)


_ROWS = {f"CAM_{row.name.upper()}": row for row in fields(Settings)}


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings as environment and files have them now; what is unset or empty takes its default.

    Raises:
        SettingsError: a value that cannot be used; the text names the variable, the value, and what is expected.
    """
    filed, given = _read_files(), {}
    for name, row in _ROWS.items():
        text = environ.get(name, "").strip() or filed.get(name, "")
        if text == filed.get(name):
            text = _AT_START.get(name, "").strip() or text
        if text:
            given[row.name] = row.metadata["kind"].convert(name, text)
    return Settings(**given)


def library_options(settings: Settings | None = None) -> LibraryOptions:
    """The folders and limits of the library as the settings have them; what is not set takes the library's default.

    Args:
        settings: None for those of now (SettingsError: one cannot be used).
    """
    settings, default = settings or read_settings(), LibraryOptions()
    return LibraryOptions(
        models_folder=settings.models or default.models_folder,
        model_files=settings.model_files,
        model_bytes=settings.model_mb * 2**20,
        cache_folder=settings.cache or default.cache_folder,
        passes=settings.passes or default.passes,
    )


def format_table() -> str:
    """Format the settings as the Markdown table of docs/settings.md."""
    meanings = dict(re.findall(r"^    (\w+): (.+(?:\n     .+)*)", inspect.getdoc(Settings) or "", re.MULTILINE))
    rows = ["| Variable | Default | What it is |", "|---|---|---|"]
    for name, row in _ROWS.items():
        default = {"True": "yes", "False": "no", "None": "", "()": ""}.get(str(row.default), row.default)
        meaning = " ".join(meanings[row.name].split())
        rows.append(f"| `{name}` | {default} | {meaning} |".replace("|  |", "| |"))
    return "\n".join(rows)


def _read_files() -> dict[str, str]:
    found: dict[str, str] = {}
    # Without a home folder this is "~", where nothing is.
    for folder in (os.path.expanduser("~"), os.curdir, APP_FOLDER):
        path = Path(folder, _SECRETS)
        # It is not there.
        with suppress(OSError):
            stamp = path.stat()
            found |= _read_file(path.absolute(), stamp.st_mtime_ns, stamp.st_size)
    return found


@lru_cache(maxsize=16)
def _read_file(path: Path, changed: int, size: int) -> dict[str, str]:
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings in {path} cannot be read: {error.strerror}.") from error
    # The text of the error can have the line, with what is secret in it.
    except ValueError as error:
        raise SettingsError(f'{path} is not TOML. Write a line such as: CAM_PHOTO_MB = "20"') from error
    ours = {name: value for name, value in entries.items() if name.startswith("CAM_")}
    if wrong := next((name for name in ours if name not in _ROWS), None):
        near = difflib.get_close_matches(wrong, _ROWS, 1) or list(_ROWS)
        raise SettingsError(f"There is no setting {wrong} as in {path}. Did you mean {near[0]}?")
    return {name: _format_value(name, value) for name, value in ours.items()}


def _format_value(name: str, value: object) -> str:
    """Format a value of TOML as it would stand in the environment."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return (os.pathsep if name == "CAM_MODEL_FILES" else ",").join(value)
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise SettingsError(f"{name} must be text or a number, not a {type(value).__name__}.")


if __name__ == "__main__":
    print(format_table())

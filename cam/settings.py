"""What whoever runs ClassCam may set, read from `CAM_...` environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from cam.errors import SettingsError

_PROJECT = Path(__file__).parent.parent
_MODEL_MB = 1024


@dataclass(frozen=True)
class Settings:
    """The settings; a variable that is unset or empty takes its default.

    Attributes:
        models: `CAM_MODELS`, the folder of own models. Default: the folder `models` beside `streamlit_app.py`, None
            where there is none.
        model_files: `CAM_MODEL_FILES`, own models outside that folder, named one by one with the separator of PATH
            between them; `python -m cam page MODEL...` sets it.
        model_bytes: from `CAM_MODEL_MB`, megabytes of 2**20 bytes: the most memory that the weights of an own model
            and the largest output of its layers may ask for together. Default: 1024.
    """

    models: Path | None
    model_files: tuple[Path, ...]
    model_bytes: int


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings as the environment has them now.

    Raises:
        SettingsError: a value that cannot be used; the text names the variable, the value, and what is expected.
    """
    files = tuple(Path(part) for part in environ.get("CAM_MODEL_FILES", "").split(os.pathsep) if part.strip())
    limit = _megabytes(environ, "CAM_MODEL_MB", _MODEL_MB) * 2**20
    return Settings(models=_models(environ), model_files=files, model_bytes=limit)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`CAM_CACHE`, the folder of converted networks (see `cam.models.converted`), there or not.

    Default: `classcam` where the user's caches are, such as ~/.cache.
    """
    text = environ.get("CAM_CACHE", "").strip()
    return Path(text).expanduser() if text else platformdirs.user_cache_path("classcam", appauthor=False)


def _models(environ: Mapping[str, str]) -> Path | None:
    text = environ.get("CAM_MODELS", "").strip()
    if not text:
        # An installed package has no app beside it, and a folder of that name there would be someone else's.
        default = _PROJECT / "models"
        return default if default.is_dir() and (_PROJECT / "streamlit_app.py").is_file() else None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "not there"
        raise SettingsError(f"CAM_MODELS must name a folder, and {text!r} is {kind}. Create it or unset CAM_MODELS.")
    return folder


def _megabytes(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    # isdecimal alone takes digits of every script; int would take "1_024" and " 5".
    if not (text.isascii() and text.isdecimal()) or not 1 <= (value := int(text[:12])) <= 10**9:
        raise SettingsError(f"{name} must be a whole number of megabytes, 1 or more, not {text[:40]!r}.")
    return value

"""How settings are written: for each kind a function (variable, text) -> value, where "" says that none is given."""

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from cam.errors import SettingsError

# Fewer could be found by trying, as often as is allowed.
SHORTEST_CODE = 6
LONGEST_CODE = 200
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f:]*:[0-9a-f:.]*\]?")


def variable(name: str, read: Callable[[str, str], Any], default: str, means: str) -> Any:
    """A field of the settings: its variable, how that is read, what stands for a missing one, and what it means."""
    about = {"variable": name, "read": read, "default": default, "means": means}
    return dataclasses.field(metadata=about)


def _whole(name: str, text: str, least: int, most: int, unit: str) -> int:
    # isdecimal alone takes digits of every script; int would take "1_024" and " 5".
    if not (text.isascii() and text.isdecimal()) or not least <= (value := int(text[:12])) <= most:
        raise SettingsError(f"{name} must be a whole number{unit} from {least} to {most:,}, not {text[:40]!r}.")
    return value


def count(least: int, most: int) -> Callable[[str, str], int | None]:
    """A whole number, or None."""
    return lambda name, text: _whole(name, text, least, most, "") if text else None


def megabytes(least: int, most: int) -> Callable[[str, str], int]:
    """Megabytes of 2**20 bytes -> bytes."""
    return lambda name, text: _whole(name, text, least, most, " of megabytes") * 2**20


def megapixels(least: int, most: int) -> Callable[[str, str], int]:
    """Millions of pixels -> pixels."""
    return lambda name, text: _whole(name, text, least, most, " of megapixels") * 10**6


def hours(name: str, text: str) -> float:
    """A number of hours, from a minute to a month."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text) or not 1 / 60 <= (value := float(text)) <= 720:
        raise SettingsError(f"{name} must be a number of hours, such as 0.5, from 0.02 to 720, not {text[:40]!r}.")
    return value


def yes_or_no(name: str, text: str) -> bool:
    """Whether it is yes."""
    answers = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)
    if text.lower() not in answers:
        raise SettingsError(f"{name} must be yes or no, not {text[:40]!r}.")
    return answers[text.lower()]


def choice(*words: str) -> Callable[[str, str], str]:
    """One of the words."""

    def read(name: str, text: str) -> str:
        if text.lower() not in words:
            raise SettingsError(f"{name} must be one of {', '.join(words)}, not {text[:40]!r}.")
        return text.lower()

    return read


def access_code(name: str, text: str) -> str | None:
    """The code that visitors type; no error shows it."""
    if not text:
        return None
    if not SHORTEST_CODE <= len(text) <= LONGEST_CODE or not text.isprintable():
        raise SettingsError(
            f"{name} must have {SHORTEST_CODE} to {LONGEST_CODE} letters, digits or signs; this one has {len(text)}. "
            "Eight or more, or two words, are hard to guess."
        )
    return text


def hosts(name: str, text: str) -> tuple[str, ...]:
    """Names of hosts, without ports."""
    names = tuple(part for part in re.split(r"[\s,]+", text.lower()) if part)
    if wrong := next((part for part in names if not _HOST.fullmatch(part)), None):
        raise SettingsError(
            f"{name} must be names such as cam.school.org or *.example.org, without http:// and without a port, with "
            f"commas between them, not {wrong[:60]!r}."
        )
    return names


def addresses(name: str, text: str) -> tuple[str, ...]:
    """Addresses without what may follow the path."""
    given = text.split()
    if wrong := next((address for address in given if not _is_address(address)), None):
        raise SettingsError(f"{name} must be an address like https://cam.school.org, not {wrong[:80]!r}.")
    return tuple(address.rstrip("/") for address in given)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and re.fullmatch(r"[^/]+//[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?", text)
        )
    # A port that is no number, or brackets that do not close.
    except ValueError:
        return False


def folder(name: str, text: str) -> Path | None:
    """A folder, there or not."""
    return Path(text).expanduser() if text else None


def cache(name: str, text: str) -> Path:
    """A folder, there or not, by default one where the user's caches are."""
    return folder(name, text) or platformdirs.user_cache_path("classcam", appauthor=False)


def files(name: str, text: str) -> tuple[Path, ...]:
    """Files, there or not."""
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())

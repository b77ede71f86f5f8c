"""The pages of the app. Each is imported when it is opened: altair and pandas, which some need, take half a second."""

from pathlib import Path
from types import ModuleType

import streamlit as st

from cam.backends.imports import import_paused

ICON = Path(__file__).with_name("icon.png")
_FIRST = ("see", "map_page")


def list_pages() -> list[st.Page]:
    """All pages in the order of the navigation, the one that the app opens with first."""
    return [
        _page(*_FIRST, "See", default=True),
        _page("inside.page", "inside_page", "Inside the map", url_path="inside"),
        _page("compare.page", "compare_page", "Compare", url_path="compare"),
        _page("occlusion.page", "cover_page", "Cover it up", url_path="cover"),
        _page("architecture.page", "why_page", "Why it can", url_path="why"),
        _page("guess.page", "guess_page", "Guess first", url_path="guess"),
    ]


def _page(module: str, function: str, title: str, **options: object) -> st.Page:
    return st.Page(lambda: getattr(_imported(module), function)(), title=title, **options)


def _imported(module: str) -> ModuleType:
    # Pandas and altair are some 75,000 objects, among which Python would look for garbage again and again.
    return import_paused(f"cam.app.pages.{module}")


def import_first_page() -> None:
    """Import what the page needs that the app opens with."""
    _imported(_FIRST[0])

"""The pages of the app. Each is imported when it is opened: altair and pandas, which some need, take half a second."""

from importlib import import_module
from pathlib import Path

import streamlit as st

ICON = Path(__file__).with_name("icon.png")
_FIRST = "map_page"


def list_pages() -> list[st.Page]:
    """All pages in the order of the navigation, the one that the app opens with first."""
    return [
        _page(_FIRST, "See", default=True),
        _page("inside_page", "Inside the map", url_path="inside"),
        _page("compare_page", "Compare", url_path="compare"),
        _page("cover_page", "Cover it up", url_path="cover"),
        _page("why_page", "Why it can", url_path="why"),
        _page("guess_page", "Guess first", url_path="guess"),
    ]


def _page(module: str, title: str, **options: object) -> st.Page:
    return st.Page(lambda: getattr(import_module(f"cam.ui.{module}"), module)(), title=title, **options)


def import_first_page() -> None:
    """Import what the page needs that the app opens with."""
    import_module(f"cam.ui.{_FIRST}")

"""The pages of the app. Each is imported when it is opened: altair and pandas, which some need, take half a second."""

from pathlib import Path
from types import ModuleType
from typing import Any

import streamlit as st

from cam.app import answers
from cam.app.callbacks import finish_callbacks
from cam.app.queue_message import tell_waiting
from cam.backends.imports import import_paused
from cam.server.closed_sessions import forget_when_closed
from cam.server.telemetry import track_run

ICON = Path(__file__).with_name("icon.png")
_FIRST = "see"


def run_page() -> None:
    """Run the app once, for one session."""
    # Here, because the server needs it before the first page alone.
    from cam.app.widgets.share_dialog import show_share

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    page = st.navigation(list_pages(), position="top")
    forget_when_closed()
    with track_run(page.url_path), tell_waiting():
        finish_callbacks()
        show_share()
        page.run()


def list_pages() -> list[st.Page]:
    """List all pages in the order of the navigation, the one that the app opens with first."""
    return [
        _make_page(_FIRST, "See", default=True),
        _make_page("inside", "Inside the map", url_path="inside"),
        _make_page("compare.page", "Compare", url_path="compare"),
        _make_page("occlusion.page", "Cover it up", url_path="cover"),
        _make_page("architecture", "Why it can", url_path="why"),
        _make_page("guess.page", "Guess first", url_path="guess"),
    ]


def _make_page(module: str, title: str, **options: Any) -> st.Page:
    def show() -> None:
        _import_page(module).show_page()
        answers.number_answer()

    return st.Page(show, title=title, **options)


def _import_page(module: str) -> ModuleType:
    # Pandas and altair are some 75,000 objects, among which Python would look for garbage again and again.
    return import_paused(f"cam.app.pages.{module}")


def import_first_page() -> None:
    """Import the page that the app opens with, and what it needs."""
    _import_page(_FIRST)

"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

import threading
from contextlib import asynccontextmanager

import streamlit as st


def main() -> None:
    """One run of the app, for one session."""
    from cam.ui.access.guards import may_enter

    if not may_enter():
        return
    from cam.ui.callbacks import finish_callbacks
    from cam.ui.line import told_the_place
    from cam.ui.pages import ICON, list_pages
    from cam.ui.runs import watched
    from cam.ui.share import show_share

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    page = st.navigation(list_pages(), position="top")
    with watched(page.url_path), told_the_place():
        finish_callbacks()
        show_share()
        page.run()


@asynccontextmanager
async def lifespan(app: st.App):
    """Have page and network loaded as soon as the server is up, so that they are ready when the first page opens."""
    from cam.ui.server import start_server

    if start_server():
        threading.Thread(target=prepare, name="preload", daemon=True).start()
    yield


def prepare() -> None:
    """In a thread of its own, because the server answers before this is done."""
    from cam.loading import preload
    from cam.ui.pages import import_first_page

    preload(import_first_page)


if __name__ == "__main__":
    main()
else:
    from cam.ui.sockets import send_at_once

    # First, because a browser may be waiting for the server, and each connection is as the socket was when it was made.
    send_at_once()
    from cam.ui.server import middleware, operator_routes

    app = st.App(__file__, lifespan=lifespan, middleware=middleware(), routes=operator_routes())

"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

import threading
from contextlib import asynccontextmanager

import streamlit as st


def main() -> None:
    """One run of the app, for one session."""
    from cam.server.access.guards import may_enter

    if not may_enter():
        return
    from cam.app.callbacks import finish_callbacks
    from cam.app.navigation import ICON, list_pages
    from cam.app.queue_message import told_the_place
    from cam.app.widgets.share_dialog import show_share
    from cam.server.runs import watched

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    page = st.navigation(list_pages(), position="top")
    with watched(page.url_path), told_the_place():
        finish_callbacks()
        show_share()
        page.run()


@asynccontextmanager
async def lifespan(app: st.App):
    """Have page and network loaded as soon as the server is up, so that they are ready when the first page opens."""
    from cam.server.app import start_server

    if start_server():
        threading.Thread(target=prepare, name="preload", daemon=True).start()
    yield


def prepare() -> None:
    """In a thread of its own, because the server answers before this is done."""
    from cam.app.navigation import import_first_page
    from cam.server.model_store import preload

    preload(import_first_page)


if __name__ == "__main__":
    main()
else:
    from cam.server.sockets import send_at_once

    # First, because a browser may be waiting for the server, and each connection is as the socket was when it was made.
    send_at_once()
    from cam.server.app import middleware, operator_routes

    app = st.App(__file__, lifespan=lifespan, middleware=middleware(), routes=operator_routes())

"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

from contextlib import asynccontextmanager

import streamlit as st


def main() -> None:
    """One run of the app, for one session."""
    from cam.ui.access import may_enter

    if not may_enter():
        return
    from cam.ui.compare_page import compare_page
    from cam.ui.cover_page import cover_page
    from cam.ui.frame import ICON
    from cam.ui.guess_page import guess_page
    from cam.ui.inside_page import inside_page
    from cam.ui.line import told_the_place
    from cam.ui.map_page import map_page
    from cam.ui.runs import watched
    from cam.ui.share import show_share
    from cam.ui.why_page import why_page

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    pages = [
        st.Page(map_page, title="See", default=True),
        st.Page(inside_page, title="Inside the map", url_path="inside"),
        st.Page(compare_page, title="Compare", url_path="compare"),
        st.Page(cover_page, title="Cover it up", url_path="cover"),
        st.Page(why_page, title="Why it can", url_path="why"),
        st.Page(guess_page, title="Guess first", url_path="guess"),
    ]
    page = st.navigation(pages, position="top")
    with watched(page.url_path), told_the_place():
        show_share()
        page.run()


@asynccontextmanager
async def lifespan(app: st.App):
    """Have the network loaded soon after the server is up, so that it is ready when the first page opens."""
    from cam.loading import preload
    from cam.ui.server import start_server

    start_server()
    preload()
    yield


if __name__ == "__main__":
    main()
else:
    from cam.ui.access import guards
    from cam.ui.server import operator_routes

    app = st.App(__file__, lifespan=lifespan, middleware=guards(), routes=operator_routes())

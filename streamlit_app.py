"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

from contextlib import asynccontextmanager

import streamlit as st


def main() -> None:
    """One run of the app, for one session."""
    from cam.ui.pages import ICON, list_pages

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    st.navigation(list_pages(), position="top").run()


@asynccontextmanager
async def lifespan(app: st.App):
    """Have page and network loaded soon after the server is up, so that they are ready when the first page opens."""
    from cam.loading import preload
    from cam.ui.pages import import_first_page

    preload(import_first_page)
    yield


if __name__ == "__main__":
    main()
else:
    app = st.App(__file__, lifespan=lifespan)

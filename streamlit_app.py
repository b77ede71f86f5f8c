"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

from contextlib import asynccontextmanager

import streamlit as st


def main() -> None:
    """One run of the page, for one session."""
    from cam.ui.map_page import ICON, map_page

    st.set_page_config(page_title="ClassCam", page_icon=ICON, layout="wide")
    st.navigation([st.Page(map_page, title="See where it looks", default=True)], position="hidden").run()


@asynccontextmanager
async def lifespan(app: st.App):
    """Start to load the network with the server, so that it is ready, or nearly, when the first page opens."""
    from cam.cached import preload

    preload()
    yield


if __name__ == "__main__":
    main()
else:
    app = st.App(__file__, lifespan=lifespan)

"""ClassCam in the browser: `streamlit run streamlit_app.py`."""

import streamlit as st

if __name__ == "__main__":
    from cam.server.access import may_enter

    if may_enter():
        from cam.app.navigation import run_page

        run_page()
else:
    from functools import partial

    from cam.app.navigation import import_first_page
    from cam.server.app import build_middleware, build_routes, run_server, send_at_once

    # First, because a browser may be waiting for the server, and each connection is as the socket was when it was made.
    send_at_once()
    lifespan = partial(run_server, import_page=import_first_page)
    app = st.App(__file__, lifespan=lifespan, middleware=build_middleware(), routes=build_routes())

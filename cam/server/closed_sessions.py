"""Sessions whose page was closed: forgotten two minutes later, with what was saved from them.

Streamlit keeps a closed session, and with it the photo that it showed, for as long as `server.disconnectedSessionTTL`,
so that a lost connection can come back. It drops an older one, and files made for download, only when other visitors
come or go; so here both are done by the clock.
"""

import asyncio

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

# Streamlit's media manager drops a file for download at the second clean-up, in case it is just being fetched.
_UNTIL_FILES_GO = 5
_timers: dict[str, asyncio.TimerHandle] = {}


def forget_when_closed() -> None:
    """Have the session of this run forgotten when its page was closed for some time; to be called by each run."""
    if context := get_script_run_ctx():
        _hold_session(context.session_id)


def _start_timer(session: str) -> None:
    """Begin to wait when a page was closed; Streamlit calls this in the thread of its event loop."""
    try:
        loop = asyncio.get_running_loop()
    # The cache was cleared by something else.
    except RuntimeError:
        return
    if (earlier := _timers.pop(session, None)) is not None:
        earlier.cancel()
    # Before Streamlit holds it for too old, and can no longer be told to close it.
    seconds = max(0, st.get_option("server.disconnectedSessionTTL") - 1)
    _timers[session] = loop.call_later(seconds, _forget, session)


@st.cache_resource(scope="session", on_release=_start_timer, show_spinner=False)
def _hold_session(session: str) -> str:
    return session


def _forget(session: str) -> None:
    del _timers[session]
    server = runtime.get_instance()
    if not server.is_active_session(session):
        server.close_session(session)
        asyncio.get_running_loop().call_later(_UNTIL_FILES_GO, server.media_file_mgr.remove_orphaned_files)

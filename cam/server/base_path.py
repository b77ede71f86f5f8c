"""Below which path the pages are, behind a proxy that serves other things too."""

import streamlit as st


def base_path() -> str:
    """What stands before the path of each page: "" or, for example, "/cam"."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}" if base else ""

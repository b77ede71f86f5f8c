"""Components of our own: each is NAME.js and NAME.css beside this file, with what all of them share before it."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_HERE = Path(__file__).parent


def register_component(name: str) -> "ComponentRenderer":
    """Register the component NAME; called once, when its module is imported."""
    shared, own, css = (
        (_HERE / file).read_text(encoding="utf-8") for file in ("component.js", f"{name}.js", f"{name}.css")
    )
    return st.components.v2.component(f"classcam_{name}", css=css, js=shared + own)

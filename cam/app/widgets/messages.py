"""Show what went wrong, in place and word for word, whatever signs a file's name or a link brings."""

import re

import streamlit as st

# What would begin a heading or a list.
_START = re.compile(r"^(\s*\d*)([#+.)-])")
# What Markdown would read as more than text: a link could otherwise bring in a picture from elsewhere.
_MARKDOWN = re.compile(r"[\\`*\[\]<>~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=[\w/+-]+:)")


def report(text: str) -> None:
    """Keep a problem for the place on the page where it is shown once."""
    st.session_state.setdefault("problems", []).append(text)


def show_reported() -> None:
    """Show the problems of this run, each once; they are gone with the next."""
    for text in dict.fromkeys(st.session_state.pop("problems", [])):
        show_error(text)


def show_error(text: str) -> None:
    """Show a sentence on what could not be done."""
    st.error(plain(text), icon=":material/error:")


def show_warning(text: str) -> None:
    """Show a sentence on what is missing."""
    st.warning(plain(text), icon=":material/warning:")


def plain(text: str) -> str:
    """Escape a text so that as Markdown it reads as it is written."""
    return _START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\g<0>", text))

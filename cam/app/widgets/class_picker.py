"""Choose the class in a ranked list with probability bars, or by a search over all classes."""

import streamlit as st

from cam.app import held
from cam.app.callbacks import run_to_end
from cam.app.widgets.messages import plain
from cam.explanation import Prediction, Scored
from cam.formatting import format_percent
from cam.labels import Labels

COUNTS = (5, 10, 15, 20)


def choose_class(explanation: Scored, count: int) -> Prediction:
    """Offer the `count` best classes, ranked; a chosen class that is not among them stands at the end."""
    state = st.session_state
    best = explanation.top(count)
    chosen = explanation.prediction(best[0].index if state.chosen is None else state.chosen)
    rows = best if chosen in best else [*best, chosen]
    st.html(f"<style>{_style_bars(rows)}</style>")
    labels = explanation.labels.names

    def text(index: int) -> str:
        return plain(labels[index])

    held.hold("row", chosen.index, about=(state.photo.digest, labels))
    st.radio(
        "Classes, most probable first",
        [row.index for row in rows],
        rows.index(chosen),
        format_func=text,
        captions=[_write_caption(row, explanation, best) for row in rows],
        key="row",
        on_change=run_to_end(lambda: _choose(held.chosen("row", range(len(labels)), text))),
        width="stretch",
    )
    return chosen


def choose_count() -> int:
    """Choose how many classes the ranked list has."""
    return st.selectbox("Show", COUNTS, format_func=lambda n: f"{n} classes", key="classes", bind="query-params")


def search_class(labels: Labels) -> None:
    """Offer a field that finds any class by name or synonym."""
    state = st.session_state

    def text(index: int) -> str:
        return ", ".join((labels.names[index], *labels.synonyms[index]))

    def found() -> None:
        _choose(held.chosen("search", range(len(labels)), text))
        held.change("search", None, about=state.search)

    st.selectbox(
        f"Find any of the {len(labels):,} classes",
        range(len(labels)),
        index=None,
        format_func=text,
        placeholder="Type a word, such as cat",
        key="search",
        filter_mode="contains",
        on_change=run_to_end(found),
    )


def _write_caption(row: Prediction, explanation: Scored, best: list[Prediction]) -> str:
    rank = "" if row in best else f"rank {explanation.rank(row.index):,} · "
    return rank + format_percent(row.probability)


def _style_bars(rows: list[Prediction]) -> str:
    return "\n".join(
        f".st-key-row [data-testid=stRadioGroup] > div:nth-child({i}) {{ --share: {100 * row.probability:.2f}% }}"
        for i, row in enumerate(rows, 1)
    )


def _choose(index: int | None) -> None:
    if index is not None:
        st.session_state.chosen = index

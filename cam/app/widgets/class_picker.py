"""Choose the class in a ranked list with probability bars, or by a search over all classes."""

import streamlit as st

from cam.app import answers
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

    answers.hold("row", chosen.index)
    st.radio(
        "Classes, most probable first",
        [row.index for row in rows],
        rows.index(chosen),
        format_func=text,
        captions=[_write_caption(row, explanation, best) for row in rows],
        key="row",
        on_change=run_to_end(lambda: answers.take_choice("row", range(len(labels)), text, _choose)),
        width="stretch",
    )
    return chosen


def choose_count() -> int:
    """Choose how many classes the ranked list has."""
    return st.selectbox("Show", COUNTS, format_func=lambda n: f"{n} classes", key="classes", bind="query-params")


def search_class(labels: Labels) -> None:
    """Offer a field that finds any class by name or synonym."""

    def text(index: int) -> str:
        return ", ".join((labels.names[index], *labels.synonyms[index]))

    # The field empties itself once what was found is chosen.
    answers.hold("search", None)
    st.selectbox(
        f"Find any of the {len(labels):,} classes",
        range(len(labels)),
        index=None,
        format_func=text,
        placeholder="Type a word, such as cat",
        key="search",
        filter_mode="contains",
        on_change=run_to_end(lambda: answers.take_choice("search", range(len(labels)), text, _choose)),
    )


def _write_caption(row: Prediction, explanation: Scored, best: list[Prediction]) -> str:
    rank = "" if row in best else f"rank {explanation.rank(row.index):,} · "
    return rank + format_percent(row.probability)


def _style_bars(rows: list[Prediction]) -> str:
    return "\n".join(
        f".st-key-row [data-testid=stRadioGroup] > div:nth-child({i}) {{ --share: {100 * row.probability:.2f}% }}"
        for i, row in enumerate(rows, 1)
    )


def _choose(index: int) -> None:
    st.session_state.chosen = index

"""Choose the class in a ranked list with probability bars, or by a search over all classes."""

import streamlit as st

from cam.app import answers
from cam.app.cache import Explained
from cam.app.widgets.messages import plain
from cam.explanation import Prediction
from cam.formatting import format_percent
from cam.labels import Labels

COUNTS = (5, 10, 15, 20)


def choose_class(explanation: Explained, count: int) -> Prediction:
    """Offer the `count` best classes, ranked; a chosen class that is not among them stands at the end."""
    state = st.session_state
    best = explanation.top(count)
    chosen = explanation.prediction(best[0].index if state.chosen is None else state.chosen)
    rows = best if chosen in best else [*best, chosen]
    st.html(f"<style>{_style_bars(rows)}</style>")
    labels = explanation.labels.names

    def text(index: int) -> str:
        return plain(labels[index])

    answers.offer(
        st.radio,
        "Classes, most probable first",
        [row.index for row in rows],
        chosen.index,
        key="row",
        text=text,
        take=keep_class,
        known=range(len(labels)),
        captions=[_write_caption(row, explanation, best) for row in rows],
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
    answers.offer(
        st.selectbox,
        f"Find any of the {len(labels):,} classes",
        range(len(labels)),
        None,
        key="search",
        text=text,
        take=keep_class,
        placeholder="Type a word, such as cat",
        filter_mode="contains",
    )


def _write_caption(row: Prediction, explanation: Explained, best: list[Prediction]) -> str:
    rank = "" if row in best else f"rank {explanation.rank(row.index):,} · "
    return rank + format_percent(row.probability)


def _style_bars(rows: list[Prediction]) -> str:
    return "\n".join(
        f".st-key-row [data-testid=stRadioGroup] > div:nth-child({i}) {{ --share: {100 * row.probability:.2f}% }}"
        for i, row in enumerate(rows, 1)
    )


def keep_class(index: int) -> None:
    """Keep the class that was chosen."""
    st.session_state.chosen = index

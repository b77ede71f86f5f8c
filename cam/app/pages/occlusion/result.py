"""Before and after: the probability of the chosen class as numbers and bars, and what the network says now."""

from html import escape
from statistics import fmean

import streamlit as st

from cam.app.colors import FOR, NEUTRAL
from cam.explanation import Prediction
from cam.formatting import format_percent

_BEFORE = "currentcolor"


def show_probabilities(label: str, before: float, covered: tuple[str, float], others: tuple[str, list[float]]) -> None:
    """Three numbers with bars: the whole photo, the covered one, and as much covered at random."""
    name, values = others
    spread = f"mean of {len(values)} draws, {_range(values)}"
    bars = [
        _bar("Whole photo", "", before, _BEFORE),
        _bar(covered[0], "", covered[1], FOR),
        _bar(name, spread, fmean(values), NEUTRAL),
    ]
    st.html(f'<div class="cover-bars"><h2>Probability of {escape(label)}</h2>{"".join(bars)}</div>')


def show_before(label: str, before: float) -> None:
    """The whole photo's number alone, until there is something to compare it with."""
    bar = _bar("Whole photo", "", before, _BEFORE)
    st.html(f'<div class="cover-bars"><h2>Probability of {escape(label)}</h2>{bar}</div>')


def short(probability: float) -> str:
    """A share or a probability where room is scarce: 78 %, < 0.1 %, > 99.9 %, in one piece."""
    text = format_percent(probability).replace("below", "<").replace("above", ">")
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _range(values: list[float]) -> str:
    low, high = short(min(values)), short(max(values))
    return f"each {low}" if low == high else f"from {low} to {high}"


def _bar(name: str, note: str, probability: float, color: str) -> str:
    return (
        f"<p><b>{escape(short(probability))}</b><span>{escape(name)}<small>{escape(note)}</small></span>"
        f'<i style="background: {color}; width: {100 * probability:.2f}%"></i></p>'
    )


def show_best(rows: list[Prediction], chosen: Prediction) -> None:
    """The best classes of the covered photo, the chosen one in bold."""
    items = "".join(
        f'<li style="--share: {100 * row.probability:.2f}%"{_mark(row, chosen)}>'
        f"<span>{escape(row.label)}</span><span>{escape(short(row.probability))}</span></li>"
        for row in rows
    )
    st.html(f'<div class="cover-best"><h2>What the network says now</h2><ol>{items}</ol></div>')


def _mark(row: Prediction, chosen: Prediction) -> str:
    return ' class="chosen"' if row.index == chosen.index else ""

"""The guesses of a session, photo by photo, and the table of them; they stay while the session lasts."""

from dataclasses import dataclass
from html import escape

import streamlit as st

from cam.analysis import box_overlap
from cam.analysis.box_overlap import Rectangle
from cam.formatting import format_whole_percent


@dataclass(frozen=True)
class Subject:
    """The subject of a guess: one class of one network on one photo, by one fit; it is guessed once."""

    case: str
    digest: str
    network: str
    fit: str
    index: int

    @property
    def key(self) -> str:
        """Unique, for the keys of widgets."""
        return f"{self.case}_{self.digest[:12]}_{self.network}_{self.fit}_{self.index}"


@dataclass(frozen=True)
class Guess:
    """One guess: its line in the table, its rectangle, and the shares it caught (None: nothing to catch) and marked."""

    title: str
    label: str
    box: Rectangle
    caught: float | None
    marked: float

    @property
    def points(self) -> int | None:
        """The points, or None where there was nothing to catch."""
        return None if self.caught is None else box_overlap.count_points(self.caught, self.marked)


def read_guesses() -> dict[Subject, Guess]:
    """Read all guesses of the session, the oldest first."""
    return st.session_state.setdefault("guesses", {})


def count_restarts() -> int:
    """Count how often the session has started again; in the keys of widgets, so that they are empty then."""
    return st.session_state.setdefault("guess_turn", 0)


def start_again() -> None:
    """Forget all guesses."""
    st.session_state.guesses = {}
    st.session_state.guess_turn = count_restarts() + 1


def format_points(points: float) -> str:
    """Format points with a minus sign where they are below zero; averages to one decimal."""
    text = str(points) if isinstance(points, int) else f"{points:.1f}"
    return text.replace("-", "−")


def write_tally(rows: list[Guess]) -> str:
    """Write the table of the guesses as HTML, with the average of the points."""
    scored = [row.points for row in rows if row.points is not None]
    body = "".join(_write_row(row) for row in rows)
    average = (
        f"<tr><td colspan=4>Average</td><td>{format_points(sum(scored) / len(scored))}</td></tr>" if scored else ""
    )
    heads = "".join(f"<th scope=col>{head}</th>" for head in ("Photo", "Class", "Caught", "Marked", "Points"))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody><tfoot>{average}</tfoot></table>"


def _write_row(row: Guess) -> str:
    caught = "nothing there" if row.caught is None else format_whole_percent(row.caught)
    points = "–" if row.points is None else format_points(row.points)
    cells = (escape(row.title), escape(row.label), caught, format_whole_percent(row.marked), points)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"

"""How far a long run is: a bar on a terminal, plain lines elsewhere."""

import io
import sys

import pytest

from cam.cli import progress as module
from cam.cli.progress import show_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_rate_and_time_left_every_ten_seconds_and_at_the_end(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with show_progress("photos") as report:
        for seconds, done in ((0, 0), (4, 40), (10, 100), (15, 160), (20, 200), (21, 7400), (22, 7421)):
            clock[0] = 100.0 + seconds
            report(done, 7421)
    assert sys.stderr.getvalue().splitlines() == [
        "100 of 7421 photos, 10.0 photos/s, 12:12 left",
        "200 of 7421 photos, 10.0 photos/s, 12:02 left",
        "7421 of 7421 photos, 337.3 photos/s",
    ]


def test_hours_are_written_as_hours(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with show_progress("photos") as report:
        report(0, 100_000)
        clock[0] += 10
        report(100, 100_000)
    assert "2:46:30 left" in sys.stderr.getvalue()


def test_a_terminal_has_a_bar_with_the_rate(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    with show_progress("photos") as report:
        report(0, 8)
        now[0] += 2
        report(4, 8)
        report(8, 8)
    shown = screen.getvalue()
    assert "Photos:  50%|" in shown and "| 4/8 [00:02<00:02,  2.00 photos/s]" in shown and "8/8" in shown


def test_nothing_is_shown_where_nothing_was_done(monkeypatch):
    for is_terminal in (True, False):
        screen = io.StringIO()
        screen.isatty = lambda shown=is_terminal: shown
        monkeypatch.setattr(sys, "stderr", screen)
        with show_progress("photos"):
            pass
        assert screen.getvalue() == ""

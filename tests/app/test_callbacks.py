"""Callbacks of widgets are carried out to their end, also when the run that began them is stopped."""

import ast
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from cam import app
from cam.app.callbacks import finish_callbacks, run_to_end

STOPS = (StopException(), RerunException(RerunData()))


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """A session without a browser."""
    state = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


class Stopped:
    """A callback that is stopped as often as it is told to, and then does its work."""

    def __init__(self, done: list, *stops: BaseException):
        self.done, self.stops = done, list(stops)

    def __call__(self, *args):
        if self.stops:
            raise self.stops.pop()
        self.done.append(args)


@pytest.mark.parametrize("stop", STOPS)
def test_a_callback_that_was_stopped_is_carried_out_by_the_next_run_once(stop):
    done = []
    with pytest.raises(type(stop)):
        run_to_end(Stopped(done, stop))(1, 2)
    assert done == []
    finish_callbacks()
    finish_callbacks()
    assert done == [(1, 2)]


def test_a_callback_that_was_not_stopped_is_carried_out_once():
    done = []
    run_to_end(Stopped(done))(1)
    finish_callbacks()
    assert done == [(1,)]


def test_what_was_stopped_comes_before_what_was_chosen_later():
    done = []
    with pytest.raises(StopException):
        run_to_end(Stopped(done, *STOPS[:1]))("first")
    run_to_end(Stopped(done))("second")
    assert done == [("first",), ("second",)]


def test_callbacks_that_are_stopped_again_stay_in_order():
    done = []
    with pytest.raises(StopException):
        run_to_end(Stopped(done, StopException(), StopException()))("first")
    with pytest.raises(StopException):
        run_to_end(Stopped(done))("second")
    finish_callbacks()
    assert done == [("first",), ("second",)]


def test_a_callback_that_fails_says_so_once_and_is_not_tried_again():
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_to_end(fails)()
    finish_callbacks()


def test_every_callback_of_the_pages_runs_to_its_end():
    found = []
    for path in Path(app.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("on_change", "on_click", "on_select", "on_submit"):
                given = node.value
                # "ignore" and "rerun" are no callbacks.
                if not isinstance(given, ast.Constant):
                    assert isinstance(given, ast.Call) and given.func.id == "run_to_end", (
                        f"{path.name}: {ast.unparse(node)}"
                    )
                    found.append(path.name)
    assert len(found) > 5

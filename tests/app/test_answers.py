"""Widgets stay in step with the session, whatever the browser still shows while answers are on their way."""

import pytest
import streamlit as st

from cam.app import answers

OPTIONS = ("a", "b", "c")


class Browser:
    """A session with one widget that shows what the session has chosen; each click brings what the browser shows."""

    def __init__(self, monkeypatch):
        self.state = {}
        monkeypatch.setattr(st, "session_state", self.state)
        self.chosen, self.sent = "a", 0
        self.shown = "a"
        self.run()

    def run(self) -> tuple[int, str | None]:
        """One run; its answer: the number, and the value that it gives the widget, if any."""
        before = self.state.get("key")
        number = self.state.get("answer_numbers", {}).get("page", 0)
        answers.hold("key", self.chosen)
        self.state.setdefault("key", self.chosen)
        now = self.state.get("answer_numbers", {}).get("page", 0)
        self.state["answer_page"] = now
        assert self.state["key"] == self.chosen
        return now, self.state["key"] if now > number or before is None else None

    def arrive(self, answer: tuple[int, str | None]) -> None:
        self.sent, given = answer
        self.shown = self.shown if given is None else given

    def click(self, value: str | None = None) -> tuple[int, str | None]:
        """A click on the widget, or elsewhere; its answer, which has not arrived."""
        self.shown = value or self.shown
        changed = self.state["key"] != self.shown
        self.state |= {"key": self.shown, "answer_page": self.sent}
        if changed:
            answers.take_choice("key", OPTIONS, str, lambda chosen: setattr(self, "chosen", chosen))
        return self.run()

    def change(self, value: str) -> tuple[int, str | None]:
        """A click elsewhere by which the session chooses another value."""
        self.click()
        self.chosen = value
        return self.run()


@pytest.fixture
def browser(monkeypatch) -> Browser:
    return Browser(monkeypatch)


def test_a_choice_is_taken_and_not_sent_back(browser):
    assert browser.click("b") == (0, None) and browser.chosen == "b"
    assert browser.click("a") == (0, None) and browser.chosen == "a"


def test_what_the_browser_still_shows_is_no_choice(browser):
    browser.change("b")
    answer = browser.click()
    assert browser.chosen == "b" and answer[1] == "b"
    browser.arrive(answer)
    assert browser.click() == (answer[0], None) and browser.chosen == browser.shown == "b"


def test_another_value_is_a_choice_before_the_answer_arrives_and_is_not_undone_by_it(browser):
    first = browser.change("b")
    second = browser.click("c")
    assert browser.chosen == "c" and second[1] == "c"
    browser.arrive(first)
    third = browser.click()
    assert browser.chosen == "c"
    browser.arrive(second)
    browser.arrive(third)
    assert browser.chosen == browser.shown == "c"


def test_the_old_value_is_a_choice_as_soon_as_the_answer_has_arrived(browser):
    browser.arrive(browser.change("b"))
    browser.click("a")
    assert browser.chosen == "a"


def test_who_chooses_there_and_back_before_the_answer_arrives_has_chosen(browser):
    browser.change("b")
    browser.click("c")
    browser.click("a")
    assert browser.chosen == "a"


def test_a_choice_that_is_stopped_can_be_taken_again(browser):
    def stop(_) -> None:
        raise KeyboardInterrupt

    browser.state["key"], taken = "b", []
    with pytest.raises(KeyboardInterrupt):
        answers.take_choice("key", OPTIONS, str, stop)
    answers.take_choice("key", OPTIONS, str, taken.append)
    assert taken == ["b"]


def test_what_is_no_option_is_no_choice(browser):
    browser.state["key"] = "x"
    answers.take_choice("key", OPTIONS, str, pytest.fail)


def test_the_latest_value_counts_where_the_browser_does_not_show_it_yet(browser):
    answers.give("key", "b")
    browser.state["key"] = "a"
    assert answers.read_latest("key") == "b"
    browser.state["key"] = "c"
    assert answers.read_latest("key") == "c"

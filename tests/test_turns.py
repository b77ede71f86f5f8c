"""The line that work waits in: its order, how many at once, and what those who wait are told."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from cam import turns as module
from cam.turns import Turns, telling


@pytest.fixture
def pool():
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield pool


@pytest.fixture
def at_once(monkeypatch):
    """Whoever waits is told at once."""
    monkeypatch.setattr(module, "PATIENCE", 0.01)


def in_line(turns: Turns, pool: ThreadPoolExecutor, work: Callable[[], object]) -> Future:
    """Someone else who waits for a turn to do some work, and stands in the line when this returns."""
    before = turns.waiting

    def wait() -> object:
        with turns:
            return work()

    future = pool.submit(wait)
    while turns.waiting == before and not future.done():
        pass
    return future


def test_who_came_first_is_served_first(pool):
    turns, served = Turns(1), []
    with turns:
        waiting = [in_line(turns, pool, lambda name=name: served.append(name)) for name in range(10)]
        assert turns.waiting == 10 and served == []
    for future in waiting:
        future.result(10)
    assert served == list(range(10)) and turns.served == 11 and turns.waiting == 0


@pytest.mark.parametrize("slots", [1, 3])
def test_no_more_at_once_than_there_are_turns(pool, slots):
    turns, inside, most = Turns(slots), set(), []
    full = threading.Barrier(slots)

    def work() -> None:
        inside.add(threading.get_ident())
        most.append(len(inside))
        full.wait(10)
        inside.discard(threading.get_ident())

    def wait() -> None:
        with turns:
            work()

    for future in [pool.submit(wait) for _ in range(4 * slots)]:
        future.result(10)
    assert max(most) == slots and turns.served == 4 * slots


def test_who_needs_many_turns_lets_others_in_between(pool):
    turns, served = Turns(1), []

    def many() -> None:
        for _ in range(3):
            with turns:
                served.append("many")
                # The other one asks while this one has its turn, and this one asks again later.
                if len(served) == 1:
                    others.append(in_line(turns, pool, lambda: served.append("one")))

    others: list[Future] = []
    pool.submit(many).result(10)
    others[0].result(10)
    assert served == ["many", "one", "many", "many"]


def test_a_failure_gives_the_turn_back():
    turns = Turns(1)
    with pytest.raises(ZeroDivisionError), turns:
        _ = 1 / 0
    with turns:
        assert turns.served == 2 and turns.free == 0
    assert turns.free == 1


def test_who_waits_is_told_again_and_again_until_the_turn_comes(pool, at_once):
    turns, told, enough = Turns(1), [], threading.Event()

    def tell(waiting: bool) -> None:
        told.append(waiting)
        if len(told) == 3:
            enough.set()

    def wait() -> None:
        with telling(tell), turns:
            pass

    with turns:
        mine = pool.submit(wait)
        assert enough.wait(10)
    mine.result(10)
    assert told[:3] == [True] * 3 and told[-1] is False and told.count(False) == 1


def test_two_sessions_that_need_many_turns_each_take_them_in_turn(pool):
    turns, served, both = Turns(1), [], threading.Barrier(2)

    def session(name: str) -> None:
        both.wait(10)
        for _ in range(20):
            with turns:
                served.append(name)
                # As in a pass, which gives the other one time to ask.
                time.sleep(0.002)

    for future in [pool.submit(session, name) for name in "ab"]:
        future.result(30)
    changes = sum(one != other for one, other in zip(served, served[1:], strict=False))
    # Whoever comes first may have taken a few before the other one's thread runs.
    assert changes >= 30


def test_nobody_is_told_who_need_not_wait(at_once):
    told = []
    with telling(told.append), Turns(1):
        assert told == []


def test_a_short_wait_is_not_told(pool, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 3600.0)
    turns, told = Turns(1), []

    def wait() -> None:
        with telling(told.append), turns:
            pass

    with turns:
        future = pool.submit(wait)
        while not turns.waiting:
            pass
    future.result(10)
    assert told == [] and turns.served == 2


class Stopped(BaseException):
    """As Streamlit stops a script that is not needed any more: when it shows something."""


@pytest.mark.parametrize("when", [True, False], ids=["waiting", "as its turn comes"])
def test_a_script_that_is_stopped_as_it_is_told_gives_its_turn_up(pool, at_once, when):
    turns, served, told = Turns(1), [], threading.Event()

    def tell(waiting: bool) -> None:
        told.set()
        if waiting is when:
            raise Stopped

    def wait() -> None:
        with telling(tell), turns:
            served.append("stopped")

    with turns:
        stopped = pool.submit(wait)
        assert told.wait(10)
        other = in_line(turns, pool, lambda: served.append("other"))
    with pytest.raises(Stopped):
        stopped.result(10)
    other.result(10)
    assert served == ["other"] and turns.waiting == 0 and turns.free == 1


def test_what_is_told_is_told_in_the_context_of_the_page(pool, at_once):
    """So that the caches of Streamlit, which mark their own context, do not keep it."""
    inside: ContextVar[bool] = ContextVar("inside", default=False)
    turns, seen, told = Turns(1), [], threading.Event()

    def tell(waiting: bool) -> None:
        seen.append(inside.get())
        told.set()

    def wait() -> None:
        with telling(tell):
            inside.set(True)
            with turns:
                seen.append(inside.get())

    with turns:
        future = pool.submit(wait)
        assert told.wait(10)
    future.result(10)
    assert set(seen[:-1]) == {False} and seen[-1] is True

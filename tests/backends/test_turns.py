"""The line that work waits in: its order, how many at once, and what those who wait are told."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from cam.backends import turns as module
from cam.backends.turns import Turns, telling


@pytest.fixture
def pool():
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield pool


@pytest.fixture
def at_once(monkeypatch):
    """Whoever waits is told at once."""
    monkeypatch.setattr(module, "PATIENCE", 0.0)


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


def test_who_waits_is_told_the_place_as_it_changes(pool, at_once):
    turns, told = Turns(1), []
    arrived, go_on = threading.Event(), [threading.Semaphore(0) for _ in range(2)]

    def tell(place: int) -> None:
        told.append(place)
        arrived.set()

    def wait() -> None:
        with telling(tell), turns:
            pass

    with turns:
        before = [in_line(turns, pool, semaphore.acquire) for semaphore in go_on]
        mine = pool.submit(wait)
        assert arrived.wait(10)
        arrived.clear()
    assert arrived.wait(10)
    for semaphore in go_on:
        semaphore.release()
    for future in (*before, mine):
        future.result(10)
    assert told[:2] == [3, 2] and told == sorted(told, reverse=True) and told[-1] == 0


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


@pytest.mark.parametrize("when", [1, 0], ids=["waiting", "as its turn comes"])
def test_a_script_that_is_stopped_as_it_is_told_gives_its_turn_up(pool, at_once, when):
    turns, served, told = Turns(1), [], threading.Event()

    def tell(place: int) -> None:
        told.set()
        if place == when:
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

    def tell(place: int) -> None:
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
    assert seen == [False, False, True]


@pytest.fixture
def left(pool, at_once):
    """A line of (somebody who left the first place, another, a third), while the only turn is taken."""
    turns, served, me = Turns(1), [], object()

    def leave(place: int) -> None:
        raise Stopped

    def again() -> Future:
        def wait() -> None:
            with telling(lambda place: None, me), turns:
                served.append("me")

        return pool.submit(wait)

    with turns:
        with pytest.raises(Stopped), telling(leave, me), turns:
            pass
        others = [in_line(turns, pool, lambda name=name: served.append(name)) for name in ("other", "third")]
        yield turns, served, again, others


def test_who_left_to_begin_anew_stands_in_the_same_place_again(left):
    turns, served, again, others = left
    mine = again()
    while turns.waiting < 3:
        pass
    turns.__exit__()
    for future in (mine, *others):
        future.result(10)
    assert served == ["me", "other", "third"]
    turns.__enter__()


def test_who_does_not_come_back_holds_up_nobody(left):
    turns, served, _, others = left
    turns.__exit__()
    for future in others:
        future.result(10)
    assert served == ["other", "third"] and turns.waiting == 0
    turns.__enter__()


def test_who_comes_back_late_stands_at_the_end(left, monkeypatch):
    turns, served, again, others = left
    monkeypatch.setattr(module, "PLACE_SECONDS", 0.0)
    mine = again()
    while turns.waiting < 3:
        pass
    turns.__exit__()
    for future in (*others, mine):
        future.result(10)
    assert served == ["other", "third", "me"]
    turns.__enter__()


def test_who_is_stopped_as_the_turn_comes_is_the_first_again(pool, at_once):
    turns, served, told, me = Turns(1), [], threading.Event(), object()

    def tell(place: int) -> None:
        told.set()
        if place == 0:
            raise Stopped

    def wait(tell: Callable[[int], None]) -> None:
        with telling(tell, me), turns:
            served.append("me")

    def hold() -> None:
        # The other one's turn: meanwhile the one that was stopped comes back, before a third.
        mine.append(pool.submit(wait, lambda place: None))
        while turns.waiting < 2:
            pass
        served.append("other")

    mine: list[Future] = []
    with turns:
        stopped = pool.submit(wait, tell)
        assert told.wait(10)
        other = in_line(turns, pool, hold)
        third = in_line(turns, pool, lambda: served.append("third"))
    with pytest.raises(Stopped):
        stopped.result(10)
    for future in (other, *mine, third):
        future.result(10)
    assert served == ["other", "me", "third"]

"""Who waits how long after wrong codes; time is a number that the test sets."""

import pytest

from cam.server.rate_limit import ALL, NETWORK, RESERVE, SITE, VISITOR, Counter, Limiter, Rate

SCHOOL = "203.0.113.7"


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def limiter(clock):
    return Limiter(lambda: clock[0])


def tries(limiter: Limiter, visitor: str | None, address: str, count: int) -> int:
    """Try a wrong code so often; how many tries were let through."""
    let = 0
    for _ in range(count):
        if not limiter.wait(visitor, address):
            limiter.add(visitor, address)
            let += 1
    return let


def attack(limiter: Limiter, clock: list[float], seconds: int, addresses: list[str]) -> int:
    """Try a wrong code from each address every second, without cookies; how many tries were let through."""
    let, start = 0, clock[0]
    for second in range(seconds):
        clock[0] = start + second
        let += sum(tries(limiter, None, address, 1) for address in addresses)
    return let


def test_a_visitor_has_some_tries_and_then_one_every_so_many_seconds(limiter, clock):
    assert tries(limiter, "ann", SCHOOL, 50) == VISITOR.tries
    assert limiter.wait("ann", SCHOOL) == VISITOR.seconds
    clock[0] += VISITOR.seconds - 0.5
    assert limiter.wait("ann", SCHOOL) == 1
    clock[0] += 0.5
    assert tries(limiter, "ann", SCHOOL, 50) == 1
    clock[0] += VISITOR.seconds * VISITOR.tries
    assert tries(limiter, "ann", SCHOOL, 50) == VISITOR.tries


def test_one_who_types_nonsense_all_lesson_keeps_nobody_else_at_school_out(limiter, clock):
    """45 minutes, a try every two seconds, and a class of 30 behind the same address who all mistype twice."""
    for second in range(0, 45 * 60, 2):
        clock[0] = 1000.0 + second
        tries(limiter, "nonsense", SCHOOL, 1)
        if second % 60 == 0:
            assert tries(limiter, f"student {second}", SCHOOL, 2) == 2
            assert limiter.wait(f"student {second}", SCHOOL) == 0


def test_a_class_that_comes_at_once_and_mistypes_is_let_in(limiter):
    assert [tries(limiter, f"student {n}", SCHOOL, 2) for n in range(29)] == [2] * 29
    assert limiter.wait("the last one", SCHOOL) == 0


def test_a_program_that_takes_a_new_cookie_for_each_try_is_held_by_its_address(limiter, clock):
    let = 0
    for second in range(3600):
        clock[0] = 1000.0 + second
        let += sum(tries(limiter, f"new {second} {n}", SCHOOL, 1) for n in range(10))
    assert let <= NETWORK.tries + 3600 / NETWORK.seconds
    # Those elsewhere notice nothing.
    assert limiter.wait("ann", "198.51.100.1") == 0


def test_without_cookies_all_of_an_address_are_one_visitor(limiter):
    assert tries(limiter, None, SCHOOL, 50) == VISITOR.tries
    assert tries(limiter, None, "198.51.100.1", 50) == VISITOR.tries
    assert limiter.wait("ann", SCHOOL) == 0


def test_who_has_a_whole_56_of_version_6_is_one_site_and_keeps_nobody_else_out(limiter, clock):
    """Sixty-four of its networks of 64 bits try once a second each, for a minute."""
    let = attack(limiter, clock, 60, [f"2001:db8:1:{n:x}::1" for n in range(64)])
    assert SITE.tries <= let <= SITE.tries + 60 / SITE.seconds + 1
    for newcomer in ("2001:db8:2::1", SCHOOL):
        assert limiter.wait("ann", newcomer) == 0


def test_a_few_sites_that_use_up_the_tries_of_all_leave_newcomers_a_reserve(limiter, clock):
    attack(limiter, clock, 400, [f"198.51.100.{n}" for n in range(20)])
    assert limiter.wait("a new one there", "198.51.100.1") > 0
    assert [tries(limiter, f"student {n}", SCHOOL, 1) for n in range(1)] == [1]
    assert all(limiter.wait("ann", f"203.0.113.{n}") == 0 for n in range(8, 30))


def test_many_addresses_together_are_bounded(limiter, clock):
    let = 0
    for second in range(600):
        clock[0] = 1000.0 + second
        let += sum(tries(limiter, None, f"198.51.{n}.{second % 256}", 1) for n in range(20))
    most = ALL.tries + RESERVE.tries + 600 / ALL.seconds + 600 / RESERVE.seconds
    assert ALL.tries + RESERVE.tries <= let <= most + 2
    # No more than 86,400 a day, as docs/security.md says.
    assert 1 / ALL.seconds + 1 / RESERVE.seconds <= 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("fe80::1%eth0", "fe80::2%wlan0", True),
        ("", "testclient", False),
    ],
)
def test_which_addresses_are_one(one, other, same, limiter):
    tries(limiter, None, one, VISITOR.tries)
    assert (limiter.wait(None, other) > 0) == same


def test_what_is_remembered_is_bounded_and_the_newest_stay():
    counter = Counter(Rate(1, 10, 100))
    for n in range(1000):
        counter.add(str(n), 0.0)
    assert len(counter._full) == 100
    assert (counter.wait("999", 0.0), counter.wait("0", 0.0)) == (10, 0)

"""How often a wrong code may be given: by one visitor, from one address, and in all.

A school shares one address. So whoever types nonsense by hand is slowed down alone, known by a cookie; only a program,
which takes a new cookie for each try, uses up what its address has, and only many addresses what all have.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Rate:
    """Wrong tries at once, and seconds after which there is one more; how many visitors or addresses are remembered."""

    tries: int
    seconds: float
    remembered: int


VISITOR = Rate(5, 15, 20_000)
ADDRESS = Rate(60, 5, 20_000)
ALL = Rate(300, 1, 1)


class Counter:
    """The wrong tries of each of many; the ones not seen for longest are forgotten where there are too many."""

    def __init__(self, rate: Rate):
        self._rate = rate
        # When all its tries will be there again.
        self._full: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until it may try, 0 or less where it may now."""
        return self._full.get(key, now) - now - self._rate.seconds * (self._rate.tries - 1)

    def failed(self, key: str, now: float) -> None:
        """Note a wrong try."""
        self._full[key] = max(self._full.pop(key, now), now) + self._rate.seconds
        while len(self._full) > self._rate.remembered:
            self._full.popitem(last=False)


class Limiter:
    """The wrong tries of a server, all in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._visitors, self._addresses, self._all = Counter(VISITOR), Counter(ADDRESS), Counter(ALL)

    def wait(self, visitor: str | None, address: str) -> int:
        """Whole seconds until this visitor, None for one without a cookie, may try from this address; 0 for now."""
        return max(0, ceil(max(counter.wait(key, self._clock()) for counter, key in self._counters(visitor, address))))

    def failed(self, visitor: str | None, address: str) -> None:
        """Note that the visitor gave a wrong code."""
        for counter, key in self._counters(visitor, address):
            counter.failed(key, self._clock())

    def _counters(self, visitor: str | None, address: str) -> list[tuple[Counter, str]]:
        place = _place(address)
        # Without cookies all of an address are one visitor.
        return [(self._visitors, visitor or f"at {place}"), (self._addresses, place), (self._all, "")]


def _place(address: str) -> str:
    """The address, or of version 6 its first half: a household has all of the other."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    # No address of the internet, such as a socket of this machine.
    except ValueError:
        return address
    if given.version == 6 and given.ipv4_mapped is None:
        return str(ipaddress.ip_network((given, 64), strict=False))
    return str(getattr(given, "ipv4_mapped", None) or given)

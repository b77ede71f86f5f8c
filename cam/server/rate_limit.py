"""How often a wrong access code may be given: by one visitor, from one network, and in all.

A school shares one address. So whoever types nonsense by hand is slowed down alone, known by a cookie; only a program,
which takes a new cookie for each try, uses up the tries of its network, and only one with many networks those of all.
Networks that gave no wrong code lately have a reserve, so that even then newcomers get in.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Rate:
    """A number of tries at once, seconds after which there is one more, and how many keys are remembered."""

    tries: int
    seconds: float
    remembered: int


VISITOR = Rate(5, 15, 20_000)
# An IPv4 address, or the /64 of an IPv6 one, which one household or room has.
NETWORK = Rate(60, 5, 20_000)
# An IPv4 address, or the /48 of an IPv6 one, which one customer of a provider may have.
SITE = Rate(120, 2.5, 20_000)
# All together; a site without a wrong code for an hour takes from the reserve.
ALL, RESERVE = Rate(200, 2, 1), Rate(100, 2, 1)
_LATELY = Rate(1, 3600, 20_000)


class Counter:
    """Wrong tries by key; keys that were not seen for longest are forgotten where there are too many."""

    def __init__(self, rate: Rate):
        self._rate = rate
        # When all tries of a key will be there again.
        self._full: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until the key may try, 0 or less where it may now."""
        return self._full.get(key, now) - now - self._rate.seconds * (self._rate.tries - 1)

    def add(self, key: str, now: float) -> None:
        """Count a wrong try."""
        self._full[key] = max(self._full.pop(key, now), now) + self._rate.seconds
        while len(self._full) > self._rate.remembered:
            self._full.popitem(last=False)


class Limiter:
    """The wrong tries of a server, all in memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._visitors, self._networks, self._sites = Counter(VISITOR), Counter(NETWORK), Counter(SITE)
        self._all, self._reserve, self._lately = Counter(ALL), Counter(RESERVE), Counter(_LATELY)

    def wait(self, visitor: str | None, address: str) -> int:
        """Whole seconds until this visitor, None without a cookie, may try from this address; 0 for now."""
        now = self._clock()
        return max(0, ceil(max(counter.wait(key, now) for counter, key in self._counters(visitor, address, now))))

    def add(self, visitor: str | None, address: str) -> None:
        """Count a wrong try of this visitor."""
        now = self._clock()
        for counter, key in (*self._counters(visitor, address, now), (self._lately, find_network(address, 48))):
            counter.add(key, now)

    def _counters(self, visitor: str | None, address: str, now: float) -> list[tuple[Counter, str]]:
        network, site = find_network(address), find_network(address, 48)
        shared = self._all if self._lately.wait(site, now) > 0 else self._reserve
        # Without cookies all of a network are one visitor.
        visitor = visitor or f"at {network}"
        return [(self._visitors, visitor), (self._networks, network), (self._sites, site), (shared, "")]


def find_network(address: str, prefix: int = 64) -> str:
    """Find whom an address belongs to: itself, or the network of so many bits of an IPv6 address."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    # No address of the internet, such as a socket of this machine.
    except ValueError:
        return address
    if given.version == 6 and given.ipv4_mapped is None:
        return str(ipaddress.ip_network((given, prefix), strict=False))
    return str(getattr(given, "ipv4_mapped", None) or given)

"""The addresses of this computer in its own networks; nothing is sent to find them."""

import ipaddress
import socket

import psutil

# Beginnings of the names of networks that only this computer's own virtual machines and containers are in.
_VIRTUAL = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vEthernet", "utun", "tun", "tap")
# Set aside for documentation: a place that is reached over the default route, and that nobody is at.
_ELSEWHERE = ("203.0.113.1", 9)


def network_addresses() -> list[str]:
    """IPv4 addresses that others may reach this computer at, the most likely one first.

    That is the one of the default route, and last come those of virtual networks.
    """
    states = psutil.net_if_stats()
    found = [
        (name, entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == socket.AF_INET and name in states and states[name].isup and _is_outside(entry.address)
    ]
    default = _default_address()
    found.sort(key=lambda row: (row[1] != default, row[0].startswith(_VIRTUAL)))
    return [address for _, address in found]


def _is_outside(address: str) -> bool:
    given = ipaddress.ip_address(address)
    return not (given.is_loopback or given.is_link_local)


def _default_address() -> str | None:
    """The address of this computer on its default route, or None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket only looks up the route; it sends nothing.
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return probe.getsockname()[0]
